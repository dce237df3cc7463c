/** `kill -9` at random moments of delivery, with the receivers counting. The benchmark does the same a hundred times. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killWhileTelling } from '../../bench/alerts-kill.ts';
import { Random } from '../support/random.ts';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-tell-'));

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('kill -9 at 20 random moments: nothing lost, told again only under the same id', async () => {
  const random = new Random(7);
  const result = await killWhileTelling({
    rounds: 20,
    folder,
    dist: join(root, 'dist'),
    random: () => random.fraction(),
  });
  expect(result).toMatchObject({ lost: [], doubled: [] });
  expect(result.told).toBeGreaterThanOrEqual(2 * result.committed);
  expect(result.committed).toBeGreaterThan(100);
}, 120_000);
