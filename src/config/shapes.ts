/** Shapes that sections of the configuration and of rules have in common; each message says what would be right. */
import { isIP } from 'node:net';
import { z } from 'zod';

/** A mapping that knows its keys. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `known here: ${Object.keys(shape).join(', ')}`
        : `a mapping with ${Object.keys(shape).join(', ')}`,
  });
}

export function list<T extends z.ZodType>(items: T, what: string) {
  return z.array(items, { error: `a list of ${what}` });
}

export const text = (what: string) => z.string({ error: what }).min(1, { error: what });

const DURATION = 'a duration such as 500ms, 2s, 5m, 24h';
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
export const durationMs = z
  .string({ error: DURATION })
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, { error: DURATION })
  .transform((value) => Number.parseFloat(value) * (UNIT_MS[value.replace(/^[\d.]+/, '')] ?? 1));

/** `least` and `most` as they would be written. Timers of the machine end at 24 days. */
export function durationWithin(least: string, most: string) {
  const [leastMs, mostMs] = [durationMs.parse(least), durationMs.parse(most)];
  const error = `a duration from ${least} to ${most}`;
  return durationMs.refine((ms) => ms >= leastMs && ms <= mostMs, { error });
}

/** The kernel's sockaddr_un holds 107 bytes and a zero. */
export const SOCKET_PATH_MAX = 107;

const TIME_OF_DAY = 'a time of day such as 07:30';
/** Minutes after midnight. */
export const dailyMinute = z
  .string({ error: TIME_OF_DAY })
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: TIME_OF_DAY })
  .transform((value) => Number(value.slice(0, 2)) * 60 + Number(value.slice(3)));

/** As packets are printed: lower case, the longest run of zeros as `::`. Anything else stays as it is. */
export function canonicalAddress(value: string): string {
  return isIP(value) === 6 && !value.includes('%')
    ? new URL(`http://[${value}]`).hostname.slice(1, -1)
    : value;
}
