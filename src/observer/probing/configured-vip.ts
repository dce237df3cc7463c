/**
 * The VIP of a configured virtual router: which virtual router of those heard it is, where it is, what it is called,
 * and how something is said of it whether it was heard or not.
 */
import { type DetailsOf, type EventKind, KINDS, type Phase, type TimelineEvent } from '../../events.ts';
import { type Instant, msFromUs } from '../../time.ts';
import { familyOf } from '../addresses.ts';
import type { ConfiguredRouter } from '../configuration.ts';
import { routerOf, vipOf } from '../restoration.ts';
import type { Services } from '../services.ts';
import type { Sight } from '../sight.ts';
import { plainSubject } from '../slots.ts';
import { summarize } from '../summaries.ts';
import { type Condition, type Draft, endDetails } from '../timeline.ts';
import type { VirtualRouter } from '../virtual-router.ts';

export class ConfiguredVip {
  readonly configured: ConfiguredRouter;
  readonly services: Services;
  #router: VirtualRouter | null = null;

  constructor(configured: ConfiguredRouter, services: Services) {
    this.configured = configured;
    this.services = services;
  }

  get cluster(): string {
    return this.configured.cluster.name;
  }

  /** The address that is probed, else the first VIP of the configuration, else the first that was heard. */
  get address(): string | null {
    const { service, vips } = this.configured.router;
    return service?.vip ?? vips[0] ?? this.router?.master?.advert.vips[0] ?? null;
  }

  /** As it was heard; null as long as it was not. */
  get router(): VirtualRouter | null {
    if (this.#router?.isRetired === true) this.#router = null;
    if (this.#router === null) {
      for (const router of this.services.slots.existing())
        if (router.identity.configured?.router === this.configured.router) this.#router ??= router;
    }
    return this.#router;
  }

  get segment(): string | null {
    const { segment } = this.configured.router;
    return this.router?.identity.segment.name ?? segment ?? this.services.sights.anySegment();
  }

  get sight(): Sight | null {
    if (this.router !== null) return this.router.sight;
    return this.segment === null ? null : this.services.sights.ofSegment(this.segment);
  }

  /** `vip:eth0/10.0.0.100`; null as long as no segment is known. */
  get subject(): string | null {
    const { segment, address } = this;
    return segment === null || address === null ? null : `vip:${segment}/${address}`;
  }

  /** Of its virtual router: `vr:eth0/ipv4/51`. */
  get routerSubject(): string | null {
    if (this.router !== null) return this.router.identity.subject;
    const { segment } = this;
    if (segment === null) return null;
    const { vrid } = this.configured.router;
    return plainSubject({
      segment: { name: segment, capture: segment },
      family: familyOf(this.address ?? ''),
      vrid,
      group: '',
    });
  }

  /** Whether an event is about its virtual router. */
  isOfRouter({ cluster, subject }: TimelineEvent): boolean {
    if (cluster !== this.cluster) return false;
    if (this.router !== null) return subject === this.router.identity.subject;
    const place = routerOf(subject);
    const { vrid, segment } = this.configured.router;
    if (place === null || place.vrid !== vrid || (segment !== null && place.segment !== segment))
      return false;
    return this.address === null || familyOf(this.address) === place.family;
  }

  /** Whether an event of a run before is about this VIP, by its subject then. */
  isAbout({ cluster, subject }: TimelineEvent): boolean {
    const vip = vipOf(subject);
    if (vip === null || cluster !== this.cluster || vip.address !== this.address) return false;
    const { segment } = this.configured.router;
    return segment === null || segment === vip.segment;
  }

  /** The name of the node that an address belongs to; null where the configuration does not say. */
  nodeOf(address: string): string | null {
    return this.router === null ? null : this.services.names.nodeOf(this.router.identity, address);
  }

  begin<K extends EventKind>(
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    said: { readonly subject: string; readonly about?: string | null },
  ): Condition<K> {
    const begin = this.#draft('begin', kind, time, details, { ...said, beginId: null });
    this.services.timeline.publish(begin);
    return { begin };
  }

  /** Not before it began, nor before what was known of it last when the observer was restarted. */
  end<K extends EventKind>(
    { begin, notBefore }: Condition<K>,
    time: Instant,
    more: Partial<DetailsOf<K>>,
    about: string | null = null,
  ): void {
    const at = Math.max(time, begin.time, notBefore ?? begin.time) as Instant;
    const details = endDetails(begin, at, more);
    const said = { subject: begin.subject, about, beginId: begin.id };
    this.services.timeline.publish(this.#draft('end', begin.kind, at, details, said));
  }

  #draft<K extends EventKind>(
    phase: Phase,
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    said: { readonly subject: string; readonly about?: string | null; readonly beginId: string | null },
  ): Draft<K> {
    const { names, timeline } = this.services;
    const identity = this.router?.identity;
    const name = (known: string) => (identity === undefined ? known : names.of(identity, known));
    const statement = {
      kind,
      time,
      severity: KINDS[kind].severity,
      cluster: this.cluster,
      subject: said.subject,
      summary: summarize(kind, phase, details, name),
      details: identity === undefined ? details : names.beside(identity, details),
      about: said.about ?? null,
    };
    return timeline.draft(phase, statement, said.beginId);
  }
}

/** As details show it: nothing where nothing was missed. */
export function unseen(us: number): { readonly blindMs?: number } {
  return us > 0 ? { blindMs: msFromUs(us) } : {};
}
