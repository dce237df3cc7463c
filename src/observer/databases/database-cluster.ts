/** The polled servers of one cluster, and what follows from several of them: Galera, NDB, and who writes where. */
import type { EventOf, TimelineEvent } from '../../events.ts';
import type { Instant } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import { Voice } from '../polled/voice.ts';
import { vipOf } from '../restoration.ts';
import type { Services } from '../services.ts';
import { resumed } from '../timeline.ts';
import type { VirtualRouter } from '../virtual-router.ts';
import { DatabaseWatch } from './database-watch.ts';
import { DualWrites } from './dual-writes.ts';
import { GaleraCluster } from './galera-cluster.ts';
import { holdingOf, routersOf } from './holding.ts';
import { NdbCluster } from './ndb-cluster.ts';
import { ReadOnlyHolder } from './read-only-holder.ts';
import { watchedDatabase } from './watched.ts';

export class DatabaseCluster {
  readonly cluster: ObservedCluster;
  readonly voice: Voice;
  readonly servers: readonly DatabaseWatch[];
  readonly #services: Services;
  readonly #galera: GaleraCluster;
  readonly #ndb: NdbCluster;
  readonly #dualWrites: DualWrites;
  readonly #holders = new Map<VirtualRouter, ReadOnlyHolder>();
  /** one of its databases is writable, or was since we began */
  #anyWritable = false;

  constructor(cluster: ObservedCluster, services: Services) {
    const { timeline, configuration } = services;
    const voice = new Voice(timeline, cluster.name);
    this.cluster = cluster;
    this.voice = voice;
    this.#services = services;
    this.servers = cluster.nodes.flatMap((node) =>
      node.databases.map(
        (database, index) =>
          new DatabaseWatch(watchedDatabase(cluster, node, index, database), services, voice),
      ),
    );
    const subject = `cluster:${cluster.name}`;
    const names = new Set(this.servers.map(({ watched }) => watched.name));
    this.#galera = new GaleraCluster(subject, names, configuration.thresholds, voice);
    this.#ndb = new NdbCluster(subject, configuration.thresholds, voice);
    this.#dualWrites = new DualWrites(cluster, services, voice);
  }

  /** One of its servers answered, and has been looked at by itself. */
  answered(server: DatabaseWatch, askedAt: Instant, now: Instant): void {
    const { reading, watched } = server;
    if (reading === null) return;
    const { name, database } = watched;
    if (reading.galera !== null) this.#galera.look(name, reading.galera, askedAt, database.everyMs);
    else this.#galera.withdrew(name);
    if (reading.ndb !== null) this.#ndb.look(name, reading.ndb, askedAt, database.everyMs);
    else this.#ndb.withdrew(name);
    this.#leaveWhatIsNone(askedAt);
    this.#dualWrites.judge(this.servers, askedAt, now);
    if (reading.readOnly === false) this.#anyWritable = true;
    for (const [router, holder] of this.#readOnlyHolders(now)) {
      const writersHaveAnother = this.#writersHaveAnother(router, now);
      holder.look(server, askedAt, now, { anyWritable: this.#anyWritable, writersHaveAnother });
    }
  }

  /** Whether another VIP of the cluster than this router's is on a writable database. */
  #writersHaveAnother(than: VirtualRouter, now: Instant): boolean {
    return routersOf(this.cluster, this.#services).some((router) => {
      const node = router === than ? null : holdingOf(router, this.#services, now)?.node;
      return this.servers.some(
        ({ watched, reading }) =>
          watched.node.name === node && watched.index === 0 && reading?.readOnly === false,
      );
    });
  }

  unreachable(server: DatabaseWatch): void {
    this.#galera.withdrew(server.watched.name);
    this.#ndb.withdrew(server.watched.name);
  }

  failedOver({ details, time }: EventOf<'failover'>, router: VirtualRouter): void {
    this.#holders.get(router)?.moved(details.to, time);
  }

  /** What was open before a restart, of the cluster as a whole. */
  resume(event: TimelineEvent, at: Instant): void {
    switch (event.kind) {
      case 'galera-size':
        this.#galera.resumeSize(event, at);
        break;
      case 'galera-split':
        this.#galera.resumeSplit(event, at);
        break;
      case 'ndb-node-down':
        this.#ndb.resume(event, at);
        break;
      case 'dual-writes':
        this.#dualWrites.resume(event, at);
        break;
      case 'vip-on-read-only':
        this.#resumeReadOnly(event, at);
        break;
      default:
        break;
    }
  }

  #resumeReadOnly(event: EventOf<'vip-on-read-only'>, at: Instant): void {
    const vip = vipOf(event.subject);
    const isPolled = this.servers.some(({ watched }) => watched.database.target === event.details.target);
    const router = routersOf(this.cluster, this.#services).find(
      ({ identity, vips }) => vip !== null && identity.segment.name === vip.segment && vips.has(vip.address),
    );
    if (router === undefined || !isPolled) {
      this.voice.end(resumed(event, at), at, { reason: 'unconfigured' });
      return;
    }
    const holder = new ReadOnlyHolder(router, this.#services);
    holder.resume(event, at);
    this.#holders.set(router, holder);
  }

  /** Of each of the cluster's virtual routers; those of which nothing is heard any more are left. */
  #readOnlyHolders(now: Instant): ReadonlyMap<VirtualRouter, ReadOnlyHolder> {
    const routers = new Set(routersOf(this.cluster, this.#services));
    for (const [router, holder] of this.#holders) {
      if (routers.has(router)) continue;
      holder.leave(now);
      this.#holders.delete(router);
    }
    for (const router of routers)
      if (!this.#holders.has(router)) this.#holders.set(router, new ReadOnlyHolder(router, this.#services));
    return this.#holders;
  }

  /** Once all of its servers say that they are none: what was open of Galera or NDB is not any more. */
  #leaveWhatIsNone(at: Instant): void {
    const readings = this.servers.map(({ reading }) => reading);
    if (readings.every((reading) => reading !== null && reading.galera === null))
      this.#galera.leave(at, 'removed');
    if (readings.every((reading) => reading !== null && reading.ndb === null)) this.#ndb.leave(at, 'removed');
  }
}
