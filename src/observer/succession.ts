/**
 * Who holds a virtual router, one after another: takeovers that are pending, failovers, and what becomes of the
 * mastership when two held it at once. The rules, with their reasons, are in docs/vrrp-rules.md.
 */
import type { EventOf } from '../events.ts';
import type { Instant } from '../time.ts';
import { type Claim, isVirtualRouterMac } from '../wire/packet.ts';
import { AdvertGaps, type Previously } from './advert-gaps.ts';
import type { Flapping } from './flapping.ts';
import type { Loss } from './loss.ts';
import { Rivalries } from './rivalry.ts';
import { graceUs, outranks, type Speaker } from './speaker.ts';
import {
  cannotHaveYielded,
  failoverCause,
  failoverDetails,
  type Handover,
  hadTakenOver,
  isSuccessor,
  knownAt,
  type Takeover,
  takeoverBy,
  withdrawnAt,
} from './takeover.ts';
import type { Reign, VipWatch } from './vip-watch.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** Parts of the same virtual router that the mastership concerns. */
interface Concerned {
  readonly loss: Loss;
  readonly claims: VipWatch;
  readonly flapping: Flapping;
}

export class Succession {
  readonly #router: VirtualRouter;
  readonly #loss: Loss;
  readonly #claims: VipWatch;
  readonly #flapping: Flapping;
  readonly #rivalries: Rivalries;
  readonly #gaps: AdvertGaps;
  #master: Speaker | null = null;
  /** the master's first advert */
  #since: Instant;
  #byFailover = false;
  /** whom a claim showed to have taken over while no advert was heard: told already */
  #claimHolderMac: string | null = null;
  #takeover: Takeover | null = null;
  #splitEndedAt = Number.NEGATIVE_INFINITY;
  #undisputedAt = Number.NEGATIVE_INFINITY;

