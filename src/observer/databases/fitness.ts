/**
 * Whether a node that took over was fit to serve: what was known of its database and proxy at the takeover, and what its
 * database said in the first polls after it (`takeover-fitness`); and whether it had not applied all that its source had
 * (`failover-to-lagging-replica`). Told once.
 */
import type { EventOf } from '../../events.ts';
import type { ChannelReading } from '../../reading/database.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { DeadlineOwner } from '../deadlines.ts';
import type { Services } from '../services.ts';
import type { VirtualRouter } from '../virtual-router.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { type Lag, lengthOf, NOBODY_KNOWS } from './lag.ts';
import { compareBinlogs } from './position.ts';
import type { Topology } from './topology.ts';

/** Whether a node's proxy answers; null where it is not polled. */
export type ProxyUp = (cluster: string, node: string) => boolean | null;

/** What was received may still be applied: so many polls, or so long. */
const POLLS = 2;
const WAIT_US = 5 * SECOND;
/** A poll that is slower than that is waited for once. */
const POLL_ALLOWANCE_US = SECOND;
const PENDING_MAX = 16;
/** pt-heartbeat writes so often. */
const HEARTBEAT_S = 1;

interface Pending {
  readonly event: EventOf<'failover'>;
  readonly router: VirtualRouter;
  readonly node: string;
  /** null: it has none that is polled */
  readonly server: DatabaseWatch | null;
  /** whose transactions it should have: the old holder's server, or its source */
  readonly reference: DatabaseWatch | null;
  /** it replicates from that without others between: places in its binary log can be compared */
  readonly isDirect: boolean;
  readonly lagBefore: Lag;
  /** when it was asked for that; null: never */
  readonly askedBefore: Instant | null;
  readonly until: number;
  polls: number;
}

export class Fitness implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #services: Services;
  readonly #topology: Topology;
  readonly #proxyUp: ProxyUp;
  readonly #pending: Pending[] = [];

  constructor(services: Services, topology: Topology, proxyUp: ProxyUp) {
    this.#services = services;
    this.#topology = topology;
    this.#proxyUp = proxyUp;
    this.ordinal = services.nextOrdinal();
  }

  failedOver(event: EventOf<'failover'>, router: VirtualRouter, servers: readonly DatabaseWatch[]): void {
    const { names } = this.#services;
    const node = names.nodeOf(router.identity, event.details.to);
    if (node === null || this.#pending.length >= PENDING_MAX) return;
    const server = serverOf(node, servers);
    const before = serverOf(names.nodeOf(router.identity, event.details.from), servers);
    const everyUs = (server?.watched.database.everyMs ?? 0) * MS;
    const until = Math.max(
      event.time + WAIT_US,
      server === null ? 0 : event.time + everyUs + POLL_ALLOWANCE_US,
      this.#services.timeline.now,
    );
    const reference = server === null ? null : this.#referenceFor(server, before);
    this.#pending.push({
      event,
      router,
      node,
      server,
      reference,
      isDirect: server !== null && reference !== null && this.#sourcesOf(server).includes(reference),
      lagBefore: server === null ? NOBODY_KNOWS : lagNow(server),
      askedBefore: server?.askedAt ?? null,
      until,
      polls: 0,
    });
    this.#services.ensure(this, until);
  }

  /** A server answered. */
  answered(server: DatabaseWatch, askedAt: Instant): void {
    for (const pending of [...this.#pending]) {
      if (pending.server !== server || askedAt < pending.event.time) continue;
      pending.polls++;
      if (pending.polls >= POLLS) this.#tell(pending);
    }
  }

  due(now: Instant): number {
    for (const pending of [...this.#pending]) if (pending.until <= now) this.#tell(pending);
    return Math.min(Number.POSITIVE_INFINITY, ...this.#pending.map(({ until }) => until));
  }

  #tell(pending: Pending): void {
    this.#pending.splice(this.#pending.indexOf(pending), 1);
    const { event, router, node, server, polls } = pending;
    const cluster = router.identity.configured?.cluster.name ?? '';
    const { lagS, lagSource, transactions } = server === null ? NOBODY_KNOWS : lagAtTakeover(pending, server);
    const readOnly = server?.reading?.readOnly ?? null;
    const proxyUp = this.#proxyUp(cluster, node);
    if (lagS === null && transactions === null && readOnly === null && proxyUp === null) return;
    const { to } = event.details;
    const telling = { about: event.id };
    router.tell(
      'takeover-fitness',
      event.time,
      { to, lagS, lagSource, transactions, readOnly, proxyUp },
      telling,
    );
    const { takeoverLagS } = this.#services.configuration.thresholds;
    const isBehind = (lagS !== null && lagS > takeoverLagS) || (transactions !== null && transactions > 0);
    if (polls > 0 && isBehind)
      router.tell('failover-to-lagging-replica', event.time, { to, lagS, lagSource, transactions }, telling);
  }

  /** A server that the new holder's replicates from, be it by way of others; none of Galera or NDB. */
  #referenceFor(server: DatabaseWatch, before: DatabaseWatch | null): DatabaseWatch | null {
    const { reading } = server;
    if (reading === null || reading.galera !== null || reading.ndb !== null) return null;
    const { servers } = this.#topology.upstream(server);
    if (before !== null && servers.has(before)) return before;
    return this.#sourcesOf(server)[0] ?? null;
  }

  #sourcesOf(server: DatabaseWatch): DatabaseWatch[] {
    return [...server.channels.values()].flatMap(({ reading: channel }) => {
      const source = channel === null ? null : this.#topology.sourceOf(channel, server);
      return source === null ? [] : [source];
    });
  }
}

