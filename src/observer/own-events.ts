/**
 * What the observer says of itself: that it began and stopped, that a capture cannot see, that a sink takes no
 * events. Subjects are `observer:HOST` and `sink:NAME`. Judges nothing: whether a capture is blind is told, or
 * concluded elsewhere.
 */
import { type EventKind, type EventOf, KINDS } from '../events.ts';
import type { RunObservation, SinkObservation } from '../observation.ts';
import { type Instant, isoTime, msFromUs } from '../time.ts';
import { summarize } from './summaries.ts';
import { type Condition, endDetails, resumed, type Statement, type Timeline } from './timeline.ts';

/** Reasons told at once of one blind capture; captures know about a dozen. */
const REASONS_MAX = 8;

interface Degradation {
  readonly condition: Condition<'capture-degraded'>;
  dropped: number | null;
}

export class OwnEvents {
  readonly #timeline: Timeline;
  readonly #subject: string;
  /** by capture, then by reason: why it cannot see */
  readonly #degraded = new Map<string, Map<string, Degradation>>();
  readonly #failing = new Map<string, Condition<'sink-failing'>>();

  constructor(timeline: Timeline, name: string) {
    this.#timeline = timeline;
    this.#subject = `observer:${name}`;
  }

  run({ at, phase, release, previous, previousUntil }: RunObservation): void {
    if (phase === 'stopped') {
      this.#tell('observer-stopped', at, { release });
      return;
    }
    this.#tell('observer-started', at, {
      release,
      previous,
      unwatchedSince: previousUntil === null ? null : isoTime(previousUntil),
      ...(previousUntil === null ? {} : { blindMs: msFromUs(Math.max(0, at - previousUntil)) }),
    });
  }

  sink({ at, sink, failing, error, waiting }: SinkObservation): void {
    const open = this.#failing.get(sink);
    if (failing && open === undefined) {
      const details = { sink, error: error ?? 'no reason was given', waiting };
      const begin = this.#timeline.draft('begin', {
        ...said('sink-failing', 'begin', at, details),
        subject: `sink:${sink}`,
      });
      this.#timeline.publish(begin);
      this.#failing.set(sink, { begin });
    } else if (!failing && open !== undefined) {
      this.#failing.delete(sink);
      this.#end(open, at, { waiting });
    }
  }

  /** A capture cannot see. Told once for each reason, however often it is repeated. */
  cannotSee(capture: string, since: Instant, reason: string, dropped: number | null): void {
    let reasons = this.#degraded.get(capture);
    if (reasons === undefined) {
      reasons = new Map();
      this.#degraded.set(capture, reasons);
    }
    const known = reasons.get(reason);
    if (known !== undefined) {
      if (dropped !== null) known.dropped = (known.dropped ?? 0) + dropped;
      return;
    }
    if (reasons.size >= REASONS_MAX) return;
    const [first] = reasons.values();
    const begin = this.#timeline.draft('begin', {
      ...said('capture-degraded', 'begin', since, { segment: capture, reason, dropped }),
      subject: this.#subject,
      about: first?.condition.begin.id ?? null,
    });
    this.#timeline.publish(begin);
    reasons.set(reason, { condition: { begin }, dropped });
  }

  sees(capture: string, at: Instant): void {
    const reasons = this.#degraded.get(capture);
    if (reasons === undefined) return;
    this.#degraded.delete(capture);
    for (const { condition, dropped } of reasons.values()) {
      this.#end(condition, at, { dropped }, reasons.size > 1 ? ` (${condition.begin.details.reason})` : '');
    }
  }

  /** Open since before the restart. */
  resumeDegraded(event: EventOf<'capture-degraded'>, at: Instant): void {
    const { segment, reason, dropped } = event.details;
    const reasons = this.#degraded.get(segment) ?? new Map<string, Degradation>();
    this.#degraded.set(segment, reasons);
    reasons.set(reason, { condition: resumed(event, at), dropped });
  }

  resumeFailing(event: EventOf<'sink-failing'>, at: Instant): void {
    this.#failing.set(event.details.sink, resumed(event, at));
  }

  #tell<K extends 'observer-started' | 'observer-stopped'>(
    kind: K,
    at: Instant,
    details: EventOf<K>['details'],
  ): void {
    this.#timeline.publish(
      this.#timeline.draft('instant', { ...said(kind, 'instant', at, details), subject: this.#subject }),
    );
  }

  #end<K extends EventKind>(
    condition: Condition<K>,
    at: Instant,
    more: Partial<EventOf<K>['details']>,
    remark = '',
  ): void {
    const { begin } = condition;
    const details = endDetails(begin, at, more);
    const { subject, severity } = begin;
    const statement = said(begin.kind, 'end', at, details);
    const summary = `${statement.summary}${remark}`;
    this.#timeline.publish(
      this.#timeline.draft('end', { ...statement, subject, severity, summary }, begin.id),
    );
  }
}

function said<K extends EventKind>(
  kind: K,
  phase: 'instant' | 'begin' | 'end',
  time: Instant,
  details: EventOf<K>['details'],
): Omit<Statement<K>, 'subject'> {
  return {
    kind,
    time,
    severity: KINDS[kind].severity,
    cluster: null,
    summary: summarize(kind, phase, details, (address) => address),
    details,
  };
}
