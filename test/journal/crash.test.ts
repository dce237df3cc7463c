/** `kill -9` while events arrive. The benchmark does the same a hundred times. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killWhileAppending } from '../../bench/journal-kill.ts';
import { Random } from '../support/random.ts';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-kill-'));

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('kill -9 at 10 random moments: no acknowledged event lost, none doubled, the journal opens', async () => {
  const random = new Random(3);
  const result = await killWhileAppending({
    rounds: 10,
    folder,
    dist: join(root, 'dist'),
    random: () => random.fraction(),
  });
  expect(result).toMatchObject({ rounds: 10, lost: [], doubled: [], setAside: [] });
  expect(result.acknowledged).toBeGreaterThan(100);
}, 60_000);
