/** The reader that brings the journal to Grafana: in order, nothing lost, nobody held up. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AnnotationFeed, type FeedTrouble } from '../../src/grafana/annotation-feed.ts';
import type { AnnotationVerdict } from '../../src/grafana/annotations.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { event } from '../support/journal-events.ts';

const DONE: AnnotationVerdict = { kind: 'done' };
const LATER: AnnotationVerdict = { kind: 'later', reason: 'refused', needsPerson: false, afterMs: null };

let entries: JournalledEvent[];
let cursor: number;
let told: number[];
let troubles: FeedTrouble[];
let remarks: string[];
let answer: (seq: number) => AnnotationVerdict;
let feed: AnnotationFeed | null;

const journal = {
  cursor: async () => cursor,
  advance: async (_: string, seq: number) => {
    cursor = seq;
  },
  eventsAfter: async (seq: number, limit: number) => entries.filter((e) => e.seq > seq).slice(0, limit),
  get lastSeq() {
    return entries.length;
  },
};

function commit(count: number): void {
  for (let i = 0; i < count; i++)
    entries.push({ seq: entries.length + 1, event: event(entries.length), incident: null });
  feed?.news();
}

function start(): void {
  feed = new AnnotationFeed({
    journal,
    tell: async ({ seq }) => {
      told.push(seq);
      return answer(seq);
    },
    onTrouble: (trouble) => troubles.push(trouble),
    onRemark: (text) => remarks.push(text),
    firstPauseMs: 1,
  });
}

beforeEach(() => {
  entries = [];
  cursor = 0;
  told = [];
  troubles = [];
  remarks = [];
  answer = () => DONE;
  feed = null;
});
afterEach(() => feed?.stop());

it('begins with what comes, and then tells each event once, in order', async () => {
  commit(3);
  start();
  await expect.poll(() => cursor).toBe(3);
  commit(2);
  await expect.poll(() => cursor).toBe(5);
  expect(told).toEqual([4, 5]);
});

it('goes on where the run before stopped', async () => {
  commit(3);
  cursor = 1;
  start();
  await expect.poll(() => cursor).toBe(3);
  expect(told).toEqual([2, 3]);
});

it('asks again where Grafana is down, loses nothing, and says so once each way', async () => {
  let refusals = 3;
  answer = () => (refusals-- > 0 ? LATER : DONE);
  cursor = 1;
  commit(3);
  start();
  await expect.poll(() => cursor).toBe(3);
  expect(told).toEqual([2, 2, 2, 2, 3]);
  expect(troubles.map(({ failing, error }) => [failing, error])).toEqual([
    [true, 'refused'],
    [false, null],
  ]);
});

it('passes over what is refused for good, and says which', async () => {
  answer = (seq) => (seq === 2 ? { kind: 'never', reason: 'too long' } : DONE);
  cursor = 1;
  commit(3);
  start();
  await expect.poll(() => cursor).toBe(3);
  expect(remarks).toEqual(['Grafana did not take event 2 as an annotation: too long']);
});

it('stops at once, also while it waits for a Grafana that is down', async () => {
  answer = () => ({ ...LATER, afterMs: 3_600_000 });
  cursor = 1;
  commit(2);
  start();
  await expect.poll(() => troubles.length).toBe(1);
  await feed?.stop();
  expect(cursor).toBe(1);
});
