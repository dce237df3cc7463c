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
  /** the newest time admitted */
  newest = Number.NEGATIVE_INFINITY;
  readonly #deliver: (observation: Observation) => void;
  /** a ring: those held back, oldest at `#head` */
  readonly #held: (Observation | null)[] = new Array(HELD_MAX).fill(null);
  #head = 0;
  #count = 0;
  #delivered = Number.NEGATIVE_INFINITY;

  constructor(deliver: (observation: Observation) => void) {
    this.#deliver = deliver;
  }

  /** The time at which a frame recorded at `at` is to be taken. */
  admit(at: number): Instant {
    if (at >= this.newest) this.newest = at;
    else if (at < this.newest - WINDOW_US || at < this.#delivered) {
      this.late++;
      return this.newest as Instant;
    }
    return at as Instant;
  }

  /** Takes an observation with an admitted time, and delivers those that nothing can precede any more. */
  push(observation: Observation): void {
    if (this.#count === HELD_MAX) this.#deliverOldest();
    let place = this.#count++;
    for (; place > 0; place--) {
      const before = this.#held[(this.#head + place - 1) & (HELD_MAX - 1)];
      if (!before || before.at <= observation.at) break;
      this.#held[(this.#head + place) & (HELD_MAX - 1)] = before;
    }
    this.#held[(this.#head + place) & (HELD_MAX - 1)] = observation;

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

  #deliverOldest(): void {
    const oldest = this.#held[this.#head];
    this.#held[this.#head] = null;
    this.#head = (this.#head + 1) & (HELD_MAX - 1);
    this.#count--;
    if (!oldest) return;
    this.#delivered = oldest.at;
    this.#deliver(oldest);
  }
}

const WINDOW_US = SECOND;
const HELD_MAX = 65_536;
