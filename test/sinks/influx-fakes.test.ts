/**
 * InfluxDB 2 and 3 as fakes that know the protocol of writes and what is documented of their answers, and no more; a
 * proxy with a limit; and a sink that must come through all of them. (InfluxDB 1 and VictoriaMetrics are real, in
 * test/servers.)
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import type { InfluxSettings } from '../../src/sinks/influx-settings.ts';
import { at, event, sample } from '../support/journal-events.ts';
import { settingsFor } from '../support/servers.ts';
import { SinkRun } from '../support/sink-run.ts';
import { fastTempFolder } from '../support/temp-folder.ts';

interface Written {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly lines: readonly string[];
}

interface FakeAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** lines that it keeps; all of them with a 204, none else */
  readonly keeps?: readonly string[];
}

class FakeServer {
  readonly kept: string[] = [];
  readonly requests: Written[] = [];
  answer: (written: Written) => FakeAnswer = () => ({ status: 204 });
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const bytes = Buffer.concat(parts);
        const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
        const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
        const lines = text
          .toString()
          .split('\n')
          .filter((line) => line !== '');
        const written = { path: pathname, query: searchParams, headers: request.headers, lines };
        this.requests.push(written);
        const { status, body = '', headers = {}, keeps } = this.answer(written);
        this.kept.push(...(keeps ?? (status === 204 ? lines : [])));
        response.writeHead(status, headers).end(body);
      });
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let folder: string;
let journal: Journal;
let server: FakeServer;
let url: string;
let runs: SinkRun[];

beforeEach(async () => {
  folder = fastTempFolder('fakes');
  journal = Journal.open(join(folder, 'journal.db'));
  server = new FakeServer();
  url = await server.open();
  runs = [];
});
afterEach(async () => {
  for (const { sink } of runs) await sink.stop();
  server.close();
  journal.close();
  rmSync(folder, { recursive: true });
});

function run(more: Partial<InfluxSettings>): SinkRun {
  const made = new SinkRun(journal, settingsFor(url, more));
  runs.push(made);
  return made;
}

const VERSION_2 = { version: 2, org: 'ops', database: 'vipwatch', token: 'secret-token' } as const;
const VERSION_3 = { version: 3, database: 'vipwatch', token: 'secret-token' } as const;
const isBad = (line: string) => line.includes('vrid=13');
const vrids = (lines: readonly string[]) => lines.map((line) => Number(/vrid=(\d+)/.exec(line)?.[1]));

describe('a fake of InfluxDB 2', () => {
  it('is written to by its API, with its token', async () => {
    journal.append([event(1)], [], at(1));
    await run(VERSION_2).caughtUp();
    const [request] = server.requests;
    expect(request?.path).toBe('/api/v2/write');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({
      org: 'ops',
      bucket: 'vipwatch',
      precision: 'ns',
    });
    expect(request?.headers.authorization).toBe('Token secret-token');
  });

  it('refuses a whole batch for one line; all but that line arrive, in order', async () => {
    server.answer = ({ lines }) =>
      lines.some(isBad)
        ? { status: 400, body: `{"code":"invalid","message":"unable to parse 'vrrp': bad"}` }
        : { status: 204 };
    journal.append(
      [],
      Array.from({ length: 100 }, (_, i) => sample(i, i)),
      at(100),
    );
    const { caughtUp, remarks, troubles } = run(VERSION_2);
    await caughtUp();
    expect(vrids(server.kept)).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((i) => i !== 13));
    expect(remarks).toEqual([
      "influx refused a point of samples 14 for good: 400 unable to parse 'vrrp': bad",
    ]);
    expect(troubles.filter(({ failing }) => failing).map(({ sink }) => sink)).toEqual(['influx/refused']);
  });

  it('stores what fits and says 422 of the rest, which is not sent again', async () => {
    server.answer = ({ lines }) => ({
      status: 422,
      body: '{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict dropped=1"}',
      keeps: lines.filter((line) => !isBad(line)),
    });
    journal.append([], [sample(1, 12), sample(2, 13), sample(3, 14)], at(3));
    await run(VERSION_2).caughtUp();
    expect(vrids(server.kept)).toEqual([12, 14]);
    expect(server.requests).toHaveLength(1);
  });

  it.each([401, 403, 404, 429, 500, 503])(
    'says %i for a while: all arrives once that is over',
    async (status) => {
      let refusals = 3;
      server.answer = () =>
        refusals-- > 0
          ? { status, body: '{"code":"x","message":"bucket not ready"}', headers: { 'Retry-After': '0' } }
          : { status: 204 };
      journal.append([event(1), event(2)], [], at(2));
      const { caughtUp, remarks } = run(VERSION_2);
      await caughtUp();
      expect(server.kept).toHaveLength(2);
      expect(server.requests).toHaveLength(4);
      expect(remarks.join()).not.toContain('secret');
      const isPersons = [401, 403, 404].includes(status);
      expect(remarks).toHaveLength(isPersons ? 2 : 0);
    },
  );

  it('is asked again no sooner than it wishes', async () => {
    const times: number[] = [];
    server.answer = () => {
      times.push(performance.now());
      return times.length === 1 ? { status: 429, headers: { 'Retry-After': '1' } } : { status: 204 };
    };
    journal.append([event(1)], [], at(1));
    await run(VERSION_2).caughtUp();
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(990);
  });
});

