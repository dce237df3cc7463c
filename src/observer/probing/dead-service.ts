/**
 * Whether a VIP's holder speaks while its own service is dead: `vip-on-dead-service`. The evidence is an advert that
 * the holder sent after its service was known to be dead, which no dead node sends. The rules, with their reasons,
 * are in docs/probe-rules.md.
 */
import type { EventOf, TimelineEvent } from '../../events.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { DeadlineOwner } from '../deadlines.ts';
import type { ProxyFitness } from '../proxy-fitness.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { VirtualRouter } from '../virtual-router.ts';
import { type ConfiguredVip, unseen } from './configured-vip.ts';
import type { Dark, ServiceWatch } from './service-watch.ts';

/** So long after a takeover, or a dispute over the VIP, hosts may still send to the wrong node. */
const SETTLED_AFTER_US = 3 * SECOND;
/** Proxies are asked for so often: they do not report here by themselves. */
const PROXIES_EVERY_US = 500 * MS;

/** Why the holder's service is taken to be dead. */
interface Evidence {
  readonly holder: string;
  readonly since: Instant;
  readonly service: string;
  readonly error: string;
  /** null: whether another node would do better is not known */
  readonly fitElsewhere: string | null;
}

interface Open {
  readonly condition: Condition<'vip-on-dead-service'>;
  readonly holder: string;
}

