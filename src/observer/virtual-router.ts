/**
 * One virtual router: who holds it, who is taking over, whether anybody does.
 *
 * This is the parent that keeps the state and branches; rivalries (overlap, split-brain), settings and VIP claims
 * are judged by its parts. The rules, with their reasons, are in docs/vrrp-rules.md.
 */
import type { DetailsOf, EventKind, EventOf, TimelineEvent } from '../events.ts';
import type { AdvertObservation } from '../observation.ts';
import { type Instant, MS, msFromUs, SECOND } from '../time.ts';
import { type Claim, isVirtualRouterMac } from '../wire/packet.ts';
import { AdvertGaps, type Previously } from './advert-gaps.ts';
import type { DeadlineOwner } from './deadlines.ts';
import { Flapping } from './flapping.ts';
import { RateLimit } from './rate-limit.ts';
import { only, type RecalledRouter, type RecalledSpeaker } from './restoration.ts';
import { Rivalries, sharedVips, vipsDiffer } from './rivalry.ts';
import type { RouterView, Telling } from './router-view.ts';
import type { RouterIdentity, RouterServices } from './services.ts';
import { SettingsWatch } from './settings.ts';
import type { Sight } from './sight.ts';
import { SourceWatch } from './source-watch.ts';
import {
  advertsBetween,
  ECHO_WITHIN_US,
  freshUs,
  givenUpUs,
  graceUs,
  type Heard,
  largestSkewUs,
  latenessUs,
  MUTED_MAX_US,
  newSpeaker,
  outranks,
  rejectedFields,
  type Speaker,
  sameMeaning,
  silenceLimitUs,
  yieldedUs,
} from './speaker.ts';
import { summarize } from './summaries.ts';
import { darkMs, failoverCause, isSuccessor, type Takeover } from './takeover.ts';
import { type Condition, type Draft, endDetails, resumed } from './timeline.ts';
import { VipWatch } from './vip-watch.ts';

/** So many adverts of a speaker are held against copies of them. */
const RECENT_MAX = 4;
/** VIPs by which its adverts and claims are recognised; one advert holds at most 255. */
const VIPS_MAX = 1_024;
/** Two priority 0 within this much: keepalived went to FAULT. */
const FAULT_PAIR_US = 5 * MS;

/** What a broken or forged speaker can repeat at will is told so often a minute, then counted. */
const REPEATABLE: ReadonlySet<EventKind> = new Set<EventKind>([
  'overlap',
  'config-changed',
  'priority-change',
]);
const REPEATS_A_MINUTE = 60;

export class VirtualRouter implements DeadlineOwner, RouterView {
  readonly identity: RouterIdentity;
  readonly ordinal: number;
  readonly speakers = new Map<string, Speaker>();
  /** all VIPs its remembered speakers advertise */
  readonly vips = new Set<string>();
  scheduledAt = Number.POSITIVE_INFINITY;
  /** one of its speakers was heard twice (or it is configured): before that nothing is said of it */
  exists: boolean;
  master: Speaker | null = null;
  /** nothing but the master is heard and nothing is in question: its next equal advert changes no state */
  steady = false;
  /** no other virtual router has its VRID: their adverts are rejected here, and its own there */
  alone = true;
  readonly firstAt: Instant;
  /** a number from the start: one that is undefined first makes V8 allocate at every advert */
  lastAdvertAt = 0 as Instant;
  /** the last advert of the same VRID that its speakers reject */
  rejectedAt = Number.NEGATIVE_INFINITY;

  readonly #services: RouterServices;
  readonly #rivalries: Rivalries;
  readonly #settings: SettingsWatch;
  readonly #claims: VipWatch;
  readonly #sources: SourceWatch;
  readonly #gaps: AdvertGaps;
  readonly #flapping: Flapping;
  readonly #repeats = new RateLimit(REPEATS_A_MINUTE, REPEATABLE.size);
  /** the new master's first advert */
  #masterSince: Instant;
  #speakingSince: Instant;
  #retired = false;
  #byFailover = false;
  #splitEndedAt = Number.NEGATIVE_INFINITY;
  #undisputedAt = Number.NEGATIVE_INFINITY;
  #takeover: Takeover | null = null;
  #lost: Condition<'master-lost'> | null = null;
  #lostUntil = Number.NEGATIVE_INFINITY;
  /** whose priority 0 the last advert was */
  #resigned: Speaker | null = null;
  /** the first claim since the last advert by a speaker or the virtual MAC: somebody is about to speak */
  #claimInSilenceAt: Instant | null = null;
  /** whether others fell silent too is not known before */
  #lostNotBefore = Number.NEGATIVE_INFINITY;
  /** said before the virtual router exists */
  #heldBack: Draft[] = [];

