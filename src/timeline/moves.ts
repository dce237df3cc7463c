/**
 * Failovers as people see them: virtual routers that go the same way at once (a sync group, both address families) are
 * one move. Pure.
 */
import type { EventOf, TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs, SECOND } from '../time.ts';
import type { NameOf } from './condition-words.ts';

export interface Move {
  readonly from: string;
  readonly to: string;
  /** of its first failover */
  readonly time: Instant;
  /** when the old holder resigned or was last heard; null where no advert tells, or where it served to the end */
  readonly left: Instant | null;
  readonly vips: readonly string[];
  /** never empty, by time */
  readonly failovers: readonly [EventOf<'failover'>, ...EventOf<'failover'>[]];
}

const TOGETHER_US = 3 * SECOND;

/** `ordered`: by time. */
export function movesOf(ordered: readonly TimelineEvent[], name: NameOf): readonly Move[] {
  const moves: Move[] = [];
  for (const event of ordered) {
    if (event.kind !== 'failover') continue;
    const [from, to] = [name(event.details.from), name(event.details.to)];
    const index = moves.findLastIndex((move) => move.time >= event.time - TOGETHER_US);
    const before = moves[index];
    if (before !== undefined && isSame(before, event, from, to)) {
      const vips = [...new Set([...before.vips, ...event.details.vips])];
      moves[index] = { ...before, vips, failovers: [...before.failovers, event] };
    } else {
      moves.push({
        from,
        to,
        time: event.time,
        left: leftAt(event),
        vips: event.details.vips,
        failovers: [event],
      });
    }
  }
  return moves;
}

function isSame({ failovers, ...move }: Move, event: EventOf<'failover'>, from: string, to: string): boolean {
  const [{ details }] = failovers;
  return (
    move.from === from &&
    move.to === to &&
    details.cause === event.details.cause &&
    details.fault === event.details.fault &&
    failovers.every(({ subject }) => subject !== event.subject)
  );
}

function leftAt({ time, details: { cause, silenceMs } }: EventOf<'failover'>): Instant | null {
  const leaves = cause === 'graceful' || cause === 'silence';
  return leaves && silenceMs !== null ? plusUs(time, -silenceMs * MS) : null;
}
