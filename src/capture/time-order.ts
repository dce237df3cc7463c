/**
 * Puts observations in order of time within one second: several interfaces, merged files and multi-queue cards
 * deliver frames a little out of order.
 *
 * Holds back what is younger than a second before the newest time admitted. What is older than that when it
 * comes is taken at the current time and counted as late. Equal times keep their order. Limit: 65,536
 * observations are held back; beyond, the oldest go on before their second is over.
 */
import type { Observation } from '../observation.ts';
import { type Instant, SECOND } from '../time.ts';

export class TimeOrder {
  /** frames older than the window, taken at the current time */
  late = 0;
  /** the newest and the oldest time admitted */
  newest = Number.NEGATIVE_INFINITY;
  oldest = Number.POSITIVE_INFINITY;
  readonly #deliver: (observation: Observation) => void;
  /** a ring: those held back, oldest at `#head`; its size is a power of two and grows as needed */
  #held: (Observation | null)[] = new Array(512).fill(null);
  #head = 0;
  #count = 0;
  #delivered = Number.NEGATIVE_INFINITY;

  constructor(deliver: (observation: Observation) => void) {
    this.#deliver = deliver;
  }

  /** The time at which a frame recorded at `at` is to be taken. */
  admit(at: number): Instant {
    if (at < this.newest) return this.#admitOlder(at);
    if (this.oldest === Number.POSITIVE_INFINITY) this.oldest = at;
    this.newest = at;
    return at as Instant;
  }

  /** Takes an observation with an admitted time, and delivers those that nothing can precede any more. */
  push(observation: Observation): void {
    if (this.#count === this.#held.length) this.#makeRoom();
    const held = this.#held;
    const mask = held.length - 1;
    let place = this.#head + this.#count++;
    for (; place > this.#head; place--) {
      const before = held[(place - 1) & mask];
      if (!before || before.at <= observation.at) break;
      held[place & mask] = before;
    }
    held[place & mask] = observation;

    const due = this.newest - WINDOW_US;
    while (this.#count > 0) {
      const oldest = this.#held[this.#head];
      if (!oldest || oldest.at > due) break;
      this.#deliverOldest();
    }
  }

  /** Delivers the rest: nothing more will come. */
  flush(): void {
    while (this.#count > 0) this.#deliverOldest();
  }

  #admitOlder(at: number): Instant {
    if (at < this.newest - WINDOW_US || at < this.#delivered) {
      this.late++;
      return this.newest as Instant;
    }
    if (at < this.oldest) this.oldest = at;
    return at as Instant;
  }

  #makeRoom(): void {
    const held = this.#held;
    if (held.length === HELD_MAX) {
      this.#deliverOldest();
      return;
    }
    this.#held = [
      ...held.slice(this.#head),
      ...held.slice(0, this.#head),
      ...new Array(held.length).fill(null),
    ];
    this.#head = 0;
  }

  #deliverOldest(): void {
    const oldest = this.#held[this.#head];
    this.#held[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#held.length - 1);
    this.#count--;
    if (!oldest) return;
    this.#delivered = oldest.at;
    this.#deliver(oldest);
  }
}

const WINDOW_US = SECOND;
const HELD_MAX = 65_536;
