/** An event as the journal holds it, and how one asks for some of them: the same question to a file and to a stream. */
import type { Severity, TimelineEvent } from '../events.ts';
import type { Instant } from '../time.ts';

export interface JournalledEvent {
  /** the journal's order: +1 each, in order of `detectedAt` */
  readonly seq: number;
  readonly event: TimelineEvent;
  /** the incident that it is known to belong to now; what opens later may still take it in as its cause */
  readonly incident: number | null;
  /**
   * Set where a later version of vipwatch wrote the event: its `kind` is none of ours and its details are whatever
   * they are. It is shown as it stands; a `switch` over kinds passes over it by its `default`.
   */
  readonly ofLaterVersion?: true;
}

/** All conditions must hold; one that is left out lets everything pass. */
export interface EventQuery {
  readonly afterSeq?: number;
  /**
   * Events with `since <= time < until`, and both ends of every condition that lasted into that window: the
   * begin of what was open at `since`, the end of what was open at `until`.
   */
  readonly since?: Instant;
  readonly until?: Instant;
  readonly kinds?: readonly string[];
  /**
   * Whole parts of the subject, as between its separators `:`, `/` and `#`: `51`, `eth0` (not `eth0.100`),
   * `10.0.0.100`, `eth0/ipv4/51`. With `*` for any characters it must match all of the subject.
   */
  readonly subject?: string;
  readonly cluster?: string;
  /** at least this severe */
  readonly severity?: Severity;
  /** the first so many in the order asked for */
  readonly limit?: number;
  /** `seq` unless said: as it became known. `time`: as it happened */
  readonly order?: 'seq' | 'time';
}

export type EventTraits = Pick<TimelineEvent, 'severity' | 'cluster' | 'subject'> & {
  readonly kind: string;
};

/** What of a query one event can answer for itself: all but the window, the limit and the order. */
export function eventFilter(query: EventQuery): (event: EventTraits) => boolean {
  const kinds = query.kinds === undefined ? null : new Set(query.kinds);
  const subject = query.subject === undefined ? null : subjectFilter(query.subject);
  const { cluster, severity } = query;
  return (event) =>
    (kinds === null || kinds.has(event.kind)) &&
    (severity === undefined || isAtLeast(event.severity, severity)) &&
    (cluster === undefined || event.cluster === cluster) &&
    (subject === null || subject(event.subject));
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return RANK[severity] >= RANK[least];
}

function subjectFilter(pattern: string): (subject: string) => boolean {
  if (!pattern.includes('*')) {
    return (subject) => {
      for (let at = subject.indexOf(pattern); at !== -1; at = subject.indexOf(pattern, at + 1)) {
        if (isBoundary(subject, at - 1) && isBoundary(subject, at + pattern.length)) return true;
      }
      return false;
    };
  }
  // Found one after another, not by a regular expression: no pattern can make it slow.
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop() ?? '';
  return (subject) => {
    if (!subject.startsWith(first) || !subject.endsWith(last)) return false;
    const end = subject.length - last.length;
    let at = first.length;
    for (const part of rest) {
      const found = subject.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}

function isBoundary(subject: string, at: number): boolean {
  return at < 0 || at >= subject.length || ':/#'.includes(subject.charAt(at));
}
