/** Near misses: the master was silent for 1.75 intervals or more, and nobody took over. */
import { type Instant, msFromUs, SECOND } from '../time.ts';
import type { RouterView } from './router-view.ts';
import { advertsBetween, noteMissed, type Speaker } from './speaker.ts';

const ONE_A_US = 60 * SECOND;

/** What was known of a speaker before the advert that is being taken in. */
export interface Previously {
  readonly at: Instant;
  readonly intervalUs: number;
  readonly ipId: number | null;
  readonly ipIdStreak: number;
  readonly priority: number;
  readonly resignedAt: Instant | null;
  readonly fault: boolean;
  readonly running: boolean;
}

export class AdvertGaps {
  readonly #router: RouterView;
  #toldAt = Number.NEGATIVE_INFINITY;
  #suppressed = 0;

  constructor(router: RouterView) {
    this.#router = router;
  }

  /** Another speaker is master: what it does is news. */
  masterChanged(): void {
    this.#toldAt = Number.NEGATIVE_INFINITY;
  }

  /** The undisputed master spoke again. */
  heard(master: Speaker, previously: Previously, at: Instant): void {
    const gapUs = at - previously.at;
    if (gapUs < 1.75 * previously.intervalUs) return;
    const missed = missedAdverts(previously, master.ipId, gapUs);
    // Known to be missing, also where we were blind meanwhile; news only where we were not.
    if (missed !== null) noteMissed(master, at, missed);
    if (this.#router.sight.blindUs(previously.at, at) > 0) return;
    if (at - this.#toldAt < ONE_A_US) {
      this.#suppressed++;
      return;
    }
    this.#router.tell('advert-gap', at, {
      gapMs: msFromUs(gapUs),
      missed,
      lostBy: missed === null ? null : missed > 0 ? 'capture-or-network' : 'sender',
      count: this.#suppressed + 1,
    });
    this.#toldAt = at;
    this.#suppressed = 0;
  }
}

/**
 * How many adverts were sent in between, by the IPv4 identification of a speaker that is known to count in it.
 * Null where it cannot be told: it does not count, or began anew (a restart, a reload).
 */
function missedAdverts(previously: Previously, ipId: number | null, gapUs: number): number | null {
  if (previously.ipId === null || ipId === null || previously.ipIdStreak < 3) return null;
  if (ipId === 1 && previously.ipId !== 0xffff) return null;
  const missed = advertsBetween(previously.ipId, ipId) - 1;
  return missed <= gapUs / previously.intervalUs + 2 ? missed : null;
}
