/**
 * What `vipwatch observe` must reach on a live segment: latency, idle cost, floods, dead services and blackouts, and
 * a journal that survives `kill -9`. As root, in network namespaces of its own; nothing of the machine is touched. False: a target was missed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../src/demo/lab.ts';
import { Random } from '../../test/support/random.ts';
import { Figures } from '../figures.ts';
import { killWhileAppending } from '../journal-kill.ts';
import { crowd } from './crowd.ts';
import { floods } from './floods.ts';
import { services } from './services.ts';

const FULL = {
  crowd: { warmUpS: 90, steadyS: 60, outages: 100, splitBrains: 110, actingS: 120 },
  floodS: 10,
  services: { services: 20, nodes: 8 },
  kills: 100,
};
const QUICK = {
  crowd: { warmUpS: 10, steadyS: 10, outages: 15, splitBrains: 20, actingS: 40 },
  floodS: 6,
  services: { services: 3, nodes: 2 },
  kills: 10,
};
const DIST = fileURLToPath(new URL('../../../../../dist', import.meta.url));

export async function live(isQuick: boolean): Promise<boolean> {
  const size = isQuick ? QUICK : FULL;
  const figures = new Figures(!isQuick);
  const possible = await Lab.possible();
  if (possible.ok) {
    await crowd(size.crowd, figures);
    await floods(size.floodS, figures);
    await services(size.services, figures);
  } else {
    console.log(`\nThe live figures are SKIPPED: ${possible.why} (${possible.whatToDo})`);
  }
  await kills(size.kills, figures);
  return !figures.missed;
}

async function kills(rounds: number, figures: Figures): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-bench-'));
  try {
    const random = new Random(6);
    const result = await killWhileAppending({ rounds, folder, dist: DIST, random: () => random.fraction() });
    const { acknowledged, lost, doubled, setAside } = result;
    figures.title(`kill -9 at ${rounds} random moments, ${acknowledged} events durable`);
    figures.mustBe('lost', `${lost.length}`, '0', lost.length === 0, lost);
    figures.mustBe('doubled', `${doubled.length}`, '0', doubled.length === 0, doubled);
    figures.mustBe('did not open', `${setAside.length}`, '0', setAside.length === 0, setAside);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
