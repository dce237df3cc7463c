/** Reading beside a writer, after its death, without permission to write; and what one can ask for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import { JournalReader } from '../../src/journal/journal-reader.ts';
import type { EventQuery } from '../../src/timeline/journalled-event.ts';
import { at, begin, end, event, randomEvents, sample } from '../support/journal-events.ts';
import { Random } from '../support/random.ts';

const root = new URL('../..', import.meta.url).pathname;
let folder: string;
let path: string;
let writer: Journal;
beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-reader-'));
  path = join(folder, 'journal.db');
  writer = Journal.open(path);
});
afterEach(() => {
  writer.close();
  rmSync(folder, { recursive: true });
});

describe('a reader', () => {
  it('sees each append of a writer that goes on, and never blocks it', () => {
    writer.append([event(1)], [], at(1));
    const reader = JournalReader.open(path);
    const reading = reader.events({})[Symbol.iterator]();
    expect(reading.next().value?.seq).toBe(1);
    writer.append([event(2)], [sample(2)], at(2));
    expect([...reader.events({ afterSeq: 1 })].map(({ seq }) => seq)).toEqual([2]);
    expect(reader.lastSamples()).toEqual([sample(2)]);
    expect(reader.aliveAt()).toBe(at(2));
    reader.close();
  });

  it.skipIf(process.getuid?.() !== 0).each(['runs', 'was killed', 'has stopped'])(
    'needs no permission to write while the writer %s',
    (state) => {
      const events = [event(1), begin(2)];
      writer.append(events, [sample(1)], at(2));
      let place = folder;
      if (state === 'was killed') {
        place = join(folder, 'killed');
        mkdirSync(place);
        for (const suffix of ['', '-wal', '-shm'])
          copyFileSync(path + suffix, `${place}/journal.db${suffix}`);
      }
      if (state === 'has stopped') writer.close();
      chmodSync(folder, 0o755);
      chmodSync(place, 0o755);
      for (const suffix of ['', '-wal', '-shm'])
        if (existsSync(join(place, `journal.db${suffix}`)))
          chmodSync(join(place, `journal.db${suffix}`), 0o644);
      const { stdout, stderr } = asNobody(join(place, 'journal.db'));
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(events.map(({ id }) => id));
    },
  );

  it.skipIf(process.getuid?.() !== 0)('says so where it may not even read', () => {
    chmodSync(folder, 0o755);
    const { stdout } = asNobody(path);
    expect(stdout).toContain(`not-permitted ${path}: this user may not open it`);
  });

  it('says what is the matter', () => {
    const cases: readonly (readonly [string, (file: string) => void, string])[] = [
      ['missing', () => {}, 'there is no journal'],
      ['damaged', (file) => writeFileSync(file, 'x'.repeat(5_000)), 'sets it aside'],
      ['older', (file) => writeFileSync(file, ''), 'holds nothing yet'],
      ['not-a-journal', (file) => new Database(file).exec('PRAGMA user_version = 3').close(), 'no journal'],
    ];
    for (const [code, make, message] of cases) {
      const file = join(folder, `${code}.db`);
      make(file);
      expect(() => JournalReader.open(file)).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(message) }),
      );
    }
  });

  it('shows events of later versions as they stand', () => {
    writer.append([event(1, { kind: 'of-a-later-version', details: { probe: 'tcp' } }), event(2)], [], at(2));
    const [later, known] = writer.queries.events({});
    expect(later).toMatchObject({
      ofLaterVersion: true,
      event: { kind: 'of-a-later-version', details: { probe: 'tcp' }, severity: 'warning' },
    });
    expect(known?.ofLaterVersion).toBeUndefined();
  });
});

function asNobody(file: string) {
  const { href } = pathToFileURL(join(root, 'dist/journal/journal-reader.js'));
  const program = `
    const { JournalReader } = await import('${href}');
    try {
      const reader = JournalReader.open(process.argv[1]);
      console.log(JSON.stringify([...reader.events({})].map(({ event }) => event.id)));
    } catch (error) { console.log(error.code, error.message); }`;
  return spawnSync(
    'setpriv',
    [
      ...['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', process.execPath],
      ...['--input-type=module', '-e', program, file],
    ],
    { encoding: 'utf8', cwd: '/' },
  );
}

describe('events', () => {
  const asked = (query: EventQuery) => [...writer.queries.events(query)].map(({ event: { id } }) => id);

  it('by window: what happened in it, and both ends of what lasted into it', () => {
    const over = begin(0, { id: 'over' });
    const before = begin(10, { id: 'before' });
    const open = begin(20, { id: 'open' });
    const within = begin(110, { id: 'within' });
    const after = begin(210, { id: 'after' });
    writer.append(
      [
        over,
        before,
        open,
        end(over, 30, { id: 'over-end' }),
        event(99, { id: 'just-before' }),
        event(100, { id: 'first' }),
        within,
        end(before, 150, { id: 'before-end' }),
        event(200, { id: 'just-after' }),
        after,
        end(within, 220, { id: 'within-end' }),
        end(after, 230, { id: 'after-end' }),
      ],
      [],
      at(230),
    );
    const expected = ['before', 'open', 'first', 'within', 'before-end', 'within-end'];
    expect(asked({ since: at(100), until: at(200) })).toEqual(expected);
    expect(asked({ since: at(100), until: at(200), order: 'time' })).toEqual(expected);
    expect(asked({ since: at(225) })).toEqual(['open', 'after', 'after-end']);
    expect(asked({ until: at(15) })).toEqual(['over', 'before', 'over-end', 'before-end']);
  });

  it('by time, where what happened first was known last', () => {
    writer.append([event(5, { id: 'b' }), event(1, { id: 'a', late: 10 })], [], at(11));
    expect(asked({})).toEqual(['b', 'a']);
    expect(asked({ order: 'time' })).toEqual(['a', 'b']);
    expect(asked({ order: 'time', limit: 1 })).toEqual(['a']);
    expect(asked({ afterSeq: 1 })).toEqual(['a']);
  });

  it.each([
    ['51', ['v51', 'v51b']],
    ['eth0', ['v51', 'v5', 'vip']],
    ['eth0/ipv4/5', ['v5']],
    ['10.0.0.5', []],
    ['10.0.0.51', ['vip', 'v51b']],
    ['vip', ['vip']],
    ['vr:*/51', ['v51']],
    ['*eth0*5*', ['v51', 'v5', 'vip', 'v51b']],
    ['*5', ['v5']],
    ['eth*', []],
  ])('of subject %s', (subject, expected) => {
    writer.append(
      [
        event(1, { id: 'v51', subject: 'vr:eth0/ipv4/51' }),
        event(2, { id: 'v5', subject: 'vr:eth0/ipv4/5' }),
        event(3, { id: 'vip', subject: 'vip:eth0/10.0.0.51' }),
        event(4, { id: 'v51b', subject: 'vr:eth0.100/ipv4/51#10.0.0.51' }),
      ],
      [],
      at(4),
    );
    expect(asked({ subject })).toEqual(expected);
  });

  it('in pages give the same as a filter over everything', () => {
    const random = new Random(11);
    const events = randomEvents(random, 6_000);
    for (let from = 0; from < events.length; from += 1_000) {
      const some = events.slice(from, from + 1_000);
      writer.append(some, [], some.at(-1)?.detectedAt ?? at(0));
    }
    const severe = events.filter(({ severity, cluster }) => severity !== 'info' && cluster === 'web');
    expect(severe.length).toBeGreaterThan(500);
    expect(asked({ severity: 'warning', cluster: 'web' })).toEqual(severe.map(({ id }) => id));
    const byTime = [...severe].sort((a, b) => a.time - b.time).map(({ id }) => id);
    expect(asked({ severity: 'warning', cluster: 'web', order: 'time' })).toEqual(byTime);
    expect(asked({ severity: 'warning', cluster: 'web', order: 'time', limit: 501 })).toEqual(
      byTime.slice(0, 501),
    );
    expect(asked({ kinds: ['vip-moved'], afterSeq: 3_000 })).toEqual(
      events.slice(3_000).flatMap(({ id, kind }) => (kind === 'vip-moved' ? [id] : [])),
    );
  });
});
