/**
 * The observer: observations in, timeline events out.
 *
 * Pure: no I/O, no clock, no randomness. Time arrives with each observation; before one is taken in, every
 * deadline that lies before it falls due, in order, each at its own instant, so that smaller steps of time change
 * nothing. The same input gives the same events. Everything that somebody on the segment can grow is bounded.
 */
import { type DetailsOf, type EventKind, KINDS, type Phase, type TimelineEvent } from '../events.ts';
import type {
  AdvertObservation,
  CarpObservation,
  ClaimObservation,
  Observation,
  Segment,
  SightObservation,
} from '../observation.ts';
import type { Sample } from '../samples.ts';
import type { RouterState } from '../state.ts';
import { type Instant, MS } from '../time.ts';
import type { Advert, Family } from '../wire/packet.ts';
import { AddressBook, addressKey } from './address-book.ts';
import { addressRank, familyOf } from './addresses.ts';
import { allHeard, type Candidate, Candidates, firstHeard, isCopy, SlotCandidates } from './candidates.ts';
import { Collisions } from './collisions.ts';
import { DEFAULT_CONFIGURATION, type ObserverConfiguration, type Thresholds } from './configuration.ts';
import { type DeadlineOwner, Deadlines } from './deadlines.ts';
import { Absence, ClaimedRouters, RogueSpeakers } from './expectations.ts';
import { InvalidAdverts } from './invalid-adverts.ts';
import { OwnEvents } from './own-events.ts';
import { routerState } from './present.ts';
import { RateLimit } from './rate-limit.ts';
import {
  captureOf,
  type RecalledRouter,
  type RestoredFacts,
  recollect,
  routerOf,
  vipOf,
} from './restoration.ts';
import type { Telling } from './router-view.ts';
import { SampleTaker } from './sample-taker.ts';
import type { Companions, ConfiguredRouter, RouterIdentity, RouterServices } from './services.ts';
import { Sight } from './sight.ts';
import { graceOf, graceUs, type Speaker, silenceLimitUs } from './speaker.ts';
import { summarize } from './summaries.ts';
import { type Draft, Timeline } from './timeline.ts';
import { VirtualRouter } from './virtual-router.ts';

export interface ObserverOptions {
  readonly configuration?: ObserverConfiguration;
  /** also make samples, at every change and every 30 s */
  readonly samples?: boolean;
  /** what the journal says of the time before; the first observation is then to be a `run` */
  readonly restored?: RestoredFacts;
  /** who observes, for events about the observer itself: a host name, or `replay` */
  readonly name?: string;
}

/** At the bound whoever said least goes first, then the oldest; masters and configured nodes never. */
const SPEAKERS_MAX = 4_096;
/** More than any cluster has; keeps what a forger of sources can make us compare short. */
const SPEAKERS_OF_ROUTER_MAX = 64;
/** New sources of bad adverts, rogue speakers and colliding virtual routers told a minute and segment. */
const NEW_SOURCES_A_MINUTE = 10;
/** More colliding virtual routers on one VRID of a segment are strangers, heard and not told apart. */
const ROUTERS_OF_VRID_MAX = 8;
const VIP_MOVES_A_MINUTE = 20;
const OTHER_MOVES_A_MINUTE = 120;

/** All virtual routers of one VRID on one segment. */
export interface Slot {
  readonly key: string;
  readonly segment: Segment;
  readonly family: Family;
  readonly vrid: number;
  readonly routers: VirtualRouter[];
  readonly candidates: SlotCandidates;
}

interface Voice {
  readonly segment: Segment;
  readonly sight: Sight;
  readonly router: VirtualRouter;
  readonly speaker: Speaker;
}