/** The first of a node's servers. */
function serverOf(node: string | null, servers: readonly DatabaseWatch[]): DatabaseWatch | null {
  return servers.find(({ watched }) => watched.node.name === node && watched.index === 0) ?? null;
}

/** Of its channels the one that is furthest behind. */
function lagNow(server: DatabaseWatch): Lag {
  let worst = NOBODY_KNOWS;
  for (const { watch } of server.channels.values())
    if (worst.lagS === null || (watch.lag.lagS ?? -1) > worst.lagS) worst = watch.lag;
  return worst;
}

/** Against the last known place of its source before the takeover, where both are known; else as it was said. */
function lagAtTakeover(pending: Pending, server: DatabaseWatch): Lag {
  const { reference, isDirect, lagBefore, event, polls } = pending;
  const [channel = null] = [...server.channels.values()].map(({ reading }) => reading);
  const gap = reference === null ? null : server.gapTo(reference, isDirect ? channel : null, event.time);
  if (gap !== null && server.askedAt !== null) {
    const lagS = Math.round(lengthOf(gap, server.askedAt) * 1_000) / 1_000;
    return { lagS, lagSource: gap.by, transactions: gap.transactions };
  }
  if (polls === 0) return lagBefore;
  const lag = lagNow(server);
  // where its source is gone, it says nothing any more, or the last heartbeat grows old; what was received is applied, or not
  const isSilent = lag.lagS === null || isOldHeartbeat(lag, pending, server);
  if (isSilent && channel !== null && hasAppliedAll(channel))
    return { lagS: 0, lagSource: 'position', transactions: null };
  return lag.lagS === null ? lagBefore : lag;
}

/** No heartbeat came since before the takeover: it is older by all the time that has passed. */
function isOldHeartbeat(lag: Lag, { lagBefore, askedBefore }: Pending, { askedAt }: DatabaseWatch): boolean {
  if (lag.lagSource !== 'heartbeat' || lagBefore.lagSource !== 'heartbeat') return false;
  if (lag.lagS === null || lagBefore.lagS === null || askedAt === null || askedBefore === null) return false;
  return lag.lagS - lagBefore.lagS > (askedAt - askedBefore) / SECOND - HEARTBEAT_S / 2;
}

function hasAppliedAll({ received, applied }: ChannelReading): boolean {
  return received !== null && applied !== null && compareBinlogs(applied, received) === 0;
}
