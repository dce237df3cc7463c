/** How long clients were in the dark, where probes through a VIP measured it. Pure. */
import type { TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs } from '../time.ts';

export interface MeasuredDark {
  readonly from: Instant;
  readonly until: Instant;
  /** it has not ended */
  readonly open: boolean;
}

/** By the VIP's subject, in order of their ends. `until`: where the stretch of timeline ends. */
export function measuredDarks(
  events: readonly TimelineEvent[],
  until: Instant,
): ReadonlyMap<string, readonly MeasuredDark[]> {
  const darks = new Map<string, MeasuredDark[]>();
  const begins = new Map<string, TimelineEvent>();
  const add = (subject: string, dark: MeasuredDark) =>
    darks.set(subject, [...(darks.get(subject) ?? []), dark]);
  for (const event of events) {
    if (event.kind !== 'vip-dark') continue;
    if (event.phase === 'begin') {
      begins.set(event.id, event);
      continue;
    }
    const begin = begins.get(event.beginId ?? '');
    begins.delete(event.beginId ?? '');
    const from = begin?.time ?? plusUs(event.time, -(event.details.durationMs ?? 0) * MS);
    add(event.subject, { from, until: event.time, open: false });
  }
  for (const { subject, time } of begins.values())
    add(subject, { from: time, until: Math.max(until, time) as Instant, open: true });
  return darks;
}

export function totalMs(darks: readonly MeasuredDark[]): number {
  return darks.reduce((ms, { from, until }) => ms + (until - from) / MS, 0);
}
