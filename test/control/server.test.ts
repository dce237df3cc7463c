/** The control socket: what it answers, to whom, and that nothing outside can make it hang, grow or fall over. */
import { once, setMaxListeners } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ControlClient,
  ControlRequestError,
  NoDaemonError,
  type NumberedEvent,
} from '../../src/control/client.ts';
import { ControlServer, type ControlSources, type SilenceSources } from '../../src/control/server.ts';
import { socketPaths, socketPathToServe } from '../../src/control/socket-path.ts';
import type { EventOf } from '../../src/events.ts';
import { instantFromUs, SECOND } from '../../src/time.ts';
import { eventFilter, type JournalledEvent } from '../../src/timeline/journalled-event.ts';

/** What stands for the journal: events become durable by `commit`. */
class Memory implements ControlSources {
  readonly asked: unknown[] = [];
  hasAlerts = true;
  readonly committed: JournalledEvent[] = [];
  readonly #listeners = new Set<(events: readonly JournalledEvent[]) => void>();
  pages = 0;

  status(): unknown {
    return { events: this.committed.length };
  }
  events(query: Parameters<ControlSources['events']>[0]): JournalledEvent[] {
    this.pages++;
    const wants = eventFilter(query);
    const { afterSeq = 0, until } = query;
    return this.committed
      .filter(
        ({ seq, event }) => seq > afterSeq && (until === undefined || event.time < until) && wants(event),
      )
      .slice(0, query.limit);
  }
  silences(): SilenceSources | null {
    if (!this.hasAlerts) return null;
    return {
      list: async () => this.asked,
      add: async (asked) => {
        if (typeof asked !== 'object' || asked === null) return 'expected an object';
        this.asked.push(asked);
        return { id: 'abc', ...asked };
      },
      expire: async (id) => id === 'abc',
    };
  }

