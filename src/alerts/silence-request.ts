/** A silence as it is asked for, and as it is told of: JSON over the control socket. Pure. */
import { type Instant, isoTime, MS, plusUs } from '../time.ts';
import type { Silence } from './configuration.ts';
import { RULE_KINDS } from './rules.ts';

/** What a person asks for. */
export interface SilenceAsked {
  readonly cluster?: string;
  readonly kinds?: readonly string[];
  readonly subject?: string;
  readonly forMs: number;
  readonly reason: string;
  readonly author: string;
}

export interface SilenceTold extends Omit<SilenceAsked, 'forMs'> {
  readonly id: string;
  readonly from: string;
  readonly until: string;
  readonly active: boolean;
}

const TEXT_MAX = 500;
const YEAR_MS = 366 * 86_400_000;

/** A text is what is wrong with it. */
export function silenceFrom(asked: unknown, id: string, now: Instant): Silence | string {
  if (typeof asked !== 'object' || asked === null) return 'expected an object with forMs, reason and author';
  const {
    cluster,
    kinds,
    subject,
    forMs,
    reason,
    author,
    ...rest
  }: Partial<Record<keyof SilenceAsked, unknown>> = asked;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    return `${unknown.slice(0, 40)}: unknown; there is cluster, kinds, subject, forMs, reason, author`;
  if (!isText(reason)) return 'reason: expected why, for whoever wonders';
  if (!isText(author)) return 'author: expected who asks';
  if (typeof forMs !== 'number' || !(forMs > 0 && forMs <= YEAR_MS))
    return 'forMs: expected how long, in milliseconds, up to a year';
  if (cluster !== undefined && !isText(cluster)) return 'cluster: expected its name';
  if (subject !== undefined && !isText(subject)) return 'subject: expected a part of it';
  if (kinds !== undefined && !isKinds(kinds))
    return 'kinds: expected a list of kinds of events (docs/events.md)';
  return {
    id,
    matchers: {
      ...(cluster === undefined ? {} : { cluster }),
      ...(kinds === undefined ? {} : { kinds }),
      ...(subject === undefined ? {} : { subject }),
    },
    from: now,
    until: plusUs(now, forMs * MS),
    reason,
    author,
  };
}

export function silenceTold(
  { id, matchers, from, until, reason, author }: Silence,
  now: Instant,
): SilenceTold {
  return { id, ...matchers, from: isoTime(from), until: isoTime(until), reason, author, active: until > now };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= TEXT_MAX;
}

function isKinds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((kind) => RULE_KINDS.includes(String(kind)));
}
