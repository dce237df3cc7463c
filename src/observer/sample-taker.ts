/** Samples for graphs: the state of every virtual router and VIP, at each of its events and every 30 s; and others'. */
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import { type Instant, msFromUs, SECOND } from '../time.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Services } from './services.ts';
import type { VirtualRouter } from './virtual-router.ts';

const EVERY_US = 30 * SECOND;

const STATE = { lost: 0n, held: 1n, split: 3n } as const;

export class SampleTaker implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #services: Services;
  #samples: Sample[] = [];

  constructor(services: Services) {
    this.#services = services;
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

  changed(events: readonly TimelineEvent[], at: Instant): void {
    const subjects = new Set(events.map((event) => event.subject));
    for (const router of this.#services.slots.existing()) {
      const { segment, subject } = router.identity;
      const concerned =
        subjects.has(subject) || [...router.vips].some((vip) => subjects.has(`vip:${segment.name}/${vip}`));
      if (concerned) this.#sample(router, at);
    }
  }

  due(now: Instant): number {
    for (const router of this.#services.slots.existing()) this.#sample(router, now);
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
      this.#samples.push({
        measurement: 'vip',
        time,
        tags: { ...tags, address },
        fields: {
          holder: router.isLost ? '' : name,
          mac: router.isLost ? '' : master.mac,
          state_code: state,
        },
      });
    }
    master.jitterUs = 0;
    master.missed = 0;
  }
}
