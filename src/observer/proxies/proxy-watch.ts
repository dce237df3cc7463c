/**
 * One polled HAProxy process: takes in what each poll said and lets its parts judge: whether it answers, whether it is
 * another process than before, its backends, its servers, what is nearly used up. The rules, with their reasons, are in
 * docs/proxy-rules.md.
 */
import type { TimelineEvent } from '../../events.ts';
import type { ProxyObservation } from '../../observation.ts';
import type { ProxyReading } from '../../reading/proxy.ts';
import type { Sample } from '../../samples.ts';
import type { ProxyState } from '../../state.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import { Reach } from '../polled/reach.ts';
import { type EndReason, Voice } from '../polled/voice.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Services } from '../services.ts';
import { BackendWatch } from './backend-watch.ts';
import { type Inventory, inventoryOf, isUncheckedOnly, keyOf } from './inventory.ts';
import type { Look } from './outage.ts';
import { ageOf, beganAt, isNewProcess } from './process-change.ts';
import { proxyState } from './proxy-state.ts';
import { RowSamples } from './row-samples.ts';
import { Saturation } from './saturation.ts';
import { ServerWatch } from './server-watch.ts';
import { type Standing, standingOf } from './standing.ts';
import type { WatchedProxy } from './watched.ts';

/** Of each kind that one process begins in a minute; what is still so is told with the next minutes, truly dated. */
const BEGINS_A_MINUTE = 60;
/** Where processes take turns in answering and only the statistics page is asked, each answer looks like a restart. */
const RESTARTS_A_MINUTE = 2;
/** A new process shows servers as up until it has checked them. */
const SETTLING_S = 10;

export class ProxyWatch {
  readonly watched: WatchedProxy;
  readonly #cluster: ObservedCluster;
  readonly #services: Services;
  readonly #voice: Voice;
  readonly #reach: Reach;
  readonly #saturation: Saturation;
  readonly #samples: RowSamples | null;
  readonly #begins = new RateLimit(BEGINS_A_MINUTE, 8);
  readonly #restarts = new RateLimit(RESTARTS_A_MINUTE, 1);
  readonly #servers = new Map<string, ServerWatch>();
  readonly #backends = new Map<string, BackendWatch>();
  /** the latest answer that counts */
  #last: Inventory | null = null;
  #settledAt: number = Number.NEGATIVE_INFINITY;
  #isIdle = false;

  constructor(
    watched: WatchedProxy,
    cluster: ObservedCluster,
    services: Services,
    addSample: ((sample: Sample) => void) | null,
  ) {
    const { configuration, timeline } = services;
    this.watched = watched;
    this.#cluster = cluster;
    this.#services = services;
    this.#voice = new Voice(timeline, watched.cluster);
    const { subject, proxy } = watched;
    const asked = { kind: 'proxy-unreachable', subject, target: proxy.target } as const;
    this.#reach = new Reach(asked, services, this.#voice);
    this.#saturation = new Saturation(watched.subject, configuration.thresholds, this.#voice, this.#allowed);
    this.#samples = addSample === null ? null : new RowSamples(watched, addSample);
  }

  get node(): string {
    return this.watched.node;
  }

  get index(): number {
    return this.watched.index;
  }

  /** What it said last; null while it does not answer, or need not. */
  get inventory(): Inventory | null {
    return this.#reach.state === 'answers' && !this.#isIdle ? this.#last : null;
  }

  get reach(): Pick<Reach, 'state' | 'refusal'> {
    return this.#reach;
  }

