/** The journal beside the loop that takes frames: told once, in order, durable first, whatever the disk does. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SetAside } from '../../src/journal/journal.ts';
import { JournalReader } from '../../src/journal/journal-reader.ts';
import type { JournalTrouble, JournalWriter } from '../../src/journal/journal-writer.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { at, begin, event, sample } from '../support/journal-events.ts';

const root = new URL('../..', import.meta.url).pathname;
const dist = join(root, 'dist');
/** of the built code: a worker needs a file that Node can run */
let open: typeof JournalWriter.open;
let folder: string;
let path: string;
let writers: JournalWriter[];

beforeAll(async () => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
  const built: { JournalWriter: typeof JournalWriter } = await import(`${dist}/journal/journal-writer.js`);
  open = async (...args) => {
    const writer = await built.JournalWriter.open(...args);
    writers.push(writer);
    return writer;
  };
}, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-writer-'));
  path = join(folder, 'journal.db');
  writers = [];
});
afterEach(async () => {
  for (const writer of writers) await writer.stop(at(0));
  rmSync(folder, { recursive: true });
});

interface Told extends JournalledEvent {
  readonly isDurable: boolean;
}

/** What a listener is told, and a promise of the first so many. */
function listen(writer: JournalWriter): { told: Told[]; until: (count: number) => Promise<Told[]> } {
  const told: Told[] = [];
  let wake = () => {};
  writer.onCommitted((events, isDurable) => {
    told.push(...events.map((one) => ({ ...one, isDurable })));
    wake();
  });
  const until = async (count: number) => {
    while (told.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return told.slice(0, count);
  };
  return { told, until };
}

describe('a journal writer', () => {
  it('tells events once they are durable, in order, with their incident', async () => {
    const writer = await open(path);
    expect(writer.previousRun).toEqual({ kind: 'none', until: null });
    const { told, until } = listen(writer);
    const events = [event(1), begin(2), event(3)];
    for (const one of events) writer.append([one], [sample(1)], one.detectedAt);
    await until(3);
    expect(told.map(({ seq, event, incident, isDurable }) => [seq, event.id, incident, isDurable])).toEqual(
      events.map(({ id }, index) => [index + 1, id, 1, true]),
    );
    // Another process finds them the moment they are told.
    const reader = JournalReader.open(path);
    expect([...reader.events({})].map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(reader.openConditions().map(({ seq }) => seq)).toEqual([2]);
    reader.close();
  });

  it('answers queries while it writes', async () => {
    const writer = await open(path);
    const { until } = listen(writer);
    const events = Array.from({ length: 5_000 }, (_, i) => event(i));
    writer.append(events.slice(0, 4_500), [sample(1)], at(4_500));
    await until(4_500);
    const seqs: number[] = [];
    for await (const { seq } of writer.query({ order: 'time' })) {
      if (seq === 1) writer.append(events.slice(4_500), [], at(5_000));
      seqs.push(seq);
    }
    expect(seqs.slice(0, 4_500)).toEqual(Array.from({ length: 4_500 }, (_, i) => i + 1));
    await until(5_000);
    expect((await writer.eventsAfter(4_999, 10)).map(({ event }) => event.id)).toEqual([events[4_999]?.id]);
    expect(await writer.lastSamples()).toEqual([sample(1)]);
    await writer.advance('influx', 17);
    expect(await writer.cursor('influx')).toBe(17);
    expect(await writer.incident(5)).toBeNull();
    expect(await writer.incidents(3)).toHaveLength(1);
    await expect(writer.advance('influx', 9_999)).rejects.toThrow('have not come to 9999');
  });

  it('makes everything durable on the way out, and the next run knows that it stopped', async () => {
    const writer = await open(path);
    writer.append([event(1), event(2)], [sample(1)], at(2));
    await writer.stop(at(3));
    expect(() => writer.append([], [], at(4))).toThrow('stopped');
    expect(readdirSync(folder).sort()).toEqual(['journal.db', 'journal.db.lock']);
    const next = await open(path);
    expect(next.previousRun).toEqual({ kind: 'stopped', until: at(3) });
    const { until } = listen(next);
    next.append([event(5)], [], at(5));
    expect((await until(1))[0]?.seq).toBe(3);
  });

  it('notes signs of life without events', async () => {
    const writer = await open(path);
    writer.append([], [], at(7));
    await writer.stop(at(7));
    expect((await open(path)).previousRun.until).toEqual(at(7));
  });

  it('refuses as the journal does', async () => {
    await open(path);
    await expect(open(path)).rejects.toMatchObject({ name: 'JournalError', code: 'locked' });
    await expect(open(folder)).rejects.toMatchObject({ code: 'not-a-journal' });
  });

  it('sets aside a file that turns out to be damaged, and goes on with the numbers', async () => {
    const writer = await open(path);
    const { told, until } = listen(writer);
    const aside: SetAside[] = [];
    writer.onSetAside((one) => aside.push(one));
    for (let from = 0; from < 16_000; from += 1_000) {
      writer.append(
        Array.from({ length: 1_000 }, (_, i) => event(from + i)),
        [],
        at(from),
      );
      await until(from + 1_000);
    }
    // By another process: to open and close the file in this one would drop the writer's locks.
    for (const file of [path, `${path}-wal`])
      execFileSync(
        'dd',
        ['if=/dev/urandom', `of=${file}`, 'bs=4096', 'seek=20', 'count=600', 'conv=notrunc'],
        {
          stdio: 'ignore',
        },
      );
    const reading = (async () => {
      for await (const { seq } of writer.query({ order: 'time' })) expect(seq).toBeGreaterThan(0);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'damaged' });
    expect(aside).toMatchObject([{ path: expect.stringContaining('journal.db.damaged-') }]);
    const next = event(17_000);
    writer.append([next], [], at(17_000));
    await until(16_001);
    expect(told.at(-1)).toMatchObject({ seq: 16_001, isDurable: true, event: next });
    expect((await writer.eventsAfter(0, 9)).map(({ seq }) => seq)).toEqual([16_001]);
  });

  describe('while another process keeps the file locked', () => {
    it('says so, tells all the same, and writes it once it may', async () => {
      const { writer, told, until, troubled, release } = await locked();
      const one = event(1);
      writer.append([one], [], at(1));
      expect(await troubled()).toMatchObject({ failing: true, error: expect.stringContaining('locked') });
      await until(1);
      expect(told).toMatchObject([{ seq: 1, isDurable: false }]);
      release();
      expect(await troubled()).toEqual({ failing: false, error: null, waiting: 0, lost: 0 });
      expect((await writer.eventsAfter(0, 9)).map(({ event }) => event.id)).toEqual([one.id]);
    });

    it('stops, and says what is lost', async () => {
      const { writer, troubled, release } = await locked();
      writer.append([event(1)], [], at(1));
      await writer.stop(at(2));
      expect(await troubled()).toMatchObject({ error: expect.stringContaining('locked') });
      expect(await troubled()).toMatchObject({ failing: true, waiting: 0, lost: 1 });
      release();
      expect((await open(path)).lastSeq).toBe(0);
    });
  });

  it('goes on with another thread where one died, and says everything again', async () => {
    const writer = await open(path);
    const { until } = listen(writer);
    writer.append([event(1)], [], at(1));
    await until(1);
    await exhaust(writer);
    const [one, two] = [event(2), event(3)];
    writer.append([one], [], at(2));
    writer.append([two], [], at(3));
    const told = await until(43);
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
    expect(told.slice(-2).map(({ event, isDurable }) => [event.id, isDurable])).toEqual([
      [one.id, true],
      [two.id, true],
    ]);
    await writer.stop(at(4));
    const reader = JournalReader.open(path);
    expect([...reader.events({})].map(({ seq }) => seq)).toEqual(told.map(({ seq }) => seq));
    reader.close();
  });
});

/** A writer whose file somebody else has begun to write to; each `troubled` is the next trouble told. */
async function locked() {
  const writer = await open(path);
  const troubles: JournalTrouble[] = [];
  let wake = () => {};
  writer.onTrouble((trouble) => {
    troubles.push(trouble);
    wake();
  });
  const troubled = async (): Promise<JournalTrouble> => {
    for (;;) {
      const next = troubles.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  return { writer, ...listen(writer), troubled, release: () => other.close() };
}

/** Ends the writer's thread from within: its heap is bounded, and this answer is larger. */
async function exhaust(writer: JournalWriter): Promise<void> {
  const text = 'x'.repeat(2_000_000);
  const { told, until } = listen(writer);
  for (let i = 0; i < 40; i++) {
    writer.append([event(1)], [{ ...sample(i), fields: { text } }], at(1));
    await until(told.length + 1);
  }
  await expect(writer.samplesAfter(0, 40)).rejects.toThrow('thread died');
}
