/**
 * Seeds that once failed, each with what was wrong then. They are always run. A seed names a world only as long as
 * the simulator draws the same: where that changed, the reason still tells which story to keep in a scenario.
 */
export interface PastFailure {
  readonly seed: number;
  readonly reason: string;
}

export const PAST_FAILURES: readonly PastFailure[] = [];
