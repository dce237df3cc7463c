/** Files cut off anywhere and with wrong bytes anywhere: the journal opens, and nothing is silently missing. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { event, randomEvents, sample } from '../support/journal-events.ts';
import { Random } from '../support/random.ts';

/** In memory where there is such a place: these tests open some thousand files. */
const base = readdirSync('/dev').includes('shm') ? '/dev/shm' : tmpdir();
const origin = mkdtempSync(join(base, 'vipwatch-damage-'));
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(base, 'vipwatch-damage-'));
  path = join(folder, 'journal.db');
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => rmSync(origin, { recursive: true }));

const events = randomEvents(new Random(5), 120);
/** of a journal that was stopped */
let file: Uint8Array;
/** of one that was killed: file and log, and how long the log was after each append */
let killed: { readonly file: Uint8Array; readonly log: Uint8Array; readonly lengths: readonly number[] };

beforeAll(() => {
  const place = join(origin, 'journal.db');
  const lengths: number[] = [];
  const journal = Journal.open(place);
  for (const [index, one] of events.entries()) {
    journal.append([one], [sample(index, index % 3)], one.detectedAt);
    lengths.push(statSync(`${place}-wal`).size);
  }
  journal.advance('influx', 10);
  killed = { file: readFileSync(place), log: readFileSync(`${place}-wal`), lengths };
  journal.close();
  file = readFileSync(place);
});

interface Opened {
  readonly setAside: string | null;
  readonly seqs: readonly number[];
  readonly ids: readonly string[];
}

/** Opens what is there, and sees that one can go on with it. */
function openDamaged(content: Uint8Array, log: Uint8Array | null = null): Opened {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  writeFileSync(path, content);
  writeFileSync(`${path}.lock`, '');
  if (log !== null) writeFileSync(`${path}-wal`, log);
  const journal = Journal.open(path);
  try {
    const read = [...journal.queries.events({})];
    journal.queries.openConditions();
    journal.queries.incident('last');
    journal.queries.lastSamples();
    journal.cursor('influx');
    const next = event(1_000_000, { id: 'next' });
    const [appended] = journal.append([next], [sample(1)], next.detectedAt);
    expect(journal.queries.eventsAfter((appended?.seq ?? 0) - 1, 9).at(-1)?.event).toEqual(next);
    const names = readdirSync(folder).filter((name) => /\.damaged-\d{8}T\d{6}Z$/.test(name));
    expect(names.length).toBe(journal.setAside === null ? 0 : 1);
    return {
      setAside: journal.setAside?.reason ?? null,
      seqs: read.map(({ seq }) => seq),
      ids: read.map(({ event: { id } }) => id),
    };
  } finally {
    journal.close();
  }
}

function flipped(content: Uint8Array, position: number, mask: number): Uint8Array {
  const copy = Uint8Array.from(content);
  copy[position] = (copy[position] ?? 0) ^ mask;
  return copy;
}

describe('a file', () => {
  it('cut off anywhere is set aside, told, and replaced', () => {
    const random = new Random(1);
    const lengths = [1, 2, 15, 16, 17, 71, 72, 99, 100, 101, 4_095, 4_096, 4_097, file.length - 1];
    for (let i = 0; i < 30; i++) lengths.push(random.whole(1, file.length - 1));
    for (const length of lengths) {
      const { setAside, seqs } = openDamaged(file.slice(0, length));
      expect([length, setAside]).toEqual([length, expect.stringContaining('damaged')]);
      expect(seqs).toEqual([]);
    }
  });

  it('that is empty begins, and is nothing to report', () => {
    expect(openDamaged(new Uint8Array(0))).toEqual({ setAside: null, seqs: [], ids: [] });
  });

  it('of zeros, as a power cut leaves some, is set aside', () => {
    expect(openDamaged(new Uint8Array(8_192)).setAside).not.toBeNull();
  });

  it('with a wrong byte opens with all events, or is set aside', () => {
    const random = new Random(2);
    const positions = Array.from({ length: 100 }, (_, i) => i);
    for (let i = 0; i < 200; i++) positions.push(random.whole(100, file.length - 1));
    let aside = 0;
    for (const position of positions) {
      const mask = random.whole(1, 255);
      const { setAside, seqs, ids } = openDamaged(flipped(file, position, mask));
      if (setAside !== null) {
        aside++;
        continue;
      }
      // SQLite has no checksum for content: a byte of one event's text may be wrong, no more than that.
      const missing = events.filter(({ id }, index) => ids[index] !== id).length;
      expect([position, mask, seqs.length, missing > 1]).toEqual([position, mask, events.length, false]);
    }
    expect(aside).toBeGreaterThan(50);
  });

  it('that was replaced goes on with the numbers, where they can still be read', () => {
    // the page of an index, which a search through the events does not need
    const broken = Uint8Array.from(file);
    const page = indexPage(file);
    broken.fill(0xff, page, page + 8);
    const { setAside, seqs } = openDamaged(broken);
    expect(setAside).not.toBeNull();
    expect(seqs).toEqual([]);
    const journal = Journal.open(path);
    expect(journal.queries.lastSeq()).toBe(events.length + 1);
    journal.close();
  });
});

/** The first leaf page of an index. */
function indexPage(content: Uint8Array): number {
  for (let at = 4_096; at < content.length; at += 4_096) if (content[at] === 0x0a) return at;
  throw new Error('no index');
}

describe('the log of a killed writer', () => {
  /** Everything that was acknowledged before that byte of the log was written. */
  function expectAllBefore(position: number, { setAside, ids }: Opened): void {
    expect(setAside).toBeNull();
    const durable = killed.lengths.filter((length) => length <= position).length;
    expect(ids).toEqual(events.slice(0, ids.length).map(({ id }) => id));
    expect([position, ids.length >= durable]).toEqual([position, true]);
  }

  it('is taken in', () => {
    expect(openDamaged(killed.file, killed.log).ids).toEqual(events.map(({ id }) => id));
  });

  it('cut off anywhere gives all that was acknowledged until there', () => {
    const random = new Random(3);
    const positions = [...killed.lengths.slice(0, 20), 1, 31, 32, 33];
    for (let i = 0; i < 80; i++) positions.push(random.whole(0, killed.log.length));
    for (const position of positions)
      expectAllBefore(position, openDamaged(killed.file, killed.log.slice(0, position)));
  });

  it('with a wrong byte gives all that was acknowledged until there', () => {
    const random = new Random(4);
    for (let i = 0; i < 80; i++) {
      const position = random.whole(0, killed.log.length - 1);
      const log = flipped(killed.log, position, random.whole(1, 255));
      expectAllBefore(position, openDamaged(killed.file, log));
    }
  });
});

it('an end to setting aside: the next start finds a sound file', () => {
  openDamaged(file.slice(0, 5_000));
  const journal = Journal.open(path);
  expect(journal.setAside).toBeNull();
  expect(journal.previousRun.kind).toBe('killed');
  journal.close();
});
