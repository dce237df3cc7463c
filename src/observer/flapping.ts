/** Many failovers in a short time are one condition, not many alarms. */
import type { EventOf } from '../events.ts';
import { type Instant, plusUs, SECOND } from '../time.ts';
import type { RouterView } from './router-view.ts';
import { type Condition, resumed } from './timeline.ts';

export class Flapping {
  readonly #router: RouterView;
  /** the failovers within the window, at most as many as make it flap */
  #recent: Instant[] = [];
  #condition: Condition<'flapping'> | null = null;
  #total = 0;
  #lastAt: Instant | null = null;

  constructor(router: RouterView) {
    this.#router = router;
  }

  failedOver(at: Instant): void {
    const { flappingFailovers, flappingWindowS } = this.#router.thresholds;
    this.#lastAt = at;
    this.#recent = [...this.#recent, at]
      .filter((other) => at - other <= flappingWindowS * SECOND)
      .slice(-flappingFailovers);
    if (this.#condition !== null) {
      this.#total++;
    } else if (this.#recent.length >= flappingFailovers) {
      this.#total = this.#recent.length;
      this.#condition = this.#router.begin('flapping', at, {
        failovers: this.#total,
        windowS: flappingWindowS,
      });
    }
  }

  /** Failovers before a restart, and the condition if it is open. */
  resume(failovers: readonly Instant[], open: EventOf<'flapping'> | null, at: Instant): void {
    const { flappingFailovers } = this.#router.thresholds;
    this.#recent = failovers.slice(-flappingFailovers);
    this.#lastAt = failovers.at(-1) ?? open?.time ?? null;
    if (open === null) return;
    this.#condition = resumed(open, at);
    this.#total = open.details.failovers + failovers.filter((other) => other > open.time).length;
  }

  /** The virtual router is forgotten. */
  abandon(at: Instant): void {
    if (this.#condition !== null) this.#router.end(this.#condition, at, { failovers: this.#total });
    this.#condition = null;
  }

  nextDue(): number {
    if (this.#condition === null || this.#lastAt === null) return Number.POSITIVE_INFINITY;
    return this.#lastAt + this.#router.thresholds.flappingWindowS * SECOND;
  }

  due(now: Instant): void {
    if (this.#condition === null || this.#lastAt === null || this.nextDue() > now) return;
    this.#router.end(
      this.#condition,
      plusUs(this.#lastAt, this.#router.thresholds.flappingWindowS * SECOND),
      {
        failovers: this.#total,
      },
    );
    this.#condition = null;
    this.#recent = [];
  }
}
