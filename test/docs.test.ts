/** Documents that are generated are up to date. `npm run docs` rewrites them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventsDocument } from '../scripts/events-document.ts';

const path = new URL('../docs/events.md', import.meta.url);

it('docs/events.md says what src/events.ts says (else: npm run docs)', () => {
  if (process.env.UPDATE === '1') writeFileSync(path, eventsDocument());
  expect(readFileSync(path, 'utf8')).toBe(eventsDocument());
});
