/**
 * Two speakers of one virtual router at once: an overlap, or a split-brain.
 *
 * A healthy speaker that hears an advert which outranks it stops at once; at most a frame or two were already on
 * their way. So let L be outranked by W, both speaking. An *utterance* of L is an advert, or a claim of a VIP,
 * later than `grace` after any advert of W since L's run began (or after the latest one before it). A master
 * answers a lower advert within half a millisecond and both restart their timers: from then on both speak within
 * the same millisecond, in changing order, so "after the latest advert of W" would never hold.
 *
 * Two utterances of L with an advert of W between them are a split-brain; one that W answered is an overlap.
 * Speakers that reject each other's adverts never yield, and keepalived restarts its timer at each advert it
 * rejects, so they mute each other: the first utterance confirms, and long silence ends nothing.
 */
import type { EventOf } from '../events.ts';
import type { Instant } from '../time.ts';
import { MS, msFromUs } from '../time.ts';
import type { RouterView } from './router-view.ts';
import {
  freshUs,
  graceUs,
  latenessUs,
  MUTED_MAX_US,
  outranks,
  rejectedFields,
  type Speaker,
  silenceLimitUs,
  yieldedUs,
} from './speaker.ts';
import type { Takeover } from './takeover.ts';
import { type Condition, resumed } from './timeline.ts';

/** The standing of a speaker against the highest-ranked one, while both speak. */
export interface Rivalry {
  readonly winner: Speaker;
  /** the advert of the winner that the speaker must have heard */
  heardWinnerAt: number;
  /** that advert came before the speaker's run began: the winner's next one replaces it */
  beforeRun: boolean;
  firstUtterance: Instant | null;
  lastUtterance: Instant | null;
  /** the winner's first advert after the first utterance; set once, or an overlap would never be known */
  firstAnswer: Instant | null;
}

interface Split {
  readonly winner: Speaker;
  readonly loser: Speaker;
  readonly condition: Condition<'split-brain'>;
  /** they drop each other's adverts */
  rejecting: boolean;
  /** since when they no longer do */
  agreedAt: number;
}

/** Having been repelled it would have to have missed so many adverts of the winner to claim in good faith. */
const HEARD_SINCE_MIN = 3;

export class Rivalries {
  readonly #router: RouterView;
  readonly #pending: () => Takeover | null;
  readonly #splitEnded: (survivor: Speaker, loser: Speaker, at: Instant, now: Instant) => void;
  #splits: Split[] = [];
  /** pairs of which one spoke though it must have heard the other, and their VIPs differ: as keepalived up to 2.3.2 does */
  readonly #rejectingVips = new Set<string>();
  /** pairs that rejected each other before a restart, and why: until both were heard */
  readonly #rejectedBefore = new Map<string, readonly string[]>();

  constructor(
    router: RouterView,
    pending: () => Takeover | null,
    splitEnded: (survivor: Speaker, loser: Speaker, at: Instant, now: Instant) => void,
  ) {
    this.#router = router;
    this.#pending = pending;
    this.#splitEnded = splitEnded;
  }

