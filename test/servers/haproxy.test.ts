/** A real HAProxy, asked in every way there is, through maintenance, agents, slow starts and reloads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyPlace } from '../../src/poll/settings.ts';
import type { ProxyReading, ProxyRow } from '../../src/reading/proxy.ts';
import { httpPlace, pollOnce, target, Watched } from '../poll/watched.ts';
import { Authority } from '../support/certificates.ts';
import { RealHaproxy } from '../support/haproxy.ts';
import { isInstalled } from '../support/servers.ts';

const credentials = { user: 'admin', password: 'geheim' };
const rowOf = (reading: ProxyReading | null, name: string): ProxyRow | undefined =>
  reading?.rows.find((row) => row.proxy === 'mysql' && row.name === name);

describe.skipIf(!isInstalled('haproxy'))('HAProxy', () => {
  let haproxy: RealHaproxy;
  let authority: Authority;
  let servers: string[] = [];
  let http: ProxyPlace;
  let https: ProxyPlace;
  let unix: ProxyPlace;
  let tcp: ProxyPlace;

  beforeAll(async () => {
    haproxy = new RealHaproxy();
    authority = new Authority(haproxy.folder);
    const open = await haproxy.listening();
    const down = await haproxy.listening('down\n');
    const drain = await haproxy.listening('drain\n');
    const check = 'check inter 100ms fastinter 50ms rise 2 fall 2';
    servers = [
      `server up1 127.0.0.1:${open} ${check} weight 50`,
      `server dead1 127.0.0.1:1 ${check}`,
      `server none1 127.0.0.1:${open}`,
      `server off1 127.0.0.1:${open} ${check} disabled`,
      `server via1 127.0.0.1:${open} track mysql/off1`,
      `server agent1 127.0.0.1:${open} ${check} agent-check agent-inter 50ms agent-port ${down}`,
      `server agent2 127.0.0.1:${open} ${check} agent-check agent-inter 50ms agent-port ${drain}`,
      `server slow1 127.0.0.1:${open} ${check} slowstart 60s weight 100`,
      `server spare1 127.0.0.1:${open} ${check} backup`,
    ];
    await haproxy.start(servers, authority.issue());
    http = httpPlace(`http://127.0.0.1:${haproxy.httpPort}/status`, { credentials });
    https = httpPlace(`https://localhost:${haproxy.httpsPort}/status`, {
      credentials,
      tls: { ca: authority.cert, insecure: false },
    });
    unix = { kind: 'unix', path: haproxy.socket };
    tcp = { kind: 'tcp', host: '127.0.0.1', port: haproxy.cliPort };
  });
  afterAll(() => haproxy.remove());

  /** Polls until the servers have the states that are expected. */
  async function until(place: ProxyPlace, fits: (reading: ProxyReading) => boolean): Promise<ProxyReading> {
    const watched = new Watched([target(place)]);
    const { reading } = await watched.next(
      (observation) => observation.reading !== null && fits(observation.reading),
    );
    await watched.stop();
    if (reading === null) throw new Error('unreachable');
    return reading;
  }

  it('says the same in all four ways, and its process on sockets', async () => {
    const expected = {
      FRONTEND: 'OPEN',
      up1: 'UP',
      dead1: 'DOWN',
      none1: 'no check',
      off1: 'MAINT',
      via1: 'MAINT',
      agent1: 'DOWN',
      agent2: 'DRAIN',
      slow1: 'UP',
      spare1: 'UP',
      BACKEND: 'UP',
    };
    const words = (reading: ProxyReading | null) =>
      Object.fromEntries(
        (reading?.rows ?? [])
          .filter(({ proxy }) => proxy === 'mysql')
          .map(({ name, status }) => [name, status.word]),
      );
    for (const place of [http, https, unix, tcp]) {
      const reading = await until(place, (now) => JSON.stringify(words(now)) === JSON.stringify(expected));
      expect(words(reading)).toEqual(expected);
      expect(reading.refusedRows).toBe(0);
      expect(rowOf(reading, 'up1')).toMatchObject({ type: 'server', weight: 50, active: 1, backup: 0 });
      expect(rowOf(reading, 'spare1')).toMatchObject({ active: 0, backup: 1 });
      expect(rowOf(reading, 'dead1')).toMatchObject({
        checkStatus: 'L4CON',
        checkText: expect.stringContaining('refused'),
      });
      expect(rowOf(reading, 'agent1')?.status.why).toBe('agent');
      expect(rowOf(reading, 'agent2')?.status).toMatchObject({ why: 'agent' });
      expect(rowOf(reading, 'via1')?.status.why).toBe('via mysql/off1');
      if (place.kind === 'http') expect(reading.process).toBeNull();
      else
        expect(reading.process).toMatchObject({
          release: expect.stringMatching(/^\d+\.\d+/),
          pid: haproxy.pid,
          stopping: false,
          connectionLimit: 200,
        });
    }
  });

  it('wants credentials, and the right URI', async () => {
    const url = `http://127.0.0.1:${haproxy.httpPort}`;
    const wrong = { user: 'admin', password: 'falsch' };
    expect((await pollOnce(httpPlace(`${url}/status`))).failure?.reason).toBe('denied');
    const denied = await pollOnce(httpPlace(`${url}/status`, { credentials: wrong }));
    expect(denied.failure?.reason).toBe('denied');
    expect(denied.failure?.error).not.toContain('falsch');
    expect((await pollOnce(httpPlace(`${url}/elsewhere`, { credentials }))).failure?.reason).toBe('answer');
    expect((await pollOnce(httpPlace(`${url}/status;html;csv`, { credentials }))).failure).toBeNull();
    const scoped = await pollOnce(httpPlace(`${url}/status?;csv;scope=mysql`, { credentials }));
    expect(new Set(scoped.reading?.rows.map(({ proxy }) => proxy))).toEqual(new Set(['mysql']));
    const untrusted = httpPlace(`https://localhost:${haproxy.httpsPort}/status`, { credentials });
    expect((await pollOnce(untrusted)).failure?.reason).toBe('tls');
  });

  it('maintenance, drain, and back: the grammar of what is between', async () => {
    const is = (word: string) => (reading: ProxyReading) => rowOf(reading, 'up1')?.status.word === word;
    await haproxy.command('set server mysql/up1 state maint');
    expect(rowOf(await until(http, is('MAINT')), 'up1')?.status).toMatchObject({
      raw: 'MAINT',
      health: null,
    });
    await haproxy.command('set server mysql/up1 state drain');
    expect(rowOf(await until(unix, is('DRAIN')), 'up1')?.status.word).toBe('DRAIN');
    await haproxy.command('set server mysql/up1 state ready');
    const ready = rowOf(await until(tcp, is('UP')), 'up1');
    expect(ready?.status.why).toBeNull();
    await haproxy.command('set server mysql/up1 health down');
    const down = rowOf(await until(http, is('DOWN')), 'up1');
    expect(down?.downs).toBe((ready?.downs ?? 0) + 1);
    await haproxy.command('set server mysql/up1 health up');
    await until(http, is('UP'));
  });

  it('a slow start shows in the weight', async () => {
    await haproxy.command('set server mysql/slow1 state maint');
    await until(http, (reading) => rowOf(reading, 'slow1')?.status.word === 'MAINT');
    await haproxy.command('set server mysql/slow1 state ready');
    const slow = await until(http, (reading) => rowOf(reading, 'slow1')?.status.word === 'UP');
    expect(rowOf(slow, 'slow1')?.weight).toBeLessThan(100);
  });

  it('a reload: no poll fails over a connection that is kept, and sockets tell the new process', async () => {
    const before = haproxy.pid;
    const watched = new Watched([
      target(http, { node: 'page' }),
      target(https, { node: 'page' }),
      target(unix, { node: 'socket' }),
    ]);
    await watched.next(() => watched.of('page').length >= 6 && watched.of('socket').length >= 3);
    await haproxy.reload();
    expect(haproxy.pid).not.toBe(before);
    const renewed = await watched.next(({ reading }) => reading?.process?.pid === haproxy.pid);
    expect(renewed.reading?.process).toMatchObject({ stopping: false });
    const soFar = watched.of('page').length;
    await watched.next(() => watched.of('page').length >= soFar + 10);
    await watched.stop();
    expect(watched.of('page').flatMap(({ failure }) => failure ?? [])).toEqual([]);
  });

  it('a reload forgets what was set by hand, unless a state file keeps it', async () => {
    const wordOf = (reading: ProxyReading) => rowOf(reading, 'up1')?.status.word;
    await haproxy.command('set server mysql/up1 state maint');
    await until(http, (reading) => wordOf(reading) === 'MAINT');
    await haproxy.saveState();
    haproxy.configure(servers, { keepsState: true });
    await haproxy.reload();
    const kept = await pollOnce(unix);
    expect(kept.reading?.process?.pid).toBe(haproxy.pid);
    expect(kept.reading && wordOf(kept.reading)).toBe('MAINT');
    haproxy.configure(servers);
    await haproxy.reload();
    const forgotten = await pollOnce(unix);
    expect(forgotten.reading?.process?.pid).toBe(haproxy.pid);
    expect(forgotten.reading && wordOf(forgotten.reading)).toBe('UP');
  });

  it('gone, each way says so', async () => {
    await haproxy.remove();
    for (const place of [http, https, unix, tcp])
      expect((await pollOnce(place)).failure).toMatchObject({ reason: 'refused' });
  });
});
