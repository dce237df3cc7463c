/** What the configuration leads one to expect: virtual routers that ought to speak, and nobody else for them. */
import type { EventOf } from '../events.ts';
import { type Instant, SECOND } from '../time.ts';
import { familyOf, sameSubnet } from './addresses.ts';
import type { ConfiguredRouter } from './configuration.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Services } from './services.ts';
import { type Speaker, silenceLimitUs } from './speaker.ts';
import { summarize } from './summaries.ts';
import { type Condition, resumed } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

const NEVER_HEARD_AFTER_US = 10 * SECOND;

export class Expectations {
  readonly rogues: RogueSpeakers;
  readonly #services: Services;
  readonly #absences: Absence[] = [];

  constructor(services: Services) {
    this.#services = services;
    this.rogues = new RogueSpeakers(services);
  }

  /** Observing begins. */
  start(at: Instant): void {
    for (const cluster of this.#services.configuration.clusters) {
      for (const router of cluster.virtualRouters) {
        if (router.unicast) continue;
        const absence = new Absence(this.#services, { cluster, router }, at);
        this.#absences.push(absence);
        this.#services.ensure(absence, absence.nextDue());
      }
    }
  }

  /** There is a new virtual router. */
  made(router: VirtualRouter): void {
    for (const absence of this.#absences) absence.heard(router);
  }

  /** One that was not heard before a restart either: the same condition. */
  resumeAbsence(event: EventOf<'master-lost'>, segment: string, vrid: number, at: Instant): void {
    this.#absences.some((absence) => absence.resume(event, segment, vrid, at));
  }
}

/** A configured multicast virtual router that has not been heard since the start. */
class Absence implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #services: Services;
  readonly #configured: ConfiguredRouter;
  readonly #start: Instant;
  #condition: Condition<'master-lost'> | null = null;
  #heard = false;

  constructor(services: Services, configured: ConfiguredRouter, start: Instant) {
    this.#services = services;
    this.#configured = configured;
    this.#start = start;
    this.ordinal = services.nextOrdinal();
  }

  /** Not heard before a restart either: the same condition. Answers whether it is about this virtual router. */
  resume(event: EventOf<'master-lost'>, segment: string, vrid: number, at: Instant): boolean {
    const { router } = this.#configured;
    if (router.vrid !== vrid || (router.segment !== null && router.segment !== segment)) return false;
    this.#condition ??= resumed(event, at);
    return true;
  }

  nextDue(): number {
    return this.#start + NEVER_HEARD_AFTER_US;
  }

  heard(router: VirtualRouter): void {
    if (this.#heard || router.identity.configured?.router !== this.#configured.router) return;
    this.#heard = true;
    if (this.#condition !== null) router.neverHeard(this.#condition);
  }

  due(now: Instant): number {
    if (this.#heard || this.#condition !== null) return Number.POSITIVE_INFINITY;
    const segment = this.#services.sights.segmentNamed(this.#configured.router.segment);
    if (segment === null) return now + SECOND; // nothing was captured there yet
    const sight = this.#services.sights.of(segment.capture);
    if (sight.blind) return now + SECOND;
    const due = sight.after(this.#start, NEVER_HEARD_AFTER_US);
    if (due > now) return due;
    const { cluster, router } = this.#configured;
    const [vip] = router.vips;
    const details = {
      last: null,
      reason: 'never-heard',
      by: null,
      nothingElseHeard: sight.lastFrameAt <= this.#start,
      vips: router.vips,
    };
    const begin = this.#services.timeline.draft('begin', {
      kind: 'master-lost',
      time: this.#start,
      severity: 'critical',
      cluster: cluster.name,
      subject: `vr:${segment.name}/${vip === undefined ? 'ipv4' : familyOf(vip)}/${router.vrid}`,
      summary: summarize('master-lost', 'begin', details, (address) => address),
      details,
    });
    this.#services.timeline.publish(begin);
    this.#condition = { begin };
    return Number.POSITIVE_INFINITY;
  }
}

/** Speakers of a configured virtual router that are none of its nodes. */
class RogueSpeakers {
  readonly #services: Services;
  readonly #expected: boolean;
  readonly #rogues = new Map<Speaker, Rogue>();

  constructor(services: Services) {
    this.#services = services;
    this.#expected = services.configuration.clusters.some((cluster) => cluster.virtualRouters.length > 0);
  }

  heard(router: VirtualRouter, speaker: Speaker, at: Instant): void {
    if (!this.#expected || router.identity.configured === null || speaker.runStart === null) return;
    if (this.#rogues.has(speaker) || !this.#isRogue(router, router.identity.configured, speaker)) return;
    if (this.#services.newSource(router.identity.segment, at) === 0) return;
    const condition = router.begin('rogue-speaker', speaker.runStart, {
      speaker: speaker.address,
      mac: speaker.mac,
    });
    this.#watch(router, speaker, condition);
  }

  /** A speaker that was none of its nodes before a restart; the configuration may know it now. */
  resume(event: EventOf<'rogue-speaker'>, router: VirtualRouter, speaker: Speaker, at: Instant): void {
    const { configured } = router.identity;
    const condition = resumed(event, at);
    if (configured === null || !this.#isRogue(router, configured, speaker)) router.end(condition, at);
    else this.#watch(router, speaker, condition);
  }

  #watch(router: VirtualRouter, speaker: Speaker, condition: Condition<'rogue-speaker'>): void {
    const rogue = new Rogue(router, speaker, condition, this.#services.nextOrdinal(), () =>
      this.#rogues.delete(speaker),
    );
    this.#rogues.set(speaker, rogue);
    this.#services.ensure(rogue, rogue.nextDue());
  }

  /** Only where the nodes that may speak have listed addresses to compare with, in the speaker's own subnet. */
  #isRogue(
    router: VirtualRouter,
    { cluster, router: expected }: ConfiguredRouter,
    speaker: Speaker,
  ): boolean {
    const names = expected.nodes.length > 0 ? expected.nodes : cluster.nodes.map((node) => node.name);
    const nodes = cluster.nodes.filter((node) => names.includes(node.name));
    const comparable =
      nodes.length > 0 &&
      nodes.every((node) => node.addresses.some((address) => sameSubnet(address, speaker.address)));
    if (!comparable || nodes.some((node) => node.addresses.includes(speaker.address))) return false;
    const name = this.#services.names.of(router.identity, speaker.address);
    return !names.includes(name);
  }
}

class Rogue implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #router: VirtualRouter;
  readonly #speaker: Speaker;
  readonly #condition: Condition<'rogue-speaker'>;
  readonly #ended: () => void;

  constructor(
    router: VirtualRouter,
    speaker: Speaker,
    condition: Condition<'rogue-speaker'>,
    ordinal: number,
    ended: () => void,
  ) {
    this.#router = router;
    this.#speaker = speaker;
    this.#condition = condition;
    this.ordinal = ordinal;
    this.#ended = ended;
  }

  nextDue(): number {
    return this.#router.heardAt(this.#speaker) + silenceLimitUs(this.#speaker);
  }

  due(now: Instant): number {
    if (this.#router.sight.blind) return now + SECOND;
    if (this.nextDue() > now) return this.nextDue();
    this.#ended();
    this.#router.end(this.#condition, this.#speaker.lastAt);
    return Number.POSITIVE_INFINITY;
  }
}
