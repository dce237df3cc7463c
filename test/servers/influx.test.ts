/** The sink against a real InfluxDB 1 and a real VictoriaMetrics: what is written is there, whatever happens meanwhile. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import { Journal } from '../../src/journal/journal.ts';
import type { Sample } from '../../src/samples.ts';
import { InfluxDatabase } from '../../src/sinks/influx-database.ts';
import { eventPoint, type Point, samplePoint } from '../../src/sinks/line-protocol.ts';
import { isoTime } from '../../src/time.ts';
import { at, event, randomEvents, sample } from '../support/journal-events.ts';
import { Random } from '../support/random.ts';
import {
  canMount,
  isInstalled,
  Passage,
  RealInflux,
  RealVictoriaMetrics,
  settingsFor,
} from '../support/servers.ts';
import { SinkRun } from '../support/sink-run.ts';

let folder: string;
let journal: Journal;
let cleanUp: (() => Promise<void>)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-sink-'));
  journal = Journal.open(join(folder, 'journal.db'));
  cleanUp = [];
});
afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  journal.close();
  rmSync(folder, { recursive: true });
});

async function started<S extends RealInflux | RealVictoriaMetrics>(server: S): Promise<S> {
  cleanUp.push(() => server.remove());
  await server.start();
  return server;
}

function run(...args: ConstructorParameters<typeof SinkRun>): SinkRun {
  const made = new SinkRun(...args);
  cleanUp.push(() => made.sink.stop());
  return made;
}

function write(events: readonly TimelineEvent[], samples: readonly Sample[] = []): void {
  journal.append(events, samples, at(0));
}

describe.skipIf(!isInstalled('influxd'))('InfluxDB 1', () => {
  it('gives back all that was written, equal, and makes its database itself', async () => {
    const influx = await started(new RealInflux());
    const events = [
      ...randomEvents(new Random(5), 300),
      event(50, { summary: 'a "quoted" \\ text, with = and\nanother line', cluster: 'two words,=' }),
      event(51, { subject: 'vip:eth0/10.0.0.100\\', details: { vips: ['ä→𝄞'] } }),
      ...Array.from({ length: 20 }, () => event(52)), // of one microsecond
    ];
    const samples = Array.from({ length: 200 }, (_, i) => sample(i, 1 + (i % 3), BigInt(i)));
    write(events, samples);

    const { sink, caughtUp, remarks } = run(journal, settingsFor(influx.url));
    await caughtUp();
    expect(remarks).toEqual(['influx: there was no database, so it has been created']);
    expect(await stored(influx, 'timeline')).toEqual(expectedEvents());
    expect(await stored(influx, 'vrrp')).toEqual(samples.map((one) => row(samplePoint(one))).sort(byTime));
    await sink.stop();
  });

  it('holds every point once where the sink was killed before it could note what was written', async () => {
    const influx = await started(new RealInflux());
    write([event(1), event(1), event(2)], [sample(1)]);
    const forgets = run(journal, settingsFor(influx.url), {
      source: { advance: () => Promise.reject(new Error('killed')) },
    });
    forgets.sink.wake();
    await expect.poll(() => stored(influx, 'vrrp').catch(() => [])).toHaveLength(1);
    await forgets.sink.stop();
    expect(journal.cursor('influx')).toBe(0);

    write([event(1), event(3)]);
    await run(journal, settingsFor(influx.url)).caughtUp();
    expect(await stored(influx, 'timeline')).toEqual(expectedEvents());
    expect(await stored(influx, 'timeline')).toHaveLength(5);
  });

  it('makes the retention policy that is asked for, and writes to it', async () => {
    const influx = await started(new RealInflux());
    write([event(1)]);
    const settings = settingsFor(influx.url, { retentionPolicy: 'long', retention: '520w' });
    await run(journal, settings).caughtUp();
    const policies = await new InfluxDatabase(settings).query<{ name: string; duration: string }>(
      'SHOW RETENTION POLICIES',
    );
    expect(policies.find(({ name }) => name === 'long')?.duration).toBe('87360h0m0s');
    expect(await stored(influx, '"long".timeline')).toHaveLength(1);
  });

  it('refuses what does not fit for good, is quoted, and takes what follows', async () => {
    const influx = await started(new RealInflux());
    const settings = settingsFor(influx.url, { retentionPolicy: 'short', retention: '1d' });
    const strange: Sample = { ...sample(1), time: nowish(0), fields: { state_code: 'a text' } };
    const ancient = event(-86_400 * 365);
    write([{ ...event(0), time: nowish(1) }], [{ ...sample(1), time: nowish(1) }]);
    const { caughtUp, troubles, remarks } = run(journal, settings);
    await caughtUp();
    write([ancient, { ...event(0), time: nowish(2) }], [strange, { ...sample(2), time: nowish(2) }]);
    await caughtUp();

    expect(await stored(influx, '"short".timeline')).toHaveLength(2);
    expect(await stored(influx, '"short".vrrp')).toHaveLength(2);
    expect(troubles.at(-1)).toMatchObject({ sink: 'influx/refused', failing: true });
    expect(remarks.at(-1)).toMatch(
      /refused .* of events 2 to 3 and samples 2 to 3 for good: 400 partial write: .*(conflict|retention)/,
    );
  });

  it('without credentials waits for a person and says what to do; with them goes on', async () => {
    const influx = await started(new RealInflux({ auth: true }));
    const admin = { user: 'admin', password: 'pass word' };
    await fetch(`${influx.url}/query`, {
      method: 'POST',
      body: new URLSearchParams({ q: `CREATE USER admin WITH PASSWORD 'pass word' WITH ALL PRIVILEGES` }),
    });
    write([event(1)]);
    const without = run(journal, settingsFor(influx.url));
    without.sink.wake();
    await without.until(() => without.troubles.length > 0);
    expect(without.troubles[0]).toMatchObject({ sink: 'influx', failing: true, waiting: 1 });
    expect(without.troubles[0]?.error).toMatch(/^401 .*: the server wants influx.user and influx.password$/);
    await without.sink.stop();

    const wrong = run(journal, settingsFor(influx.url, { ...admin, password: 'wrong' }));
    wrong.sink.wake();
    await wrong.until(() => wrong.troubles.length > 0);
    expect(wrong.troubles[0]?.error).toBe('401 authorization failed: check influx.user and influx.password');
    expect(wrong.remarks.join()).not.toContain('wrong');
    await wrong.sink.stop();

    await run(journal, settingsFor(influx.url, admin)).caughtUp();
    expect(journal.cursor('influx')).toBe(1);
  });
});

describe.skipIf(!isInstalled('influxd'))(
  'a stream of events loses and doubles nothing while InfluxDB',
  () => {
    let seconds: number;
    let stream: NodeJS.Timeout;
    beforeEach(() => {
      seconds = 0;
      const random = new Random(8);
      stream = setInterval(() => {
        seconds++;
        const moved = () => event(seconds, { subject: `vr:eth0/ipv4/${random.whole(1, 4)}` });
        write(Array.from({ length: random.whole(1, 5) }, moved), [sample(seconds)]);
      }, 5);
      cleanUp.push(async () => clearInterval(stream));
    });

    /** `during` has some events on both sides. */
    async function streamThrough(
      influx: RealInflux,
      { sink, caughtUp, until }: SinkRun,
      during: () => Promise<void>,
    ): Promise<void> {
      const more = async () => {
        const goal = journal.queries.lastSeq() + 50;
        await expect.poll(() => journal.queries.lastSeq(), { interval: 5 }).toBeGreaterThan(goal);
      };
      const awake = setInterval(() => sink.wake(), 5);
      try {
        await more();
        await until(() => journal.cursor('influx') > 0);
        await during();
        await more();
      } finally {
        clearInterval(stream);
        clearInterval(awake);
      }
      await caughtUp();
      expect(await stored(influx, 'timeline')).toEqual(expectedEvents());
      expect(await stored(influx, 'vrrp')).toHaveLength(seconds);
    }

    /** Requests that fail, so many. */
    async function attempts(passage: { readonly count: number }, count: number): Promise<void> {
      const goal = passage.count + count;
      await expect.poll(() => passage.count, { interval: 5, timeout: 20_000 }).toBeGreaterThanOrEqual(goal);
    }

    it('is killed and started again', async () => {
      const influx = await started(new RealInflux());
      const made = run(journal, settingsFor(influx.url));
      await streamThrough(influx, made, async () => {
        await influx.kill();
        const before = journal.queries.lastSeq();
        await expect.poll(() => journal.queries.lastSeq()).toBeGreaterThan(before + 100);
        await influx.start();
      });
    });

    it('accepts connections and never answers', async () => {
      const influx = await started(new RealInflux());
      const made = run(journal, settingsFor(influx.url), { timeoutMs: 200 });
      await streamThrough(influx, made, async () => {
        influx.suspend();
        const before = journal.queries.lastSeq();
        await expect.poll(() => journal.queries.lastSeq()).toBeGreaterThan(before + 300);
        influx.resume();
      });
    });

    it('is slow, cut off in the middle of answers, refused and swallowed on the way', async () => {
      const influx = await started(new RealInflux());
      const passage = new Passage(influx.port);
      await passage.open();
      cleanUp.push(() => passage.close());
      const made = run(journal, settingsFor(`http://127.0.0.1:${passage.port}`), { timeoutMs: 300 });
      await streamThrough(influx, made, async () => {
        passage.delayMs = 60;
        await attempts(passage, 4);
        for (let i = 0; i < 5; i++) {
          await attempts(passage, 2);
          passage.cut();
        }
        passage.delayMs = 0;
        await passage.close();
        const before = journal.queries.lastSeq();
        await expect.poll(() => journal.queries.lastSeq()).toBeGreaterThan(before + 100);
        await passage.open();
        await attempts(passage, 1);
        passage.swallows = true;
        await attempts(passage, 2);
        passage.swallows = false;
        passage.cut();
      });
    });

    it.skipIf(!canMount())('has no space left on its disk', async () => {
      const influx = await started(new RealInflux({ diskMb: 24 }));
      const made = run(journal, settingsFor(influx.url));
      await streamThrough(influx, made, async () => {
        const ballast = join(influx.disk, 'ballast');
        expect(() => {
          for (let i = 0; ; i++) writeFileSync(`${ballast}${i}`, Buffer.alloc(64 * 1024, 1));
        }).toThrow('ENOSPC');
        await made.until(() => made.troubles.some(({ failing }) => failing));
        expect(made.troubles.find(({ failing }) => failing)?.error).toMatch(/500 .*no space left/);
        for (let i = 0; ; i++) {
          try {
            rmSync(`${ballast}${i}`);
          } catch {
            break;
          }
        }
        // InfluxDB 1.6 goes on saying so of a disk that has space again, until it is started anew.
        await influx.kill();
        await influx.start();
      });
      expect(made.troubles.at(-1)).toMatchObject({ sink: 'influx', failing: false });
    });
  },
);

