/**
 * Adverts that every receiver drops: told once a minute for a source and reason, then counted; new sources at
 * most so many a minute and segment. They change no state.
 */
import type { AdvertObservation } from '../observation.ts';
import { type Instant, MS } from '../time.ts';
import { INVALIDATING } from '../wire/packet.ts';
import { Generations } from './generations.ts';
import { RateLimit } from './rate-limit.ts';

const SOURCES_MAX = 4_096;
/** The same identification within this much is a mirror's copy. */
const ECHO_WITHIN_US = 250 * MS;

export class InvalidAdverts {
  readonly #limit = new RateLimit(1, SOURCES_MAX);
  /** the last one of each source and reason, where it has an identification; at most `SOURCES_MAX` */
  readonly #last = new Generations<{ readonly ipId: number; readonly at: Instant }>(SOURCES_MAX);
  readonly #newSource: (observation: AdvertObservation) => number;

  /** `newSource` answers how many new sources one stands for, 0 if it must not be told. */
  constructor(newSource: (observation: AdvertObservation) => number) {
    this.#newSource = newSource;
  }

  /** What to tell of this one, or null. */
  heard(observation: AdvertObservation): { readonly reason: string; readonly count: number } | null {
    const { advert, at, segment } = observation;
    const reason = advert.problems.find((problem) => INVALIDATING.has(problem)) ?? 'invalid';
    const key = `${segment.name}|${advert.src}|${reason}`;
    if (this.#isEcho(key, observation)) return null;
    const standsFor = this.#limit.has(key) ? 1 : this.#newSource(observation);
    if (standsFor === 0) return null;
    const count = this.#limit.take(key, at);
    return count === 0 ? null : { reason, count: count + standsFor - 1 };
  }

  #isEcho(key: string, { at, ipId }: AdvertObservation): boolean {
    if (ipId === null || ipId === 0) return false;
    const last = this.#last.get(key);
    if (last !== undefined && last.ipId === ipId && at - last.at <= ECHO_WITHIN_US) return true;
    this.#last.set(key, { ipId, at });
    return false;
  }
}
