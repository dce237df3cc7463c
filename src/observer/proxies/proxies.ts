/** All polled proxies: each observation goes to the process that it is about, and to the comparison with its like. */
import type { EventKind, EventOf, TimelineEvent } from '../../events.ts';
import type { ProxyObservation } from '../../observation.ts';
import type { Sample } from '../../samples.ts';
import type { ProxyState } from '../../state.ts';
import type { Instant } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import { Voice } from '../polled/voice.ts';
import type { DeadProxy, ProxyFitness } from '../proxy-fitness.ts';
import type { Services } from '../services.ts';
import { resumed } from '../timeline.ts';
import { Drift } from './drift.ts';
import { ProxyWatch } from './proxy-watch.ts';
import { watchedProxy } from './watched.ts';

export class Proxies implements ProxyFitness {
  readonly #services: Services;
  readonly #watches: readonly ProxyWatch[];
  /** by cluster: where two or more can be compared at any time */
  readonly #drifts = new Map<string, Drift>();

  constructor(services: Services, addSample: ((sample: Sample) => void) | null) {
    this.#services = services;
    const { clusters } = services.configuration;
    this.#watches = clusters.flatMap((cluster) => watchesOf(cluster, services, addSample));
    for (const { name } of clusters) {
      const always = this.#watches.filter(
        ({ watched }) => watched.cluster === name && watched.proxy.runs === 'always',
      );
      if (always.length < 2) continue;
      this.#drifts.set(name, new Drift(name, always, services, new Voice(services.timeline, name)));
    }
  }

  polled(observation: ProxyObservation): void {
    const { cluster, node, index, askedAt } = observation;
    const watch = this.#watches.find(
      ({ watched }) => watched.cluster === cluster && watched.node === node && watched.index === index,
    );
    if (watch === undefined) return;
    watch.polled(observation);
    if (watch.watched.proxy.runs === 'always') this.#drifts.get(cluster)?.look(askedAt);
  }

  /**
   * A condition that was open when the observer was last alive, at `until`; it is `at` now. What is not polled any more
   * ends.
   */
  resume(event: TimelineEvent, until: Instant, at: Instant): void {
    const isTaken = () => this.#watches.some((watch) => watch.resume(event, until));
    switch (event.kind) {
      case 'proxy-drift': {
        const drift = event.cluster === null ? undefined : this.#drifts.get(event.cluster);
        if (drift === undefined) this.#drop(event, at);
        else drift.resume(event, until);
        break;
      }
      case 'proxy-unreachable':
        if (!isTaken()) this.#drop(event, at);
        break;
      case 'server-down':
        if (!isTaken()) this.#drop(event, at);
        break;
      case 'server-maint':
        if (!isTaken()) this.#drop(event, at);
        break;
      case 'backend-down':
        if (!isTaken()) this.#drop(event, at);
        break;
      case 'proxy-saturated':
        if (!isTaken()) this.#drop(event, at);
        break;
      default:
        break;
    }
  }

  /** Not where another of the node's processes answers: its page may be all that is gone. */
  deadOn(cluster: string, node: string): DeadProxy | null {
    const watches = this.#on(cluster, node);
    if (watches.some(({ reach }) => reach.state === 'answers')) return null;
    for (const { reach, watched } of watches)
      if (reach.refusal !== null) return { target: watched.proxy.target, ...reach.refusal };
    return null;
  }

  answersOn(cluster: string, node: string): boolean | null {
    const states = this.#on(cluster, node).map(({ reach }) => reach.state);
    if (states.includes('unreachable')) return false;
    return states.length > 0 && states.every((state) => state === 'answers') ? true : null;
  }

  state(): readonly ProxyState[] {
    return this.#watches.map((watch) => watch.state());
  }

  #on(cluster: string, node: string): readonly ProxyWatch[] {
    return this.#watches.filter(({ watched }) => watched.cluster === cluster && watched.node === node);
  }

  #drop<K extends EventKind>(event: EventOf<K>, at: Instant): void {
    const voice = new Voice(this.#services.timeline, event.cluster ?? '');
    voice.end(resumed(event, at), at, { reason: 'unconfigured' });
  }
}

function watchesOf(
  cluster: ObservedCluster,
  services: Services,
  addSample: ((sample: Sample) => void) | null,
): readonly ProxyWatch[] {
  return cluster.nodes.flatMap(({ name, proxies }) =>
    proxies.map(
      (proxy, index) =>
        new ProxyWatch(watchedProxy(cluster.name, name, index, proxy), cluster, services, addSample),
    ),
  );
}
