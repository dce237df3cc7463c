/**
 * What one receiver has been told of one incident, and what it is still to be told. Plain data, JSON as it stands: it
 * is kept in the journal between runs. Pure functions over it; when something is told is the dispatch's to decide.
 */
import type { Severity } from '../events.ts';
import type { Instant } from '../time.ts';
import type { NotifiedAlert } from './notification.ts';

export interface Thread {
  readonly id: string;
  readonly receiver: string;
  /** `storm`: what the cap held back, of any incident */
  readonly about: 'incident' | 'storm';
  readonly cluster: string | null;
  incident: number | null;
  /** of the next notification */
  revision: number;
  alerts: Alert[];
  /** it was told of something that lasts, and not yet that it is over */
  isOpen: boolean;
  /** counts how often it has been over */
  episode: number;
  /** notifications in a row that told of nothing but what had happened before */
  recurrences: number;
  /** the cap holds it up at present */
  isHeld: boolean;
  /** the worst ever told */
  worst: Severity | null;
  sentAt: Instant | null;
  activeAt: Instant;
  /** the journal's last event of it */
  lastSeq: number;
  /** when it is to be looked at again */
  nextAt: Instant;
}

export interface Alert {
  readonly fingerprint: string;
  readonly rule: string;
  readonly kind: string;
  readonly subject: string;
  readonly cluster: string | null;
  /** the virtual router that it is about, itself or by its VIP */
  readonly router: string | null;
  readonly incident: number | null;
  /** a condition, not an instant */
  readonly lasts: boolean;
  readonly repeatMs: number | null;
  readonly inhibitedBy: readonly string[];
  readonly counts: readonly string[];
  readonly runbook: string | null;
  severity: Severity;
  startsAt: Instant;
  endsAt: Instant | null;
  /** when the end was known */
  endKnownAt: Instant | null;
  summary: string;
  advice: string | null;
  count: number;
  /** ids of the begins that have no end */
  open: string[];
  told: 'no' | 'firing' | 'over';
  toldSeverity: Severity | null;
  /** it was told of before, then over, and is here again */
  recurs: boolean;
  /** the thread's, when it was last told */
  episode: number;
  /** when it has lasted as long as its rule wants */
  ripeAt: Instant;
  /** `ripeAt`, and the wait for what belongs to it */
  dueAt: Instant;
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function isWorse(a: Severity, b: Severity | null): boolean {
  return b === null || RANK[a] > RANK[b];
}

export function worstOf(alerts: readonly { readonly severity: Severity }[]): Severity | null {
  return alerts.reduce<Severity | null>(
    (worst, { severity }) => (isWorse(severity, worst) ? severity : worst),
    null,
  );
}

/** There is something to tell: it has not been told, or has become worse since. */
export function isFresh({ told, severity, toldSeverity }: Alert): boolean {
  return told === 'no' || (told === 'firing' && isWorse(severity, toldSeverity));
}

export function isOver({ open }: Alert): boolean {
  return open.length === 0;
}

/** As a receiver sees them: firing ones first, then the worst, then the oldest. */
export function notified(alerts: readonly Alert[]): readonly NotifiedAlert[] {
  return [...alerts]
    .sort(
      (a, b) =>
        Number(isOver(a)) - Number(isOver(b)) ||
        RANK[b.severity] - RANK[a.severity] ||
        a.startsAt - b.startsAt,
    )
    .map(
      (alert): NotifiedAlert => ({
        rule: alert.rule,
        kind: alert.kind,
        subject: alert.subject,
        severity: alert.severity,
        status: isOver(alert) ? 'resolved' : 'firing',
        startsAt: alert.startsAt,
        endsAt: alert.endsAt,
        summary: alert.summary,
        advice: alert.advice,
        runbook: alert.runbook,
        count: alert.count,
        fingerprint: alert.fingerprint,
      }),
    );
}

/** 16 hexadecimal digits that stand for the text: FNV-1a, twice 32 bits. */
export function hashOf(...parts: readonly string[]): string {
  const text = parts.join('\0');
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code ^ (a >>> 16), 0x01000193);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
