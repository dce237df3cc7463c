/**
 * What the dispatch tells, and when. On failure read the difference;
 * `UPDATE=1 npx vitest run test/alerts/scenarios.test.ts` rewrites the files with what happened: commit only what you
 * understand and want.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { playScenario } from './scenario.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');

for (const file of readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .sort()) {
  it(file, () => {
    const path = join(FOLDER, file);
    const text = readFileSync(path, 'utf8');
    const played = playScenario(text);
    if (process.env.UPDATE === '1') writeFileSync(path, played);
    else expect(played).toBe(text);
  });
}