  /** A split-brain that is open since before a restart, of two speakers not heard since. */
  resume(event: EventOf<'split-brain'>, winner: Speaker, loser: Speaker, at: Instant): void {
    const { rejects } = event.details;
    if (rejects.includes('vips')) this.#rejectingVips.add(pairOf(winner, loser));
    if (rejects.length > 0) this.#rejectedBefore.set(pairOf(winner, loser), rejects);
    this.#splits.push({
      winner,
      loser,
      condition: resumed(event, at),
      rejecting: rejects.length > 0,
      agreedAt: Number.NEGATIVE_INFINITY,
    });
  }

  get splitOpen(): boolean {
    return this.#splits.length > 0;
  }

  inSplit(speaker: Speaker): boolean {
    return this.#splits.some((split) => split.winner === speaker || split.loser === speaker);
  }

  /** An advert with a priority above 0, already entered into the speaker. */
  advert(speaker: Speaker, at: Instant): void {
    speaker.repelled = null;
    for (const split of this.#splits) {
      if (split.rejecting && this.#rejectedBy(split.winner, split.loser).length === 0) {
        split.rejecting = false;
        split.agreedAt = at;
      }
    }
    const top = this.#highestRanked(at);
    if (top === null || top === speaker) this.#winnerSpoke(speaker, at);
    else this.#loserSpoke(speaker, top, at);
  }

  /** A claim of one of the VIPs from a speaker's own MAC. */
  claim(speaker: Speaker, address: string, at: Instant): void {
    this.#claimOfRepelled(speaker, address, at);
    if (speaker.rivalry === null || !this.#router.isSpeaking(speaker, at)) return;
    const top = this.#highestRanked(at);
    if (top === null || top !== speaker.rivalry.winner) return;
    // unlike adverts, claims keep no rhythm that could lock to the winner's: the latest advert must have been heard
    if (at > top.lastAt + graceUs(speaker)) this.#utterance(speaker, speaker.rivalry, at);
  }

  /**
   * The master, which outranks it, spoke while a takeover by `newcomer` was pending. The newcomer's first advert
   * counts even within grace of a regular advert of the master (its timer ran out although the master spoke:
   * adverts are being lost), unless the master itself had begun less than grace before (a simultaneous start).
   */
  answered(takeover: Takeover, master: Speaker, masterSince: Instant, at: Instant): void {
    const { newcomer, firstAt } = takeover;
    if (firstAt - masterSince < graceUs(master) || newcomer.runStart === null) return;
    newcomer.rivalry ??= rivalryWith(master, takeover.firstAt - takeover.masterSilentUs, true);
    newcomer.rivalry.firstUtterance ??= firstAt;
    newcomer.rivalry.lastUtterance ??= firstAt;
    if (this.#rejectedBy(newcomer, master).length > 0) this.#confirm(newcomer, master, at);
  }

  /**
   * Their VIPs differ, and it claims one although it was repelled: it was not, it drops the winner's adverts and was
   * muted by them. With equal VIPs it may simply have missed the winner's adverts once more.
   */
  #claimOfRepelled(speaker: Speaker, address: string, at: Instant): void {
    const { repelled } = speaker;
    if (repelled === null || this.inSplit(speaker)) return;
    const { winner } = repelled;
    if (
      at - repelled.lastUtterance > this.#router.thresholds.rejectedSilenceMs * MS ||
      winner !== this.#router.master ||
      !this.#router.isSpeaking(winner, at) ||
      at - winner.lastAt > 1.75 * winner.intervalUs ||
      winner.adverts - repelled.winnerAdverts < HEARD_SINCE_MIN ||
      !vipsDiffer(speaker, winner) ||
      !sharedVips(winner, speaker).includes(address)
    )
      return;
    this.#rejectingVips.add(pairOf(speaker, winner));
    speaker.repelled = null;
    this.#confirm(speaker, winner, at, repelled.firstUtterance);
  }

  /** `newcomer` speaks on though neither of the two can have yielded to the other. */
  cannotHaveYielded(newcomer: Speaker, master: Speaker, at: Instant): void {
    if (vipsDiffer(newcomer, master) && rejectedFields(newcomer, master).length === 0)
      this.#rejectingVips.add(pairOf(newcomer, master));
    if (outranks(newcomer, master)) this.#confirm(master, newcomer, at);
    else this.#confirm(newcomer, master, at);
  }

  /** A priority 0 of `speaker`: whatever it was part of is over. */
  resigned(speaker: Speaker, at: Instant): void {
    for (const split of [...this.#splits]) {
      if (split.winner !== speaker && split.loser !== speaker) continue;
      const other = split.winner === speaker ? split.loser : split.winner;
      // the other had fallen silent before: the split-brain was over then, and this is an ordinary resignation
      if (this.#isGone(split, other, at)) this.#end(split, speaker, lastWord(other), at);
      else this.#end(split, other, at, at);
    }
    for (const other of this.#router.speakers.values()) {
      const rivalry = other.rivalry;
      if (rivalry === null || (other !== speaker && rivalry.winner !== speaker)) continue;
      if (rivalry.firstUtterance !== null && rivalry.firstAnswer !== null) this.#overlap(other, rivalry);
      other.rivalry = null;
    }
  }

  /** A failover was recognised: the old master's run has ended, nobody rivals the new one. */
  settled(): void {
    for (const speaker of this.#router.speakers.values()) speaker.rivalry = null;
  }

  /** The virtual router is forgotten. */
  abandon(at: Instant): void {
    for (const split of this.#splits) this.#router.end(split.condition, at);
    this.#splits = [];
  }

  forgotten(speaker: Speaker): void {
    for (const other of this.#router.speakers.values())
      if (other.rivalry?.winner === speaker) other.rivalry = null;
    for (const pair of this.#rejectingVips)
      if (pair.split('|').includes(speaker.address)) this.#rejectingVips.delete(pair);
  }

  /** When the next overlap is known or split-brain over; Infinity for none. */
  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const split of this.#splits)
      next = Math.min(next, this.#endDue(split, split.winner), this.#endDue(split, split.loser));
    for (const speaker of this.#router.speakers.values()) next = Math.min(next, this.#overlapDue(speaker));
    return next;
  }

  due(now: Instant): void {
    for (const split of [...this.#splits]) {
      const winnerDue = this.#endDue(split, split.winner);
      const loserDue = this.#endDue(split, split.loser);
      if (Math.min(winnerDue, loserDue) > now) continue;
      const { winner, loser } = split;
      // both silent: they stopped together, and the winner had no reason to
      const silent = winnerDue < loserDue && !this.#isGone(split, loser, now) ? winner : loser;
      const survivor = silent === winner ? loser : winner;
      this.#end(split, survivor, Math.max(lastWord(silent), split.agreedAt) as Instant, now);
    }
    for (const speaker of this.#router.speakers.values()) {
      if (speaker.rivalry !== null && this.#overlapDue(speaker) <= now)
        this.#overlap(speaker, speaker.rivalry);
    }
  }

  #winnerSpoke(winner: Speaker, at: Instant): void {
    winner.rivalry = null;
    for (const other of this.#router.speakers.values()) {
      if (other === winner || !this.#router.isSpeaking(other, at)) continue;
      const rivalry = other.rivalry;
      if (rivalry === null || rivalry.winner !== winner) {
        other.rivalry = rivalryWith(winner, at, false);
      } else {
        if (rivalry.beforeRun) {
          rivalry.heardWinnerAt = at;
          rivalry.beforeRun = false;
        }
        if (rivalry.firstUtterance !== null) rivalry.firstAnswer ??= at;
      }
    }
  }

  #loserSpoke(loser: Speaker, winner: Speaker, at: Instant): void {
    const newcomer = loser.runStart === at;
    let rivalry = loser.rivalry;
    if (rivalry === null || rivalry.winner !== winner) {
      rivalry = rivalryWith(winner, winner.lastAt, newcomer);
      loser.rivalry = rivalry;
    }
    if (at > rivalry.heardWinnerAt + graceUs(loser)) this.#utterance(loser, rivalry, at);
    else if (newcomer && this.#rejectedBy(loser, winner).length > 0) this.#utterance(loser, rivalry, at);
  }

  #utterance(loser: Speaker, rivalry: Rivalry, at: Instant): void {
    rivalry.firstUtterance ??= at;
    rivalry.lastUtterance = at;
    const answered = rivalry.firstAnswer !== null && at > rivalry.firstAnswer;
    if (answered || this.#cannotYield(loser, rivalry.winner)) this.#confirm(loser, rivalry.winner, at);
  }

  /** They drop each other's adverts, and the winner was not already given up when the loser began. */
  #cannotYield(loser: Speaker, winner: Speaker): boolean {
    if (this.#rejectedBy(loser, winner).length === 0) return false;
    const pending = this.#pending();
    return (
      pending === null ||
      pending.newcomer !== loser ||
      pending.firstAt - pending.masterLastAt < freshUs(winner)
    );
  }

  #rejectedBy(a: Speaker, b: Speaker): readonly string[] {
    if (a.recalled !== null || b.recalled !== null) {
      const before = this.#rejectedBefore.get(pairOf(a, b));
      if (before !== undefined) return before;
    }
    const fields: string[] = rejectedFields(a, b);
    if (fields.length === 0 && vipsDiffer(a, b) && this.#rejectingVips.has(pairOf(a, b))) fields.push('vips');
    return fields;
  }

  #confirm(loser: Speaker, winner: Speaker, at: Instant, since?: Instant): void {
    if (
      this.#splits.some(
        (s) => (s.winner === winner && s.loser === loser) || (s.winner === loser && s.loser === winner),
      )
    )
      return;
    const vips = sharedVips(winner, loser);
    if (vips.length === 0) return;
    const rejects = this.#rejectedBy(loser, winner);
    const began = since ?? (Math.max(loser.runStart ?? at, winner.runStart ?? at) as Instant);
    const condition = this.#router.begin('split-brain', began, {
      speakers: [winner.address, loser.address],
      winner: winner.address,
      loser: loser.address,
      vips,
      reason: rejects.length > 0 ? 'rejects' : 'deaf',
      rejects,
    });
    this.#splits.push({
      winner,
      loser,
      condition,
      rejecting: rejects.length > 0,
      agreedAt: Number.NEGATIVE_INFINITY,
    });
  }

  #end(split: Split, survivor: Speaker, at: Instant, now: Instant): void {
    this.#splits = this.#splits.filter((other) => other !== split);
    const loser = survivor === split.winner ? split.loser : split.winner;
    this.#router.end(split.condition, at, { survivor: survivor.address });
    if (!this.#isGone(split, survivor, now)) survivor.freshAt = now;
    survivor.rivalry = null;
    loser.runStart = null;
    loser.rivalry = null;
    this.#splitEnded(survivor, loser, at, now);
  }

  /** Silent for longer than a lost advert explains, and not muted. */
  #isGone(split: Split, side: Speaker, now: Instant): boolean {
    return !split.rejecting && now - this.#router.heardAt(side) >= yieldedUs(side);
  }

  /** When a side of a split-brain will have been silent for too long to be master still. */
  #endDue(split: Split, side: Speaker): number {
    const { sight, thresholds } = this.#router;
    // with AH the winner may drop the loser's old sequence numbers after a partition, and be muted by them
    const sequenced = side === split.winner && split.winner.advert.ah && split.loser.advert.ah;
    if (sequenced || this.#rejectedBy(split.winner, split.loser).length > 0) {
      return sight.after(Math.max(lastWord(side), side.freshAt), thresholds.rejectedSilenceMs * MS);
    }
    const limit = silenceLimitUs(side) + latenessUs(side);
    const due = Math.max(this.#router.heardAt(side), split.agreedAt) + limit;
    const { rejectedAt } = this.#router;
    // junk mutes both: where the other keeps its rhythm, this one has stopped
    const other = side === split.winner ? split.loser : split.winner;
    const muted = rejectedAt > side.lastAt && other.lastAt < side.lastAt + 2 * other.intervalUs;
    return muted ? Math.max(due, Math.min(rejectedAt + limit, side.lastAt + MUTED_MAX_US)) : due;
  }

  #overlapDue(speaker: Speaker): number {
    const rivalry = speaker.rivalry;
    if (rivalry === null || rivalry.lastUtterance === null || rivalry.firstAnswer === null)
      return Number.POSITIVE_INFINITY;
    // the old master's last words in a preemption are no claim of the newcomer's place
    if (speaker === this.#router.master || this.inSplit(speaker)) return Number.POSITIVE_INFINITY;
    return this.#router.sight.after(
      Math.max(rivalry.lastUtterance, rivalry.firstAnswer),
      1.25 * speaker.intervalUs,
    );
  }

  #overlap(claimant: Speaker, rivalry: Rivalry): void {
    const { firstUtterance, lastUtterance, firstAnswer, winner } = rivalry;
    claimant.rivalry = null;
    if (firstUtterance === null || lastUtterance === null || firstAnswer === null) return;
    if (claimant === this.#router.master || this.inSplit(claimant)) return;
    claimant.runStart = null;
    claimant.repelled = { winner, winnerAdverts: winner.adverts, firstUtterance, lastUtterance };
    this.#router.tell('overlap', firstUtterance, {
      holder: winner.address,
      claimant: claimant.address,
      vips: sharedVips(winner, claimant),
      overlapMs: msFromUs(Math.max(lastUtterance, firstAnswer) - firstUtterance),
    });
  }

  #highestRanked(at: Instant): Speaker | null {
    let top: Speaker | null = null;
    for (const speaker of this.#router.speakers.values()) {
      if (this.#router.isSpeaking(speaker, at) && (top === null || outranks(speaker, top))) top = speaker;
    }
    return top;
  }
}

function pairOf(a: Speaker, b: Speaker): string {
  return a.address < b.address ? `${a.address}|${b.address}` : `${b.address}|${a.address}`;
}

export function vipsDiffer(a: Speaker, b: Speaker): boolean {
  const x = a.advert.vips;
  const y = b.advert.vips;
  return x !== y && (x.length !== y.length || !x.every((vip) => y.includes(vip)));
}

function rivalryWith(winner: Speaker, heardWinnerAt: number, beforeRun: boolean): Rivalry {
  return { winner, heardWinnerAt, beforeRun, firstUtterance: null, lastUtterance: null, firstAnswer: null };
}

export function sharedVips(a: Speaker, b: Speaker): string[] {
  if (a.advert.vips === b.advert.vips) return [...a.advert.vips];
  return a.advert.vips.filter((vip) => b.advert.vips.includes(vip));
}

/** Its last advert, or its last claim if that came later. */
function lastWord(speaker: Speaker): Instant {
  const claimAt = speaker.lastClaimAt;
  return claimAt !== null && claimAt > speaker.lastAt ? claimAt : speaker.lastAt;
}
