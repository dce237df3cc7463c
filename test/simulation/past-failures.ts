/**
 * Seeds that once failed, each with what was wrong then. They are always run. A seed names a world only as long as
 * the simulator draws the same: where that changes, find another seed for the reason, or keep the story as a scenario.
 */
export interface PastFailure {
  readonly seed: number;
  readonly reason: string;
}

export const PAST_FAILURES: readonly PastFailure[] = [
  { seed: 16, reason: 'the loser of a simultaneous start kept its run: master-lost at the next priority 0' },
  { seed: 180, reason: 'a deadline that lay in the past set the clock back' },
  { seed: 57, reason: 'a repelled claimant spoke again: its claims made the overlap a split-brain' },
  { seed: 1734, reason: 'sight regained made somebody speak who had been silent since long before' },
  { seed: 1441, reason: 'a rejected newcomer of a master that was overdue already: no second voice' },
  { seed: 660, reason: 'a newcomer that fell silent stayed pending for as long as the master spoke' },
  { seed: 3759, reason: 'a pending newcomer long silent became master when the true master fell silent' },
  {
    seed: 256,
    reason: 'a third router ended a split-brain: its takeover was dated when the split-brain was over',
  },
  {
    seed: 1746,
    reason: 'one side of a split-brain resigned, the other had been silent for seconds: no survivor',
  },
  { seed: 12345, reason: 'the survivor of one split-brain was silent, yet got a fresh limit in another' },
  { seed: 61, reason: 'garp-missing though the last claim was by the virtual MAC' },
  { seed: 152, reason: "garp-missing though the last claim was the holder's own, from before" },
  { seed: 690, reason: 'a priority of its former life made a preemption a priority-drop' },
  { seed: 8130, reason: 'the survivor of a split-brain had lowered its priority: that was no preemption' },
  { seed: 604, reason: "the newcomer's priority fell after it took over: the cause became silence" },
  { seed: 468, reason: 'the copy of the last advert but one was taken for a new advert' },
  { seed: 3897, reason: 'the same after a priority 0: silenceMs ran from the copy' },
  {
    seed: 272,
    reason: 'a backup with priority 1 waits as long as the silence limit: master-lost a moment early',
  },
  { seed: 4000, reason: 'a claim under one master was held against the next: ip-conflict' },
  {
    seed: 2489,
    reason: 'a takeover that resigned within the quarter interval left no trace, and an overlap followed',
  },
];