describe.skipIf(!isInstalled('victoria-metrics'))('VictoriaMetrics', () => {
  it('holds every number that was written; texts are 0 there', async () => {
    const victoria = await started(new RealVictoriaMetrics());
    const events = [event(1, { details: { durationMs: 12.5 } }), event(2, { cluster: 'web' })];
    const samples = [sample(1), sample(2, 52, 150n)];
    write(events, samples);
    await run(journal, settingsFor(victoria.url)).caughtUp();

    await fetch(`${victoria.url}/internal/force_flush`);
    const exported = await fetch(`${victoria.url}/api/v1/export`, {
      method: 'POST',
      body: new URLSearchParams({ 'match[]': '{db="vipwatch"}', start: '0' }),
    });
    const points = (await exported.text())
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { metric: Record<string, string>; values: number[]; timestamps: number[] },
      );
    const numbersOf = (name: string, tags: Record<string, string>) =>
      points.find(
        ({ metric }) =>
          metric.__name__ === name && Object.entries(tags).every(([key, value]) => metric[key] === value),
      )?.values;
    expect(numbersOf('vrrp_priority', { vrid: '52', segment: 'eth0' })).toEqual([150]);
    expect(numbersOf('vrrp_state_code', { vrid: '51' })).toEqual([1]);
    expect(numbersOf('vrrp_jitter_ms', { vrid: '51' })).toEqual([0.352]);
    expect(numbersOf('vrrp_master', { vrid: '51' })).toEqual([0]);
    expect(numbersOf('timeline_seq', { cluster: 'web' })).toEqual([2]);
    expect(numbersOf('timeline_duration_ms', { kind: 'failover' })).toEqual([12.5]);
  });
});

