/** What whoever asks needs of the rest. */
import type { Observation } from '../observation.ts';
import type { Instant } from '../time.ts';

export interface Outside {
  /** stream time, of the observations */
  now(): Instant;
  tell(observation: Observation): void;
}
