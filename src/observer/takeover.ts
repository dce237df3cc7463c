/** A takeover that is pending, and what a failover was once it is known: pure. */
import type { DetailsOf, FailoverCause } from '../events.ts';
import { type Instant, msFromUs } from '../time.ts';
import type { Previously } from './advert-gaps.ts';
import { sharedVips, vipsDiffer } from './rivalry.ts';
import type { RouterView } from './router-view.ts';
import type { Sight } from './sight.ts';
import {
  freshUs,
  givenUpUs,
  graceUs,
  outranks,
  rejectedFields,
  type Speaker,
  silenceLimitUs,
  yieldedUs,
} from './speaker.ts';

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

/** A newcomer that is heard while another is master. */
export function takeoverBy(
  newcomer: Speaker,
  master: Speaker,
  heard: Pick<Takeover, 'firstAt' | 'masterLastAt' | 'masterSilentUs' | 'masterSpoke'>,
): Takeover {
  return {
    ...heard,
    newcomer,
    firstPriority: newcomer.priority,
    rejected: rejectedFields(newcomer, master).length > 0,
    claimAt: null,
  };
}

/** When it is known to be a failover, if its master says nothing more. */
export function knownAt(takeover: Takeover, master: Speaker, router: RouterView): number {
  const { newcomer, firstAt, masterSpoke, masterSilentUs } = takeover;
  const afterGrace = router.sight.after(firstAt, graceUs(master));
  if (master.resignedAt !== null)
    return Math.max(afterGrace, router.sight.after(master.resignedAt, graceUs(master)));
  if (!masterSpoke && masterSilentUs >= givenUpUs(master)) return afterGrace;
  if (outranks(newcomer, master) && rejectedFields(newcomer, master).length === 0) {
    return Math.max(afterGrace, router.heardAt(master) + 1.25 * master.intervalUs);
  }
  return router.heardAt(master) + silenceLimitUs(master);
}

/** When the newcomer, silent itself, is taken to have yielded before anything was decided. */
export function withdrawnAt({ newcomer }: Takeover, router: RouterView): number {
  return router.heardAt(newcomer) + yieldedUs(newcomer) + 1;
}

/**
 * The newcomer took over from a master that was speaking, and neither obeys the other: they
 * reject each other's adverts, or the newcomer is outranked and their VIPs differ. The master's silence tells
 * nothing then.
 */
export function cannotHaveYielded(
  { newcomer, firstAt, masterLastAt, rejected }: Takeover,
  master: Speaker,
  at: Instant,
  router: RouterView,
): boolean {
  if (master.resignedAt !== null || master.runStart === null) return false;
  if (firstAt - masterLastAt >= freshUs(master) || at - firstAt < graceUs(master)) return false;
  if (sharedVips(newcomer, master).length === 0) return false;
  if (rejected) return true;
  return (
    vipsDiffer(newcomer, master) &&
    outranks(master, newcomer) &&
    firstAt - master.runStart > graceUs(master) &&
    at >= router.heardAt(master) + 1.25 * master.intervalUs
  );
}

/** The newcomer sends a priority 0. Only a master does: it had taken over, unless the old master stood in its way. */
export function hadTakenOver(
  { newcomer, masterSpoke, firstAt }: Takeover,
  master: Speaker,
  at: Instant,
): boolean {
  return outranks(newcomer, master) && !masterSpoke && at - firstAt >= graceUs(master);
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

/** A failover as measured. */
export interface Handover {
  readonly from: string;
  readonly fromPriority: number;
  readonly newcomer: Speaker;
  readonly toPriority: number;
  readonly cause: FailoverCause;
  /** the old master's last advert, or its priority 0 */
  readonly gone: Instant;
  /** for so long after that it may have served still */
  readonly mayHaveServedUs: number;
  readonly firstAt: Instant;
  readonly claimAt: Instant | null;
  readonly fault: boolean;
}

export function failoverDetails(handover: Handover, sight: Sight): DetailsOf<'failover'> {
  const { from, newcomer, cause, gone, mayHaveServedUs, firstAt, claimAt } = handover;
  const blindUs = sight.blindUs(gone, firstAt);
  return {
    from,
    to: newcomer.address,
    cause,
    silenceMs: msFromUs(Math.max(0, firstAt - gone)),
    darkMs: darkMs(cause, gone, mayHaveServedUs, firstAt, claimAt),
    fromPriority: handover.fromPriority,
    toPriority: handover.toPriority,
    vips: newcomer.advert.vips,
    claimMs: claimAt === null ? null : msFromUs(claimAt - firstAt),
    fault: handover.fault,
    ...(blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {}),
  };
}

/**
 * What clients can have felt: from the end of the old master's service to the new one's first claim. A dead
 * master died somewhere in the interval after its last advert, and nobody knows when if it was muted; one that
 * resigned did so then; one that was preempted served until the newcomer spoke.
 */
function darkMs(
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
