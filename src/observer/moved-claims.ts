/**
 * The MAC that claims an address changed: told of every address, a VIP or not. Of a configured unicast virtual router
 * it may be all that is heard: then it is its failover.
 */
import type { ClaimObservation, Segment } from '../observation.ts';
import { addressKey } from './address-book.ts';
import { familyOf } from './addresses.ts';
import type { ConfiguredRouter } from './configuration.ts';
import type { Owner } from './names.ts';
import { RateLimit } from './rate-limit.ts';
import type { Services } from './services.ts';
import { summarize } from './summaries.ts';
import type { VirtualRouter } from './virtual-router.ts';

const VIP_MOVES_A_MINUTE = 20;
const OTHER_MOVES_A_MINUTE = 120;
/** VIPs and segments counted apart. */
const COUNTED_MAX = 4_096;

export class MovedClaims {
  readonly #services: Services;
  readonly #vipMoves = new RateLimit(VIP_MOVES_A_MINUTE, COUNTED_MAX);
  readonly #otherMoves = new RateLimit(OTHER_MOVES_A_MINUTE, COUNTED_MAX);
  readonly #unicast: readonly ConfiguredRouter[];
  /** whom a claim showed to hold it, while no advert does */
  readonly #holderMac = new Map<ConfiguredRouter, string>();
  /** the first move since the last advert: a failover if no advert follows */
  readonly #pending = new Map<ConfiguredRouter, Move>();

  constructor(services: Services) {
    this.#services = services;
    this.#unicast = services.configuration.clusters.flatMap((cluster) =>
      cluster.virtualRouters.filter((router) => router.unicast).map((router) => ({ cluster, router })),
    );
  }

  /** `fromMac` claimed the address until now; `heard` are the virtual routers whose adverts tell of it. */
  moved(observation: ClaimObservation, fromMac: string, heard: readonly VirtualRouter[]): void {
    const { segment, claim, at } = observation;
    const { address, mac: toMac, form: via } = claim;
    const unicast = this.#unicast.find(({ router }) => isAbout(router, segment, address)) ?? null;
    if (unicast !== null) this.#unicastMoved(unicast, { observation, fromMac }, heard);
    const configured =
      heard.find((router) => router.identity.configured !== null)?.identity.configured ?? unicast;
    const isVip = heard.length > 0 || configured !== null;
    const key = addressKey(segment, address);
    const limit = isVip ? this.#vipMoves.take(key, at) : this.#otherMoves.take(segment.name, at);
    if (limit === 0) return;
    const { names } = this.#services;
    const from = names.ownerOf(fromMac, segment, heard, configured);
    const to = names.ownerOf(toMac, segment, heard, configured);
    const called = new Map([
      [fromMac, from?.node ?? from?.address ?? fromMac],
      [toMac, to?.node ?? to?.address ?? toMac],
    ]);
    const details = { fromMac, toMac, via };
    const summary = summarize('vip-moved', 'instant', details, (mac) => called.get(mac) ?? mac);
    this.#services.timeline.publish(
      this.#services.timeline.draft('instant', {
        kind: 'vip-moved',
        time: at,
        severity: 'info',
        cluster: configured?.cluster.name ?? null,
        subject: `vip:${segment.name}/${address}`,
        summary: `${address} is ${summary}`,
        details: { ...details, ...besides('fromMacNode', from), ...besides('toMacNode', to) },
      }),
    );
  }

  /** The adverts of a unicast virtual router are not heard any more: its claim may have moved since. */
  fellQuiet(router: VirtualRouter): void {
    const configured = this.#unicast.find((other) => other.router === router.identity.configured?.router);
    const move = configured === undefined ? undefined : this.#pending.get(configured);
    if (configured === undefined || move === undefined || move.observation.at <= router.lastAdvertAt) return;
    this.#failover(configured, move, router);
  }

  #unicastMoved(configured: ConfiguredRouter, move: Move, heard: readonly VirtualRouter[]): void {
    const router = heard.find(
      (other) => other.exists && other.identity.configured?.router === configured.router,
    );
    const { claim } = move.observation;
    const told = this.#holderMac.get(configured);
    if (router === undefined || router.isLost || router.isQuiet) {
      this.#failover(configured, move, router ?? null);
    } else if (told !== undefined && told !== claim.mac && router.master?.mac === claim.mac) {
      this.#failover(configured, move, router); // the master of before, whose adverts are heard again
    } else {
      this.#holderMac.delete(configured);
      const pending = this.#pending.get(configured);
      const isFirst = pending === undefined || pending.observation.at <= router.lastAdvertAt;
      if (isFirst || pending.observation.claim.mac !== claim.mac) this.#pending.set(configured, move);
    }
  }

  /** `router`: the one whose adverts were heard before. */
  #failover(configured: ConfiguredRouter, move: Move, router: VirtualRouter | null): void {
    const { fromMac, observation } = move;
    const { segment, claim, at } = observation;
    const { address, mac: toMac } = claim;
    if (this.#holderMac.get(configured) === toMac) return;
    this.#holderMac.set(configured, toMac);
    const heard = router === null ? [] : [router];
    const from = this.#services.names.ownerOf(fromMac, segment, heard, configured);
    const to = this.#services.names.ownerOf(toMac, segment, heard, configured);
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
      [from, to].flatMap((owner) =>
        owner === null ? [] : [[owner.address, owner.node ?? owner.address] as const],
      ),
    );
    this.#services.timeline.publish(
      this.#services.timeline.draft('instant', {
        kind: 'failover',
        time: at,
        severity: 'warning',
        cluster: configured.cluster.name,
        subject: `vr:${segment.name}/${familyOf(address)}/${configured.router.vrid}`,
        summary: summarize('failover', 'instant', details, (known) => names.get(known) ?? known),
        details: {
          ...details,
          ...besides('fromNode', from),
          ...besides('toNode', to),
        },
      }),
    );
    if (router !== null && (router.isLost || router.isQuiet)) router.heldByClaim(details.to, toMac, at);
  }
}

interface Move {
  readonly observation: ClaimObservation;
  readonly fromMac: string;
}

function besides(name: string, owner: Owner | null): Readonly<Record<string, string>> {
  return owner === null || owner.node === null ? {} : { [name]: owner.node };
}

function isAbout(router: ConfiguredRouter['router'], segment: Segment, address: string): boolean {
  return router.vips.includes(address) && (router.segment === null || router.segment === segment.name);
}
