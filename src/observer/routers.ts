/**
 * Which virtual router an advert belongs to: one that is known by its source or its VIPs, a configured one, or one
 * that comes into existence because its source is heard for the second time. Keeps them within their bounds, and
 * knows where the VIPs of one go on under another VRID.
 */
import type { AdvertObservation, ClaimObservation, Segment } from '../observation.ts';
import { type Instant, MS } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import { addressRank, familyOf } from './addresses.ts';
import { allHeard, type Candidate, Candidates, firstHeard, isCopy } from './candidates.ts';
import type { Collisions } from './collisions.ts';
import { configuredFor } from './configuration.ts';
import type { Expectations } from './expectations.ts';
import type { MovedClaims } from './moved-claims.ts';
import type { RouterIdentity, RouterKeeper, Services } from './services.ts';
import { type Place, plainSubject, type Slot } from './slots.ts';
import { graceOf, type Speaker } from './speaker.ts';
import type { VipIndex } from './vip-index.ts';
import { VirtualRouter } from './virtual-router.ts';

/** At the bound whoever said least goes first, then the oldest; masters and configured nodes never. */
const SPEAKERS_MAX = 4_096;
/** More than any cluster has; keeps what a forger of sources can make us compare short. */
const SPEAKERS_OF_ROUTER_MAX = 64;
/** More colliding virtual routers on one VRID of a segment are strangers, heard and not told apart. */
const ROUTERS_OF_VRID_MAX = 8;
/**
 * VIPs of all virtual routers together, some 50 MB. Past that half of them go, with the virtual routers that came last:
 * what a stranger makes up comes later than what is there. Configured ones never.
 */
const VIPS_MAX = 65_536;

/** Who is told of what happens to virtual routers. */
interface Told {
  readonly collisions: Collisions;
  readonly expectations: Expectations;
  readonly moved: MovedClaims;
}

export class Routers implements RouterKeeper {
  readonly #services: Services;
  readonly #vips: VipIndex;
  readonly #collisions: Collisions;
  readonly #expectations: Expectations;
  readonly #moved: MovedClaims;
  readonly #candidates = new Candidates((slot) => this.#services.slots.dropIfEmpty(slot));
  #speakerCount = 0;
  #vipCount = 0;

  constructor(services: Services, vips: VipIndex, { collisions, expectations, moved }: Told) {
    this.#services = services;
    this.#vips = vips;
    this.#collisions = collisions;
    this.#expectations = expectations;
    this.#moved = moved;
  }