export class Observer implements RouterServices {
  readonly timeline = new Timeline();
  readonly thresholds: Thresholds;
  readonly #configuration: ObserverConfiguration;
  readonly #deadlines = new Deadlines();
  readonly #sights = new Map<string, Sight>();
  /** where anything was heard */
  readonly #segments = new Map<string, Segment>();
  readonly #slots = new Map<string, Slot>();
  /** whose last advert an advert object is: equal adverts are one object, so most need no further look */
  readonly #voices = new WeakMap<Advert, Voice>();
  /** the last voice under each VRID: nearly always the one looked for */
  readonly #lastVoices: (Voice | null)[] = new Array(256).fill(null);
  readonly #routersOfVip = new Map<string, VirtualRouter[]>();
  readonly #book = new AddressBook((key) => this.#routersOfVip.has(key));
  readonly #own: OwnEvents;
  #restored: RestoredFacts | null;
  readonly #collisions: Collisions;
  readonly #rogues: RogueSpeakers;
  readonly #claimed: ClaimedRouters;
  readonly #absences: Absence[] = [];
  readonly #samples: SampleTaker | null;
  readonly #invalid = new InvalidAdverts(({ segment, at }) => this.newSource(segment, at));
  readonly #newSources = new RateLimit(NEW_SOURCES_A_MINUTE, SPEAKERS_MAX);
  readonly #vipMoves = new RateLimit(VIP_MOVES_A_MINUTE, SPEAKERS_MAX);
  readonly #otherMoves = new RateLimit(OTHER_MOVES_A_MINUTE, SPEAKERS_MAX);
  readonly #candidates = new Candidates((slot) => this.#dropEmpty(slot));
  #speakerCount = 0;
  #ordinals = 0;
  #started = false;

  constructor(options: ObserverOptions = {}) {
    this.#configuration = options.configuration ?? DEFAULT_CONFIGURATION;
    this.thresholds = this.#configuration.thresholds;
    this.#restored = options.restored ?? null;
    this.#own = new OwnEvents(this.timeline, options.name ?? 'replay');
    this.#collisions = new Collisions(this);
    this.#rogues = new RogueSpeakers(this, this.#configuration);
    this.#claimed = new ClaimedRouters(this, this.#configuration);
    this.#samples = options.samples === true ? new SampleTaker(this, () => this.routers()) : null;
  }

