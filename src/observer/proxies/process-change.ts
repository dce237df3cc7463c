/**
 * Whether another HAProxy process answers than before: a reload, or a restart. `show info` says it; the statistics page
 * alone shows it by counters that begin anew.
 */
import type { ProxyProcess, ProxyReading, ProxyRow } from '../../reading/proxy.ts';
import { type Instant, SECOND } from '../../time.ts';
import { type Inventory, within } from './inventory.ts';

/** HAProxy counts whole seconds, and so do we: two such roundings may differ by this. */
const ROUNDING_US = 2 * SECOND;

export function isNewProcess(before: Inventory, now: Inventory): boolean {
  const old = before.reading.process;
  const young = now.reading.process;
  const told =
    old === null || young === null ? null : isOtherProcess(old, young, before.askedAt, now.askedAt);
  return told ?? countsAnew(before, now);
}

/** When the process began that answers now: after `notBefore`, when the one before it answered. */
export function beganAt({ askedAt, reading }: Inventory, notBefore: Instant): Instant {
  return within(askedAt - (ageOf(reading) ?? 0) * SECOND, notBefore, askedAt);
}

/** In seconds: what it says of itself, else the longest that any row is unchanged; null where nothing tells. */
export function ageOf({ process: said, rows }: ProxyReading): number | null {
  if (said !== null && said.uptimeS !== null) return said.uptimeS;
  let age: number | null = null;
  for (const { lastChangeS } of rows)
    if (lastChangeS !== null && (age === null || lastChangeS > age)) age = lastChangeS;
  return age;
}

/** Null where they do not say. In a container every process may have the same number: the uptime tells. */
function isOtherProcess(old: ProxyProcess, young: ProxyProcess, then: Instant, now: Instant): boolean | null {
  const samePid = old.pid === null || young.pid === null ? null : old.pid === young.pid;
  if (samePid === false) return true;
  if (old.uptimeS === null || young.uptimeS === null) return samePid === null ? null : false;
  return young.uptimeS < old.uptimeS || now - young.uptimeS * SECOND > then + ROUNDING_US;
}

/**
 * A counter that got smaller, unless a backend shows that the process is older (an operator may clear counters); or
 * everything changed since the last look, though nothing went down.
 */
function countsAnew(before: Inventory, now: Inventory): boolean {
  const gapS = (now.askedAt - before.askedAt + ROUNDING_US) / SECOND;
  let smaller = false;
  let olderBackend = false;
  let allFresh = true;
  let freshForNothing = false;
  for (const [key, row] of now.rows) {
    const old = before.rows.get(key);
    if (row.lastChangeS !== null && row.lastChangeS > gapS) {
      allFresh = false;
      if (row.type === 'backend' && old !== undefined) olderBackend = true;
    }
    if (old === undefined) continue;
    smaller ||= hasSmallerCounter(old, row);
    freshForNothing ||= changedForNothing(old, row, gapS);
  }
  return (smaller && !olderBackend) || (allFresh && freshForNothing);
}

function hasSmallerCounter(old: ProxyRow, row: ProxyRow): boolean {
  return (
    isLess(row.sessionsTotal, old.sessionsTotal) ||
    isLess(row.bytesIn, old.bytesIn) ||
    isLess(row.downs, old.downs) ||
    isLess(row.downtimeS, old.downtimeS)
  );
}

/** It says that it changed since, but is what it was and did not go down meanwhile. */
function changedForNothing(old: ProxyRow, row: ProxyRow, gapS: number): boolean {
  if (old.lastChangeS === null || row.lastChangeS === null) return false;
  return old.lastChangeS > gapS && old.status.word === row.status.word && old.downs === row.downs;
}

function isLess(now: number | null, before: number | null): boolean {
  return now !== null && before !== null && now < before;
}
