/** How long to wait before the next attempt: twice as long each time, up to a minute, and never all at one moment. */
const FIRST_MS = 250;
const MAX_MS = 60_000;

export class BackOff {
  readonly #random: () => number;
  #attempts = 0;

  /** `random`: 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Half of it is certain, so that a server which is down is not asked in a rush. */
  next(): number {
    const full = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(this.#attempts++, 20));
    return full / 2 + (full / 2) * this.#random();
  }

  reset(): void {
    this.#attempts = 0;
  }
}
