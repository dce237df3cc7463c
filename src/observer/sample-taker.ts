/** Samples for graphs: the state of every virtual router, VIP and probed service, at each change and every 30 s; others'. */
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import { type Instant, msFromUs, SECOND } from '../time.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Probing } from './probing/probing.ts';
import { routerOf, vipOf } from './restoration.ts';
import type { Services } from './services.ts';
import type { VipIndex } from './vip-index.ts';
import type { VirtualRouter } from './virtual-router.ts';

const EVERY_US = 30 * SECOND;
/** Of those that advertise a VIP of which there is an event, no more: strangers may name it by the thousand. */
const ROUTERS_OF_VIP_MAX = 16;

const STATE = { lost: 0n, held: 1n, dark: 2n, split: 3n } as const;

export class SampleTaker implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #services: Services;
  readonly #vips: VipIndex;
  readonly #probing: Probing;
  #samples: Sample[] = [];

  constructor(services: Services, vips: VipIndex, probing: Probing) {
    this.#services = services;
    this.#vips = vips;
    this.#probing = probing;
    this.ordinal = services.nextOrdinal();
  }

  take(): readonly Sample[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  /** One that somebody else made. */
  add(sample: Sample): void {
    this.#samples.push(sample);
  }

  /** Looks at those only that the events are about: there may be thousands, and a stranger may cause an event. */
  changed(events: readonly TimelineEvent[], at: Instant): void {
    const concerned = new Set<VirtualRouter>();
    for (const subject of new Set(events.map((event) => event.subject)))
      for (const router of this.#about(subject)) if (router.exists) concerned.add(router);
    for (const router of [...concerned].sort((a, b) => a.ordinal - b.ordinal)) this.#sample(router, at);
  }

  #about(subject: string): readonly VirtualRouter[] {
    const vip = vipOf(subject);
    if (vip !== null) return this.#vips.of({ name: vip.segment }, vip.address).slice(0, ROUTERS_OF_VIP_MAX);
    const place = routerOf(subject);
    if (place === null) return [];
    const slot = this.#services.slots.find({ ...place, segment: { name: place.segment } });
    return slot?.routers.filter((router) => router.identity.subject === subject) ?? [];
  }

  due(now: Instant): number {
    for (const router of this.#services.slots.existing()) this.#sample(router, now);
    this.#samples.push(...this.#probing.samples(now));
    return now + EVERY_US;
  }

  #sample(router: VirtualRouter, time: Instant): void {
    const { identity, master } = router;
    if (master === null) return;
    const cluster = identity.configured?.cluster.name;
    const tags = { ...(cluster === undefined ? {} : { cluster }), segment: identity.segment.name };
    const state = router.isSplit ? STATE.split : router.isLost ? STATE.lost : STATE.held;
    const name = this.#services.names.of(identity, master.address);
    let speaking = 0n;
    for (const speaker of router.speakers.values()) if (speaker.runStart !== null) speaking++;
    this.#samples.push({
      measurement: 'vrrp',
      time,
      tags: {
        ...tags,
        family: identity.family,
        vrid: identity.subject.slice(identity.subject.lastIndexOf('/') + 1),
      },
      fields: {
        master: router.isLost ? '' : master.address,
        master_node: router.isLost ? '' : name,
        state_code: state,
        speakers: speaking,
        priority: BigInt(master.priority),
        interval_ms: msFromUs(master.intervalUs),
        version: BigInt(master.advert.version),
        vips: master.advert.vips.join(' '),
        jitter_ms: msFromUs(master.jitterUs),
        missed: BigInt(master.missed),
      },
    });
    for (const address of master.advert.vips) {
      const dark = state === STATE.held && this.#probing.isDark(identity, address);
      this.#samples.push({
        measurement: 'vip',
        time,
        tags: { ...tags, address },
        fields: {
          holder: router.isLost ? '' : name,
          mac: router.isLost ? '' : master.mac,
          state_code: dark ? STATE.dark : state,
        },
      });
    }
    master.jitterUs = 0;
    master.missed = 0;
  }
}
