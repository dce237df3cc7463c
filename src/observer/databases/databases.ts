/**
 * Everything that is concluded of polled databases. The rules, with their reasons, are in docs/replication-rules.md.
 * Servers that the configuration does not name are not listened to, so that all of it is bounded by the configuration.
 */
import type { EventKind, EventOf, TimelineEvent } from '../../events.ts';
import type { DatabaseObservation } from '../../observation.ts';
import type { Sample } from '../../samples.ts';
import type { DatabaseState } from '../../state.ts';
import { type Instant, SECOND } from '../../time.ts';
import type { DeadlineOwner } from '../deadlines.ts';
import { Voice } from '../polled/voice.ts';
import type { Services } from '../services.ts';
import { resumed } from '../timeline.ts';
import { DatabaseCluster } from './database-cluster.ts';
import { samplesOf, stateOf } from './database-samples.ts';
import { databaseState } from './database-state.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { Fitness, type ProxyUp } from './fitness.ts';
import { Topology } from './topology.ts';

const SAMPLES_EVERY_US = 30 * SECOND;
const SUBJECT = /^(?:database:|replica:)([^/]+)(?:\/(.+))?$/;

export class Databases implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #services: Services;
  readonly #clusters: readonly DatabaseCluster[];
  readonly #servers: readonly DatabaseWatch[];
  readonly #topology: Topology;
  readonly #fitness: Fitness;
  readonly #sampled: ((sample: Sample) => void) | null;
  /** of each of a server's series, at the last look */
  readonly #states = new Map<DatabaseWatch, readonly string[]>();

  /** `sampled`: where samples go; null: none are made */
  constructor(services: Services, sampled: ((sample: Sample) => void) | null, proxyUp: ProxyUp) {
    this.#services = services;
    this.#sampled = sampled;
    this.#clusters = services.configuration.clusters
      .filter(({ nodes }) => nodes.some(({ databases, proxies }) => databases.length + proxies.length > 0))
      .map((cluster) => new DatabaseCluster(cluster, services));
    this.#servers = this.#clusters.flatMap(({ servers }) => servers);
    this.#topology = new Topology(this.#servers);
    this.#fitness = new Fitness(services, this.#topology, proxyUp);
    this.ordinal = services.nextOrdinal();
    services.timeline.listen((event) => {
      if (event.kind === 'failover') this.#failedOver(event);
    });
  }

  /** Observing begins. */
  start(at: Instant): void {
    if (this.#sampled !== null && this.#servers.length > 0)
      this.#services.ensure(this, at + SAMPLES_EVERY_US);
  }

  polled(observation: DatabaseObservation): void {
    const { cluster, node, index, reading, askedAt, at } = observation;
    const found = this.#clusters.find((each) => each.cluster.name === cluster);
    const server = found?.servers.find(
      ({ watched }) => watched.node.name === node && watched.index === index,
    );
    if (found === undefined || server === undefined) return;
    if (reading === null) {
      if (server.failed(observation)) found.unreachable(server);
      return;
    }
    server.answered(reading, observation, this.#topology);
    for (const other of this.#servers) if (other !== server) other.compareWith(server, this.#topology);
    found.answered(server, askedAt, at);
    this.#fitness.answered(server, askedAt);
    this.#sample(server, at);
  }

  due(now: Instant): number {
    for (const server of this.#servers) {
      if (server.isInDoubt) continue;
      for (const sample of samplesOf(server, now)) this.#sampled?.(sample);
    }
    return now + SAMPLES_EVERY_US;
  }

  /** What was open before a restart: taken up by whoever judges it, or over where nobody does any more. */
  resume(event: TimelineEvent, at: Instant): void {
    const [, name = '', channel] = SUBJECT.exec(event.subject) ?? [];
    const cluster = this.#clusters.find((each) => each.cluster.name === event.cluster);
    const server = cluster?.servers.find(({ watched }) => watched.name === name);
    switch (event.kind) {
      case 'database-unreachable':
        if (server !== undefined) server.reach.resume(event, at);
        else this.#endUnconfigured(event, at);
        break;
      case 'replication-broken':
      case 'replication-lag':
      case 'errant-transactions': {
        const known = channel === undefined ? null : (server?.channel(channel) ?? null);
        if (known === null) this.#endUnconfigured(event, at);
        else if (event.kind === 'replication-broken') known.watch.resumeBroken(event, at);
        else if (event.kind === 'replication-lag') known.watch.resumeLag(event, at);
        else known.errant.resume(event, at);
        break;
      }
      case 'galera-not-primary':
        if (server !== undefined) server.galera.resumeNotPrimary(event, at);
        else this.#endUnconfigured(event, at);
        break;
      case 'galera-flow-control':
        if (server !== undefined) server.galera.resumeFlow(event, at);
        else this.#endUnconfigured(event, at);
        break;
      case 'galera-size':
      case 'galera-split':
      case 'ndb-node-down':
      case 'dual-writes':
      case 'vip-on-read-only':
        if (cluster !== undefined && cluster.servers.length > 0) cluster.resume(event, at);
        else this.#endUnconfigured(event, at);
        break;
      default:
        break;
    }
  }

  /** Every polled server, in the order of the configuration. */
  states(): readonly DatabaseState[] {
    return this.#servers.map((server) => databaseState(server, this.#topology));
  }

  #endUnconfigured(event: TimelineEvent, at: Instant): void {
    const condition = resumed(event as EventOf<EventKind>, at);
    const voice = new Voice(this.#services.timeline, event.cluster ?? '');
    voice.end(condition, at, { reason: 'unconfigured' });
  }

  #failedOver(event: EventOf<'failover'>): void {
    const cluster = this.#clusters.find((each) => each.cluster.name === event.cluster);
    if (cluster === undefined) return;
    for (const router of this.#services.slots.existing()) {
      if (router.identity.subject !== event.subject) continue;
      cluster.failedOver(event, router);
      this.#fitness.failedOver(event, router, cluster.servers);
    }
  }

  /** Where its state changed since the last look. */
  #sample(server: DatabaseWatch, at: Instant): void {
    if (this.#sampled === null) return;
    const samples = samplesOf(server, at);
    const states = samples.map(stateOf);
    const before = this.#states.get(server) ?? [];
    this.#states.set(server, states);
    for (const [i, sample] of samples.entries()) if (!before.includes(states[i] ?? '')) this.#sampled(sample);
  }
}
