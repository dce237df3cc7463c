/** What the parts of an observer share, and what a virtual router needs from whoever keeps it. */
import type { Segment } from '../observation.ts';
import type { Instant } from '../time.ts';
import type { ConfiguredRouter, ObserverConfiguration } from './configuration.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Names } from './names.ts';
import type { Sight } from './sight.ts';
import type { Sights } from './sights.ts';
import type { Place, Slots } from './slots.ts';
import type { Speaker } from './speaker.ts';
import type { Timeline } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** Made by the observer, one of each. */
export interface Services {
  readonly configuration: ObserverConfiguration;
  readonly timeline: Timeline;
  readonly slots: Slots;
  readonly sights: Sights;
  readonly names: Names;
  /** owners of deadlines are numbered in the order of their making */
  nextOrdinal(): number;
  /** makes sure that an owner is asked at `at` at the latest, or now */
  ensure(owner: DeadlineOwner, at: number): void;
  /** the `vip-dark` that is open for a VIP, by its subject */
  darkId(subject: string): string | null;
  /** how many new sources this one stands for, 0 if it must not be told */
  newSource(segment: Segment, at: Instant): number;
}

export interface RouterIdentity extends Place {
  readonly sight: Sight;
  /** final once the virtual router exists */
  subject: string;
  readonly configured: ConfiguredRouter | null;
}

/** Who keeps the virtual routers, and knows of the others. */
export interface RouterKeeper {
  /** another virtual router's master advertises all of its VIPs: it is no loss, but a change, or nothing */
  goesOnElsewhere(router: VirtualRouter, now: Instant): boolean;
  /** a new speaker joined: bounds are kept by forgetting others */
  speakerMet(router: VirtualRouter, speaker: Speaker): void;
  fellSilent(router: VirtualRouter): void;
  /** its adverts are not heard any more, and that is no loss: what its claims say counts from here on */
  fellQuiet(router: VirtualRouter): void;
  vipLearned(router: VirtualRouter, vip: string): void;
  /** settles the subject of a virtual router that was heard for the second time */
  cameIntoExistence(router: VirtualRouter): void;
  forgotten(router: VirtualRouter): void;
}