describe('a fake of InfluxDB 3', () => {
  it('is written to by the API that it shares with 2, lists what it refused, and that is not sent again', async () => {
    server.answer = ({ lines }) => ({
      status: 400,
      body: JSON.stringify({
        error: 'partial write of line protocol occurred',
        data: [{ error_message: 'invalid column type', line_number: 2, original_line: 'vrrp' }],
      }),
      keeps: lines.filter((line) => !isBad(line)),
    });
    journal.append([], [sample(1, 12), sample(2, 13), sample(3, 14)], at(3));
    const { caughtUp, remarks } = run(VERSION_3);
    await caughtUp();
    expect(vrids(server.kept)).toEqual([12, 14]);
    const [request] = server.requests;
    expect(request?.path).toBe('/api/v2/write');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({ bucket: 'vipwatch', precision: 'ns' });
    expect(request?.headers.authorization).toBe('Bearer secret-token');
    expect(remarks).toEqual([
      'influx refused a point of samples 1 to 3 for good: 400 partial write of line protocol occurred: invalid column type',
    ]);
  });
});

describe('a proxy', () => {
  it('that takes small requests only is sent small ones', async () => {
    server.answer = ({ lines }) => (lines.length > 7 ? { status: 413 } : { status: 204 });
    journal.append(
      [],
      Array.from({ length: 60 }, (_, i) => sample(i, i)),
      at(60),
    );
    const { caughtUp, troubles } = run({});
    await caughtUp();
    expect(vrids(server.kept)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect(troubles.every(({ failing }) => !failing)).toBe(true);
    const before = server.requests.length;
    journal.append(
      [],
      Array.from({ length: 14 }, (_, i) => sample(100 + i, i)),
      at(120),
    );
    await caughtUp();
    expect(server.requests.slice(before).every(({ lines }) => lines.length <= 7)).toBe(true);
  });

  it('that refuses everything is not taken for a judgement of the points: they wait', async () => {
    let isBroken = true;
    server.answer = () => (isBroken ? { status: 400, body: 'malformed request' } : { status: 204 });
    journal.append([event(1), event(2)], [], at(2));
    const { caughtUp, sink, until, troubles, remarks } = run({});
    sink.wake();
    await until(() => troubles.length > 0);
    expect(troubles[0]).toMatchObject({ sink: 'influx', failing: true, error: '400 malformed request' });
    expect(journal.cursor('influx')).toBe(0);
    isBroken = false;
    await caughtUp();
    expect(server.kept).toHaveLength(2);
    expect(troubles.at(-1)).toMatchObject({ sink: 'influx', failing: false });
    expect(remarks.at(-1)).toBe('influx takes points again');
  });
});

describe('a batch', () => {
  it('has 5,000 lines at the most, and events come first', async () => {
    journal.append(
      Array.from({ length: 3_000 }, (_, i) => event(i)),
      Array.from({ length: 4_000 }, (_, i) => sample(i)),
      at(1),
    );
    await run({}).caughtUp();
    expect(server.requests.map(({ lines }) => lines.length)).toEqual([5_000, 2_000]);
    expect(server.kept.map((line) => line.slice(0, 4))).toEqual([
      ...Array.from({ length: 3_000 }, () => 'time'),
      ...Array.from({ length: 4_000 }, () => 'vrrp'),
    ]);
  });

  it('what retention took before it could be written is said', async () => {
    journal.append([event(1), event(2), event(3)], [], at(3));
    const { caughtUp, sink, remarks } = run({});
    await caughtUp();
    await sink.stop();
    journal.append([event(4), event(5)], [], at(5));
    const left = journal.queries.ordinalEventsAfter(4, 10);
    const source = { ordinalEventsAfter: async (seq: number) => (seq < 5 ? left : []) };
    const short = new SinkRun(journal, settingsFor(url), { source });
    runs.push(short);
    await short.caughtUp();
    expect(remarks).toEqual([]);
    expect(short.remarks).toEqual([
      'influx: events 4 to 4 left the journal by age before they could be written',
    ]);
  });
});
