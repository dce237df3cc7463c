/** What a virtual router needs from the observer around it. */
import type { DetailsOf, EventKind, Phase } from '../events.ts';
import type { Segment } from '../observation.ts';
import type { Instant } from '../time.ts';
import type { Family } from '../wire/packet.ts';
import type { ObservedCluster, ObservedVirtualRouter, Thresholds } from './configuration.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Telling } from './router-view.ts';
import type { Sight } from './sight.ts';
import type { Speaker } from './speaker.ts';
import type { Draft, Timeline } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

export interface ConfiguredRouter {
  readonly cluster: ObservedCluster;
  readonly router: ObservedVirtualRouter;
}

export interface RouterIdentity {
  readonly segment: Segment;
  readonly sight: Sight;
  readonly family: Family;
  readonly vrid: number;
  /** the destination group where it is not the standard one, else '' */
  readonly group: string;
  /** final once the virtual router exists */
  subject: string;
  readonly configured: ConfiguredRouter | null;
}

/** Whether a virtual router that fell silent did so alone, with the whole segment, or nobody can tell before `number`. */
export type Companions = 'alone' | 'blind' | number;

export interface RouterServices {
  readonly timeline: Timeline;
  readonly thresholds: Thresholds;
  nextOrdinal(): number;
  ensure(owner: DeadlineOwner, at: number): void;
  draft<K extends EventKind>(
    router: VirtualRouter,
    phase: Phase,
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    telling: Telling,
  ): Draft<K>;
  /** with `…Node` beside each address that the configuration names */
  named<K extends EventKind>(identity: RouterIdentity, details: DetailsOf<K>): DetailsOf<K>;
  /** the node's name where the configuration knows the address, else the address */
  nameOf(identity: RouterIdentity, address: string): string;
  /** whether `mac` is another card of the machine that `speaker` runs on */
  sameNode(identity: RouterIdentity, speaker: Speaker, mac: string): boolean;
  /** a priority 0 explains a silence, which is then no sign of blindness: `unexplained` false */
  silentTogether(router: VirtualRouter, unexplained: boolean, now: Instant): Companions;
  /** another virtual router's master advertises all of its VIPs: it is no loss, but a change, or nothing */
  goesOnElsewhere(router: VirtualRouter, now: Instant): boolean;
  /** a new speaker joined: bounds are kept by forgetting others */
  speakerMet(router: VirtualRouter, speaker: Speaker): void;
  fellSilent(router: VirtualRouter): void;
  vipLearned(router: VirtualRouter, vip: string): void;
  /** settles the subject of a virtual router that was heard for the second time */
  cameIntoExistence(router: VirtualRouter): void;
  forgotten(router: VirtualRouter): void;
}
