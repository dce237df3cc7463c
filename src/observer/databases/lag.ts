/**
 * How far a replica is behind: the best truth available, and which. The rules, with their reasons, are in
 * docs/replication-rules.md.
 */
import type { ChannelReading } from '../../reading/database.ts';
import { type Instant, SECOND } from '../../time.ts';
import type { Gap } from './history.ts';

export interface Lag {
  /** an intended delay subtracted; null: nobody can tell */
  readonly lagS: number | null;
  readonly lagSource: 'heartbeat' | 'applier' | 'gtid' | 'position' | 'server' | null;
  /** that its source is known to have had and it had not; null where that cannot be told */
  readonly transactions: number | null;
}

export interface LagFacts {
  readonly channel: ChannelReading;
  /** when the replica was asked, and had answered */
  readonly askedAt: Instant;
  readonly at: Instant;
  /** age of the writer's heartbeat, where it can be trusted */
  readonly heartbeatS: number | null;
  /** null where its source is not polled, or the two cannot be compared */
  readonly gap: Gap | null;
  /** when its source was asked last, before the replica was */
  readonly sourceAskedAt: Instant | null;
  /** its source is polled, and does not answer: that nothing is missing nobody knows */
  readonly sourceInDoubt: boolean;
}

export const NOBODY_KNOWS: Lag = { lagS: null, lagSource: null, transactions: null };

export function lagOf(facts: LagFacts): Lag {
  const { channel, heartbeatS, gap, askedAt } = facts;
  const transactions = gap?.transactions ?? null;
  const known = (lagS: number, lagSource: Lag['lagSource']): Lag => ({
    lagS: round(Math.max(0, lagS - channel.delayS)),
    lagSource,
    transactions,
  });
  if (heartbeatS !== null) return known(heartbeatS, 'heartbeat');
  const gapS = gap === null ? null : lengthOf(gap, askedAt);
  const applierS = boundedApplierS(facts);
  if (facts.sourceInDoubt && Math.max(gapS ?? 0, applierS ?? 0, channel.secondsBehind ?? 0) === 0)
    return { ...NOBODY_KNOWS, transactions };
  if (applierS !== null && (gapS === null || applierS >= gapS)) return known(applierS, 'applier');
  const serverS = channel.secondsBehind;
  if (gap !== null && gapS !== null) {
    // what it lacked before we watched is older than we can tell
    if (gap.atLeast && serverS !== null && serverS > gapS) return known(serverS, 'server');
    return known(gapS, gap.by);
  }
  return serverS === null ? { ...NOBODY_KNOWS, transactions } : known(serverS, 'server');
}

/** Since when the first of what is missing was seen at its source; 0 where nothing is. */
export function lengthOf({ missingSince }: Gap, askedAt: Instant): number {
  return missingSince === null ? 0 : Math.max(0, (askedAt - missingSince) / SECOND);
}

/**
 * The applier compares the clocks of two machines, which may differ. Where the replica has all that its source had when
 * that was asked, it cannot be further behind than that is ago.
 */
function boundedApplierS({ channel, gap, sourceAskedAt, at }: LagFacts): number | null {
  const { applierLagS } = channel;
  if (applierLagS === null || gap === null || gap.missingSince !== null || sourceAskedAt === null)
    return applierLagS;
  return Math.min(applierLagS, (at - sourceAskedAt) / SECOND);
}

function round(lagS: number): number {
  return Math.round(lagS * 1_000) / 1_000;
}