  constructor(identity: RouterIdentity, services: RouterServices, at: Instant) {
    this.identity = identity;
    this.ordinal = services.nextOrdinal();
    this.exists = identity.configured !== null;
    this.firstAt = at;
    this.lastAdvertAt = at;
    this.#masterSince = at;
    this.#speakingSince = at;
    this.#services = services;
    this.#rivalries = new Rivalries(
      this,
      () => this.#takeover,
      (survivor, loser, endedAt, now) => this.#splitEnded(survivor, loser, endedAt, now),
    );
    this.#settings = new SettingsWatch(this);
    this.#claims = new VipWatch(
      this,
      (address) => `vip:${identity.segment.name}/${address}`,
      () => ({
        settled: this.exists && this.#takeover === null && this.#lost === null && !this.#rivalries.splitOpen,
        since: this.#masterSince,
        byFailover: this.#byFailover,
        splitEndedAt: this.#splitEndedAt,
        undisputedAt: this.#undisputedAt,
      }),
      (master, mac) => services.sameNode(identity, master, mac),
    );
    this.#sources = new SourceWatch(this, (speaker, mac, since) => this.#macChanged(speaker, mac, since));
    this.#gaps = new AdvertGaps(this);
    this.#flapping = new Flapping(this);
  }

  get sight(): Sight {
    return this.identity.sight;
  }

  get thresholds() {
    return this.#services.thresholds;
  }

  /** since when it has a master, be it one after another */
  get speakingSince(): Instant {
    return this.#speakingSince;
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  get isSplit(): boolean {
    return this.#rivalries.splitOpen;
  }

  inSplit(speaker: Speaker): boolean {
    return this.#rivalries.inSplit(speaker);
  }

  /** Its VIPs are held under another VRID, by `by`: whatever was missing is not. */
  goesOn(by: Speaker, vrid: number, since: Instant): void {
    if (this.#lost !== null) this.end(this.#lost, since, { by: by.address });
    this.#lost = null;
    if (!this.speakers.has(by.address)) return; // somebody else held the same VIPs all along
    const { address } = by;
    this.tell('config-changed', since, {
      speaker: address,
      field: 'vrid',
      before: String(this.identity.vrid),
      after: String(vrid),
    });
  }

  /** A configured virtual router that was not heard in time is lost from the start. */
  neverHeard(condition: Condition<'master-lost'>): void {
    this.#lost = condition;
  }

  /**
   * It existed before a restart: everything the journal says of it, as if it had been heard. What was open then
   * is open now, and ends by the usual rules.
   */
  resume(recalled: RecalledRouter, open: readonly TimelineEvent[], at: Instant): void {
    this.exists = true;
    this.lastAdvertAt = recalled.lastAdvertAt;
    this.#masterSince = recalled.since;
    this.#speakingSince = recalled.since;
    for (const speaker of recalled.speakers) this.#recall(speaker, recalled);
    this.master = this.speakers.get(recalled.master) ?? null;
    if (recalled.lost !== null) this.#lost = resumed(recalled.lost, at);
    const [flapping] = only('flapping', open);
    this.#flapping.resume(recalled.failovers, flapping ?? null, at);
    for (const event of only('split-brain', open)) {
      const winner = this.speakers.get(event.details.winner);
      const loser = this.speakers.get(event.details.loser);
      if (winner === undefined || loser === undefined) continue;
      for (const side of [winner, loser]) side.runStart = event.time;
      this.#rivalries.resume(event, winner, loser, at);
    }
    for (const event of only('config-mismatch', open)) this.#settings.resume(event, at);
  }

  #recall({ advert, settings, priorityKnown }: RecalledSpeaker, recalled: RecalledRouter): void {
    const speaker = newSpeaker(advert, recalled.lastAdvertAt);
    speaker.recalled = settings;
    speaker.priorityKnown = priorityKnown;
    speaker.highestInRun = advert.priority;
    speaker.adverts = 2;
    if (recalled.lost === null && advert.src === recalled.master) speaker.runStart = recalled.since;
    this.speakers.set(advert.src, speaker);
    this.#learnVips(speaker, recalled.since);
    this.#services.speakerMet(this, speaker);
  }

  /** A condition of one of its VIPs that was open before a restart. */
  resumeClaim(vip: string, event: EventOf<'garp-missing'> | EventOf<'ip-conflict'>, at: Instant): void {
    if (event.kind === 'garp-missing') this.#claims.resumeMissing(vip, event, at);
    else this.#claims.resumeConflict(vip, event, at);
  }

  /** It is forgotten: nothing of it stays open, and no deadline of its own is left. */
  retire(): void {
    const { now } = this.#services.timeline;
    this.#retired = true;
    this.steady = false;
    this.#rivalries.abandon(now);
    this.#settings.abandon(now);
    this.#claims.abandon(now);
    this.#flapping.abandon(now);
  }

  /** One of its speakers was heard twice: what was held back until now is told. */
  comeIntoExistence(): void {
    this.exists = true;
    const provisional = this.identity.subject;
    this.#services.cameIntoExistence(this);
    const { subject } = this.identity;
    for (const draft of this.#heldBack) {
      if (draft.subject === provisional) draft.subject = subject;
      this.#services.timeline.publish(draft);
    }
    this.#heldBack = [];
    // before that it had no deadlines: what would have been known meanwhile is known now
    if (this.#takeoverDue() <= this.#services.timeline.now) this.#failover(this.#services.timeline.now);
  }

  forgetSpeaker(speaker: Speaker, at: Instant): void {
    this.speakers.delete(speaker.address);
    if (this.#takeover?.newcomer === speaker) this.#takeover = null;
    this.#rivalries.forgotten(speaker);
    this.#settings.forgotten(at);
    this.#settle();
  }

  /** Whether an advert for these VIPs is this virtual router's. */
  shares(vips: readonly string[]): boolean {
    return vips.some((vip) => this.vips.has(vip));
  }

  /**
   * The fast path: a steady master's advert equal to its last but for the identification. Answers false where
   * the advert must take the long way.
   */
  hearSteady(speaker: Speaker, at: Instant, ipId: number | null): boolean {
    if (!this.steady || !this.alone || speaker !== this.master) return false;
    const gap = at - speaker.lastAt;
    const interval = speaker.intervalUs;
    if (gap < interval / 4 || gap >= 1.75 * interval) return false;
    this.#count(speaker, at, gap, ipId);
    countCopies(speaker, at);
    speaker.adverts++;
    speaker.lastAt = at;
    this.lastAdvertAt = at;
    this.#claimInSilenceAt = null;
    return true;
  }

  /** A valid advert of one of this virtual router's speakers. False: a mirror's copy of the last one. */
  hear(observation: AdvertObservation): boolean {
    const { at, advert, ipId } = observation;
    let speaker = this.speakers.get(advert.src);
    let previously: Previously | null = null;
    if (speaker === undefined) {
      speaker = newSpeaker(advert, at);
      speaker.ipId = ipId;
      if (ipId !== null) speaker.recent = [{ at, ipId, advert }];
      this.speakers.set(advert.src, speaker);
      this.#learnVips(speaker, at);
      this.#services.speakerMet(this, speaker);
      this.#settings.met(speaker, at);
    } else if (this.#isEcho(speaker, observation)) {
      return false;
    } else if (this.#isOvertaken(speaker, observation)) {
      this.lastAdvertAt = at;
      return false;
    } else {
      previously = this.#whatWasKnown(speaker, at);
      this.#enter(speaker, observation);
      this.#count(speaker, at, at - speaker.lastAt, ipId);
    }
    speaker.adverts++;
    if (advert.priority === 0) this.#resign(speaker, ipId === null && speaker.copies > 1, at);
    else this.#speak(speaker, advert.priority, at, previously);
    this.lastAdvertAt = at;
    this.#claimInSilenceAt = null;
    this.#lostNotBefore = Number.NEGATIVE_INFINITY;
    this.#claims.masterSpoke(at);
    this.#reschedule();
    return true;
  }

  /** A claim of one of this virtual router's VIPs. */
  claimed(claim: Claim, at: Instant): void {
    const owner = this.#ownerOf(claim.mac);
    if (
      this.#takeover !== null &&
      this.#takeover.claimAt === null &&
      claim.mac === this.#takeover.newcomer.mac
    ) {
      this.#takeover.claimAt = at;
    }
    this.#claims.claimed(claim, at);
    if (owner !== null) {
      owner.lastClaimAt = at;
      owner.firstClaimAt ??= at;
      this.#rivalries.claim(owner, claim.address, at);
      if (this.#rivalries.splitOpen) this.#takeover = null;
    }
    if (owner !== null || isVirtualRouterMac(claim.mac)) this.#noteClaimInSilence(at);
    this.#reschedule();
  }

  /** Somebody used this VRID in a way that its speakers reject, and were muted by. */
  rejected(at: Instant): void {
    this.rejectedAt = at;
  }

  due(now: Instant): number {
    if (this.#retired) return Number.POSITIVE_INFINITY;
    if (this.sight.blind) return Number.POSITIVE_INFINITY; // regaining sight schedules everything anew
    if (this.steady && this.#claims.quiet) {
      // by far the most frequent case: adverts came meanwhile, and only the silence limit has moved
      const next = Math.min(this.#lostDueAtLeast(), this.#flapping.nextDue());
      if (next > now) return next;
    }
    if (this.#takeoverDue() <= now) this.#failover(now);
    else if (this.#withdrawalDue() <= now) this.#withdraw(now);
    this.#rivalries.due(now);
    if (this.#lostDue() <= now) this.#lose(now);
    if (this.#retired) return Number.POSITIVE_INFINITY; // its VIPs go on elsewhere
    this.#claims.due(now);
    this.#sources.due(now);
    this.#flapping.due(now);
    if (this.#forgetDue() <= now) {
      this.#forget(now);
      return Number.POSITIVE_INFINITY;
    }
    this.#settle();
    return Math.max(this.#nextDue(), now + 1);
  }

  /** Sight is lost: who was past its limit by then does not get a new one afterwards. */
  sightLost(at: Instant): void {
    for (const speaker of this.speakers.values()) if (!this.isSpeaking(speaker, at)) speaker.runStart = null;
  }

  /** Sight was regained: every deadline counts anew. */
  sightRegained(): void {
    this.#reschedule();
  }

  // RouterView

  heardAt(speaker: Speaker): number {
    return Math.max(speaker.lastAt, speaker.freshAt, this.sight.regainedAt);
  }

  isSpeaking(speaker: Speaker, at: Instant): boolean {
    if (speaker.runStart === null) return false;
    const holds = speaker === this.master || this.#rivalries.inSplit(speaker);
    return at - this.heardAt(speaker) <= (holds ? silenceLimitUs(speaker) : yieldedUs(speaker));
  }

  tell<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling: Telling = {}): void {
    const count = REPEATABLE.has(kind) ? this.#repeats.take(kind, time) : 1;
    if (count === 0) return;
    const counted = count > 1 ? { ...details, count } : details;
    this.#publish(this.#services.draft(this, 'instant', kind, time, counted, telling));
  }

  begin<K extends EventKind>(
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    telling: Telling = {},
  ): Condition<K> {
    const begin = this.#services.draft(this, 'begin', kind, time, details, telling);
    this.#publish(begin);
    return { begin };
  }

  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Partial<DetailsOf<K>> = {}): void {
    const { begin } = condition;
    const at = Math.max(time, begin.time, condition.notBefore ?? begin.time) as Instant;
    const services = this.#services;
    const blindUs = this.sight.blindUs(begin.time, at);
    const known = blindUs > 0 ? { ...more, blindMs: msFromUs(blindUs) } : more;
    const details = services.named(this.identity, endDetails(begin, at, known));
    this.#publish(
      services.timeline.draft(
        'end',
        {
          kind: begin.kind,
          time: at,
          severity: begin.severity,
          cluster: begin.cluster,
          subject: begin.subject,
          summary: summarize(begin.kind, 'end', details, (address) =>
            services.nameOf(this.identity, address),
          ),
          details,
        },
        begin.id,
      ),
    );
  }

  // hearing

  #isEcho(speaker: Speaker, { at, advert, ipId }: AdvertObservation): boolean {
    if (ipId === null || ipId === 0) return false;
    // beyond a quarter interval a repeated number is a stack that does not count, not a mirror
    const from = at - Math.min(ECHO_WITHIN_US, speaker.intervalUs / 4);
    const isCopyOf = (heard: Heard) =>
      heard.ipId === ipId && heard.at >= from && sameMeaning(heard.advert, advert);
    const last = { at: speaker.lastAt, ipId: speaker.ipId ?? 0, advert: speaker.advert };
    if (isCopyOf(last) || speaker.recent.some(isCopyOf)) return true;
    speaker.recent = [...speaker.recent, last, { at, ipId, advert }].slice(-RECENT_MAX);
    return false;
  }

  /** It was overtaken on the way by the priority 0 that was sent after it. */
  #isOvertaken(speaker: Speaker, { at, advert, ipId }: AdvertObservation): boolean {
    if (speaker.resignedAt === null || advert.priority === 0 || ipId === null || speaker.ipId === null)
      return false;
    return at - speaker.lastAt <= FAULT_PAIR_US && isOlder(ipId, speaker.ipId);
  }

  #count(speaker: Speaker, at: Instant, gapUs: number, ipId: number | null): void {
    if (ipId !== null && speaker.ipId !== null) {
      speaker.ipIdStreak = advertsBetween(speaker.ipId, ipId) === 1 ? speaker.ipIdStreak + 1 : 0;
    }
    speaker.ipId = ipId;
    if (speaker.runStart !== null && at > speaker.lastAt) {
      const late = Math.abs(gapUs - speaker.intervalUs);
      if (late > speaker.jitterUs) speaker.jitterUs = late;
    }
  }

  #whatWasKnown(speaker: Speaker, at: Instant): Previously {
    return {
      at: speaker.lastAt,
      intervalUs: speaker.intervalUs,
      ipId: speaker.ipId,
      ipIdStreak: speaker.ipIdStreak,
      priority: speaker.priority,
      resignedAt: speaker.resignedAt,
      fault: speaker.fault,
      running: this.isSpeaking(speaker, at),
    };
  }

  #enter(speaker: Speaker, { advert, at }: AdvertObservation): void {
    // the journal does not say the MAC of everybody
    if (speaker.recalled !== null && speaker.mac === '') speaker.mac = advert.srcMac;
    const expected = this.#sources.isExpected(speaker, advert, at);
    if (expected && advert !== speaker.advert) {
      this.#settings.heard(speaker, advert, at);
      this.#learnVips(speaker, at);
    } else if (speaker.staleFields.size > 0) {
      this.#settings.confirmed(speaker, at);
    }
  }

  #speak(speaker: Speaker, priority: number, at: Instant, previously: Previously | null): void {
    if (previously?.running !== true) {
      speaker.runStart = at;
      speaker.rivalry = null;
      speaker.highestInRun = 0;
      speaker.firstClaimAt = null;
    } else if (
      priority !== speaker.priority &&
      speaker.priorityKnown &&
      !isSuccessor(speaker, previously, priority, at)
    ) {
      this.tell('priority-change', at, {
        speaker: speaker.address,
        oldPriority: speaker.priority,
        newPriority: priority,
      });
    }
    this.#resigned = null;
    speaker.priority = priority;
    speaker.priorityKnown = true;
    speaker.highestInRun = Math.max(speaker.highestInRun, priority);
    if (previously !== null) countCopies(speaker, at);
    speaker.lastAt = at;
    speaker.resignedAt = null;
    speaker.fault = false;
    const wasLost = this.#lost !== null;
    if (this.#lost !== null) {
      this.end(this.#lost, at, { by: speaker.address });
      this.#lost = null;
      this.#lostUntil = at;
      this.#speakingSince = at;
    }
    if (this.master === null) this.#firstMaster(speaker, at);
    else if (speaker === this.master) this.#masterSpoke(speaker, previously, wasLost, at);
    else this.#otherSpoke(speaker, at);
    this.#rivalries.advert(speaker, at);
    if (this.#rivalries.splitOpen) this.#takeover = null;
  }

  #firstMaster(speaker: Speaker, at: Instant): void {
    this.#crown(speaker, at, false);
    const { advert } = speaker;
    this.tell('master-seen', at, {
      master: speaker.address,
      priority: speaker.priority,
      intervalMs: advert.intervalMs,
      version: advert.version,
      vips: advert.vips,
    });
  }

  #masterSpoke(master: Speaker, previously: Previously | null, wasLost: boolean, at: Instant): void {
    const takeover = this.#takeover;
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
      const together = at - this.#lostUntil <= graceUs(master);
      const masterSince = together ? at : this.#masterSince;
      this.#rivalries.answered(takeover, master, masterSince, at);
    } else {
      takeover.masterSpoke = true;
    }
  }

  /** Another speaker made itself heard in the gap: an overlap tells the story. */
  #claimedMeanwhile(master: Speaker, since: Instant): boolean {
    for (const speaker of this.speakers.values())
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
      this.isSpeaking(master, at)
    )
      return;
    const takeover = this.#takeover;
    if (takeover !== null && takeover.newcomer === speaker) {
      if (this.#cannotHaveYielded(takeover, master, at))
        this.#rivalries.cannotHaveYielded(speaker, master, at);
      return;
    }
    if (takeover !== null && !outranks(speaker, takeover.newcomer)) return;
    this.#takeover = {
      newcomer: speaker,
      firstAt: at,
      firstPriority: speaker.priority,
      masterLastAt: master.lastAt,
      rejected: rejectedFields(speaker, master).length > 0,
      masterSilentUs: at - this.heardAt(master),
      masterSpoke: false,
      claimAt: null,
    };
  }

  /**
   * The newcomer took over from a master that was speaking, and neither obeys the other: they reject each other's
   * adverts, or the newcomer is outranked and their VIPs differ. The master's silence tells nothing then.
   */
  #cannotHaveYielded(takeover: Takeover, master: Speaker, at: Instant): boolean {
    const { newcomer, firstAt } = takeover;
    if (master.resignedAt !== null || master.runStart === null || this.#lost !== null) return false;
    if (firstAt - takeover.masterLastAt >= freshUs(master) || at - firstAt < graceUs(master)) return false;
    if (sharedVips(newcomer, master).length === 0) return false;
    if (takeover.rejected) return true;
    return (
      vipsDiffer(newcomer, master) &&
      outranks(master, newcomer) &&
      firstAt - master.runStart > graceUs(master) &&
      at >= this.heardAt(master) + 1.25 * master.intervalUs
    );
  }

  #resign(speaker: Speaker, arrivesInCopies: boolean, at: Instant): void {
    speaker.repelled = null;
    if (speaker.resignedAt === null) speaker.resignedAt = at;
    else if (at - speaker.lastAt <= FAULT_PAIR_US && !arrivesInCopies) speaker.fault = true;
    this.#resigned = speaker;
    speaker.lastAt = at;
    speaker.runStart = null;
    this.#resignFromTakeover(speaker, at);
    this.#rivalries.resigned(speaker, at);
    speaker.rivalry = null;
  }

  /** Only a master sends a priority 0: the newcomer had taken over, unless the old master stood in its way. */
  #resignFromTakeover(speaker: Speaker, at: Instant): void {
    const takeover = this.#takeover;
    const { master } = this;
    if (takeover?.newcomer !== speaker || master === null) return;
    const tookOver =
      outranks(speaker, master) && !takeover.masterSpoke && at - takeover.firstAt >= graceUs(master);
    if (tookOver) this.#failover(at);
    else this.#takeover = null;
  }

  // taking over

  /** When the newcomer, silent itself, is taken to have yielded before anything was decided. */
  #withdrawalDue(): number {
    const takeover = this.#takeover;
    if (takeover === null) return Number.POSITIVE_INFINITY;
    return this.heardAt(takeover.newcomer) + yieldedUs(takeover.newcomer) + 1;
  }

  #withdraw(now: Instant): void {
    if (this.#takeover === null) return;
    this.#takeover.newcomer.runStart = null;
    this.#takeover.newcomer.rivalry = null;
    this.#takeover = null;
    this.#undisputedAt = now;
  }

  /** When the pending takeover is known to be a failover, if its master says nothing more. */
  #takeoverDue(): number {
    const takeover = this.#takeover;
    const { master } = this;
    if (takeover === null || master === null || this.#rivalries.splitOpen) return Number.POSITIVE_INFINITY;
    const { newcomer, firstAt } = takeover;
    const afterGrace = this.sight.after(firstAt, graceUs(master));
    if (master.resignedAt !== null)
      return Math.max(afterGrace, this.sight.after(master.resignedAt, graceUs(master)));
    if (!takeover.masterSpoke && takeover.masterSilentUs >= givenUpUs(master)) return afterGrace;
    if (outranks(newcomer, master) && rejectedFields(newcomer, master).length === 0) {
      return Math.max(afterGrace, this.heardAt(master) + 1.25 * master.intervalUs);
    }
    return this.heardAt(master) + silenceLimitUs(master);
  }

  #failover(now: Instant): void {
    const takeover = this.#takeover;
    const old = this.master;
    if (takeover === null || old === null) return;
    const { newcomer, firstAt } = takeover;
    const cause = failoverCause(takeover, old);
    const claimAt = takeover.claimAt ?? newcomer.firstClaimAt ?? this.#claimBefore(newcomer, firstAt);
    // what was measured: it may have spoken or resigned since
    const gone = cause === 'graceful' ? (old.resignedAt ?? old.lastAt) : takeover.masterLastAt;
    const muted = this.rejectedAt > gone;
    const blindUs = this.sight.blindUs(gone, firstAt);
    this.#takeover = null;
    old.runStart = null;
    old.replacedAt = now;
    this.#rivalries.settled();
    if (newcomer.mac === old.mac && newcomer.mac !== '' && !isVirtualRouterMac(newcomer.mac)) {
      this.#renumbered(old, takeover);
      return;
    }
    this.#crown(newcomer, firstAt, true);
    this.tell('failover', firstAt, {
      from: old.address,
      to: newcomer.address,
      cause,
      silenceMs: msFromUs(Math.max(0, firstAt - gone)),
      darkMs: darkMs(cause, gone, muted ? Number.POSITIVE_INFINITY : old.intervalUs, firstAt, claimAt),
      fromPriority: old.priority,
      toPriority: takeover.firstPriority,
      vips: newcomer.advert.vips,
      claimMs: claimAt === null ? null : msFromUs(claimAt - firstAt),
      fault: cause === 'graceful' && old.fault,
      ...(blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {}),
    });
    this.#flapping.failedOver(firstAt);
  }

  /** Another node took over under the same source address: only its priority tells. */
  #succeeded(master: Speaker, previously: Previously, at: Instant): void {
    const gone = previously.resignedAt ?? previously.at;
    const cause = previously.resignedAt === null ? 'silence' : 'graceful';
    const claimAt = this.#claimBefore(master, at);
    const blindUs = this.sight.blindUs(gone, at);
    this.#takeover = null;
    this.#rivalries.settled();
    this.#crown(master, at, true);
    this.tell('failover', at, {
      from: master.address,
      to: master.address,
      cause,
      silenceMs: msFromUs(at - gone),
      darkMs: darkMs(cause, gone, previously.intervalUs, at, claimAt),
      fromPriority: previously.priority,
      toPriority: master.priority,
      vips: master.advert.vips,
      claimMs: claimAt === null ? null : msFromUs(claimAt - at),
      fault: previously.fault,
      ...(blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {}),
    });
    this.#flapping.failedOver(at);
  }

  /** The same card under another source address: its node was given one, and nothing moved. */
  #renumbered(old: Speaker, { newcomer, firstAt }: Takeover): void {
    this.tell('config-changed', firstAt, {
      speaker: newcomer.address,
      field: 'source',
      before: old.address,
      after: newcomer.address,
    });
    this.#crown(newcomer, firstAt, this.#byFailover);
  }

  /** The newcomer's last claim before its first advert, where it claims first (FRR). */
  #claimBefore(newcomer: Speaker, firstAt: Instant): Instant | null {
    const from = firstAt - Math.max(SECOND, 1.25 * newcomer.intervalUs);
    let latest: Instant | null = null;
    for (const vip of newcomer.advert.vips) {
      const at = this.#claims.lastClaim(vip, newcomer.mac);
      if (at !== null && at >= from && at <= firstAt && (latest === null || at > latest)) latest = at;
    }
    return latest;
  }

  #crown(speaker: Speaker, since: Instant, byFailover: boolean, at: Instant = since): void {
    this.master = speaker;
    this.#masterSince = since;
    this.#byFailover = byFailover;
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
    for (const speaker of this.speakers.values()) {
      if (speaker === master || !this.isSpeaking(speaker, now)) continue;
      if (third === null || outranks(speaker, third)) third = speaker;
    }
    if (third === null || third.runStart === null || master === null) return;
    const masterLastAt = Math.min(
      master.resignedAt ?? master.lastAt,
      Math.max(at, third.runStart),
    ) as Instant;
    this.#takeover = {
      newcomer: third,
      firstAt: third.runStart,
      firstPriority: third.priority,
      masterLastAt,
      rejected: rejectedFields(third, master).length > 0,
      masterSilentUs: Math.max(0, third.runStart - masterLastAt),
      masterSpoke: master.lastAt > third.runStart,
      claimAt: null,
    };
  }

  // losing

  #lostDue(): number {
    const { master } = this;
    if (
      master === null ||
      !this.exists ||
      this.#lost !== null ||
      this.#takeover !== null ||
      this.#rivalries.splitOpen
    ) {
      return Number.POSITIVE_INFINITY;
    }
    let limit = Number.NEGATIVE_INFINITY;
    let extension = master.intervalUs;
    for (const speaker of this.speakers.values()) {
      if (speaker.runStart === null) continue;
      limit = Math.max(limit, this.heardAt(speaker) + silenceLimitUs(speaker));
      extension = Math.max(extension, speaker.intervalUs);
    }
    const resigned = this.#resigned !== null;
    const afterResigning = this.sight.after(this.lastAdvertAt, largestSkewUs(master) + graceUs(master));
    if (resigned) limit = Math.max(limit, afterResigning);
    else if (limit === Number.NEGATIVE_INFINITY) limit = this.heardAt(master) + silenceLimitUs(master);
    if (!resigned) limit += latenessUs(master);
    if (this.#claimInSilenceAt !== null) limit += extension;
    if (!resigned && this.rejectedAt > this.lastAdvertAt) {
      const muted = Math.min(this.rejectedAt + silenceLimitUs(master), this.lastAdvertAt + MUTED_MAX_US);
      limit = Math.max(limit, muted);
    }
    return Math.max(limit, this.#lostNotBefore);
  }

  /** What `#lostDue` is while nothing but the master's silence counts, else earlier: only for the steady. */
  #lostDueAtLeast(): number {
    const { master } = this;
    return master === null ? 0 : this.heardAt(master) + silenceLimitUs(master) + latenessUs(master);
  }

  #lose(now: Instant): void {
    const { master } = this;
    if (master === null) return;
    const companions = this.#services.silentTogether(this, this.#resigned === null, now);
    if (companions === 'blind') return;
    if (companions !== 'alone') {
      this.#lostNotBefore = companions;
      return;
    }
    if (this.#services.goesOnElsewhere(this, now)) return;
    const blindUs = this.sight.blindUs(this.lastAdvertAt, now);
    this.#lost = this.begin('master-lost', this.lastAdvertAt, {
      last: master.address,
      reason: this.#resigned === null ? 'silence' : 'resigned',
      by: this.#resigned?.address ?? null,
      // the last advert's own claims, or a mirror's copy of it, are nothing else
      nothingElseHeard: this.sight.lastFrameAt <= this.lastAdvertAt + graceUs(master),
      vips: master.advert.vips,
      ...(blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {}),
    });
    for (const speaker of this.speakers.values()) speaker.runStart = null;
    this.#services.fellSilent(this);
  }

  #noteClaimInSilence(at: Instant): void {
    const { master } = this;
    if (master === null || this.#claimInSilenceAt !== null) return;
    if (master.resignedAt !== null || at - this.lastAdvertAt >= master.intervalUs)
      this.#claimInSilenceAt = at;
  }

  /** A lost virtual router is forgotten after a day. */
  #forgetDue(): number {
    if (this.identity.configured !== null && this.master === null) return Number.POSITIVE_INFINITY;
    if (this.#lost === null) return Number.POSITIVE_INFINITY;
    return this.#lost.begin.time + this.thresholds.forgetAfterH * 3_600 * SECOND;
  }

  #forget(now: Instant): void {
    if (this.#lost !== null) this.end(this.#lost, now, { by: null, reason: 'forgotten' });
    this.#lost = null;
    this.#services.forgotten(this);
  }

  // deadlines

  #reschedule(): void {
    this.#settle();
    if (!this.sight.blind) this.#services.ensure(this, this.#nextDue());
  }

  #nextDue(): number {
    if (!this.exists) return Number.POSITIVE_INFINITY; // nothing is said of it, so nothing can be late
    return Math.min(
      this.#takeoverDue(),
      this.#withdrawalDue(),
      this.#rivalries.nextDue(),
      this.#lostDue(),
      this.#claims.nextDue(),
      this.#sources.nextDue(),
      this.#flapping.nextDue(),
      this.#forgetDue(),
    );
  }

  #settle(): void {
    const { master } = this;
    this.steady = false;
    if (!this.exists || master === null || master.runStart === null) return;
    if (this.#takeover !== null || this.#lost !== null || this.#rivalries.splitOpen) return;
    for (const speaker of this.speakers.values()) {
      if (speaker !== master && this.isSpeaking(speaker, this.#services.timeline.now)) return;
      if (speaker.macChange !== null || speaker.staleFields.size > 0) return;
    }
    this.steady = !this.#claims.inQuestion();
  }

  // saying

  #publish<K extends EventKind>(draft: Draft<K>): void {
    if (this.exists) this.#services.timeline.publish(draft);
    else this.#heldBack.push(draft as unknown as Draft);
  }

  #learnVips(speaker: Speaker, at: Instant): void {
    for (const vip of speaker.advert.vips) {
      if (this.vips.has(vip) || this.vips.size >= VIPS_MAX) continue;
      this.vips.add(vip);
      this.#claims.learned(vip, at);
      this.#services.vipLearned(this, vip);
    }
  }

  #macChanged(speaker: Speaker, mac: string, since: Instant): void {
    this.tell('config-changed', since, {
      speaker: speaker.address,
      field: 'mac',
      before: speaker.mac,
      after: mac,
    });
    speaker.mac = mac;
  }

  #ownerOf(mac: string): Speaker | null {
    if (isVirtualRouterMac(mac)) return null;
    for (const speaker of this.speakers.values()) if (speaker.mac === mac) return speaker;
    return null;
  }
}

/** Counts how many adverts in a row were followed by another within milliseconds. */
function countCopies(speaker: Speaker, at: Instant): void {
  const close = at - speaker.lastAt < FAULT_PAIR_US;
  if (close && !speaker.cameClose) speaker.copies++;
  if (!close && !speaker.cameClose) speaker.copies = 0;
  speaker.cameClose = close;
}

/** keepalived numbers its adverts: this one was sent a little before that one. */
function isOlder(ipId: number, than: number): boolean {
  return ipId !== than && advertsBetween(ipId, than) <= RECENT_MAX;
}