  /** Takes in one observation and answers what is known now that was not before. */
  observe(observation: Observation): readonly TimelineEvent[] {
    if (observation.kind === 'advert') {
      const { at, segment, advert, ipId } = observation;
      if (this.heardAgain(at, segment, advert, ipId)) return [];
    }
    const at = Math.max(observation.at, this.timeline.now) as Instant;
    if (!this.#started) this.#start(at);
    this.#passTo(at, observation.kind === 'clock');
    this.timeline.now = at;
    if (observation.kind !== 'run') this.#goOn(at);
    this.#takeIn(observation.at === at ? observation : { ...observation, at });
    const events = this.timeline.take();
    if (this.#samples !== null && events.length > 0) this.#samples.changed(events, at);
    return events;
  }

  /**
   * The fast path of `observe`, which may be asked first to spare the observation: true of an advert that changes
   * nothing but times, which it has then taken in. False of any other, which is to be observed.
   */
  heardAgain(at: Instant, segment: Segment, advert: Advert, ipId: number | null): boolean {
    const voice = this.#voiceOf(advert, segment);
    if (voice === null || at < this.timeline.now) return false;
    if (this.#deadlines.next < at) this.#passTo(at, false);
    if (this.timeline.hasEvents || voice.sight.blind) return false;
    if (!voice.router.hearSteady(voice.speaker, at, ipId)) return false;
    voice.sight.lastFrameAt = at;
    this.timeline.now = at;
    return true;
  }

  /** The samples made since the last call. */
  takeSamples(): readonly Sample[] {
    return this.#samples?.take() ?? [];
  }

  /** The present, as of the latest observation: every virtual router that was heard. */
  state(): readonly RouterState[] {
    return [...this.routers()].flatMap((router) => {
      const { identity } = router;
      const nodeOf = (address: string) => this.#nodeName(identity, address);
      const state = routerState(
        router,
        { foreign: this.foreign(identity.configured), nodeOf },
        this.timeline.now,
      );
      return state === null ? [] : [state];
    });
  }

  /** Every virtual router that exists. */
  *routers(): Iterable<VirtualRouter> {
    for (const slot of this.#slots.values())
      for (const router of slot.routers) if (router.exists) yield router;
  }

  // observations

  #start(at: Instant): void {
    this.#started = true;
    this.timeline.now = at;
    for (const cluster of this.#configuration.clusters) {
      for (const router of cluster.virtualRouters) {
        if (router.unicast) continue;
        const absence = new Absence(this, { cluster, router }, at);
        this.#absences.push(absence);
        this.#deadlines.ensure(absence, absence.nextDue());
      }
    }
    if (this.#samples !== null) this.#deadlines.ensure(this.#samples, at);
  }

  // going on after a restart

  /** With the first observation. */
  #goOn(at: Instant): void {
    if (this.#restored === null) return;
    const facts = this.#restored;
    this.#restored = null;
    this.#resume(facts, at);
  }

  /** Takes up what the journal says. Every capture is blind until it tells that it sees. */
  #resume(facts: RestoredFacts, at: Instant): void {
    const { until, routers, open, claims } = recollect(facts);
    const since = Math.min(until, at) as Instant;
    for (const capture of facts.captures) this.#sight(capture).wasAway(since);
    const bySubject = new Map<string, VirtualRouter>();
    for (const recalled of routers) {
      const router = this.#resumeRouter(recalled, facts.captures);
      if (router === null) continue;
      bySubject.set(recalled.subject, router);
      router.resume(
        recalled,
        open.filter((event) => event.subject === recalled.subject),
        at,
      );
      this.#settleSubject(router, recalled.subject);
    }
    for (const { segment, address, mac } of claims) {
      const capture = captureOf(segment, facts.captures);
      if (capture !== null) this.#book.recall(this.#segment(segment, capture), address, mac);
    }
    for (const event of open) this.#resumeCondition(event, bySubject.get(event.subject), at);
  }

  #resumeRouter(recalled: RecalledRouter, captures: readonly string[]): VirtualRouter | null {
    const capture = captureOf(recalled.segment, captures);
    const [first] = recalled.speakers;
    if (capture === null || first === undefined) return null;
    const segment = this.#segment(recalled.segment, capture);
    const slot = this.#slotFor(segment, first.advert);
    return this.#newRouter(slot, first.advert, recalled.since);
  }

  /** The one it had, unless the configuration says otherwise now. */
  #settleSubject(router: VirtualRouter, before: string): void {
    const { identity } = router;
    const slot = this.slotOf(router);
    if (slot === undefined) return;
    const keeps = identity.configured === null && before.includes('#');
    identity.subject = keeps ? before : this.#subjectFor(slot, identity, router.vips);
  }

  /** What is not the virtual router's own business: that has been taken up with it. */
  #resumeCondition(event: TimelineEvent, router: VirtualRouter | undefined, at: Instant): void {
    switch (event.kind) {
      case 'capture-degraded':
        this.#own.resumeDegraded(event, at);
        if (!this.#sight(event.details.segment).blind) this.#own.sees(event.details.segment, at); // not captured any more
        break;
      case 'sink-failing':
        this.#own.resumeFailing(event, at);
        break;
      case 'garp-missing':
      case 'ip-conflict': {
        const vip = vipOf(event.subject);
        if (vip === null) break;
        const holders = this.#routersOfVip.get(`${vip.segment}|${vip.address}`) ?? [];
        const holder = holders.find((other) => other.master?.address === event.details.holder) ?? holders[0];
        holder?.resumeClaim(vip.address, event, at);
        break;
      }
      case 'rogue-speaker': {
        const speaker = router?.speakers.get(event.details.speaker);
        if (router !== undefined && speaker !== undefined) this.#rogues.resume(event, router, speaker, at);
        break;
      }
      case 'vrid-collision': {
        const slot = router === undefined ? undefined : this.slotOf(router);
        if (router !== undefined && slot !== undefined) this.#collisions.resume(slot, event, router, at);
        break;
      }
      case 'master-lost': {
        if (router !== undefined) break;
        const place = routerOf(event.subject);
        if (place !== null)
          this.#absences.some((absence) => absence.resume(event, place.segment, place.vrid, at));
        break;
      }
      default:
        break;
    }
  }

  #segment(name: string, capture: string): Segment {
    const segment = this.#segments.get(name) ?? { name, capture };
    this.#segments.set(name, segment);
    return segment;
  }

