/** Bounds on how often something may be said: what an outsider can repeat at will. */
import { type Instant, SECOND } from '../time.ts';

const WINDOW_US = 60 * SECOND;

interface Window {
  from: Instant;
  used: number;
  suppressed: number;
}

/** So many in a minute for each key; the rest is counted and told with the next. At most `keysMax` keys are kept. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #keysMax: number;
  readonly #windows = new Map<string, Window>();

  constructor(perMinute: number, keysMax: number) {
    this.#perMinute = perMinute;
    this.#keysMax = keysMax;
  }

  /** How many this one stands for (1 or more), or 0 if it must not be told. */
  take(key: string, at: Instant): number {
    let window = this.#windows.get(key);
    if (window === undefined) {
      if (this.#windows.size >= this.#keysMax) {
        const [oldest] = this.#windows.keys();
        if (oldest !== undefined) this.#windows.delete(oldest);
      }
      window = { from: at, used: 0, suppressed: 0 };
      this.#windows.set(key, window);
    } else if (at - window.from >= WINDOW_US) {
      window.from = at;
      window.used = 0;
    }
    if (window.used >= this.#perMinute) {
      window.suppressed++;
      return 0;
    }
    window.used++;
    const count = window.suppressed + 1;
    window.suppressed = 0;
    return count;
  }

  has(key: string): boolean {
    return this.#windows.has(key);
  }
}
