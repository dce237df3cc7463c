/** What the parts of a virtual router (rivalries, settings, VIPs) may ask of it and say through it. */
import type { DetailsOf, EventKind } from '../events.ts';
import type { Instant } from '../time.ts';
import type { Thresholds } from './configuration.ts';
import type { Sight } from './sight.ts';
import type { Speaker } from './speaker.ts';
import type { Condition } from './timeline.ts';

export interface Telling {
  /** other than the virtual router itself: a VIP */
  readonly subject?: string;
  readonly severity?: 'info';
  readonly about?: string;
}

export interface RouterView {
  readonly sight: Sight;
  readonly thresholds: Thresholds;
  readonly speakers: ReadonlyMap<string, Speaker>;
  readonly master: Speaker | null;
  /** the last advert of the same VRID that its speakers reject, and are muted by */
  readonly rejectedAt: number;

  /** when a speaker's silence began to count: its last advert, or later if we were blind or it was granted time */
  heardAt(speaker: Speaker): number;
  /** heard with a priority above 0 within its silence limit, and its run has not ended since */
  isSpeaking(speaker: Speaker, at: Instant): boolean;

  tell<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling?: Telling): void;
  begin<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling?: Telling): Condition<K>;
  end<K extends EventKind>(condition: Condition<K>, time: Instant, more?: Partial<DetailsOf<K>>): void;
}