  /** What falls due before `at`, or on it at the latest, happens. */
  #passTo(at: Instant, inclusive: boolean): void {
    const deadlines = this.#deadlines;
    while (deadlines.next < at || (inclusive && deadlines.next === at)) {
      this.timeline.now = Math.max(deadlines.next, this.timeline.now) as Instant;
      deadlines.fire();
    }
  }

  #takeIn(observation: Observation): void {
    switch (observation.kind) {
      case 'advert':
        this.#advert(observation);
        break;
      case 'claim':
        this.#claim(observation);
        break;
      case 'carp':
        this.#carp(observation);
        break;
      case 'traffic':
        this.#frame(observation.segment, observation.at);
        if (observation.addressTalk !== null)
          this.#sight(observation.segment.capture).heardTalk(observation.addressTalk);
        break;
      case 'sight':
        this.#sightChanged(observation);
        break;
      case 'run':
        this.#own.run(observation);
        this.#goOn(observation.at);
        break;
      case 'sink':
        this.#own.sink(observation);
        break;
      case 'clock':
        break;
      default:
        observation satisfies never;
    }
  }

  #voiceOf(advert: Advert, segment: Segment): Voice | null {
    const last = this.#lastVoices[advert.vrid];
    if (last && last.speaker.advert === advert && last.segment === segment) return last;
    const voice = this.#voices.get(advert);
    if (voice === undefined || voice.segment !== segment || voice.speaker.advert !== advert) return null;
    this.#lastVoices[advert.vrid] = voice;
    return voice;
  }

  #advert(observation: AdvertObservation): void {
    const { advert, at, segment } = observation;
    this.#frame(segment, at);
    if (!advert.valid) {
      this.#invalidAdvert(observation);
      return;
    }
    const slot = this.#slotFor(segment, advert);
    const router = this.#routerOf(slot, advert, at) ?? this.#candidate(slot, observation);
    if (router === null || !router.hear(observation)) return;
    for (const other of slot.routers) if (other !== router) other.rejected(at);
    const speaker = router.speakers.get(advert.src);
    if (speaker !== undefined) {
      this.#voices.set(speaker.advert, { segment, sight: router.sight, router, speaker });
      this.#rogues.heard(router, speaker, at);
    }
    this.#mayGoOnHere(router, advert, at);
    if (slot.routers.length + slot.candidates.size > 1) this.#collisions.heard(slot, at);
  }

  /** An advert of no virtual router: one comes into existence when its source is heard for the second time. */
  #candidate(slot: Slot, observation: AdvertObservation): VirtualRouter | null {
    const { advert, at } = observation;
    const candidates = this.#candidates;
    const known = candidates.find(slot, this.#sight(slot.segment.capture), advert, at);
    if (known !== null && isCopy(known, observation)) return null;
    for (const router of slot.routers) router.rejected(at);
    if (known === null) {
      if (this.#makeRoom()) candidates.add(observation, slot);
      else this.#dropEmpty(slot);
    } else {
      const firstAt = firstHeard(known, advert.src);
      const again = firstAt !== null && at - firstAt >= graceOf(advert.intervalMs * MS);
      if (again && this.#mayExist(slot, at)) return this.#promote(known);
      candidates.heard(known, observation);
    }
    if (slot.routers.length > 0) this.#collisions.stranger(slot, advert, at);
    return null;
  }

  /** All that was heard of it is heard by the virtual router that it is. */
  #promote(candidate: Candidate): VirtualRouter {
    const { slot, first } = candidate;
    const others = slot.routers.map((router) => router.lastAdvertAt);
    const router = this.#newRouter(slot, first.advert, first.at);
    this.#candidates.remove(candidate);
    router.rejected(Math.max(slot.candidates.rejectedAt(candidate), ...others) as Instant);
    for (const observation of allHeard(candidate)) {
      if (observation.kind === 'advert') router.hear(observation);
      else router.claimed(observation.claim, observation.at);
    }
    router.comeIntoExistence();
    return router;
  }

  /** Room for one more speaker. False: there is none, and nobody who was heard only once to forget. */
  #makeRoom(): boolean {
    if (this.#speakerCount + this.#candidates.size < SPEAKERS_MAX) return true;
    return this.#candidates.removeOldest();
  }

  #dropEmpty(slot: Slot): void {
    if (slot.routers.length === 0 && slot.candidates.size === 0) this.#slots.delete(slot.key);
  }

  /** Whether one more virtual router may be told apart on its VRID now. */
  #mayExist(slot: Slot, at: Instant): boolean {
    const others = slot.routers.length;
    if (others === 0) return true;
    return others < ROUTERS_OF_VRID_MAX && this.newSource(slot.segment, at) > 0;
  }

  #invalidAdvert(observation: AdvertObservation): void {
    const { advert, at, segment } = observation;
    const { family, vrid, src, vips } = advert;
    const group = groupOf(advert);
    const slot = this.#slots.get(slotKey(segment, family, vrid, group));
    if (slot !== undefined) this.#rejected(slot, at);
    const told = this.#invalid.heard(observation);
    if (told === null) return;
    const configured = this.configuredFor(segment, vrid, vips, true);
    const details = { ...told, source: src };
    this.timeline.publish(
      this.timeline.draft('instant', {
        kind: 'advert-invalid',
        time: at,
        severity: this.foreign(configured) ? 'info' : 'warning',
        cluster: configured?.cluster.name ?? null,
        subject: routerSubject({ segment, family, vrid, group }),
        summary: summarize('advert-invalid', 'instant', details, (address) => address),
        details,
      }),
    );
  }

  #claim(observation: ClaimObservation): void {
    const { claim, at, segment } = observation;
    this.#frame(segment, at);
    this.#sight(segment.capture).heardTalk(claim.family);
    const key = addressKey(segment, claim.address);
    const routers = this.#routersOfVip.get(key);
    const fromMac = this.#book.claimed(segment, claim);
    if (fromMac !== null)
      this.#vipMoved(segment, claim.address, fromMac, claim.mac, claim.form, routers ?? [], at);
    if (routers !== undefined) for (const router of [...routers]) router.claimed(claim, at);
    this.#candidates.claimed(observation);
  }

  #vipMoved(
    segment: Segment,
    address: string,
    fromMac: string,
    toMac: string,
    via: string,
    routers: readonly VirtualRouter[],
    at: Instant,
  ): void {
    const key = addressKey(segment, address);
    const configured =
      routers.find((router) => router.identity.configured !== null)?.identity.configured ??
      this.#claimed.configuredFor(segment, address);
    const isVip = routers.length > 0 || configured !== null;
    this.#claimed.moved(segment, address, fromMac, toMac, routers, at);
    const limit = isVip ? this.#vipMoves.take(key, at) : this.#otherMoves.take(segment.name, at);
    if (limit === 0) return;
    const details = { fromMac, toMac, via };
    this.timeline.publish(
      this.timeline.draft('instant', {
        kind: 'vip-moved',
        time: at,
        severity: 'info',
        cluster: configured?.cluster.name ?? null,
        subject: `vip:${key.replace('|', '/')}`,
        summary: `${address} is ${summarize('vip-moved', 'instant', details, (known) => known)}`,
        details,
      }),
    );
  }

  #carp({ carp, at, segment }: CarpObservation): void {
    this.#frame(segment, at);
    const slot = this.#slots.get(slotKey(segment, carp.family, carp.vhid, ''));
    if (slot !== undefined) this.#rejected(slot, at);
  }

  /** All that use the VRID dropped something, and were muted by it. */
  #rejected(slot: Slot, at: Instant): void {
    for (const router of slot.routers) router.rejected(at);
    slot.candidates.heard(null, at);
  }

  /** Any frame at all: the capture works. */
  #frame(segment: Segment, at: Instant): void {
    const sight = this.#sight(segment.capture);
    if (sight.blind && sight.inferred) this.#regainSight(sight, at);
    sight.lastFrameAt = at;
    if (!this.#segments.has(segment.name)) this.#segments.set(segment.name, segment);
  }

  #sightChanged({ capture, seeing, reason, dropped, since, at }: SightObservation): void {
    const sight = this.#sight(capture);
    if (seeing) this.#regainSight(sight, at);
    else this.#loseSight(sight, Math.min(since ?? at, at) as Instant, reason, dropped, false);
  }

  #loseSight(sight: Sight, at: Instant, reason: string, dropped: number | null, inferred: boolean): void {
    const since = Math.max(at, sight.regainedAt) as Instant;
    if (sight.blind) {
      sight.inferred &&= inferred;
    } else {
      for (const slot of this.#slots.values()) {
        for (const router of slot.routers) if (router.sight === sight) router.sightLost(since);
      }
      sight.lose(since);
      sight.inferred = inferred;
    }
    this.#own.cannotSee(sight.capture, since, reason, dropped);
  }

  #regainSight(sight: Sight, at: Instant): void {
    if (!sight.blind) return;
    sight.regain(at);
    this.#own.sees(sight.capture, at);
    for (const slot of this.#slots.values()) {
      for (const router of slot.routers) if (router.sight === sight) router.sightRegained();
    }
  }

  #sight(capture: string): Sight {
    let sight = this.#sights.get(capture);
    if (sight === undefined) {
      sight = new Sight(capture);
      this.#sights.set(capture, sight);
    }
    return sight;
  }

  // which virtual router

  #slotFor(segment: Segment, advert: Advert): Slot {
    const { family, vrid } = advert;
    const key = slotKey(segment, family, vrid, groupOf(advert));
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { key, segment, family, vrid, routers: [], candidates: new SlotCandidates() };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  /** The virtual router that an advert belongs to; null: none that exists. */
  #routerOf(slot: Slot, advert: Advert, at: Instant): VirtualRouter | null {
    for (const router of slot.routers) if (router.speakers.has(advert.src)) return router;
    if (slot.candidates.size > 0) {
      const sight = this.#sight(slot.segment.capture);
      if (this.#candidates.ofSource(slot, sight, advert, at) !== null) return null;
    }
    for (const router of slot.routers) if (router.shares(advert.vips)) return router;
    const [only] = slot.routers;
    const alone = slot.routers.length === 1 && slot.candidates.size === 0;
    if (advert.vips.length === 0 && only !== undefined && alone) return only;
    const configured = this.configuredFor(slot.segment, slot.vrid, advert.vips, false);
    return configured === null ? null : this.#newRouter(slot, advert, at);
  }

  #newRouter(slot: Slot, advert: Advert, at: Instant): VirtualRouter {
    const configured = this.configuredFor(slot.segment, slot.vrid, advert.vips, false);
    const identity: RouterIdentity = {
      segment: slot.segment,
      sight: this.#sight(slot.segment.capture),
      family: slot.family,
      vrid: slot.vrid,
      group: groupOf(advert),
      subject: routerSubject({ ...slot, group: groupOf(advert) }), // settled when it comes into existence
      configured,
    };
    const router = new VirtualRouter(identity, this, at);
    slot.routers.push(router);
    for (const each of slot.routers) each.alone = slot.routers.length === 1;
    for (const absence of this.#absences) absence.heard(router);
    return router;
  }

  /** The configured virtual router, else the first to exist, keeps the plain form. */
  #subjectFor(slot: Slot, identity: RouterIdentity, vips: Iterable<string>): string {
    const plain = routerSubject({ ...slot, group: identity.group });
    if (identity.configured !== null) return plain;
    const taken = slot.routers.some((router) => router.exists && router.identity !== identity);
    if (!taken && this.configuredFor(slot.segment, slot.vrid, [], true) === null) return plain;
    const [lowest] = [...vips].sort((a, b) =>
      addressRank(a, familyOf(a)) < addressRank(b, familyOf(b)) ? -1 : 1,
    );
    return `${plain}#${lowest ?? 'none'}`;
  }

  /** The configured virtual router that these VIPs belong to; `any` ignores the VIPs. */
  configuredFor(
    segment: Segment,
    vrid: number,
    vips: readonly string[],
    any: boolean,
  ): ConfiguredRouter | null {
    for (const cluster of this.#configuration.clusters) {
      for (const router of cluster.virtualRouters) {
        if (router.vrid !== vrid || (router.segment !== null && router.segment !== segment.name)) continue;
        if (any || router.vips.length === 0 || router.vips.some((vip) => vips.includes(vip)))
          return { cluster, router };
      }
    }
    return null;
  }

  /** With virtual routers configured, every other one is somebody else's. */
  foreign(configured: ConfiguredRouter | null): boolean {
    return (
      configured === null && this.#configuration.clusters.some((cluster) => cluster.virtualRouters.length > 0)
    );
  }

  /** A segment on which something was captured: the one of that name, or any. */
  segmentNamed(name: string | null): Segment | null {
    if (name !== null) return this.#segments.get(name) ?? null;
    const [any] = this.#segments.values();
    return any ?? null;
  }

  sightOf(segment: Segment): Sight {
    return this.#sight(segment.capture);
  }

  /** How many new sources this one stands for, 0 if it must not be told. */
  newSource(segment: Segment, at: Instant): number {
    return this.#newSources.take(segment.name, at);
  }

  slotOf(router: VirtualRouter): Slot | undefined {
    const { segment, family, vrid, group } = router.identity;
    return this.#slots.get(slotKey(segment, family, vrid, group));
  }

  // RouterServices

  nextOrdinal(): number {
    return this.#ordinals++;
  }

  ensure(owner: DeadlineOwner, at: number): void {
    this.#deadlines.ensure(owner, Math.max(at, this.timeline.now));
  }

  draft<K extends EventKind>(
    router: VirtualRouter,
    phase: Phase,
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    telling: Telling,
  ): Draft<K> {
    const { identity } = router;
    const named = this.named(identity, details);
    return this.timeline.draft(phase, {
      kind,
      time,
      severity: this.foreign(identity.configured) ? 'info' : (telling.severity ?? KINDS[kind].severity),
      cluster: identity.configured?.cluster.name ?? null,
      subject: telling.subject ?? identity.subject,
      summary: summarize(kind, phase, details, (address) => this.nameOf(identity, address)),
      details: named,
      about: telling.about ?? null,
    });
  }

  nameOf(identity: RouterIdentity, address: string): string {
    return this.#nodeName(identity, address) ?? address;
  }

  sameNode(identity: RouterIdentity, speaker: Speaker, mac: string): boolean {
    const addresses = this.#book.addressesOf(identity.segment, mac);
    if (addresses.has(speaker.address)) return true;
    const node = this.#nodeName(identity, speaker.address);
    if (node === null || identity.configured === null) return false;
    const listed = identity.configured.cluster.nodes.find((other) => other.name === node)?.addresses ?? [];
    return listed.some((address) => addresses.has(address));
  }

  silentTogether(router: VirtualRouter, unexplained: boolean, now: Instant): Companions {
    const { sight } = router;
    const { master } = router;
    const silentSince = sight.lastFrameAt;
    if (master === null || silentSince - router.lastAdvertAt > master.intervalUs) return 'alone';
    let known = Number.POSITIVE_INFINITY;
    let lastAdvertAt = router.lastAdvertAt;
    for (const other of this.routers()) {
      const theirs = other.master;
      if (
        other === router ||
        other.sight !== sight ||
        theirs === null ||
        theirs.resignedAt !== null ||
        other.isLost
      )
        continue;
      if (sameMachine(theirs, master) || silentSince - other.lastAdvertAt > theirs.intervalUs) continue;
      known = Math.min(known, other.lastAdvertAt + 1.25 * theirs.intervalUs);
      if (other.lastAdvertAt > lastAdvertAt) lastAdvertAt = other.lastAdvertAt;
    }
    if (silentSince > lastAdvertAt + graceUs(master)) return 'alone'; // somebody else was heard since
    if (known > now + silenceLimitUs(master)) return 'alone';
    if (known > now) return known;
    if (!unexplained) return 'alone';
    this.#loseSight(sight, silentSince as Instant, 'nothing is heard any more', null, true);
    return 'blind';
  }

  goesOnElsewhere(router: VirtualRouter, now: Instant): boolean {
    const vips = router.master?.advert.vips ?? [];
    for (const other of this.#routersOfVip.get(addressKey(router.identity.segment, vips[0] ?? '')) ?? []) {
      const { master } = other;
      if (
        other === router ||
        !other.exists ||
        other.isLost ||
        master === null ||
        !other.isSpeaking(master, now)
      )
        continue;
      if (!vips.every((vip) => master.advert.vips.includes(vip))) continue;
      router.goesOn(master, other.identity.vrid, other.speakingSince);
      this.forgotten(router);
      return true;
    }
    return false;
  }

  /** The VIPs of an advert may be those of a virtual router that is lost since its VRID was changed. */
  #mayGoOnHere(router: VirtualRouter, advert: Advert, at: Instant): void {
    if (!router.exists) return;
    for (const vip of advert.vips) {
      for (const other of this.#routersOfVip.get(addressKey(router.identity.segment, vip)) ?? []) {
        if (other !== router && other.isLost && this.goesOnElsewhere(other, at)) return;
      }
    }
  }

  fellSilent(router: VirtualRouter): void {
    const slot = this.slotOf(router);
    if (slot !== undefined) this.#collisions.silenced(slot);
  }

  speakerMet(router: VirtualRouter, speaker: Speaker): void {
    const hasRoom = this.#makeRoom() || router.speakers.size === 1;
    this.#speakerCount++;
    if (router.speakers.size > SPEAKERS_OF_ROUTER_MAX) this.#forgetSpeakerOf(router, speaker);
    if (hasRoom) return;
    router.forgetSpeaker(speaker, this.timeline.now);
    this.#speakerCount--;
  }

  vipLearned(router: VirtualRouter, vip: string): void {
    const key = addressKey(router.identity.segment, vip);
    const routers = this.#routersOfVip.get(key);
    if (routers === undefined) this.#routersOfVip.set(key, [router]);
    else routers.push(router);
  }

  cameIntoExistence(router: VirtualRouter): void {
    const slot = this.slotOf(router);
    if (slot !== undefined) router.identity.subject = this.#subjectFor(slot, router.identity, router.vips);
  }

  forgotten(router: VirtualRouter): void {
    const slot = this.slotOf(router);
    if (slot === undefined || !slot.routers.includes(router)) return;
    slot.routers.splice(slot.routers.indexOf(router), 1);
    for (const each of slot.routers) each.alone = slot.routers.length === 1;
    this.#dropEmpty(slot);
    this.#speakerCount -= router.speakers.size;
    for (const vip of router.vips) {
      const key = addressKey(router.identity.segment, vip);
      const rest = (this.#routersOfVip.get(key) ?? []).filter((other) => other !== router);
      if (rest.length === 0) this.#routersOfVip.delete(key);
      else this.#routersOfVip.set(key, rest);
    }
    this.#collisions.forgotten(slot);
    router.retire();
  }

  /** Forgets the speaker with the fewest adverts, then the oldest; never the master or a configured node. */
  #forgetSpeakerOf(router: VirtualRouter, newcomer: Speaker): void {
    let weakest: Speaker | null = null;
    for (const speaker of router.speakers.values()) {
      if (speaker === newcomer || speaker === router.master || router.inSplit(speaker)) continue;
      if (this.#nodeName(router.identity, speaker.address) !== null) continue;
      const weaker =
        weakest === null ||
        speaker.adverts < weakest.adverts ||
        (speaker.adverts === weakest.adverts && speaker.lastAt < weakest.lastAt);
      if (weaker) weakest = speaker;
    }
    if (weakest === null) return;
    router.forgetSpeaker(weakest, this.timeline.now);
    this.#speakerCount--;
  }

  // names

  named<K extends EventKind>(identity: RouterIdentity, details: DetailsOf<K>): DetailsOf<K> {
    if (identity.configured === null) return details;
    const named: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(details)) {
      if (key.endsWith('Node')) continue; // of a condition's begin: its addresses may have been replaced
      named[key] = value;
      if (typeof value !== 'string') continue;
      const node = this.#nodeName(identity, value);
      if (node !== null) named[`${key}Node`] = node;
    }
    return named as DetailsOf<K>;
  }

  #nodeName(identity: RouterIdentity, address: string): string | null {
    const nodes = identity.configured?.cluster.nodes;
    if (nodes === undefined) return null;
    const listed = nodes.find((node) => node.addresses.includes(address));
    if (listed !== undefined) return listed.name;
    const slot = this.#slots.get(slotKey(identity.segment, identity.family, identity.vrid, identity.group));
    for (const router of slot?.routers ?? []) {
      const mac = router.speakers.get(address)?.mac;
      if (mac === undefined) continue;
      const claimed = this.#book.addressesOf(identity.segment, mac);
      const node = nodes.find((other) => other.addresses.some((listedAddress) => claimed.has(listedAddress)));
      if (node !== undefined) return node.name;
    }
    return null;
  }

  /** The name of the node whose listed address `mac` has claimed, with that address. */
  nodeOfMac(
    segment: Segment,
    configured: ConfiguredRouter,
    mac: string,
  ): { name: string; address: string } | null {
    const claimed = this.#book.addressesOf(segment, mac);
    for (const node of configured.cluster.nodes) {
      const address = node.addresses.find((other) => claimed.has(other));
      if (address !== undefined) return { name: node.name, address };
    }
    return null;
  }
}

const STANDARD_GROUPS = new Set(['224.0.0.18', 'ff02::12']);

/** The destination group where it is not the standard one; '' for that and for unicast. */
function groupOf({ dst, family }: Advert): string {
  if (STANDARD_GROUPS.has(dst)) return '';
  const multicast = family === 'ipv4' ? Number.parseInt(dst, 10) >= 224 : dst.startsWith('ff');
  return multicast ? dst : '';
}

function slotKey(segment: Segment, family: Family, vrid: number, group: string): string {
  return `${segment.name}|${family}|${vrid}|${group}`;
}

function routerSubject(slot: { segment: Segment; family: Family; vrid: number; group?: string }): string {
  const group = slot.group === undefined || slot.group === '' ? '' : `@${slot.group}`;
  return `vr:${slot.segment.name}/${slot.family}/${slot.vrid}${group}`;
}

/** Of two masters; virtual MACs tell nothing, so only equal addresses then make them one. */
function sameMachine(a: Speaker, b: Speaker): boolean {
  if (a.mac === b.mac || a.address === b.address) return true;
  return (
    familyOf(a.address) !== familyOf(b.address) &&
    (a.mac.startsWith('00:00:5e:') || b.mac.startsWith('00:00:5e:'))
  );
}
