/** What the journal promises: order, durability, idempotence, cursors, retention, clear refusals. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import { Journal, type JournalOptions } from '../../src/journal/journal.ts';
import { JournalReader } from '../../src/journal/journal-reader.ts';
import { MIGRATIONS, migrate, schemaVersion } from '../../src/journal/schema.ts';
import { IncidentFold } from '../../src/timeline/incidents.ts';
import { at, begin, end, event, randomEvents, sample } from '../support/journal-events.ts';
import { Random } from '../support/random.ts';
import { fastTempFolder } from '../support/temp-folder.ts';

let folder: string;
let path: string;
let opened: Journal[];
beforeEach(() => {
  folder = fastTempFolder('journal');
  path = join(folder, 'state/journal.db');
  opened = [];
});
afterEach(() => {
  for (const journal of opened) journal.close();
  rmSync(folder, { recursive: true });
});

function open(options: JournalOptions = {}): Journal {
  const journal = Journal.open(path, options);
  opened.push(journal);
  return journal;
}

function reopen(journal: Journal, options: JournalOptions = {}): Journal {
  journal.close();
  opened = opened.filter((one) => one !== journal);
  return open(options);
}

const idsOf = (journal: Journal) => [...journal.queries.events({})].map(({ event: { id } }) => id);

describe('append', () => {
  it('gives +1 each, and everything comes back as it was said', () => {
    const journal = open();
    const events = [event(1, { details: { vips: ['10.0.0.1'], darkMs: [1.5, 2] } }), event(0.5), begin(2)];
    expect(journal.append(events.slice(0, 2), [], at(1)).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(journal.append(events.slice(2), [], at(2)).map(({ seq }) => seq)).toEqual([3]);
    const read = [...reopen(journal).queries.events({})];
    expect(read.map(({ event }) => event)).toEqual(events);
    expect(read.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it('counts the events of a microsecond in their order, also from the middle on and after a restart', () => {
    const journal = open();
    journal.append([event(1), event(2), event(1)], [], at(2));
    journal.append([event(1), event(2)], [], at(2));
    const ordinals = (of: Journal, after: number) =>
      of.queries.ordinalEventsAfter(after, 10).map(({ seq, ordinal }) => [seq, ordinal]);
    const all = [
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 2],
      [5, 1],
    ];
    expect(ordinals(journal, 0)).toEqual(all);
    expect(ordinals(reopen(journal), 3)).toEqual(all.slice(3));
  });

  it('enters no event twice: who does not know whether it was entered says it again', () => {
    const journal = open();
    const [first, second, third] = [event(1), event(2), event(3)];
    journal.append([first, second], [], at(2));
    const again = journal.append([second, third], [], at(3));
    expect(again.map(({ seq, event }) => [seq, event.id])).toEqual([
      [2, second.id],
      [3, third.id],
    ]);
    expect(idsOf(journal)).toEqual([first.id, second.id, third.id]);
  });

  it('is all or nothing, and may be repeated', () => {
    const journal = open();
    const [one, two] = [event(1), event(2)];
    journal.append([one], [], at(1));
    const broken = { ...event(3), summary: undefined } as unknown as TimelineEvent;
    expect(() => journal.append([two, broken], [sample(2)], at(3))).toThrow();
    expect(idsOf(journal)).toEqual([one.id]);
    const appended = journal.append([two, event(3)], [sample(2)], at(3));
    expect(appended.map(({ seq, incident }) => [seq, incident])).toEqual([
      [2, 1],
      [3, 1],
    ]);
    expect(journal.queries.samplesAfter(0, 9).map(({ seq }) => seq)).toEqual([1]);
  });

  it('keeps the types of samples', () => {
    const journal = open();
    const samples = [sample(0), { ...sample(1), fields: { large: 2n ** 60n, up: true, text: 'a"b' } }];
    journal.append([], samples, at(1));
    expect(journal.queries.samplesAfter(0, 9).map(({ sample }) => sample)).toEqual(samples);
    expect(journal.queries.samplesAfter(1, 9).map(({ seq }) => seq)).toEqual([2]);
  });

  it('knows the latest sample of everything', () => {
    const journal = open();
    journal.append([], [sample(0, 51), sample(0, 52)], at(0));
    journal.append([], [sample(30, 51, 90n)], at(30));
    expect(reopen(journal).queries.lastSamples()).toEqual([sample(0, 52), sample(30, 51, 90n)]);
  });
});

describe('the run before', () => {
  it('there was none, it stopped, or it was cut off', () => {
    const first = open();
    expect(first.previousRun).toEqual({ kind: 'none', until: null });
    first.append([], [], at(5));
    const second = reopen(first);
    expect(second.previousRun).toEqual({ kind: 'killed', until: at(5) });
    second.append([], [], at(9));
    second.markStopped(at(10));
    const third = reopen(second);
    expect(third.previousRun).toEqual({ kind: 'stopped', until: at(10) });
    // Opened and never written to: nothing has been observed since.
    const fourth = reopen(third);
    expect(fourth.previousRun).toEqual({ kind: 'stopped', until: at(10) });
    fourth.append([], [], at(20));
    expect(reopen(fourth).previousRun).toEqual({ kind: 'killed', until: at(20) });
  });
});

describe('cursors', () => {
  it('remember how far each reader came, never go back, never run ahead', () => {
    const journal = open();
    journal.append([event(1), event(2), event(3)], [sample(1)], at(3));
    expect(journal.cursor('influx')).toBe(0);
    journal.advance('influx', 2);
    journal.advance('influx', 1);
    journal.advance('influx', 1, 'samples');
    journal.advance('email', 3);
    const again = reopen(journal);
    expect([again.cursor('influx'), again.cursor('influx', 'samples'), again.cursor('email')]).toEqual([
      2, 1, 3,
    ]);
    expect(again.queries.eventsAfter(2, 10).map(({ seq }) => seq)).toEqual([3]);
    expect(() => again.advance('influx', 4)).toThrow('influx: events have not come to 4 yet');
  });
});

describe('retention', () => {
  const day = 86_400;
  const pruneAll = (journal: Journal, seconds: number) => {
    for (let steps = 0; journal.prune(at(seconds)); steps++) if (steps > 1_000) throw new Error('never done');
  };

  it('removes what is old, and goes on counting', () => {
    const journal = open();
    journal.append([event(0, { severity: 'info' }), event(31 * day, { severity: 'info' })], [], at(31 * day));
    pruneAll(journal, 31 * day);
    expect([...journal.queries.events({})].map(({ seq }) => seq)).toEqual([2]);
    pruneAll(journal, 99 * day);
    expect(idsOf(journal)).toEqual([]);
    expect(reopen(journal).append([event(99 * day)], [], at(99 * day))[0]?.seq).toBe(3);
  });

  it('spares open conditions and their incidents, and lets incidents go as a whole', () => {
    const journal = open();
    const split = begin(10);
    const [led, moved] = [event(0, { severity: 'info' }), event(20)];
    journal.append([led, split, moved], [], at(20));
    pruneAll(journal, 90 * day);
    expect(idsOf(journal)).toEqual([led.id, split.id, moved.id]);
    journal.append([end(split, 90 * day)], [], at(90 * day));
    pruneAll(journal, 91 * day);
    expect(idsOf(journal)).toHaveLength(4); // its story ended a day ago
    pruneAll(journal, 121 * day);
    expect(idsOf(journal)).toEqual([]);
    expect(journal.queries.incidents()).toEqual([]);
  });

  it('bounds the number of events and of samples, whatever their age', () => {
    const journal = open({ eventsMax: 700, samplesMax: 600 });
    const events = Array.from({ length: 2_000 }, (_, i) => event(i));
    journal.append(
      events,
      events.map((_, i) => sample(i, i % 3)),
      at(2_000),
    );
    pruneAll(journal, 2_000);
    expect(idsOf(journal)).toEqual(events.slice(-700).map(({ id }) => id));
    expect(journal.queries.samplesAfter(0, 9_999)).toHaveLength(600);
  });

  it('removes samples by their own age, and series with them', () => {
    const journal = open();
    journal.append([], [sample(0, 50), sample(0, 51), sample(4 * day, 51)], at(4 * day));
    pruneAll(journal, 4 * day);
    expect(journal.queries.samplesAfter(0, 9).map(({ sample }) => sample)).toEqual([sample(4 * day, 51)]);
    expect(journal.queries.lastSamples()).toEqual([sample(4 * day, 51)]);
    journal.append([], [sample(5 * day, 50)], at(5 * day));
    expect(journal.queries.lastSamples()).toHaveLength(2);
  });

  it('gives back to the system what a storm took', () => {
    const journal = open({ eventsMax: 100 });
    journal.append(
      Array.from({ length: 12_000 }, (_, i) => event(i)),
      [],
      at(12_000),
    );
    const again = reopen(journal, { eventsMax: 100 });
    const before = statSync(path).size;
    pruneAll(again, 12_000);
    reopen(again);
    expect(statSync(path).size).toBeLessThan(before / 2);
  });
});

describe('what it refuses', () => {
  const code = (open: () => unknown) => {
    try {
      open();
    } catch (error) {
      return error;
    }
    return null;
  };

  it('a second writer, naming the first', () => {
    open();
    expect(code(() => Journal.open(path))).toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`${path}: process ${process.pid} writes to this journal`),
    });
    // The refusal has not loosened the lock.
    const other = spawnSync('sqlite3', [`${path}.lock`, 'BEGIN IMMEDIATE'], { encoding: 'utf8' });
    if (other.error === undefined) expect(other.stderr).toContain('locked');
    expect(code(() => Journal.open(path))).toMatchObject({ code: 'locked' });
  });

  it('a folder, and a path through a file', () => {
    expect(code(() => Journal.open(folder))).toMatchObject({
      code: 'not-a-journal',
      message: expect.stringContaining('is a folder'),
    });
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(code(() => Journal.open(join(file, 'journal.db')))).toMatchObject({ code: 'not-a-journal' });
  });

  it('a file that is none of ours, which stays as it is', () => {
    for (const content of ['root:x:0:0', 'x'.repeat(9_000)]) {
      const file = join(folder, 'passwd');
      writeFileSync(file, content);
      expect(code(() => Journal.open(file))).toMatchObject({ code: 'not-a-journal' });
      expect(readFileSync(file, 'utf8')).toBe(content);
      expect(code(() => Journal.open(file))).toMatchObject({ code: 'not-a-journal' });
    }
    const other = join(folder, 'other.db');
    new Database(other).exec('CREATE TABLE t (x)').close();
    expect(code(() => Journal.open(other))).toMatchObject({ code: 'not-a-journal' });
    expect(code(() => JournalReader.open(other))).toMatchObject({
      code: expect.stringMatching(/not-a-journal|older/),
    });
  });

  it('the layout of a later version, untouched', () => {
    open().close();
    opened = [];
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.prepare("UPDATE meta SET value = 99 WHERE name = 'schema'").run();
    db.close();
    for (const refused of [() => Journal.open(path), () => JournalReader.open(path)]) {
      expect(code(refused)).toMatchObject({
        code: 'newer',
        message: expect.stringContaining('later version of vipwatch (layout 99'),
      });
    }
    expect(readdirSync(dirname(path)).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  it('makes folders and a file that others of the group may read', () => {
    open();
    expect((statSync(dirname(path)).mode & 0o777).toString(8)).toBe('750');
    expect((statSync(path).mode & 0o777).toString(8)).toBe('640');
  });
});

describe('layouts', () => {
  it('a journal of version 1 keeps everything through the versions that follow', () => {
    const old = join(folder, 'old.db');
    const db = new Database(old);
    db.exec(VERSION_1);
    db.exec('PRAGMA application_id = 1986621559');
    db.exec('PRAGMA user_version = 1');
    // the version after this one, whatever it will be
    migrate(db, [...MIGRATIONS, 'ALTER TABLE events ADD COLUMN added TEXT']);
    expect(schemaVersion(db)).toBe(MIGRATIONS.length + 1);
    expect(db.prepare('SELECT seq, id, added FROM events').all()).toEqual([
      { seq: 7, id: 'old', added: null },
    ]);
    db.close();
  });

  it('a journal of version 1 opens', () => {
    mkdirSync(dirname(path));
    const db = new Database(path);
    db.exec(VERSION_1);
    db.exec('PRAGMA application_id = 1986621559');
    db.exec('PRAGMA user_version = 1');
    db.close();
    const journal = open();
    expect(journal.setAside).toBeNull();
    expect(journal.previousRun).toEqual({ kind: 'killed', until: at(0) });
    expect(journal.cursor('influx')).toBe(7);
    const [old] = journal.queries.events({});
    expect(old).toMatchObject({
      seq: 7,
      incident: 3,
      event: { id: 'old', time: at(0), details: { vips: [] } },
    });
    expect(journal.append([event(10)], [], at(10))).toMatchObject([{ seq: 8, incident: 3 }]);
  });
});

/** As the first release wrote it, by hand: this text never changes. */
const VERSION_1 = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('schema', 1), ('alive_at', 1795168800000000);
  CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
    detected_at INTEGER NOT NULL, kind TEXT NOT NULL, phase TEXT NOT NULL, severity TEXT NOT NULL, cluster TEXT,
    subject TEXT NOT NULL, summary TEXT NOT NULL, details TEXT NOT NULL, begin_id TEXT, about TEXT) STRICT;
  CREATE INDEX events_time ON events (time);
  CREATE INDEX events_end ON events (begin_id) WHERE begin_id IS NOT NULL;
  CREATE TABLE open_conditions (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE incidents (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, cluster TEXT,
    began INTEGER NOT NULL, last INTEGER NOT NULL, quiet_until INTEGER NOT NULL, severity TEXT NOT NULL,
    title TEXT NOT NULL) STRICT;
  CREATE TABLE incident_events (seq INTEGER PRIMARY KEY, incident INTEGER NOT NULL) STRICT;
  CREATE INDEX incident_events_incident ON incident_events (incident);
  CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL) STRICT;
  CREATE TABLE samples (seq INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, series INTEGER NOT NULL,
    field_values TEXT NOT NULL) STRICT;
  CREATE TABLE cursors (reader TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (reader, stream)) STRICT, WITHOUT ROWID;
  INSERT INTO events VALUES (7, 'old', 1795168800000000, 1795168800000000, 'failover', 'instant', 'warning', NULL,
    'vr:eth0/ipv4/51', 'moved', '{"vips":[]}', NULL, NULL);
  INSERT INTO incidents VALUES (3, 'vr:eth0/ipv4/51', NULL, 1795168800000000, 1795168800000000, 1795169100000000,
    'warning', 'moved');
  INSERT INTO incident_events VALUES (7, 3);
  INSERT INTO cursors VALUES ('influx', 'events', 7);
