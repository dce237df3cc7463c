/**
 * The recordings of real daemons through the rules that come with vipwatch: what a person would have been told. Healthy
 * ones say nothing. `UPDATE=1 npx vitest run test/alerts/recordings.test.ts` rewrites the golden file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Simulation } from '../../src/alerts/simulation.ts';
import { readRecordings } from '../../src/capture/recordings.ts';
import { readRuleBook } from '../../src/config/alert-rules.ts';
import type { TimelineEvent } from '../../src/events.ts';
import { Observer } from '../../src/observer/observer.ts';
import { type Instant, plusUs, SECOND } from '../../src/time.ts';
import { RECORDINGS, recordingPath } from '../support/recordings.ts';
import { toldLines } from './told.ts';

const GOLDEN = join(import.meta.dirname, 'recordings.txt');
/** Time goes on after the recording: what was still to be told is, and what lasts is repeated. */
const AFTERWARDS_US = 7 * 3_600 * SECOND;

async function toldOf(name: string): Promise<readonly string[]> {
  const observer = new Observer();
  const events: TimelineEvent[] = [];
  const { firstAt, lastAt } = await readRecordings([recordingPath(name)], {
    onAdvert: (at, segment, advert, ipId) => observer.heardAgain(at, segment, advert, ipId),
    onObservation: (observation) => events.push(...observer.observe(observation)),
  });
  if (firstAt === null || lastAt === null) throw new Error(`${name} is empty`);
  events.push(...observer.observe({ kind: 'clock', at: lastAt }));
  const clock = (at: Instant) =>
    `${((at - firstAt) / SECOND).toFixed(1).padStart(8)} s${at > lastAt ? ' (after its end)' : ''}`;
  const lines: string[] = [];
  const simulation = new Simulation(
    {
      book: readRuleBook([], ['email']),
      receivers: ['email'],
      mutesForeign: false,
      maintenance: [],
      start: null,
    },
    (notification) => lines.push(...toldLines(notification, clock)),
  );
  for (const event of events) simulation.take(event);
  simulation.advance(plusUs(lastAt, AFTERWARDS_US));
  return lines;
}

it('are told of as a person would have wanted', async () => {
  let text = '';
  for (const name of RECORDINGS) {
    const lines = await toldOf(name);
    text += `${name}\n${lines.length === 0 ? '  nothing\n' : lines.map((line) => `  ${line}\n`).join('')}\n`;
  }
  if (process.env.UPDATE === '1') writeFileSync(GOLDEN, text);
  expect(text).toBe(readFileSync(GOLDEN, 'utf8'));
});

it.each(['x24_healthy_control', 'm12_reload'])('%s, which is healthy, is told to nobody', async (name) => {
  expect(await toldOf(name)).toEqual([]);
});
