/** What one probe found out. */
import type { PollFailure } from '../../observation.ts';

export interface Finding {
  /** null: the service answered as it should */
  readonly failure: PollFailure | null;
  /** until it had; null where it did not */
  readonly latencyMs: number | null;
  readonly answeredBy: string | null;
}

/**
 * One probe, from the connection to its end. Never rejects. Once the signal aborts it lets go of everything at once;
 * null where it knew nothing by then.
 */
export type Ask = (signal: AbortSignal) => Promise<Finding | null>;

export function failed(failure: PollFailure): Finding {
  return { failure, latencyMs: null, answeredBy: null };
}

/** `beganMs`: by `performance.now()`. */
export function succeeded(beganMs: number, answeredBy: string | null = null): Finding {
  return { failure: null, latencyMs: Math.round((performance.now() - beganMs) * 1_000) / 1_000, answeredBy };
}

const NAME_MAX = 64;

/** A name that a server gave, as it may be shown: one line, printable, at most 64 characters; null where nothing is left. */
export function shownName(name: unknown): string | null {
  if (typeof name !== 'string') return null;
  const shown = name
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, NAME_MAX)
    .trim();
  return shown === '' ? null : shown;
}
