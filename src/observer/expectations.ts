/** What the configuration leads one to expect: virtual routers that ought to speak, and nobody else for them. */
import type { EventOf } from '../events.ts';
import type { Segment } from '../observation.ts';
import { type Instant, SECOND } from '../time.ts';
import { familyOf, sameSubnet } from './addresses.ts';
import type { ObserverConfiguration } from './configuration.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Observer } from './observer.ts';
import type { ConfiguredRouter } from './services.ts';
import { type Speaker, silenceLimitUs } from './speaker.ts';
import { summarize } from './summaries.ts';
import { type Condition, resumed } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

const NEVER_HEARD_AFTER_US = 10 * SECOND;

/** A configured multicast virtual router that has not been heard since the start. */
export class Absence implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #observer: Observer;
  readonly #configured: ConfiguredRouter;
  readonly #start: Instant;
  #condition: Condition<'master-lost'> | null = null;
  #heard = false;

  constructor(observer: Observer, configured: ConfiguredRouter, start: Instant) {
    this.#observer = observer;
    this.#configured = configured;
    this.#start = start;
    this.ordinal = observer.nextOrdinal();
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
    const segment = this.#observer.segmentNamed(this.#configured.router.segment);
    if (segment === null) return now + SECOND; // nothing was captured there yet
    const sight = this.#observer.sightOf(segment);
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
    const begin = this.#observer.timeline.draft('begin', {
      kind: 'master-lost',
      time: this.#start,
      severity: 'critical',
      cluster: cluster.name,
      subject: `vr:${segment.name}/${vip === undefined ? 'ipv4' : familyOf(vip)}/${router.vrid}`,
      summary: summarize('master-lost', 'begin', details, (address) => address),
      details,
    });
    this.#observer.timeline.publish(begin);
    this.#condition = { begin };
    return Number.POSITIVE_INFINITY;
  }
}

/** Speakers of a configured virtual router that are none of its nodes. */
export class RogueSpeakers {
  readonly #observer: Observer;
  readonly #expected: boolean;
  readonly #rogues = new Map<Speaker, Rogue>();

  constructor(observer: Observer, configuration: ObserverConfiguration) {
    this.#observer = observer;
    this.#expected = configuration.clusters.some((cluster) => cluster.virtualRouters.length > 0);
  }

  heard(router: VirtualRouter, speaker: Speaker, at: Instant): void {
    if (!this.#expected || router.identity.configured === null || speaker.runStart === null) return;
    if (this.#rogues.has(speaker) || !this.#isRogue(router, router.identity.configured, speaker)) return;
    if (this.#observer.newSource(router.identity.segment, at) === 0) return;
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
    const rogue = new Rogue(router, speaker, condition, this.#observer.nextOrdinal(), () =>
      this.#rogues.delete(speaker),
    );
    this.#rogues.set(speaker, rogue);
    this.#observer.ensure(rogue, rogue.nextDue());
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
    const name = this.#observer.nameOf(router.identity, speaker.address);
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

/** Configured unicast virtual routers of which perhaps only claims are heard: a moved claim is their failover. */
export class ClaimedRouters {
  readonly #observer: Observer;
  readonly #configured: readonly ConfiguredRouter[];
  readonly #holderMac = new Map<ConfiguredRouter, string>();

  constructor(observer: Observer, configuration: ObserverConfiguration) {
    this.#observer = observer;
    this.#configured = configuration.clusters.flatMap((cluster) =>
      cluster.virtualRouters.filter((router) => router.unicast).map((router) => ({ cluster, router })),
    );
  }

  configuredFor(segment: Segment, address: string): ConfiguredRouter | null {
    return this.#configured.find(({ router }) => isAbout(router, segment, address)) ?? null;
  }

  /** A VIP's claim moved; `heard` are the virtual routers whose adverts tell of that VIP. */
  moved(
    segment: Segment,
    address: string,
    fromMac: string,
    toMac: string,
    heard: readonly VirtualRouter[],
    at: Instant,
  ): void {
    if (heard.some((router) => router.exists && !router.isLost)) return;
    const configured = this.configuredFor(segment, address);
    if (configured === null || this.#holderMac.get(configured) === toMac) return;
    this.#holderMac.set(configured, toMac);
    const from = this.#observer.nodeOfMac(segment, configured, fromMac);
    const to = this.#observer.nodeOfMac(segment, configured, toMac);
    const details = {
      from: from?.address ?? fromMac,
      to: to?.address ?? toMac,
      cause: 'claim-only' as const,
      silenceMs: null,
      darkMs: null,
      fromPriority: null,
      toPriority: null,
      vips: configured.router.vips,
      claimMs: null,
      fault: false,
    };
    const names = new Map(
      [from, to].flatMap((node) => (node === null ? [] : [[node.address, node.name] as const])),
    );
    this.#observer.timeline.publish(
      this.#observer.timeline.draft('instant', {
        kind: 'failover',
        time: at,
        severity: 'warning',
        cluster: configured.cluster.name,
        subject: `vr:${segment.name}/${familyOf(address)}/${configured.router.vrid}`,
        summary: summarize('failover', 'instant', details, (known) => names.get(known) ?? known),
        details: {
          ...details,
          ...(from === null ? {} : { fromNode: from.name }),
          ...(to === null ? {} : { toNode: to.name }),
        },
      }),
    );
  }
}

function isAbout(router: ConfiguredRouter['router'], segment: Segment, address: string): boolean {
  return router.vips.includes(address) && (router.segment === null || router.segment === segment.name);
}
