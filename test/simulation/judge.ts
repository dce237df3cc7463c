/** One seed judged: the world, what the observer makes of it, and what the checks say of that. */
import type { TimelineEvent } from '../../src/events.ts';
import { plusUs } from '../../src/time.ts';
import { Random } from '../support/random.ts';
import { play, withClock } from '../support/segment-player.ts';
import { checkComplete } from './complete.ts';
import { checkForm } from './form.ts';
import { checkHonest } from './honest.ts';
import { Case } from './verdict.ts';
import { EPOCH, type Run } from './world.ts';

/** The observer is shown the run with the clock read as often as a live pump might. */
export function observe(run: Run): TimelineEvent[] {
  const random = new Random(run.seed).fork('clock');
  const step = random.between(20_000, 300_000);
  return play(withClock(run.observations, () => random.between(0.2, 1) * step, plusUs(EPOCH, run.end)));
}

export function judge(run: Run, events: readonly TimelineEvent[]): Case {
  const verdict = new Case(run, events);
  checkForm(verdict);
  checkHonest(verdict);
  checkComplete(verdict);
  return verdict;
}
