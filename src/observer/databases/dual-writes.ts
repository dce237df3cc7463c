/**
 * `dual-writes`: a node that does not hold the VIP writes, while the holder does. Known from GTIDs alone: places in the
 * binary log grow by what is replicated, too. Galera and NDB take writes everywhere, and are never judged.
 */
import type { EventOf } from '../../events.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import type { Services } from '../services.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { holdingOf, rivalsOf, routersOf } from './holding.ts';
import type { Written } from './writes.ts';

/** What was under way when the VIP moved may still be committed on the old holder. */
const SETTLED_AFTER_US = 2 * SECOND;
const RECENT_INTERVALS = 2.5;

export class DualWrites {
  readonly #cluster: ObservedCluster;
  readonly #services: Services;
  readonly #voice: Voice;
  #open: Condition<'dual-writes'> | null = null;
  #lastSeenAt: Instant | null = null;

  constructor(cluster: ObservedCluster, services: Services, voice: Voice) {
    this.#cluster = cluster;
    this.#services = services;
    this.#voice = voice;
  }

  resume(event: EventOf<'dual-writes'>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
    this.#lastSeenAt = notBefore;
  }

  leave(at: Instant, reason: EndReason): void {
    if (this.#open !== null) this.#voice.end(this.#open, at, { reason });
    this.#open = null;
  }

  /** One of the cluster's servers answered. */
  judge(servers: readonly DatabaseWatch[], askedAt: Instant, now: Instant): void {
    const writers = this.#writers(servers, askedAt, now);
    if (writers !== null) {
      const all = [...writers.values()];
      this.#lastSeenAt = Math.min(...all.map(({ until }) => until)) as Instant;
      if (this.#open !== null) return;
      const since = Math.max(...all.map((written) => written.since)) as Instant;
      const gtids = Object.fromEntries([...writers].map(([name, written]) => [name, written.gtids]));
      this.#open = this.#voice.begin('dual-writes', `cluster:${this.#cluster.name}`, since, { gtids });
      return;
    }
    const { dualWritesWindowS } = this.#services.configuration.thresholds;
    if (this.#open === null || this.#lastSeenAt === null) return;
    if (askedAt - this.#lastSeenAt < dualWritesWindowS * SECOND || !this.#allAnswer(servers, askedAt)) return;
    this.#voice.end(this.#open, this.#lastSeenAt);
    this.#open = null;
  }

  /** Who writes beside whom; null where that is as it should be, or cannot be told. */
  #writers(
    servers: readonly DatabaseWatch[],
    askedAt: Instant,
    now: Instant,
  ): ReadonlyMap<string, Written> | null {
    const eligible = servers.filter((server) => isJudged(server, askedAt));
    const { dualWrites } = this.#services.configuration.thresholds;
    const stance = this.#stance(now);
    if (stance === null) return null;
    const holders = new Map<string, Written>();
    const others = new Map<string, Written>();
    for (const server of eligible) {
      const written = this.#lately(server, stance.since);
      if (written === null) continue;
      const isHolder = stance.holders.has(server.watched.node.name);
      if (stance.split ? isHolder && written.count >= dualWrites : isHolder && written.count > 0)
        holders.set(server.watched.name, written);
      else if (!isHolder && stance.mayHold.has(server.watched.node.name) && written.count >= dualWrites)
        others.set(server.watched.name, written);
    }
    if (stance.split ? holders.size < 2 : holders.size === 0 || others.size === 0) return null;
    return stance.split ? holders : new Map([...holders, ...others]);
  }

  #lately({ writes }: DatabaseWatch, since: Instant): Written | null {
    const { dualWritesWindowS } = this.#services.configuration.thresholds;
    return writes.lately(dualWritesWindowS, (since + SETTLED_AFTER_US) as Instant);
  }

  /** Who holds the VIPs, since when that is so; null where it is in question. */
  #stance(now: Instant): {
    readonly split: boolean;
    readonly holders: ReadonlySet<string>;
    readonly mayHold: ReadonlySet<string>;
    readonly since: Instant;
  } | null {
    const routers = routersOf(this.#cluster, this.#services);
    if (routers.length === 0 || routers.length < this.#cluster.virtualRouters.length) return null;
    const holders = new Set<string>();
    const mayHold = new Set<string>();
    let since = 0 as Instant;
    for (const router of routers) {
      const rivals = rivalsOf(router, this.#services);
      if (rivals !== null)
        return { split: true, holders: rivals.nodes, mayHold: rivals.nodes, since: rivals.since };
      const holding = holdingOf(router, this.#services, now);
      if (holding === null) return null;
      holders.add(holding.node);
      if (holding.since > since) since = holding.since;
      const listed = router.identity.configured?.router.nodes ?? [];
      for (const { name } of this.#cluster.nodes)
        if (listed.length === 0 || listed.includes(name)) mayHold.add(name);
    }
    return { split: false, holders, mayHold, since };
  }

  #allAnswer(servers: readonly DatabaseWatch[], askedAt: Instant): boolean {
    const names = Object.keys(this.#open?.begin.details.gtids ?? {});
    return servers.every((server) => !names.includes(server.watched.name) || isRecent(server, askedAt));
  }
}

function isJudged(server: DatabaseWatch, askedAt: Instant): boolean {
  const { reading } = server;
  return reading !== null && reading.galera === null && reading.ndb === null && isRecent(server, askedAt);
}

function isRecent({ askedAt, watched }: DatabaseWatch, now: Instant): boolean {
  return askedAt !== null && now - askedAt <= RECENT_INTERVALS * watched.database.everyMs * MS;
}