  /** Passes an advert on. Answers the virtual router that took it in; null: there is none, or it was a copy. */
  hear(observation: AdvertObservation): VirtualRouter | null {
    const { advert, at, segment } = observation;
    const slot = this.#services.slots.of(segment, advert);
    const router = this.#routerOf(slot, advert, at) ?? this.#candidate(slot, observation);
    if (router === null || !router.hear(observation)) return null;
    for (const other of slot.routers) if (other !== router) other.rejected(at);
    const speaker = router.speakers.get(advert.src);
    if (speaker !== undefined) this.#expectations.rogues.heard(router, speaker, at);
    this.#mayGoOnHere(router, advert, at);
    if (slot.routers.length + slot.candidates.size > 1) this.#collisions.heard(slot, at);
    if (this.#vipCount <= VIPS_MAX) return router;
    this.#forgetLatest();
    return slot.routers.includes(router) ? router : null;
  }

  /** All that use the VRID dropped something, and were muted by it. */
  rejected(place: Place, at: Instant): void {
    const slot = this.#services.slots.find(place);
    if (slot === undefined) return;
    for (const router of slot.routers) router.rejected(at);
    slot.candidates.heard(null, at);
  }

  /** A claim, which may be of a candidate's VIP. */
  claimed(observation: ClaimObservation): void {
    this.#candidates.claimed(observation);
  }

  /** One that existed before a restart, as it was first heard. */
  recall(segment: Segment, advert: Advert, since: Instant): VirtualRouter {
    return this.#make(this.#services.slots.of(segment, advert), advert, since);
  }

  /** Its subject before a restart, unless the configuration says otherwise now. */
  settleSubject(router: VirtualRouter, before: string): void {
    const { identity } = router;
    const slot = this.#services.slots.find(identity);
    if (slot === undefined) return;
    const keeps = identity.configured === null && before.includes('#');
    identity.subject = keeps ? before : this.#subjectFor(slot, router);
  }

  // RouterKeeper

  cameIntoExistence(router: VirtualRouter): void {
    const slot = this.#services.slots.find(router.identity);
    if (slot !== undefined) router.identity.subject = this.#subjectFor(slot, router);
  }

  vipLearned(router: VirtualRouter, vip: string): void {
    this.#vips.add(router, vip);
    this.#vipCount++;
  }

  goesOnElsewhere(router: VirtualRouter, now: Instant): boolean {
    const vips = router.master?.advert.vips ?? [];
    for (const other of this.#vips.of(router.identity.segment, vips[0] ?? '')) {
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

  fellSilent(router: VirtualRouter): void {
    const slot = this.#services.slots.find(router.identity);
    if (slot !== undefined) this.#collisions.silenced(slot);
  }

  fellQuiet(router: VirtualRouter): void {
    this.#moved.fellQuiet(router);
    this.fellSilent(router);
  }

  speakerMet(router: VirtualRouter, speaker: Speaker): void {
    const hasRoom = this.#makeRoom() || router.speakers.size === 1;
    this.#speakerCount++;
    if (router.speakers.size > SPEAKERS_OF_ROUTER_MAX) this.#forgetSpeakerOf(router, speaker);
    if (!hasRoom) this.#forgetSpeaker(router, speaker);
  }

  forgotten(router: VirtualRouter): void {
    const { slots } = this.#services;
    const slot = slots.find(router.identity);
    if (slot === undefined || !slot.routers.includes(router)) return;
    slot.routers.splice(slot.routers.indexOf(router), 1);
    for (const each of slot.routers) each.alone = slot.routers.length === 1;
    slots.dropIfEmpty(slot);
    this.#speakerCount -= router.speakers.size;
    this.#vips.remove(router);
    this.#vipCount -= router.vips.size;
    this.#collisions.forgotten(slot);
    router.retire();
  }

  // which one

  /** The virtual router that an advert belongs to; null: none that exists. */
  #routerOf(slot: Slot, advert: Advert, at: Instant): VirtualRouter | null {
    for (const router of slot.routers) if (router.speakers.has(advert.src)) return router;
    if (slot.candidates.size > 0) {
      const sight = this.#services.sights.of(slot.segment.capture);
      if (this.#candidates.ofSource(slot, sight, advert, at) !== null) return null;
    }
    for (const router of slot.routers) if (router.shares(advert.vips)) return router;
    const [only] = slot.routers;
    const alone = slot.routers.length === 1 && slot.candidates.size === 0;
    if (advert.vips.length === 0 && only !== undefined && alone) return only;
    return this.#configuredFor(slot, advert.vips) === null ? null : this.#make(slot, advert, at);
  }

  /** An advert of no virtual router: one comes into existence when its source is heard for the second time. */
  #candidate(slot: Slot, observation: AdvertObservation): VirtualRouter | null {
    const { advert, at } = observation;
    const { sights, slots } = this.#services;
    const candidates = this.#candidates;
    const known = candidates.find(slot, sights.of(slot.segment.capture), advert, at);
    if (known !== null && isCopy(known, observation)) return null;
    for (const router of slot.routers) router.rejected(at);
    if (known === null) {
      if (this.#makeRoom()) candidates.add(observation, slot);
      else slots.dropIfEmpty(slot);
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
    const router = this.#make(slot, first.advert, first.at);
    this.#candidates.remove(candidate);
    router.rejected(Math.max(slot.candidates.rejectedAt(candidate), ...others) as Instant);
    for (const observation of allHeard(candidate)) {
      if (observation.kind === 'advert') router.hear(observation);
      else router.claimed(observation.claim, observation.at);
    }
    router.comeIntoExistence();
    return router;
  }

  /** Whether one more virtual router may be told apart on its VRID now. */
  #mayExist(slot: Slot, at: Instant): boolean {
    const others = slot.routers.length;
    if (others === 0) return true;
    return others < ROUTERS_OF_VRID_MAX && this.#services.newSource(slot.segment, at) > 0;
  }

  #make(slot: Slot, advert: Advert, at: Instant): VirtualRouter {
    const { segment, family, vrid, group } = slot;
    // each named: of an object that began as a copy V8 keeps later fields apart, and every advert asks for the sight
    const identity: RouterIdentity = {
      segment,
      sight: this.#services.sights.of(segment.capture),
      family,
      vrid,
      group,
      subject: plainSubject(slot), // settled when it comes into existence
      configured: this.#configuredFor(slot, advert.vips),
    };
    const router = new VirtualRouter(identity, this.#services, this, at);
    slot.routers.push(router);
    for (const each of slot.routers) each.alone = slot.routers.length === 1;
    this.#expectations.made(router);
    return router;
  }

  #configuredFor({ segment, vrid }: Slot, vips: readonly string[] | null) {
    return configuredFor(this.#services.configuration, segment.name, vrid, vips);
  }

  /** The configured virtual router, else the first to exist, keeps the plain form. */
  #subjectFor(slot: Slot, { identity, vips }: VirtualRouter): string {
    const plain = plainSubject(slot);
    if (identity.configured !== null) return plain;
    const taken = slot.routers.some((router) => router.exists && router.identity !== identity);
    if (!taken && this.#configuredFor(slot, null) === null) return plain;
    const [lowest] = [...vips].sort((a, b) =>
      addressRank(a, familyOf(a)) < addressRank(b, familyOf(b)) ? -1 : 1,
    );
    return `${plain}#${lowest ?? 'none'}`;
  }

  /** The VIPs of an advert may be those of a virtual router that is lost since its VRID was changed. */
  #mayGoOnHere(router: VirtualRouter, advert: Advert, at: Instant): void {
    if (!router.exists) return;
    for (const vip of advert.vips) {
      for (const other of this.#vips.of(router.identity.segment, vip)) {
        if (other !== router && other.isLost && this.goesOnElsewhere(other, at)) return;
      }
    }
  }

  // bounds

  /** Room for one more speaker. False: there is none, and nobody who was heard only once to forget. */
  #makeRoom(): boolean {
    if (this.#speakerCount + this.#candidates.size < SPEAKERS_MAX) return true;
    return this.#candidates.removeOldest();
  }

  #forgetLatest(): void {
    const strangers = [...this.#services.slots.routers()].filter(
      ({ identity }) => identity.configured === null,
    );
    strangers.sort((a, b) => a.firstAt - b.firstAt);
    while (this.#vipCount > VIPS_MAX / 2) {
      const latest = strangers.pop();
      if (latest === undefined) return;
      this.forgotten(latest);
    }
  }

  /** Forgets the speaker with the fewest adverts, then the oldest; never the master or a configured node. */
  #forgetSpeakerOf(router: VirtualRouter, newcomer: Speaker): void {
    let weakest: Speaker | null = null;
    for (const speaker of router.speakers.values()) {
      if (speaker === newcomer || speaker === router.master || router.inSplit(speaker)) continue;
      if (this.#services.names.nodeOf(router.identity, speaker.address) !== null) continue;
      const weaker =
        weakest === null ||
        speaker.adverts < weakest.adverts ||
        (speaker.adverts === weakest.adverts && speaker.lastAt < weakest.lastAt);
      if (weaker) weakest = speaker;
    }
    if (weakest !== null) this.#forgetSpeaker(router, weakest);
  }

  #forgetSpeaker(router: VirtualRouter, speaker: Speaker): void {
    router.forgetSpeaker(speaker, this.#services.timeline.now);
    this.#speakerCount--;
  }
}
