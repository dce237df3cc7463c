/**
 * Puts observations in order of time: several interfaces, merged files and multi-queue cards deliver frames a
 * little out of order.
 *
 * A recording's holds back what is younger than a second before the newest time admitted; what is older than that
 * when it comes is taken at the current time and counted as late. A live capture's (`held: 'until-released'`) holds
 * everything back until it is told how far time has come. Equal times keep their order. Limit: 65,536 (live
 * 262,144) observations are held back; beyond, the oldest go on before their time.
 */
import type { Observation, Segment } from '../observation.ts';
import { type Instant, SECOND } from '../time.ts';
import type { Advert } from '../wire/packet.ts';

export type AdvertTaker = (at: Instant, segment: Segment, advert: Advert, ipId: number | null) => boolean;

export class TimeOrder {
  /** frames older than the window, taken at the current time */
  late = 0;
  /** the newest and the oldest time admitted */
  newest = Number.NEGATIVE_INFINITY;
  oldest = Number.POSITIVE_INFINITY;
  readonly #deliver: (observation: Observation) => void;
  readonly #deliverAdvert: AdvertTaker | null;
  readonly #windowUs: number;
  readonly #heldMax: number;
  #held = new Held(512);
  #head = 0;
  #count = 0;
  #delivered = Number.NEGATIVE_INFINITY;

  constructor(
    deliver: (observation: Observation) => void,
    deliverAdvert: AdvertTaker | null = null,
    held: 'for-a-second' | 'until-released' = 'for-a-second',
  ) {
    this.#deliver = deliver;
    this.#deliverAdvert = deliverAdvert;
    this.#windowUs = held === 'for-a-second' ? WINDOW_US : Number.POSITIVE_INFINITY;
    this.#heldMax = held === 'for-a-second' ? HELD_MAX : HELD_LIVE_MAX;
  }

  /** The time of the oldest that is held back; Infinity for none. */
  get nextAt(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : (this.#held.ats[this.#head] ?? 0);
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
    const place = this.#placeFor(observation.at);
    this.#held.others[place] = observation;
    this.release(this.newest - this.#windowUs);
  }

  /** As `push` of the advert's observation, which is made when it is delivered: nothing is allocated before. */
  pushAdvert(at: Instant, segment: Segment, advert: Advert, ipId: number | null): void {
    const place = this.#placeFor(at);
    const held = this.#held;
    held.adverts[place] = advert;
    held.segments[place] = segment;
    held.ipIds[place] = ipId ?? NO_ID;
    this.release(this.newest - this.#windowUs);
  }

  /** Delivers the rest: nothing more will come. */
  flush(): void {
    this.release(Number.POSITIVE_INFINITY);
  }

  #admitOlder(at: number): Instant {
    if (at < this.newest - this.#windowUs || at < this.#delivered) {
      this.late++;
      return this.newest as Instant;
    }
    if (at < this.oldest) this.oldest = at;
    return at as Instant;
  }

  /** Where in the ring something of that time belongs, with its time entered there. */
  #placeFor(at: Instant): number {
    if (this.#count === this.#held.size) this.#makeRoom();
    const held = this.#held;
    const mask = held.size - 1;
    let place = (this.#head + this.#count++) & mask;
    while (place !== this.#head) {
      const before = (place - 1) & mask;
      if ((held.ats[before] ?? 0) <= at) break;
      held.copy(held, before, place);
      held.clear(before);
      place = before;
    }
    held.ats[place] = at;
    return place;
  }

  #makeRoom(): void {
    const held = this.#held;
    if (held.size === this.#heldMax) {
      this.release(held.ats[this.#head] ?? 0);
      return;
    }
    const larger = new Held(2 * held.size);
    for (let i = 0; i < this.#count; i++) larger.copy(held, (this.#head + i) & (held.size - 1), i);
    this.#held = larger;
    this.#head = 0;
  }

  /** Delivers what is no later than `due`. */
  release(due: number): void {
    const held = this.#held;
    while (this.#count > 0) {
      const place = this.#head;
      const at = (held.ats[place] ?? 0) as Instant;
      if (at > due) return;
      this.#head = (place + 1) & (held.size - 1);
      this.#count--;
      this.#delivered = at;
      const advert = held.adverts[place];
      const segment = held.segments[place];
      if (advert === null || advert === undefined || segment === null || segment === undefined) {
        const other = held.others[place];
        held.others[place] = null;
        if (other) this.#deliver(other);
        continue;
      }
      held.adverts[place] = null;
      const id = held.ipIds[place] ?? NO_ID;
      const ipId = id === NO_ID ? null : id;
      if (this.#deliverAdvert === null || !this.#deliverAdvert(at, segment, advert, ipId))
        this.#deliver({ kind: 'advert', at, segment, advert, ipId });
    }
  }
}

/**
 * Those held back, a ring whose size is a power of two. What is known of adverts lies in arrays of its own:
 * objects that live for a second only would be most of the collector's work.
 */
class Held {
  readonly size: number;
  readonly ats: Float64Array;
  readonly adverts: (Advert | null)[];
  readonly segments: (Segment | null)[];
  readonly ipIds: Int32Array;
  /** whatever is no advert */
  readonly others: (Observation | null)[];

  constructor(size: number) {
    this.size = size;
    this.ats = new Float64Array(size);
    this.adverts = new Array(size).fill(null);
    this.segments = new Array(size).fill(null);
    this.ipIds = new Int32Array(size);
    this.others = new Array(size).fill(null);
  }

  copy(from: Held, source: number, target: number): void {
    this.ats[target] = from.ats[source] ?? 0;
    this.adverts[target] = from.adverts[source] ?? null;
    this.segments[target] = from.segments[source] ?? null;
    this.ipIds[target] = from.ipIds[source] ?? NO_ID;
    this.others[target] = from.others[source] ?? null;
  }

  clear(place: number): void {
    this.adverts[place] = null;
    this.others[place] = null;
  }
}

const NO_ID = -1;
const WINDOW_US = SECOND;
const HELD_MAX = 65_536;
const HELD_LIVE_MAX = 262_144;
