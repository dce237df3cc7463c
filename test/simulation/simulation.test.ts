/**
 * Seeded simulation against the simulator's own truth. One seed is one world: routers, their daemons' habits, the
 * segment, the faults and the observer's port.
 *
 *   npx vitest run test/simulation                        50 seeds and those that once failed
 *   VIPWATCH_SEEDS=1000 npx vitest run test/simulation    more
 *   VIPWATCH_SEED=123 npx vitest run test/simulation      one, with its trace if it fails
 */
import { env } from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { timelineText } from '../support/segment-player.ts';
import { judge, observe } from './judge.ts';
import { PAST_FAILURES } from './past-failures.ts';
import { failureText } from './trace.ts';
import { simulate } from './world.ts';

const one = env.VIPWATCH_SEED;
const count = Number(env.VIPWATCH_SEEDS ?? 50);
const seeds = one === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(one)];

const applied = new Map<string, number>();

function check(seed: number): void {
  const run = simulate(seed);
  const events = observe(run);
  const verdict = judge(run, events);
  if (timelineText(observe(simulate(seed))) !== timelineText(events)) {
    verdict.fail('deterministic', run.end, 'a second run of the seed gave other bytes');
  }
  for (const [rule, times] of verdict.applied) applied.set(rule, (applied.get(rule) ?? 0) + times);
  if (verdict.violations.length > 0) expect.fail(failureText(run, events, verdict.violations));
}

describe('simulated segments', () => {
  it.each(seeds)('seed %i', (seed) => check(seed));
});

describe.runIf(one === undefined)('seeds that once failed', () => {
  it.each(PAST_FAILURES)('seed $seed: $reason', ({ seed }) => check(seed));
});

/** A check that never applies proves nothing: these must have had something to check. */
const MUST_APPLY = [
  'honest: failover from the previous master',
  'honest: the new master became master then',
  'honest: split-brain means two masters',
  'honest: one side of the split had stopped',
  'honest: master-lost means silence',
  'honest: overlap means two masters',
  'complete: the master that everybody hears',
  'complete: a clean change is a failover',
  'complete: cause graceful',
  'complete: cause silence',
  'complete: cause preemption',
  'complete: cause priority-drop',
  'complete: split-brain',
  'complete: master-lost',
  'complete: master-lost in time',
  'complete: ip-conflict',
  'heals',
];

describe.runIf(one === undefined && count >= 50)('the checks', () => {
  it.each(MUST_APPLY)('applied: %s', (rule) => expect(applied.get(rule) ?? 0).toBeGreaterThan(0));
});

afterAll(() => {
  if (env.VIPWATCH_COVERAGE === undefined) return;
  const lines = [...applied].sort().map(([rule, times]) => `${String(times).padStart(8)} ${rule}`);
  process.stderr.write(`${lines.join('\n')}\n`);
});
