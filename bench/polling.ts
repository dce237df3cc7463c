/** The poller of the built code at work in a process of its own, and the figures that every kind of target has. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PollSettings } from '../src/poll/settings.ts';
import type { Figures } from './figures.ts';
import type { Task, Took } from './poll-daemon.ts';

const DIST = fileURLToPath(new URL('../../../../dist', import.meta.url));
const DAEMON = fileURLToPath(new URL('./poll-daemon.js', import.meta.url));

export async function polling(
  settings: Partial<PollSettings>,
  { warmUp, polls }: Pick<Task, 'warmUp' | 'polls'>,
): Promise<Took> {
  const all = { proxies: [], probes: [], databases: [], ...settings };
  const child = fork(DAEMON, [JSON.stringify({ dist: DIST, settings: all, warmUp, polls } satisfies Task)]);
  const [took] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => {
      throw new Error(`the poller ended with status ${status}`);
    }),
  ])) as [Took];
  return took;
}

/** What the polls cost, and whether they kept their intervals while some targets hung. */
export function intervalFigures(
  figures: Figures,
  took: Took,
  { everyMs, coreMax }: { readonly everyMs: number; readonly coreMax: number },
): void {
  const core = took.cpuS / took.wallS;
  const latest = took.longestIntervalMs / everyMs - 1;
  figures.figure('of one core', `${(core * 100).toFixed(2)} %`, `< ${coreMax * 100} %`, core < coreMax);
  figures.figure(
    'the latest poll, of its interval',
    `${(latest * 100).toFixed(1)} %`,
    '<= 10 %',
    latest <= 0.1,
  );
  figures.mustBe('polls that hung were told', `${took.hung}`, '> 0', took.hung > 0);
  figures.mustBe('other polls that failed', `${took.failed}`, '0', took.failed === 0);
  figures.figure('peak memory', `${took.peakMb.toFixed(0)} MB`);
}