`;

describe('incidents', () => {
  it('are in the same transaction, with what led to them', () => {
    const journal = open();
    const led = event(0, { severity: 'info', kind: 'priority-change' });
    expect(journal.append([led], [], at(0))[0]?.incident).toBeNull();
    const split = begin(10);
    expect(journal.append([split], [], at(10))[0]?.incident).toBe(1);
    expect(journal.queries.incident('last')).toMatchObject({
      incident: { id: 1, began: at(0), ended: null, severity: 'critical', eventCount: 2 },
      events: [{ event: { id: led.id } }, { event: { id: split.id } }],
    });
    journal.append([end(split, 20)], [], at(20));
    expect(journal.queries.incident(1)?.incident.ended).toBeNull(); // not quiet for long enough
    journal.append([], [], at(321));
    expect(journal.queries.incident(1)?.incident).toMatchObject({ ended: at(20), eventCount: 3 });
    expect(journal.queries.incident(2)).toBeNull();
  });

  it.each([1, 2, 3, 4, 5])(
    'are the same however often the journal is closed and opened (seed %i)',
    (seed) => {
      const random = new Random(seed);
      const events = randomEvents(random, 300);
      let journal = open();
      for (const [index, one] of events.entries()) {
        journal.append([one], [], one.detectedAt);
        if (index % 7 === seed) journal = reopen(journal);
      }
      const fold = new IncidentFold();
      const expected = new Map<number, number>();
      for (const [index, one] of events.entries()) {
        const change = fold.take(one, index + 1);
        for (const seq of change?.seqs ?? []) expected.set(seq, change?.incident.id ?? 0);
      }
      const actual = [...journal.queries.events({})].filter(({ incident }) => incident !== null);
      expect(new Map(actual.map(({ seq, incident }) => [seq, incident]))).toEqual(expected);
      expect(journal.queries.incidents({ limit: 999 }).length).toBeGreaterThan(5);
    },
  );
});

it('leaves one file behind that can be read where nothing can be written', () => {
  const journal = open();
  journal.append([event(1)], [], at(1));
  journal.close();
  opened = [];
  expect(readdirSync(dirname(path)).sort()).toEqual(['journal.db', 'journal.db.lock']);
  expect(existsSync(path)).toBe(true);
});
