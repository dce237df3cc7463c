/** A takeover that is pending, and what a failover was once it is known: pure. */
import type { FailoverCause } from '../events.ts';
import { type Instant, msFromUs } from '../time.ts';
import type { Previously } from './advert-gaps.ts';
import { givenUpUs, outranks, type Speaker } from './speaker.ts';

export interface Takeover {
  readonly newcomer: Speaker;
  /** the newcomer's first advert */
  readonly firstAt: Instant;
  readonly firstPriority: number;
  readonly masterLastAt: Instant;
  /** they dropped each other's adverts then */
  readonly rejected: boolean;
  /** how long the master had been silent by then, as far as we could see */
  readonly masterSilentUs: number;
  /** the master spoke since, but the newcomer outranks it */
  masterSpoke: boolean;
  /** the newcomer's first claim, which may lie before its first advert */
  claimAt: Instant | null;
}

/** Why the newcomer could take over. */
export function failoverCause(takeover: Takeover, old: Speaker): FailoverCause {
  const { newcomer, firstAt, masterSilentUs, firstPriority } = takeover;
  if (old.resignedAt !== null && old.resignedAt <= firstAt) return 'graceful';
  if (masterSilentUs >= givenUpUs(old)) return 'silence';
  const claimant = { rank: newcomer.rank, priority: firstPriority };
  if (!outranks(claimant, old)) return 'silence';
  return outranks(claimant, old, old.highestInRun) ? 'preemption' : 'priority-drop';
}

/**
 * What clients can have felt: from the end of the old master's service to the new one's first claim. A dead
 * master died somewhere in the interval after its last advert, and nobody knows when if it was muted; one that
 * resigned did so then; one that was preempted served until the newcomer spoke.
 */
export function darkMs(
  cause: FailoverCause,
  gone: Instant,
  mayHaveServedUs: number,
  firstAt: Instant,
  claimAt: Instant | null,
): readonly [number, number] {
  const served = Math.max(0, (claimAt ?? firstAt) - gone);
  switch (cause) {
    case 'graceful':
      return [msFromUs(served), msFromUs(served)];
    case 'silence':
      return [msFromUs(Math.max(0, served - mayHaveServedUs)), msFromUs(served)];
    case 'preemption':
    case 'priority-drop':
      return [0, msFromUs(Math.max(0, (claimAt ?? firstAt) - firstAt))];
    case 'claim-only':
      return [0, 0];
  }
}

/**
 * Where the VIP itself is the source address (FRR with a link-local VIP) both nodes share address and MAC. Only a
 * new priority after a priority 0, or after the master was given up, tells that the node changed.
 */
export function isSuccessor(
  speaker: Speaker,
  previously: Previously,
  priority: number,
  at: Instant,
): boolean {
  if (priority === previously.priority || !speaker.advert.vips.includes(speaker.address)) return false;
  return previously.resignedAt !== null || at - previously.at >= 2.75 * previously.intervalUs;
}
