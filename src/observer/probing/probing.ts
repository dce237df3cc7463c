/**
 * What probes tell of the services behind the VIPs: one watch for each configured virtual router. Judges by what is
 * heard on the segment as well, so it listens to what the observer tells of that.
 */
import type { EventKind, EventOf, TimelineEvent } from '../../events.ts';
import type { ProbeObservation } from '../../observation.ts';
import type { Sample } from '../../samples.ts';
import type { ServiceState } from '../../state.ts';
import type { Instant } from '../../time.ts';
import type { ConfiguredRouter } from '../configuration.ts';
import type { ProxyFitness } from '../proxy-fitness.ts';
import { only, type RestoredFacts } from '../restoration.ts';
import type { RouterIdentity, Services } from '../services.ts';
import { endDetails, resumed, type Timeline } from '../timeline.ts';
import { ConfiguredVip } from './configured-vip.ts';
import { DeadServiceWatch } from './dead-service.ts';
import { ServiceWatch } from './service-watch.ts';

/** What decides how a blackout is judged. */
const HEEDED: ReadonlySet<EventKind> = new Set<EventKind>([
  'failover',
  'master-lost',
  'split-brain',
  'garp-missing',
  'proxy-unreachable',
  'vip-dark',
]);

interface Watch {
  readonly vip: ConfiguredVip;
  /** null: its service is not probed */
  readonly service: ServiceWatch | null;
  readonly deadService: DeadServiceWatch;
}

export class Probing {
  /** by cluster, then by the virtual router's place in its list */
  readonly #watches: ReadonlyMap<string, readonly Watch[]>;
  readonly #all: readonly Watch[];
  readonly #timeline: Timeline;

  /** `sampled` is given each change of a probe's result. */
  constructor(services: Services, proxies: ProxyFitness, sampled: (sample: Sample) => void) {
    const watch = (configured: ConfiguredRouter): Watch => {
      const vip = new ConfiguredVip(configured, services);
      const { service } = configured.router;
      const serviceWatch = service === null ? null : new ServiceWatch(vip, service, sampled);
      return { vip, service: serviceWatch, deadService: new DeadServiceWatch(vip, serviceWatch, proxies) };
    };
    this.#watches = new Map(
      services.configuration.clusters.map((cluster) => [
        cluster.name,
        cluster.virtualRouters.map((router) => watch({ cluster, router })),
      ]),
    );
    this.#all = [...this.#watches.values()].flat();
    this.#timeline = services.timeline;
    if (this.#watches.size > 0) services.timeline.listen((event) => this.#told(event));
  }

  /** Observing begins. */
  start(at: Instant): void {
    for (const { deadService } of this.#all) deadService.start(at);
  }

  heard(probe: ProbeObservation): void {
    const watch = this.#watches.get(probe.cluster)?.[probe.router];
    if (watch === undefined || watch.service === null) return;
    watch.service.heard(probe);
    if (watch.service.isAnswering) watch.deadService.answered(probe.startedAt);
    else watch.deadService.assess(probe.at);
  }

  /** What the journal says of the run before: what was open then is open now, unless it is not configured any more. */
  resume(facts: RestoredFacts, open: readonly TimelineEvent[], at: Instant): void {
    for (const { service } of this.#all) service?.recall(facts, Math.min(facts.until, at) as Instant);
    const about = new Set(only('garp-missing', open).map((event) => event.about));
    for (const event of only('vip-dark', open)) {
      const watch = this.#all.find(({ vip, service }) => service !== null && vip.isAbout(event));
      if (watch?.service) watch.service.resume(event, about.has(event.id), at);
      else this.#abandon(event, at);
    }
    for (const event of only('vip-on-dead-service', open)) {
      const watch = this.#all.find(({ vip, deadService }) => deadService.isAble && vip.isAbout(event));
      if (watch === undefined) this.#abandon(event, at);
      else watch.deadService.resume(event, at);
    }
  }

  /** Every probed service, in the order of the configuration. */
  states(now: Instant): readonly ServiceState[] {
    return this.#services().map((service) => service.state(now));
  }

  samples(now: Instant): readonly Sample[] {
    return this.#services().flatMap((service) => service.samples(now));
  }

  /** Whether clients of a VIP are in the dark, as far as it is probed. */
  isDark({ configured, segment }: RouterIdentity, address: string): boolean {
    if (configured === null) return false;
    return this.#all.some(
      ({ vip, service }) =>
        service?.dark != null &&
        vip.configured.router === configured.router &&
        vip.segment === segment.name &&
        vip.address === address,
    );
  }

  /** The `vip-dark` that is open for a VIP, by its subject. */
  darkId(subject: string): string | null {
    for (const { service } of this.#all) {
      const begin = service?.dark?.condition.begin;
      if (begin?.subject === subject) return begin.id;
    }
    return null;
  }

  #told(event: TimelineEvent): void {
    if (!HEEDED.has(event.kind)) return;
    for (const { service, deadService } of this.#all) {
      deadService.told(event); // the VIP moved away before the service answered elsewhere
      service?.told(event);
    }
  }

  /** What was watched before the restart is not any more: nothing is known of it from here on. */
  #abandon<K extends EventKind>(event: EventOf<K>, at: Instant): void {
    const { begin } = resumed(event, at);
    const { kind, severity, cluster, subject } = begin;
    const summary = `not watched any more, as it is not configured: ${begin.summary}`;
    const details = endDetails(begin, at, {});
    this.#timeline.publish(
      this.#timeline.draft('end', { kind, time: at, severity, cluster, subject, summary, details }, begin.id),
    );
  }

  #services(): readonly ServiceWatch[] {
    return this.#all.flatMap(({ service }) => service ?? []);
  }
}
