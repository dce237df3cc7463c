/** What the probes of one target said last, and since when. */
import type { ProbeObservation } from '../../observation.ts';
import type { Instant } from '../../time.ts';

export class Outcome {
  /** null: never heard of */
  up: boolean | null = null;
  /** the start of the first of the equal results in a row */
  since: Instant | null = null;
  /** the start of the last one */
  lastAt: Instant | null = null;
  everSucceeded = false;
  latencyMs: number | null = null;
  error: string | null = null;

  /** Takes in a result that counts. Answers whether it differs from the one before. */
  take({ startedAt, failure, latencyMs }: ProbeObservation): boolean {
    const up = failure === null;
    const changed = up !== this.up;
    if (changed) this.since = startedAt;
    this.up = up;
    this.lastAt = startedAt;
    this.everSucceeded ||= up;
    this.latencyMs = latencyMs;
    this.error = failure?.error ?? null;
    return changed;
  }

  /** What it was last, unless that is too long ago. */
  lately(now: Instant, withinUs: number): boolean | null {
    return this.lastAt === null || now - this.lastAt > withinUs ? null : this.up;
  }
}