  polled({ askedAt, at, reading, failure }: ProxyObservation): void {
    const standing = this.#standing(at);
    this.#isIdle = standing.is === 'other';
    if (standing.is === 'other') {
      this.leave(askedAt, 'not-holder');
    } else if (standing.is === 'holder' && failure !== null) {
      const graceUs = this.watched.proxy.runs === 'on-holder' ? this.watched.proxy.startupGraceMs * MS : 0;
      this.#isIdle = askedAt < standing.since + graceUs;
      if (this.#isIdle) return;
      this.#reach.failed(askedAt, at, failure);
      if (this.#reach.state === 'unreachable') this.#saturation.interrupted();
    } else if (standing.is === 'holder' && reading !== null && reading.process?.stopping !== true) {
      this.#reach.answered(askedAt, at);
      this.#take(reading, askedAt);
    }
  }

  /** Open since before a restart of the observer. Answers whether it is about this process. */
  resume(event: TimelineEvent, notBefore: Instant): boolean {
    const { subject } = this.watched;
    if (event.cluster !== this.watched.cluster) return false;
    if (event.subject !== subject && !event.subject.startsWith(`${subject}/`)) return false;
    switch (event.kind) {
      case 'proxy-unreachable':
        this.#reach.resume(event, notBefore);
        return true;
      case 'server-down':
      case 'server-maint': {
        const { backend, server } = event.details;
        this.#server(`server ${backend}/${server}`, event.subject).resume(event, notBefore);
        return true;
      }
      case 'backend-down':
        this.#backend(`backend ${event.details.backend}/BACKEND`, event.subject).resume(event, notBefore);
        return true;
      case 'proxy-saturated':
        this.#saturation.resume(event, notBefore);
        return true;
      default:
        return false;
    }
  }

  /** Nothing of it is judged any more. */
  leave(at: Instant, reason: EndReason): void {
    this.#reach.leave(at, reason);
    this.#saturation.leave(at, reason);
    for (const watch of [...this.#backends.values(), ...this.#servers.values()]) watch.leave(at, reason);
    this.#backends.clear();
    this.#servers.clear();
    this.#last = null;
  }

  state(): ProxyState {
    return proxyState(this.watched, this.#reach, this.#last, this.#isIdle);
  }

  readonly #allowed = (kind: string): boolean => this.#begins.take(kind, this.#services.timeline.now) > 0;

  #standing(now: Instant): Standing {
    if (this.watched.proxy.runs === 'always') return { is: 'holder', since: 0 as Instant };
    return standingOf(this.node, this.#cluster, this.#services, now);
  }

  #take(reading: ProxyReading, askedAt: Instant): void {
    const before = this.#last;
    const now = inventoryOf(reading, askedAt);
    this.#last = now;
    const isNew = before !== null && isNewProcess(before, now);
    if (before === null) {
      this.#settledAt = askedAt + Math.max(0, SETTLING_S - (ageOf(reading) ?? SETTLING_S)) * SECOND;
    } else if (isNew) {
      this.#settledAt = askedAt + SETTLING_S * SECOND;
      this.#restarted(before, now);
    }
    const settling = askedAt < this.#settledAt;
    this.#look(now, isNew ? null : before, settling);
    this.#saturation.look(now);
    this.#samples?.look(now, before);
  }

  #restarted(before: Inventory, now: Inventory): void {
    const time = beganAt(now, before.askedAt);
    const count = this.#restarts.take('', this.#services.timeline.now);
    if (count === 0) return;
    this.#voice.tell('proxy-restarted', this.watched.subject, time, {
      target: this.watched.proxy.target,
      oldPid: before.reading.process?.pid ?? null,
      newPid: now.reading.process?.pid ?? null,
      ...(count > 1 ? { count } : {}),
    });
  }

  /** `before`: the answer before, of the same process. */
  #look(now: Inventory, before: Inventory | null, settling: boolean): void {
    const { subject } = this.watched;
    const { askedAt } = now;
    const lookAt = (row: Look['row']): Look => ({
      row,
      before: before?.rows.get(keyOf(row)) ?? null,
      askedAt,
      settling,
    });
    for (const backend of now.backends.values()) {
      const { row, name } = backend;
      if (row !== null) this.#backend(keyOf(row), `${subject}/${name}`).look(lookAt(row), backend);
    }
    for (const backend of now.backends.values()) {
      const uncheckedOnly = isUncheckedOnly(backend);
      for (const server of backend.servers) {
        const watch = this.#server(keyOf(server), `${subject}/${backend.name}/${server.name}`);
        watch.look(lookAt(server), uncheckedOnly);
      }
    }
    if (now.complete) this.#forgetRemoved(now);
  }

  #forgetRemoved({ rows, askedAt }: Inventory): void {
    for (const watches of [this.#backends, this.#servers]) {
      for (const [key, watch] of watches) {
        if (rows.has(key)) continue;
        watch.leave(askedAt, 'removed');
        watches.delete(key);
      }
    }
  }

  #server(key: string, subject: string): ServerWatch {
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const watch = new ServerWatch(subject, this.#voice, this.#allowed);
    this.#servers.set(key, watch);
    return watch;
  }

  #backend(key: string, subject: string): BackendWatch {
    const known = this.#backends.get(key);
    if (known !== undefined) return known;
    const watch = new BackendWatch(subject, this.#voice, this.#allowed);
    this.#backends.set(key, watch);
    return watch;
  }
}
