/**
 * Points in time and durations.
 *
 * All of the project counts time in whole microseconds since the Unix epoch: finer than any capture's jitter,
 * and exact in a double until the year 2255. Durations are microseconds too and carry `Us` in their names;
 * outputs for people and events carry `Ms`.
 */

declare const instant: unique symbol;

/** Microseconds since 1970-01-01T00:00:00Z. A bare number cannot pass as one. */
export type Instant = number & { readonly [instant]: true };

export const MS = 1_000;
export const SECOND = 1_000_000;

/** Takes microseconds since the epoch; fractions are cut off. */
export function instantFromUs(us: number): Instant {
  return Math.trunc(us) as Instant;
}

/** The instant `us` microseconds after `at` (before it, where negative). */
export function plusUs(at: Instant, us: number): Instant {
  return Math.trunc(at + us) as Instant;
}

/** Milliseconds with at most three decimals, as events show them. */
export function msFromUs(us: number): number {
  return Math.round(us) / MS;
}

/** ISO 8601 in UTC with microseconds: `2026-11-20T10:00:03.612345Z`. */
export function isoTime(at: Instant): string {
  const us = ((at % SECOND) + SECOND) % SECOND;
  const seconds = new Date((at - us) / MS).toISOString().slice(0, 19);
  return `${seconds}.${String(us).padStart(6, '0')}Z`;
}

/** The reverse of `isoTime`, also for fewer decimals; null for anything else. */
export function instantFromIso(text: string): Instant | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text);
  if (match === null) return null;
  const [, seconds = '', fraction = ''] = match;
  const ms = Date.parse(`${seconds}Z`);
  return Number.isNaN(ms) ? null : instantFromUs(ms * MS + Number(fraction.padEnd(6, '0')));
}
