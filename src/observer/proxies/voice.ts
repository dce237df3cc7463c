/** How the parts that judge polled sources say something: with the cluster, the severity and the sentence. */
import { type DetailsOf, type EventKind, KINDS, type Severity } from '../../events.ts';
import type { Instant } from '../../time.ts';
import { summarize } from '../summaries.ts';
import { type Condition, endDetails, type Timeline } from '../timeline.ts';

/** Why a condition ended other than by getting better: the detail `reason` of its end. */
export type EndReason = 'maint' | 'removed' | 'not-holder' | 'unconfigured';

/** What is known only at the end. */
export interface Ending {
  readonly reason?: EndReason;
  readonly flaps?: number;
  readonly used?: number;
  readonly limit?: number;
  readonly blindMs?: number;
}

export class Voice {
  readonly #timeline: Timeline;
  readonly #cluster: string;

  constructor(timeline: Timeline, cluster: string) {
    this.#timeline = timeline;
    this.#cluster = cluster;
  }

  tell<K extends EventKind>(kind: K, subject: string, time: Instant, details: DetailsOf<K>): void {
    this.#timeline.publish(this.#draft('instant', kind, subject, time, details, KINDS[kind].severity));
  }

  begin<K extends EventKind>(
    kind: K,
    subject: string,
    time: Instant,
    details: DetailsOf<K>,
    severity: Severity = KINDS[kind].severity,
  ): Condition<K> {
    const begin = this.#draft('begin', kind, subject, time, details, severity);
    this.#timeline.publish(begin);
    return { begin };
  }

  /** Not before its begin, nor before the time up to which it was known to be open. */
  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Ending = {}): void {
    const { begin } = condition;
    const at = Math.max(time, begin.time, condition.notBefore ?? begin.time) as Instant;
    const details = endDetails(begin, at, more as Partial<DetailsOf<K>>);
    const { kind, subject, severity } = begin;
    this.#timeline.publish(this.#draft('end', kind, subject, at, details, severity, condition));
  }

  #draft<K extends EventKind>(
    phase: 'instant' | 'begin' | 'end',
    kind: K,
    subject: string,
    time: Instant,
    details: DetailsOf<K>,
    severity: Severity,
    ended?: Condition<K>,
  ) {
    const summary = summarize(kind, phase, details, (address) => address);
    return this.#timeline.draft(
      phase,
      { kind, subject, time, details, severity, summary, cluster: ended?.begin.cluster ?? this.#cluster },
      ended?.begin.id,
    );
  }
}
