/**
 * One virtual router: takes in what is heard of it and lets its parts judge, each its own: who is master
 * (`Succession`), whether anybody is (`Loss`), settings, sources, claims of the VIPs, flapping. Keeps the speakers,
 * and one deadline for all. The rules, with their reasons, are in docs/vrrp-rules.md.
 */
import type { DetailsOf, EventKind, EventOf, TimelineEvent } from '../events.ts';
import type { AdvertObservation } from '../observation.ts';
import type { Instant } from '../time.ts';
import { type Claim, isVirtualRouterMac } from '../wire/packet.ts';
import type { Previously } from './advert-gaps.ts';
import type { DeadlineOwner } from './deadlines.ts';
import { Flapping } from './flapping.ts';
import { Loss } from './loss.ts';
import { Narrator } from './narrator.ts';
import { only, type RecalledRouter } from './restoration.ts';
import type { RouterView, Telling } from './router-view.ts';
import { count, countCopies, FAULT_PAIR_US, isEcho, isOvertaken } from './sending.ts';
import type { RouterIdentity, RouterKeeper, Services } from './services.ts';
import { SettingsWatch } from './settings.ts';
import type { Sight } from './sight.ts';
import { SourceWatch } from './source-watch.ts';
import {
  latenessUs,
  newSpeaker,
  recalledSpeaker,
  type Speaker,
  silenceLimitUs,
  yieldedUs,
} from './speaker.ts';
import { Succession } from './succession.ts';
import { isSuccessor } from './takeover.ts';
import type { Condition } from './timeline.ts';
import { type LastClaim, type Reign, VipWatch } from './vip-watch.ts';

/** VIPs by which its adverts and claims are recognised; one advert holds at most 255. */
const VIPS_MAX = 1_024;

export class VirtualRouter implements DeadlineOwner, RouterView {
  readonly identity: RouterIdentity;
  readonly ordinal: number;
  readonly speakers = new Map<string, Speaker>();
  /** all VIPs its remembered speakers advertise */
  readonly vips = new Set<string>();
  scheduledAt = Number.POSITIVE_INFINITY;
  /** one of its speakers was heard twice (or it is configured): before that nothing is said of it */
  exists: boolean;
  /** no other virtual router has its VRID: their adverts are rejected here, and its own there */
  alone = true;
  readonly firstAt: Instant;
  /** a number from the start: one that is undefined first makes V8 allocate at every advert */
  lastAdvertAt = 0 as Instant;
  /** the last advert of the same VRID that its speakers reject */
  rejectedAt = Number.NEGATIVE_INFINITY;

  readonly #services: Services;
  readonly #keeper: RouterKeeper;
  readonly #narrator: Narrator;
  readonly #succession: Succession;
  readonly #settings: SettingsWatch;
  readonly #claims: VipWatch;
  readonly #sources: SourceWatch;
  readonly #flapping: Flapping;
  readonly #loss: Loss;
  /** the master, while nothing else is heard and nothing in question: its next equal advert changes no state */
  #steady: Speaker | null = null;
  #speakingSince: Instant;
  #retired = false;

