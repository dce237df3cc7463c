/**
 * What alerts must reach: a split-brain's mail within half a second, a storm that mutes nobody, and `kill -9` that
 * neither loses nor doubles. Any user; a mail server of its own on loopback. False: a target was missed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../test/support/random.ts';
import { killWhileTelling } from './alerts-kill.ts';
import { mailLatency } from './alerts-latency.ts';
import { storm } from './alerts-storm.ts';
import { Figures, quantile } from './figures.ts';

const FULL = { splitBrains: 200, storm: { events: 10_000, seconds: 10 }, kills: 100 };
const QUICK = { splitBrains: 40, storm: { events: 3_000, seconds: 3 }, kills: 10 };
const PER_SECOND = 4;
const MAIL_WITHIN_MS = 500;
const NOTIFICATIONS_MAX = 10;
const GROWTH_MAX = 1.3;
const DIST = fileURLToPath(new URL('../../../../dist', import.meta.url));

export async function alerts(isQuick: boolean): Promise<boolean> {
  const size = isQuick ? QUICK : FULL;
  const figures = new Figures(!isQuick);
  await inFolder((folder) => latency(size.splitBrains, folder, figures));
  await inFolder((folder) => storms(size.storm, folder, figures));
  await inFolder((folder) => kills(size.kills, folder, figures));
  return !figures.missed;
}

async function latency(splitBrains: number, folder: string, figures: Figures): Promise<void> {
  const random = new Random(8);
  const result = await mailLatency({ splitBrains, perSecond: PER_SECOND, folder, dist: DIST, random });
  const { acceptedMs, durableMs, mails, lost, remarks } = result;
  const ms = (values: readonly number[], p: number) => `${quantile(values, p).toFixed(0)} ms`;
  figures.title(
    `${splitBrains} split-brains, ${PER_SECOND} a second, storm cap lifted: known to mail accepted`,
  );
  figures.mustBe('not mailed', `${lost.length}`, '0', lost.length === 0, [...remarks, ...lost]);
  figures.mustBe('mails', `${mails}`, `${splitBrains}`, mails === splitBrains);
  figures.figure('median', ms(acceptedMs, 0.5));
  const p99 = quantile(acceptedMs, 0.99);
  figures.figure('99th percentile', ms(acceptedMs, 0.99), `< ${MAIL_WITHIN_MS} ms`, p99 < MAIL_WITHIN_MS);
  figures.figure('most', ms(acceptedMs, 1));
  figures.figure('  of it until durable: median, 99th', `${ms(durableMs, 0.5)}, ${ms(durableMs, 0.99)}`);
}

async function storms(size: typeof FULL.storm, folder: string, figures: Figures): Promise<void> {
  const { events, seconds } = size;
  const { committed, tookS, told, earlyMb, lateMb, heldUpMs } = await storm({ ...size, folder, dist: DIST });
  figures.title(`a storm of ${events.toLocaleString('en')} events in ${seconds} s`);
  figures.mustBe('committed', `${committed}`, `${events}`, committed === events);
  figures.figure('after', `${tookS.toFixed(1)} s`);
  for (const [name, headlines] of Object.entries(told)) {
    const { length } = headlines;
    const isRight = length > 0 && length <= NOTIFICATIONS_MAX;
    figures.mustBe(`notifications: ${name}`, `${length}`, `1 to ${NOTIFICATIONS_MAX}`, isRight, headlines);
  }
  const growth = lateMb / earlyMb;
  figures.figure(
    'memory, first and last quarter',
    `${earlyMb.toFixed(0)}, ${lateMb.toFixed(0)} MB`,
    `x ${growth.toFixed(2)} (at most ${GROWTH_MAX})`,
    growth <= GROWTH_MAX,
  );
  figures.figure('event loop held up: 99th percentile', `${heldUpMs.p99.toFixed(1)} ms`);
  figures.figure('event loop held up: most', `${heldUpMs.max.toFixed(1)} ms`);
}

async function kills(rounds: number, folder: string, figures: Figures): Promise<void> {
  const random = new Random(9);
  const result = await killWhileTelling({ rounds, folder, dist: DIST, random: () => random.fraction() });
  const { committed, told, again, lost, doubled } = result;
  figures.title(
    `kill -9 at ${rounds} random moments of telling, ${committed} split-brains durable, 2 receivers`,
  );
  figures.figure('told', `${told}`);
  figures.figure('told again, with the same id', `${again}`);
  figures.mustBe('lost', `${lost.length}`, '0', lost.length === 0, lost);
  figures.mustBe('doubled (another id)', `${doubled.length}`, '0', doubled.length === 0, doubled);
}

async function inFolder(task: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-bench-'));
  try {
    await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
