/** How the parts that judge databases say something: with the cluster, the severity and the sentence. */
import { type DetailsOf, type EventKind, KINDS, type Severity } from '../../events.ts';
import type { Instant } from '../../time.ts';
import { summarize } from '../summaries.ts';
import { type Condition, endDetails, type Timeline } from '../timeline.ts';

/** Why a condition ended other than by getting better: the detail `reason` of its end. */
export type EndReason = 'removed' | 'unconfigured' | 'forgotten';

interface Said {
  /** other than the usual one */
  readonly severity?: Severity;
  readonly about?: string | null;
}

export class Voice {
  readonly #timeline: Timeline;
  readonly #cluster: string;

  constructor(timeline: Timeline, cluster: string) {
    this.#timeline = timeline;
    this.#cluster = cluster;
  }

  begin<K extends EventKind>(
    kind: K,
    subject: string,
    time: Instant,
    details: DetailsOf<K>,
    { severity = KINDS[kind].severity, about = null }: Said = {},
  ): Condition<K> {
    const begin = this.#timeline.draft('begin', {
      kind,
      subject,
      time,
      details,
      severity,
      about,
      cluster: this.#cluster,
      summary: summarize(kind, 'begin', details, (address) => address),
    });
    this.#timeline.publish(begin);
    return { begin };
  }

  /** Not before its begin, nor before the time up to which it was known to be open. */
  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Partial<DetailsOf<K>> = {}): void {
    const { begin } = condition;
    const at = Math.max(time, begin.time, condition.notBefore ?? begin.time) as Instant;
    const details = endDetails(begin, at, more);
    const { kind, subject, severity, cluster } = begin;
    const summary = summarize(kind, 'end', details, (address) => address);
    this.#timeline.publish(
      this.#timeline.draft('end', { kind, subject, time: at, details, severity, cluster, summary }, begin.id),
    );
  }
}