/** Of today, so that a retention policy of a day has room for it. */
function nowish(seconds: number) {
  return at((Date.now() / 1_000 - 1_795_168_800 - 600 + seconds) | 0);
}

type Row = Readonly<Record<string, string | number | boolean>>;

async function stored(influx: RealInflux, measurement: string): Promise<readonly Row[]> {
  const query = new URLSearchParams({ db: 'vipwatch', q: `SELECT * FROM ${measurement}` });
  const response = await fetch(`${influx.url}/query?${query}`);
  const { results } = (await response.json()) as {
    results: readonly {
      series?: readonly { columns: string[]; values: (string | number | boolean | null)[][] }[];
    }[];
  };
  const [series] = results[0]?.series ?? [];
  if (series === undefined) return [];
  return series.values
    .map((values) => {
      const entries = series.columns.map((column, i) => [column, values[i] ?? null] as const);
      return Object.fromEntries(entries.filter(([, value]) => value !== null)) as Row;
    })
    .sort(byTime);
}

function expectedEvents(): readonly Row[] {
  return journal.queries
    .ordinalEventsAfter(0, 100_000)
    .map(({ seq, ordinal, event: one }) => row(eventPoint(one, seq, ordinal)))
    .sort(byTime);
}

/** What the server should say of a point. */
function row({ time, ordinal, tags, fields }: Point): Row {
  const nanoseconds = `${isoTime(time).slice(0, -1)}${String(ordinal).padStart(3, '0')}`;
  const values = Object.entries({ ...tags, ...fields }).flatMap(([key, value]) => {
    if (value === null || (value === '' && key in tags)) return [];
    if (typeof value === 'bigint') return [[key, Number(value)] as const];
    const text = typeof value === 'string' ? value.replace(/\n/g, ' ') : value;
    return [[key, key in tags && typeof text === 'string' ? text.replace(/\\$/, '/') : text] as const];
  });
  return { time: `${nanoseconds.replace(/\.?0+$/, '')}Z`, ...Object.fromEntries(values) };
}

function byTime(a: Row, b: Row): number {
  const key = ({ time, seq = 0, vrid = 0 }: Row) =>
    `${String(time).replace('Z', '')} ${String(seq).padStart(9, '0')} ${vrid}`;
  return key(a) < key(b) ? -1 : 1;
}