  lastSeq(): number {
    return this.committed.length;
  }
  follow(listener: (events: readonly JournalledEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  get followers(): number {
    return this.#listeners.size;
  }
  commit(...events: EventOf<'overlap'>[]): void {
    const added = events.map((event, i) => ({ seq: this.committed.length + 1 + i, event, incident: null }));
    this.committed.push(...added);
    for (const listener of this.#listeners) listener(added);
  }
}

function overlap(second: number, more: Partial<EventOf<'overlap'>> = {}): EventOf<'overlap'> {
  const time = instantFromUs(Date.UTC(2026, 10, 20, 10) * 1_000 + second * SECOND);
  return {
    id: `e${second}`,
    time,
    detectedAt: time,
    kind: 'overlap',
    phase: 'instant',
    severity: 'warning',
    cluster: null,
    subject: 'vr:eth0/ipv4/51',
    summary: 'h2 took 10.0.0.100 for a moment',
    details: { holder: '10.0.0.1', claimant: '10.0.0.2', vips: ['10.0.0.100'], overlapMs: 1 },
    beginId: null,
    about: null,
    ...more,
  };
}

let folder: string;
let path: string;
let memory: Memory;
const servers: ControlServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-control-'));
  path = join(folder, 'control.sock');
  memory = new Memory();
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(folder, { recursive: true });
});

async function listen(): Promise<ControlServer> {
  const server = await ControlServer.listen(path, memory);
  servers.push(server);
  return server;
}

async function get(target: string, method = 'GET'): Promise<{ status: number | undefined; body: string }> {
  const asking = request({ socketPath: path, path: target, method });
  asking.end();
  const [response] = await once(asking, 'response');
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece;
  return { status: response.statusCode, body };
}

/** Sends bytes as they are, and gives what comes back until the server closes. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(path);
  socket.on('error', () => {});
  socket.write(bytes);
  let answer = '';
  socket.on('data', (piece) => {
    answer += String(piece);
  });
  await once(socket, 'close');
  return answer;
}

const seqs = (events: readonly NumberedEvent[]) => events.map(({ seq }) => seq);

async function take(events: AsyncGenerator<NumberedEvent>, count: number): Promise<NumberedEvent[]> {
  const taken: NumberedEvent[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

describe('silences', () => {
  it('are taken, listed and ended', async () => {
    await listen();
    const client = new ControlClient(path);
    expect(await client.silence({ forMs: 1 })).toEqual({ id: 'abc', forMs: 1 });
    expect(await client.silences()).toEqual([{ forMs: 1 }]);
    await client.expireSilence('abc');
    await expect(client.expireSilence('nope')).rejects.toThrow('there is no silence nope');
  });

  it('are refused where nobody is told of alerts', async () => {
    memory.hasAlerts = false;
    await listen();
    await expect(new ControlClient(path).silence({})).rejects.toThrow(ControlRequestError);
    expect((await get('/silences')).status).toBe(409);
  });

  it('say what is wrong with a body', async () => {
    await listen();
    const post = (body: string) =>
      raw(`POST /silences HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await post('{"forMs":')).toContain('the body is no JSON');
    expect(await post('17')).toContain('expected an object');
    expect(await post(JSON.stringify({ reason: 'x'.repeat(9_000) }))).toContain('at most 8192 bytes');
    expect((await get('/silences', 'PUT')).status).toBe(405);
  });
});

describe('the socket', () => {
  it('is for its user and group only', async () => {
    await listen();
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('is gone when the server has closed', async () => {
    const server = await ControlServer.listen(path, memory);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('takes the place of a dead daemon’s', async () => {
    // A socket whose listener is closed without being removed, as after kill -9.
    const dead = createServer();
    dead.listen(`${path}.dead`);
    await once(dead, 'listening');
    renameSync(`${path}.dead`, path);
    dead.close();
    await once(dead, 'close');
    expect(existsSync(path)).toBe(true);

    await listen();
    expect((await get('/status')).status).toBe(200);
  });

  it('is never taken from a living one', async () => {
    await listen();
    await expect(ControlServer.listen(path, new Memory())).rejects.toThrow(
      `${path}: another vipwatch listens there`,
    );
    expect((await get('/status')).status).toBe(200);
  });

  it('never replaces a file', async () => {
    writeFileSync(path, 'precious');
    await expect(ControlServer.listen(path, memory)).rejects.toThrow('something that is no socket');
  });

  it('may not have a longer path than the kernel takes', async () => {
    await expect(ControlServer.listen(join(folder, 'x'.repeat(100)), memory)).rejects.toThrow('107 bytes');
  });
});

describe('the places of the socket', () => {
  it('are the one that is named, or the usual ones', () => {
    const environment = { RUNTIME_DIRECTORY: '/run/a:/run/b', XDG_RUNTIME_DIR: '/run/user/7' };
    expect(socketPaths('/x.sock', environment)).toEqual(['/x.sock']);
    expect(socketPaths(null, environment)).toEqual([
      '/run/a/control.sock',
      '/run/vipwatch/control.sock',
      '/run/user/7/vipwatch/control.sock',
    ]);
    expect(socketPaths(null, {})).toEqual(['/run/vipwatch/control.sock']);
  });

  it('are served where this process may write, and folders are made', () => {
    const served = join(folder, 'made/control.sock');
    expect(socketPathToServe(['/proc/nowhere/control.sock', served])).toBe(served);
    expect(existsSync(join(folder, 'made'))).toBe(true);
    expect(socketPathToServe(['/proc/nowhere/control.sock'])).toBeNull();
  });
});

describe('the server', () => {
  it('gives the status', async () => {
    await listen();
    expect(await get('/status')).toEqual({ status: 200, body: '{"events":0}\n' });
  });

  it('gives events, many pages of them, filtered', async () => {
    await listen();
    for (let i = 1; i <= 1_200; i++) {
      memory.commit(overlap(i, i % 2 === 0 ? { severity: 'critical', subject: 'vr:eth1/ipv4/7' } : {}));
    }
    const client = await ControlClient.find([path]);
    const all = await take(client.events({}), 2_000);
    expect(seqs(all)).toEqual(Array.from({ length: 1_200 }, (_, i) => i + 1));
    expect(all[0]?.event).toEqual(memory.committed[0]?.event);
    const some = await take(
      client.events({ severity: 'critical', subject: 'eth1', afterSeq: 1_190, kinds: ['overlap'] }),
      9,
    );
    expect(seqs(some)).toEqual([1_192, 1_194, 1_196, 1_198, 1_200]);
    expect(seqs(await take(client.events({ until: overlap(3).time }), 9))).toEqual([1, 2]);
  });

  it.each([
    ['/nowhere', 'GET', 404, /no such path/],
    ['/status', 'POST', 405, /use GET/],
    ['/events?kind=earthquake', 'GET', 400, /"kind=\\"earthquake\\": no such kind/],
    ['/events?afterSeq=-1', 'GET', 400, /expected a whole number/],
    ['/events?since=yesterday', 'GET', 400, /expected a time such as/],
    ['/events?severity=bad', 'GET', 400, /expected info, warning or critical/],
    ['/events?colour=red', 'GET', 400, /no such parameter/],
    ['/events?follow=1&until=2026-11-20T10:00:00Z', 'GET', 400, /follow has no end/],
  ])('refuses %s by %s', async (target, method, status, error) => {
    await listen();
    const answer = await get(target, method);
    expect(answer.status).toBe(status);
    expect(Object.keys(JSON.parse(answer.body))).toEqual(['error']);
    expect(answer.body).toMatch(error);
  });

  it('says that a fault is its own', async () => {
    memory.status = () => {
      throw new Error('the disk is on fire');
    };
    await listen();
    expect(await get('/status')).toEqual({
      status: 500,
      body: '{"error":"this is a fault of the daemon: the disk is on fire"}\n',
    });
  });
});

describe('hostile requests', () => {
  it.each([
    ['garbage', 'once upon a time\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*\{"error":"this is no HTTP request"\}/],
    ['a huge URL', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['a huge header', `GET /status HTTP/1.1\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ['a URL that is none', 'GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'a body that never comes',
      'GET /status HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\n',
      /^HTTP\/1\.1 200 /,
    ],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n', /^$/],
    [
      'an upgrade',
      'GET /status HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n',
      /^(HTTP\/1\.1 200 |$)/,
    ],
  ])('%s: is answered or cut off, and the server goes on', async (_, bytes, answer) => {
    await listen();
    expect(await raw(bytes)).toMatch(answer);
    expect((await get('/status')).status).toBe(200);
  });

  it('that stop half-way hinder nobody and are cut off', async () => {
    await listen();
    const half = connect(path);
    half.write('GET /status HTT');
    expect((await get('/status')).status).toBe(200);
    const [piece] = await once(half, 'data');
    expect(String(piece)).toMatch(/^HTTP\/1\.1 408 /);
    await once(half, 'close');
  }, 15_000);
});

describe('a follower', () => {
  it('is told what becomes durable from now on, as it comes', async () => {
    await listen();
    memory.commit(overlap(1));
    const client = await ControlClient.find([path]);
    const stop = new AbortController();
    const events = client.follow({ severity: 'warning' }, stop.signal);
    const first = events.next();
    await followers(1);
    memory.commit(overlap(2, { severity: 'info' }), overlap(3));
    expect((await first).value?.seq).toBe(3);
    memory.commit(overlap(4));
    expect(seqs(await take(events, 1))).toEqual([4]);
    stop.abort();
    expect((await events.next()).done).toBe(true);
    await followers(0);
  });

  it('is told the past first, with no gap and nothing twice, while events keep coming', async () => {
    await listen();
    for (let i = 1; i <= 1_500; i++) memory.commit(overlap(i));
    // Each page that is read finds that more has become durable meanwhile.
    const events = memory.events.bind(memory);
    memory.events = (query) => {
      const page = events(query);
      if (memory.committed.length < 2_000) memory.commit(overlap(memory.committed.length + 1));
      return page;
    };
    const client = await ControlClient.find([path]);
    const stop = new AbortController();
    const following = client.follow({ afterSeq: 10 }, stop.signal);
    const told = await take(following, 1_490);
    memory.commit(overlap(5_000));
    const last = memory.committed.length;
    const rest = await take(following, last - 1_500);
    expect(seqs([...told, ...rest])).toEqual(Array.from({ length: last - 10 }, (_, i) => i + 11));
    stop.abort();
  });

  it('that takes nothing costs one page, not the journal, and loses nothing', async () => {
    const server = await listen();
    for (let i = 1; i <= 5_000; i++) memory.commit(overlap(i));
    const slow = connect(path);
    slow.write('GET /events?follow=1&afterSeq=0 HTTP/1.1\r\nhost: x\r\n\r\n');
    slow.pause();
    await followers(1);
    // Another one is served meanwhile, and gets all of it.
    const client = await ControlClient.find([path]);
    expect(await take(client.events({}), 9_999)).toHaveLength(5_000);
    const pagesOfOther = 5_000 / 500 + 1;
    expect(memory.pages).toBeLessThan(pagesOfOther + 10);
    expect(server.followers).toBe(1);

    memory.commit(overlap(5_001));
    let text = '';
    slow.on('data', (piece) => {
      text += String(piece);
      if (text.includes('"seq":5001')) slow.destroy();
    });
    slow.resume();
    await once(slow, 'close');
    const told = [...text.matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq));
    expect(told).toEqual(Array.from({ length: 5_001 }, (_, i) => i + 1));
  }, 9_999);

  it('is one of 32 at most', async () => {
    await listen();
    const client = await ControlClient.find([path]);
    const stop = new AbortController();
    setMaxListeners(40, stop.signal);
    const waiting = Array.from({ length: 32 }, () => client.follow({}, stop.signal).next());
    await followers(32);
    await expect(client.follow({}, stop.signal).next()).rejects.toThrow('32 followers are connected');
    stop.abort();
    await Promise.all(waiting);
  });

  it('ends with the daemon', async () => {
    const server = await ControlServer.listen(path, memory);
    const client = await ControlClient.find([path]);
    const next = client.follow({}, new AbortController().signal).next();
    await followers(1);
    await server.close();
    expect((await next).done).toBe(true);
  });

  async function followers(count: number): Promise<void> {
    await expect.poll(() => memory.followers, { interval: 5, timeout: 5_000 }).toBe(count);
  }
});

describe('without a daemon', () => {
  it('the client says where it looked and what to do', async () => {
    await expect(ControlClient.find(['/nowhere/a.sock', '/nowhere/b.sock'])).rejects.toThrow(
      'no daemon: there is no socket at /nowhere/a.sock or /nowhere/b.sock; start one (vipwatch observe), or name its socket with --socket',
    );
  });

  it('a socket that nobody listens on is told apart', async () => {
    const dead = createServer();
    dead.listen(`${path}.dead`);
    await once(dead, 'listening');
    renameSync(`${path}.dead`, path);
    dead.close();
    await once(dead, 'close');
    const error = await ControlClient.find([path]).catch((reason) => reason);
    expect(error).toBeInstanceOf(NoDaemonError);
    expect(error.message).toContain(`nobody listens at ${path} any more`);
  });
});
