/** How the parts that judge what is polled say something: with the cluster, the severity and the sentence. */
import { type DetailsOf, type EventKind, KINDS, type Severity } from '../../events.ts';
import type { Instant } from '../../time.ts';
import { summarize } from '../summaries.ts';
import { type Condition, endDetails, type Timeline } from '../timeline.ts';

/** Why a condition ended other than by getting better: the detail `reason` of its end. */
export type EndReason = 'maint' | 'removed' | 'not-holder' | 'unconfigured' | 'forgotten';

/** What is known only at the end. */
export type Ending = Partial<DetailsOf<EventKind>>;

interface Said {
  /** other than the usual one */
  readonly severity?: Severity | undefined;
  readonly about?: string | null;
}

export class Voice {
  readonly #timeline: Timeline;
  readonly #cluster: string;

  constructor(timeline: Timeline, cluster: string) {
    this.#timeline = timeline;
    this.#cluster = cluster;
  }

  tell<K extends EventKind>(kind: K, subject: string, time: Instant, details: DetailsOf<K>): void {
    this.#timeline.publish(this.#draft('instant', kind, subject, time, details));
  }

  begin<K extends EventKind>(
    kind: K,
    subject: string,
    time: Instant,
    details: DetailsOf<K>,
    said: Said = {},
  ): Condition<K> {
    const begin = this.#draft('begin', kind, subject, time, details, said);
    this.#timeline.publish(begin);
    return { begin };
  }

  /** Not before its begin, nor before the time up to which it was known to be open. */
  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Ending = {}): void {
    const { begin } = condition;
    const at = Math.max(time, begin.time, condition.notBefore ?? begin.time) as Instant;
    const details = endDetails(begin, at, more as Partial<DetailsOf<K>>);
    const { kind, subject, severity, cluster } = begin;
    const summary = summarize(kind, 'end', details, (address) => address);
    this.#timeline.publish(
      this.#timeline.draft('end', { kind, subject, time: at, details, severity, cluster, summary }, begin.id),
    );
  }

  #draft<K extends EventKind>(
    phase: 'instant' | 'begin',
    kind: K,
    subject: string,
    time: Instant,
    details: DetailsOf<K>,
    { severity = KINDS[kind].severity, about = null }: Said = {},
  ) {
    const summary = summarize(kind, phase, details, (address) => address);
    return this.#timeline.draft(phase, {
      kind,
      subject,
      time,
      details,
      severity,
      about,
      summary,
      cluster: this.#cluster,
    });
  }
}