  constructor(router: VirtualRouter, { loss, claims, flapping }: Concerned, at: Instant) {
    this.#router = router;
    this.#loss = loss;
    this.#claims = claims;
    this.#flapping = flapping;
    this.#since = at;
    this.#gaps = new AdvertGaps(router);
    this.#rivalries = new Rivalries(
      router,
      () => this.#takeover,
      (survivor, loser, endedAt, now) => this.#splitEnded(survivor, loser, endedAt, now),
    );
  }

  get master(): Speaker | null {
    return this.#master;
  }

  /** The master's first advert. */
  get since(): Instant {
    return this.#since;
  }

  get isSplit(): boolean {
    return this.#rivalries.splitOpen;
  }

  /** Who is master is not known at present: a takeover is pending, or two hold it. */
  get inQuestion(): boolean {
    return this.#takeover !== null || this.#rivalries.splitOpen;
  }

  inSplit(speaker: Speaker): boolean {
    return this.#rivalries.inSplit(speaker);
  }

  reign(): Reign {
    return {
      settled: this.#router.exists && !this.inQuestion && !this.#router.isLost,
      since: this.#since,
      byFailover: this.#byFailover,
      splitEndedAt: this.#splitEndedAt,
      undisputedAt: this.#undisputedAt,
    };
  }

  /** Who held it before a restart, since when, and the split-brains that were open. */
  resume(
    master: Speaker | null,
    since: Instant,
    splits: readonly EventOf<'split-brain'>[],
    at: Instant,
  ): void {
    this.#master = master;
    this.#since = since;
    for (const event of splits) {
      const winner = this.#router.speakers.get(event.details.winner);
      const loser = this.#router.speakers.get(event.details.loser);
      if (winner === undefined || loser === undefined) continue;
      for (const side of [winner, loser]) side.runStart = event.time;
      this.#rivalries.resume(event, winner, loser, at);
    }
  }

  /** An advert with a priority above 0, already entered into the speaker. */
  spoke(speaker: Speaker, previously: Previously | null, wasLost: boolean, at: Instant): void {
    if (this.master === null) this.#firstMaster(speaker, at);
    else if (speaker === this.master) this.#masterSpoke(speaker, previously, wasLost, at);
    else this.#otherSpoke(speaker, at);
    this.#rivalries.advert(speaker, at);
    if (this.#rivalries.splitOpen) this.#takeover = null;
  }

  /** A priority 0, already entered into the speaker. */
  resigned(speaker: Speaker, at: Instant): void {
    const takeover = this.#takeover;
    const { master } = this;
    if (takeover?.newcomer === speaker && master !== null) {
      if (hadTakenOver(takeover, master, at)) this.#failover(at);
      else this.#takeover = null;
    }
    this.#rivalries.resigned(speaker, at);
    speaker.rivalry = null;
  }

  /** A claim of one of the VIPs; `owner`: the speaker whose own MAC it names. */
  claimed({ mac, address }: Claim, owner: Speaker | null, at: Instant): void {
    if (this.#takeover !== null && mac === this.#takeover.newcomer.mac) this.#takeover.claimAt ??= at;
    if (owner === null) return;
    owner.lastClaimAt = at;
    owner.firstClaimAt ??= at;
    this.#rivalries.claim(owner, address, at);
    if (this.#rivalries.splitOpen) this.#takeover = null;
  }

  heldByClaim(mac: string): void {
    this.#claimHolderMac = mac;
  }

  nextDue(): number {
    return Math.min(this.#takeoverDue(), this.#withdrawalDue(), this.#rivalries.nextDue());
  }

  due(now: Instant): void {
    if (this.#takeoverDue() <= now) this.#failover(now);
    else if (this.#withdrawalDue() <= now) this.#withdraw(now);
    this.#rivalries.due(now);
  }

  /** The virtual router had no deadlines until now: a takeover that would have been known meanwhile is known now. */
  catchUp(now: Instant): void {
    if (this.#takeoverDue() <= now) this.#failover(now);
  }

  forgotten(speaker: Speaker): void {
    if (this.#takeover?.newcomer === speaker) this.#takeover = null;
    this.#rivalries.forgotten(speaker);
  }

  /** The virtual router is forgotten. */
  abandon(now: Instant): void {
    this.#rivalries.abandon(now);
  }

  #firstMaster(speaker: Speaker, at: Instant): void {
    this.#crown(speaker, at, false);
    const { advert } = speaker;
    this.#router.tell('master-seen', at, {
      master: speaker.address,
      priority: speaker.priority,
      intervalMs: advert.intervalMs,
      version: advert.version,
      vips: advert.vips,
    });
  }

  #masterSpoke(master: Speaker, previously: Previously | null, wasLost: boolean, at: Instant): void {
    const takeover = this.#takeover;
    this.#claimHolderMac = null;
    if (previously !== null && isSuccessor(master, previously, master.priority, at)) {
      this.#succeeded(master, previously, at);
    } else if (takeover === null) {
      if (previously === null || previously.resignedAt !== null || wasLost || this.#rivalries.splitOpen)
        return;
      if (!this.#claimedMeanwhile(master, previously.at)) this.#gaps.heard(master, previously, at);
    } else if (outranks(master, takeover.newcomer)) {
      this.#takeover = null;
      this.#undisputedAt = at;
      // a lost master that comes back together with its successor is a simultaneous start too
      const together = at - this.#loss.endedAt <= graceUs(master);
      const masterSince = together ? at : this.#since;
      this.#rivalries.answered(takeover, master, masterSince, at);
    } else {
      takeover.masterSpoke = true;
    }
  }

  /** Another speaker made itself heard in the gap: an overlap tells the story. */
  #claimedMeanwhile(master: Speaker, since: Instant): boolean {
    for (const speaker of this.#router.speakers.values())
      if (speaker !== master && speaker.lastAt > since) return true;
    return false;
  }

  #otherSpoke(speaker: Speaker, at: Instant): void {
    const { master } = this;
    if (master === null || this.#rivalries.splitOpen) return;
    const { rivalry } = speaker;
    if (
      rivalry !== null &&
      rivalry.firstAnswer !== null &&
      rivalry.winner === master &&
      this.#router.isSpeaking(master, at)
    )
      return;
    const takeover = this.#takeover;
    if (takeover !== null && takeover.newcomer === speaker) {
      if (cannotHaveYielded(takeover, master, at, this.#router))
        this.#rivalries.cannotHaveYielded(speaker, master, at);
      return;
    }
    if (takeover !== null && !outranks(speaker, takeover.newcomer)) return;
    this.#takeover = takeoverBy(speaker, master, {
      firstAt: at,
      masterLastAt: master.lastAt,
      masterSilentUs: at - this.#router.heardAt(master),
      masterSpoke: false,
    });
  }

  // taking over

  #withdrawalDue(): number {
    return this.#takeover === null ? Number.POSITIVE_INFINITY : withdrawnAt(this.#takeover, this.#router);
  }

  #withdraw(now: Instant): void {
    if (this.#takeover === null) return;
    this.#takeover.newcomer.runStart = null;
    this.#takeover.newcomer.rivalry = null;
    this.#takeover = null;
    this.#undisputedAt = now;
  }

  #takeoverDue(): number {
    const { master } = this;
    if (this.#takeover === null || master === null || this.#rivalries.splitOpen)
      return Number.POSITIVE_INFINITY;
    return knownAt(this.#takeover, master, this.#router);
  }

  #failover(now: Instant): void {
    const takeover = this.#takeover;
    const old = this.master;
    if (takeover === null || old === null) return;
    const { newcomer, firstAt } = takeover;
    const cause = failoverCause(takeover, old);
    // what was measured: it may have spoken or resigned since
    const gone = cause === 'graceful' ? (old.resignedAt ?? old.lastAt) : takeover.masterLastAt;
    this.#takeover = null;
    old.runStart = null;
    old.replacedAt = now;
    this.#rivalries.settled();
    if (newcomer.mac === old.mac && newcomer.mac !== '' && !isVirtualRouterMac(newcomer.mac)) {
      this.#renumbered(old, takeover);
      return;
    }
    if (newcomer.mac === this.#claimHolderMac) {
      this.#crown(newcomer, firstAt, false); // its claim told of it
      return;
    }
    this.#tookOver({
      from: old.address,
      fromPriority: old.priority,
      newcomer,
      toPriority: takeover.firstPriority,
      cause,
      gone,
      // a muted one may have served until the end
      mayHaveServedUs: this.#router.rejectedAt > gone ? Number.POSITIVE_INFINITY : old.intervalUs,
      firstAt,
      claimAt: takeover.claimAt ?? newcomer.firstClaimAt ?? this.#claims.claimBefore(newcomer, firstAt),
      fault: cause === 'graceful' && old.fault,
    });
  }

  /** Another node took over under the same source address: only its priority tells. */
  #succeeded(master: Speaker, previously: Previously, at: Instant): void {
    this.#takeover = null;
    this.#rivalries.settled();
    this.#tookOver({
      from: master.address,
      fromPriority: previously.priority,
      newcomer: master,
      toPriority: master.priority,
      cause: previously.resignedAt === null ? 'silence' : 'graceful',
      gone: previously.resignedAt ?? previously.at,
      mayHaveServedUs: previously.intervalUs,
      firstAt: at,
      claimAt: this.#claims.claimBefore(master, at),
      fault: previously.fault,
    });
  }

  #tookOver(handover: Handover): void {
    const { newcomer, firstAt } = handover;
    this.#crown(newcomer, firstAt, true);
    this.#router.tell('failover', firstAt, failoverDetails(handover, this.#router.sight));
    this.#flapping.failedOver(firstAt);
  }

  /** The same card under another source address: its node was given one, and nothing moved. */
  #renumbered(old: Speaker, { newcomer, firstAt }: Takeover): void {
    this.#router.tell('config-changed', firstAt, {
      speaker: newcomer.address,
      field: 'source',
      before: old.address,
      after: newcomer.address,
    });
    this.#crown(newcomer, firstAt, this.#byFailover);
  }

  #crown(speaker: Speaker, since: Instant, byFailover: boolean, at: Instant = since): void {
    this.#master = speaker;
    this.#since = since;
    this.#byFailover = byFailover;
    this.#claimHolderMac = null;
    this.#claims.masterChanged(at);
    this.#gaps.masterChanged();
  }

  #splitEnded(survivor: Speaker, loser: Speaker, at: Instant, now: Instant): void {
    this.#splitEndedAt = at;
    loser.replacedAt = now;
    if (this.#rivalries.splitOpen) return;
    this.#takeover = null;
    // no failover: it held the VIP all along
    if (this.master !== survivor) this.#crown(survivor, survivor.runStart ?? at, false, at);
    this.#takeUpThird(at, now);
  }

  /** Somebody else may have taken over from both: it was not judged while they disputed. */
  #takeUpThird(at: Instant, now: Instant): void {
    const { master } = this;
    let third: Speaker | null = null;
    for (const speaker of this.#router.speakers.values()) {
      if (speaker === master || !this.#router.isSpeaking(speaker, now)) continue;
      if (third === null || outranks(speaker, third)) third = speaker;
    }
    if (third === null || third.runStart === null || master === null) return;
    const masterLastAt = Math.min(
      master.resignedAt ?? master.lastAt,
      Math.max(at, third.runStart),
    ) as Instant;
    this.#takeover = takeoverBy(third, master, {
      firstAt: third.runStart,
      masterLastAt,
      masterSilentUs: Math.max(0, third.runStart - masterLastAt),
      masterSpoke: master.lastAt > third.runStart,
    });
  }
}