  constructor(identity: RouterIdentity, services: Services, keeper: RouterKeeper, at: Instant) {
    this.identity = identity;
    this.ordinal = services.nextOrdinal();
    this.exists = identity.configured !== null;
    this.firstAt = at;
    this.lastAdvertAt = at;
    this.#speakingSince = at;
    this.#services = services;
    this.#keeper = keeper;
    this.#narrator = new Narrator(this, services);
    this.#loss = new Loss(this, services, keeper);
    this.#settings = new SettingsWatch(this);
    this.#claims = new VipWatch(
      this,
      (address) => `vip:${identity.segment.name}/${address}`,
      () => this.#succession.reign(),
      {
        ownMac: (master, mac) => services.names.sameNode(identity, master, mac),
        darkId: (subject) => services.darkId(subject),
      },
    );
    this.#sources = new SourceWatch(this, (speaker, mac, since) => this.#macChanged(speaker, mac, since));
    this.#flapping = new Flapping(this);
    this.#succession = new Succession(
      this,
      { loss: this.#loss, claims: this.#claims, flapping: this.#flapping },
      at,
    );
  }

  get master(): Speaker | null {
    return this.#succession.master;
  }

  get sight(): Sight {
    return this.identity.sight;
  }

  get thresholds() {
    return this.#services.configuration.thresholds;
  }

  /** since when it has a master, be it one after another */
  get speakingSince(): Instant {
    return this.#speakingSince;
  }

  /** when the master's reign began; when it was lost, where it is */
  get since(): Instant {
    return this.#loss.since ?? this.#succession.since;
  }

  get isLost(): boolean {
    return this.#loss.isOpen;
  }

  /** Unicast, and nothing but its claims is heard any more. */
  get isQuiet(): boolean {
    return this.#loss.isQuiet;
  }

  /** Unicast, and a claim showed who took over while no advert is heard. */
  heldByClaim(by: string, mac: string, since: Instant): void {
    this.#loss.end(by, since);
    this.#loss.quieten();
    this.#succession.heldByClaim(mac);
  }

  get reign(): Reign {
    return this.#succession.reign();
  }

  /** Forgotten: nothing is heard of it any more. */
  get isRetired(): boolean {
    return this.#retired;
  }

  /** Whose claim of one of its VIPs was the last one heard. */
  lastClaim(vip: string): LastClaim {
    return this.#claims.lastClaim(vip);
  }

  get isSplit(): boolean {
    return this.#succession.isSplit;
  }

  get inQuestion(): boolean {
    return this.#succession.inQuestion;
  }

  inSplit(speaker: Speaker): boolean {
    return this.#succession.inSplit(speaker);
  }

  /** Its VIPs are held under another VRID, by `by`: whatever was missing is not. */
  goesOn(by: Speaker, vrid: number, since: Instant): void {
    this.#loss.end(by.address, since);
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
    this.#loss.begun(condition);
  }

  /**
   * It existed before a restart: everything the journal says of it, as if it had been heard. What was open then
   * is open now, and ends by the usual rules.
   */
  resume(recalled: RecalledRouter, open: readonly TimelineEvent[], at: Instant): void {
    this.exists = true;
    this.lastAdvertAt = recalled.lastAdvertAt;
    this.#speakingSince = recalled.since;
    for (const each of recalled.speakers) {
      const speaker = recalledSpeaker(each, recalled.lastAdvertAt);
      const held = recalled.lost === null && speaker.address === recalled.master;
      if (held) speaker.runStart = recalled.since;
      this.#met(speaker, recalled.since);
    }
    const master = this.speakers.get(recalled.master) ?? null;
    this.#succession.resume(master, recalled.since, only('split-brain', open), at);
    if (recalled.lost !== null) this.#loss.resume(recalled.lost, at);
    const [flapping] = only('flapping', open);
    this.#flapping.resume(recalled.failovers, flapping ?? null, at);
    for (const event of only('config-mismatch', open)) this.#settings.resume(event, at);
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
    this.#steady = null;
    this.#succession.abandon(now);
    this.#settings.abandon(now);
    this.#claims.abandon(now);
    this.#flapping.abandon(now);
  }

  /** One of its speakers was heard twice: what was held back until now is told. */
  comeIntoExistence(): void {
    this.exists = true;
    const provisional = this.identity.subject;
    this.#keeper.cameIntoExistence(this);
    this.#narrator.release(provisional);
    this.#succession.catchUp(this.#services.timeline.now);
  }

  forgetSpeaker(speaker: Speaker, at: Instant): void {
    this.speakers.delete(speaker.address);
    this.#succession.forgotten(speaker);
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
    if (speaker !== this.#steady || !this.alone) return false;
    const gap = at - speaker.lastAt;
    const interval = speaker.intervalUs;
    if (gap < interval / 4 || gap >= 1.75 * interval) return false;
    count(speaker, at, gap, ipId);
    countCopies(speaker, at);
    speaker.adverts++;
    speaker.lastAt = at;
    this.lastAdvertAt = at;
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
      this.#met(speaker, at);
      this.#settings.met(speaker, at);
    } else if (isEcho(speaker, observation)) {
      return false;
    } else if (isOvertaken(speaker, observation)) {
      this.lastAdvertAt = at;
      return false;
    } else {
      previously = this.#whatWasKnown(speaker, at);
      this.#enter(speaker, observation);
      count(speaker, at, at - speaker.lastAt, ipId);
    }
    speaker.adverts++;
    if (advert.priority === 0) this.#resign(speaker, ipId === null && speaker.copies > 1, at);
    else this.#speak(speaker, advert.priority, at, previously);
    this.lastAdvertAt = at;
    this.#loss.heard();
    this.#claims.masterSpoke(at);
    this.#reschedule();
    return true;
  }

  /** A claim of one of this virtual router's VIPs. */
  claimed(claim: Claim, at: Instant): void {
    const owner = this.#ownerOf(claim.mac);
    this.#claims.claimed(claim, at);
    this.#succession.claimed(claim, owner, at);
    this.#loss.claimed(claim, owner !== null || isVirtualRouterMac(claim.mac), at);
    this.#reschedule();
  }

  /** Somebody used this VRID in a way that its speakers reject, and were muted by. */
  rejected(at: Instant): void {
    this.rejectedAt = at;
  }

  due(now: Instant): number {
    if (this.#retired) return Number.POSITIVE_INFINITY;
    if (this.sight.blind) return Number.POSITIVE_INFINITY; // regaining sight schedules everything anew
    const steady = this.#steady;
    if (steady !== null && this.#claims.quiet) {
      // by far the most frequent case: adverts came meanwhile, and only the silence limit has moved
      const lost = this.heardAt(steady) + silenceLimitUs(steady) + latenessUs(steady);
      const next = Math.min(lost, this.#flapping.nextDue());
      if (next > now) return next;
    }
    this.#succession.due(now);
    this.#loss.due(now);
    if (this.#retired) return Number.POSITIVE_INFINITY; // its VIPs go on elsewhere
    this.#claims.due(now);
    this.#sources.due(now);
    this.#flapping.due(now);
    if (this.#loss.forget(now)) return Number.POSITIVE_INFINITY;
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
    const holds = speaker === this.master || this.inSplit(speaker);
    return at - this.heardAt(speaker) <= (holds ? silenceLimitUs(speaker) : yieldedUs(speaker));
  }

  tell<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling: Telling = {}): void {
    this.#narrator.tell(kind, time, details, telling);
  }

  begin<K extends EventKind>(
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    telling: Telling = {},
  ): Condition<K> {
    return this.#narrator.begin(kind, time, details, telling);
  }

  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Partial<DetailsOf<K>> = {}): void {
    this.#narrator.end(condition, time, more);
  }

  // hearing

  #met(speaker: Speaker, at: Instant): void {
    this.speakers.set(speaker.address, speaker);
    this.#learnVips(speaker, at);
    this.#keeper.speakerMet(this, speaker);
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
    speaker.priority = priority;
    speaker.priorityKnown = true;
    speaker.highestInRun = Math.max(speaker.highestInRun, priority);
    if (previously !== null) countCopies(speaker, at);
    speaker.lastAt = at;
    speaker.resignedAt = null;
    speaker.fault = false;
    const wasLost = this.#loss.spoke(speaker, at);
    if (wasLost) this.#speakingSince = at;
    this.#succession.spoke(speaker, previously, wasLost, at);
  }

  #resign(speaker: Speaker, arrivesInCopies: boolean, at: Instant): void {
    speaker.repelled = null;
    if (speaker.resignedAt === null) speaker.resignedAt = at;
    else if (at - speaker.lastAt <= FAULT_PAIR_US && !arrivesInCopies) speaker.fault = true;
    this.#loss.resigned(speaker);
    speaker.lastAt = at;
    speaker.runStart = null;
    this.#succession.resigned(speaker, at);
  }

  // deadlines

  #reschedule(): void {
    this.#settle();
    if (!this.sight.blind) this.#services.ensure(this, this.#nextDue());
  }

  #nextDue(): number {
    if (!this.exists) return Number.POSITIVE_INFINITY; // nothing is said of it, so nothing can be late
    return Math.min(
      this.#succession.nextDue(),
      this.#loss.nextDue(),
      this.#claims.nextDue(),
      this.#sources.nextDue(),
      this.#flapping.nextDue(),
    );
  }

  #settle(): void {
    const { master } = this;
    this.#steady = null;
    if (!this.exists || master === null || master.runStart === null) return;
    if (this.inQuestion || this.isLost) return;
    for (const speaker of this.speakers.values()) {
      if (speaker !== master && this.isSpeaking(speaker, this.#services.timeline.now)) return;
      if (speaker.macChange !== null || speaker.staleFields.size > 0) return;
    }
    if (!this.#claims.inQuestion()) this.#steady = master;
  }

  #learnVips(speaker: Speaker, at: Instant): void {
    for (const vip of speaker.advert.vips) {
      if (this.vips.has(vip) || this.vips.size >= VIPS_MAX) continue;
      this.vips.add(vip);
      this.#claims.learned(vip, at);
      this.#keeper.vipLearned(this, vip);
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