export class DeadServiceWatch implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #vip: ConfiguredVip;
  /** null: the service is not probed, and proxies must tell */
  readonly #service: ServiceWatch | null;
  readonly #proxies: ProxyFitness;
  #open: Open | null = null;
  /** the holder's advert that came after the blackout was known; the first that was noticed */
  #spoke: { readonly dark: Dark; readonly holder: string; readonly at: Instant } | null = null;
  /** the holder whose proxy is dead, and since when that was known */
  #proxyDead: { readonly node: string; readonly knownAt: Instant } | null = null;
  /** a proxy on that holder's node answered again then */
  #proxyAnsweredAt: Instant | null = null;

  constructor(vip: ConfiguredVip, service: ServiceWatch | null, proxies: ProxyFitness) {
    this.#vip = vip;
    this.#service = service;
    this.#proxies = proxies;
    this.ordinal = vip.services.nextOrdinal();
  }

  /** There is something by which a dead service can be told. */
  get isAble(): boolean {
    return (
      this.#service !== null || this.#vip.configured.cluster.nodes.some(({ proxies }) => proxies.length > 0)
    );
  }

  /** Observing begins: where proxies must tell, they are asked. */
  start(at: Instant): void {
    if (this.#service === null && this.isAble) this.#vip.services.ensure(this, at);
  }

  /** Open since before the restart. */
  resume(event: EventOf<'vip-on-dead-service'>, at: Instant): void {
    this.#open = { condition: resumed(event, at), holder: event.details.holder };
  }

  /** The VIP moved away, or nobody holds it, or two do. */
  told(event: TimelineEvent): void {
    if (event.kind === 'proxy-unreachable') {
      if (event.phase === 'end' && this.#open !== null && this.#isAt(this.#open.holder, event))
        this.#proxyAnsweredAt = event.time;
    } else if (event.kind === 'vip-dark') {
      if (event.phase === 'end' && event.cluster === this.#vip.cluster && event.subject === this.#vip.subject)
        this.#end(event.time);
    } else if (this.#vip.isOfRouter(event)) {
      const lost = event.kind === 'master-lost' || event.kind === 'split-brain';
      if (event.kind === 'failover' || (lost && event.phase === 'begin')) this.#end(event.time);
    }
  }

  due(now: Instant): number {
    this.assess(now);
    return now + PROXIES_EVERY_US;
  }

  assess(now: Instant): void {
    if (this.#open !== null) {
      this.#review(this.#open, now);
      return;
    }
    const { router, subject } = this.#vip;
    if (router === null || subject === null || !isUndisputed(router, now)) {
      this.#spoke = null;
      return;
    }
    const evidence = this.#service === null ? this.#byProxy(router, now) : this.#byProbes(this.#service, now);
    if (evidence === null) return;
    const { holder, since, service, error, fitElsewhere } = evidence;
    const condition = this.#vip.begin(
      'vip-on-dead-service',
      Math.max(since, router.reign.since) as Instant,
      { holder, service, error, fitElsewhere },
      { subject },
    );
    this.#open = { condition, holder };
    this.#proxyAnsweredAt = null;
  }

  /** The service answers through the VIP. */
  answered(at: Instant): void {
    this.#end(at);
  }

  #byProbes(service: ServiceWatch, now: Instant): Evidence | null {
    const { router } = this.#vip;
    const { dark } = service;
    const master = router?.master;
    if (router == null || master == null || dark === null) return null;
    if (master.lastAt <= dark.knownAt) return null;
    if (this.#spoke?.dark !== dark || this.#spoke.holder !== master.address)
      this.#spoke = { dark, holder: master.address, at: master.lastAt };
    // What was asked before it spoke, or while we were blind, may have been lost on a way that is mended since.
    if (dark.failedAt < Math.max(this.#spoke.at, router.sight.regainedAt)) return null;
    const darkSince = dark.condition.begin.time;
    const node = this.#vip.nodeOf(master.address);
    const ownProbe = node === null ? null : service.isUp(node, now);
    if (ownProbe === true) return null; // the network, or a stale ARP entry
    const announced = router.lastClaim(this.#vip.address ?? '');
    const heldBefore = router.reign.since <= darkSince - SETTLED_AFTER_US;
    if (heldBefore ? announced === 'other' && ownProbe === null : announced !== 'of-reign') return null;
    const fitElsewhere = this.#fitElsewhere(service, node, now);
    // a probe that never worked is perhaps a wrong one, unless it works elsewhere
    if (!service.isProven && fitElsewhere === null) return null;
    const proxy = node === null ? null : this.#proxies.deadOn(this.#vip.cluster, node);
    // where nothing answers us, what is dead may be our own way to all of them
    if (service.answerAt < darkSince && proxy === null) return null;
    return {
      holder: master.address,
      since: darkSince,
      service: proxy?.target ?? service.label,
      error: proxy?.error ?? dark.error,
      fitElsewhere,
    };
  }

  #byProxy({ master }: VirtualRouter, now: Instant): Evidence | null {
    const node = master === null ? null : this.#vip.nodeOf(master.address);
    const dead = node === null ? null : this.#proxies.deadOn(this.#vip.cluster, node);
    if (master === null || node === null || dead === null) {
      this.#proxyDead = null;
      return null;
    }
    if (this.#proxyDead?.node !== node) this.#proxyDead = { node, knownAt: now };
    if (master.lastAt <= this.#proxyDead.knownAt) return null;
    const { target, error, since } = dead;
    const fitElsewhere = this.#mayHold(node).find((other) =>
      this.#proxies.answersOn(this.#vip.cluster, other),
    );
    return { holder: master.address, since, service: target, error, fitElsewhere: fitElsewhere ?? null };
  }

  /** Whether an event is about a proxy on the node that an address belongs to. */
  #isAt(address: string, { cluster, subject }: TimelineEvent): boolean {
    const proxy = `proxy:${this.#vip.nodeOf(address)}`;
    return cluster === this.#vip.cluster && (subject === proxy || subject.startsWith(`${proxy}#`));
  }

  #fitElsewhere(service: ServiceWatch, holder: string | null, now: Instant): string | null {
    return this.#mayHold(holder).find((node) => service.isUp(node, now) === true) ?? null;
  }

  /** Names of the nodes that may hold the VIP beside the one that does. */
  #mayHold(holder: string | null): readonly string[] {
    const { cluster, router } = this.#vip.configured;
    return cluster.nodes
      .map(({ name }) => name)
      .filter((name) => name !== holder && (router.nodes.length === 0 || router.nodes.includes(name)));
  }

  /** What ended without an event of its own: somebody else holds the VIP, or the proxy answers. */
  #review({ holder }: Open, now: Instant): void {
    const { router } = this.#vip;
    if (router === null || router.sight.blind || router.master === null || !router.reign.settled) return;
    if (router.master.address !== holder) {
      this.#end(router.reign.since);
      return;
    }
    if (this.#service !== null) return;
    const node = this.#vip.nodeOf(holder);
    if (node === null || this.#proxies.deadOn(this.#vip.cluster, node) !== null) return;
    this.#proxyDead = null;
    this.#end(this.#proxyAnsweredAt ?? now);
  }

  #end(at: Instant): void {
    if (this.#open === null) return;
    const { condition } = this.#open;
    this.#open = null;
    const blindUs = this.#vip.router?.sight.blindUs(condition.begin.time, at) ?? 0;
    this.#vip.end(condition, at, unseen(blindUs));
  }
}

/** One master speaks, nobody else wants the VIP, and that has been so for a while. */
function isUndisputed(router: VirtualRouter, now: Instant): boolean {
  const { master, sight, reign } = router;
  if (master === null || sight.blind || !reign.settled || router.isQuiet) return false;
  if (master.resignedAt !== null || !router.isSpeaking(master, now)) return false;
  return now - Math.max(reign.since, reign.splitEndedAt, reign.undisputedAt) > SETTLED_AFTER_US;
}
