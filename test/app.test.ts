/** The daemon as a whole, with captures that are forbidden, or played. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Notification, Receiver } from '../src/alerts/notification.ts';
import type { App, AppOptions } from '../src/app.ts';
import type { CaptureLink } from '../src/capture/live/capture-link.ts';
import { parseConfiguration } from '../src/config/read.ts';
import type { TimelineEvent } from '../src/events.ts';
import { type Instant, instantFromIso, MS } from '../src/time.ts';
import { FakeCapture, INTERVAL_MS } from './support/fake-capture.ts';
import { EMPTY, FakeMysql, resultOf, variablesOf } from './support/fake-mysql.ts';

const root = new URL('..', import.meta.url).pathname;
/** of the built code: the journal's worker needs a file that Node can run */
let start: typeof App.start;
let folder: string;
let app: App | null;

beforeAll(async () => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
  const built: { App: typeof App } = await import(`${root}/dist/app.js`);
  start = built.App.start;
}, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-app-'));
  app = null;
});
afterEach(async () => {
  await app?.stop();
  rmSync(folder, { recursive: true });
});

function configuration(more = '') {
  writeFileSync(join(folder, 'own.yaml'), 'rules:\n  - {name: blind, kind: capture-degraded, for: 0s}\n');
  const text = `
alerts:
  rules: own.yaml
  webhooks: [{name: hook, url: "http://127.0.0.1:9/", format: slack}]
${more}`;
  return parseConfiguration(text, join(folder, 'vipwatch.yaml'), {});
}

/** Nothing can be captured: that alone is worth an alert. */
function forbidden(): CaptureLink {
  return { socketPath: join(folder, 'capture'), permitted: false, start() {}, stop() {}, onExit() {} };
}

async function started(more: Partial<AppOptions>): Promise<App> {
  app = await start({
    configuration: parseConfiguration('', 'none', {}),
    interfaces: ['eth7'],
    join: false,
    journalPath: join(folder, 'journal.db'),
    controlPath: null,
    release: '0',
    link: forbidden(),
    receiversOf: () => [],
    onTold() {},
    onSeeing() {},
    onRemark() {},
    ...more,
  });
  return app;
}

class Remarks {
  readonly #said: string[] = [];
  #wake = () => {};

  readonly onRemark = (text: string): void => {
    this.#said.push(text);
    this.#wake();
  };

  async first(part: string): Promise<void> {
    while (!this.#said.some((text) => text.includes(part)))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }
}

/** Everything told so far, and a promise of the first event of a kind. */
class Told {
  readonly events: TimelineEvent[] = [];
  #wake = () => {};

  readonly onTold: AppOptions['onTold'] = (entries) => {
    for (const { event } of entries) this.events.push(event);
    this.#wake();
  };

  get kinds(): readonly string[] {
    return this.events.map(({ kind, phase }) => `${kind} ${phase}`);
  }

  async first(kind: TimelineEvent['kind'], phase?: TimelineEvent['phase']): Promise<TimelineEvent> {
    for (;;) {
      const found = this.events.find(
        (event) => event.kind === kind && (phase === undefined || event.phase === phase),
      );
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

it('two reloads at once leave one that tells', async () => {
  const got: Notification[] = [];
  let wake = () => {};
  const first = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isDown = true;
  const deliver: Receiver['deliver'] = async (notification) => {
    got.push(notification);
    wake();
    return isDown ? { outcome: 'later', afterMs: null, reason: 'down' } : { outcome: 'done', detail: '' };
  };
  const running = await started({
    configuration: configuration(),
    receiversOf: () => [{ name: 'hook', deliver }],
  });
  await first;
  isDown = false;
  got.length = 0;
  await Promise.all([running.reload(configuration()), running.reload(configuration())]);
  await running.stop();
  expect(got.map(({ status, alerts }) => [status, alerts[0]?.kind])).toEqual([
    ['firing', 'capture-degraded'],
  ]);
});

it('after a reload it sees as before: a master that falls silent is lost', async () => {
  const told = new Told();
  const capture = new FakeCapture(join(folder, 'capture'), '10.0.0.1');
  const running = await started({ link: capture, onTold: told.onTold });
  await told.first('master-seen');

  await running.reload(parseConfiguration('', 'none', {}));
  expect(await running.status()).toMatchObject({ verdict: 'healthy', virtualRouters: [{ blind: false }] });
  capture.silence();
  await told.first('master-lost');

  await running.stop();
  expect(told.kinds).toEqual([
    'observer-started instant',
    'master-seen instant',
    'master-lost begin',
    'observer-stopped instant',
  ]);
});

it('a reload while nothing can be captured changes nothing about that', async () => {
  const told = new Told();
  const running = await started({ onTold: told.onTold });
  await told.first('capture-degraded');
  await running.reload(parseConfiguration('', 'none', {}));
  expect((await running.status()).verdict).toBe('blind');
  await running.stop();
  expect(told.kinds).toEqual([
    'observer-started instant',
    'capture-degraded begin',
    'observer-stopped instant',
  ]);
});

it('a reload in the middle of a silence does not shorten it', async () => {
  const told = new Told();
  const capture = new FakeCapture(join(folder, 'capture'), '10.0.0.1');
  const running = await started({ link: capture, onTold: told.onTold });
  await told.first('master-seen');
  const spokeAt = capture.silence();
  while (!(await isOverdue(running)));
  await running.reload(parseConfiguration('', 'none', {}));
  const lost = await told.first('master-lost');
  expect(Math.abs(lost.time - spokeAt)).toBeLessThan((INTERVAL_MS / 2) * MS);
});

it('a reload is refused while the journal does not hold all that was told', async () => {
  const told = new Told();
  const remarks = new Remarks();
  const capture = new FakeCapture(join(folder, 'capture'), '10.0.0.1');
  const running = await started({ link: capture, onTold: told.onTold, onRemark: remarks.onRemark });
  await told.first('master-seen');
  const other = new Database(join(folder, 'journal.db'));
  other.exec('BEGIN IMMEDIATE');
  capture.silence();
  await remarks.first('cannot be written');
  const reloaded = running.reload(parseConfiguration('', 'none', {}));
  await expect(reloaded).rejects.toMatchObject({
    name: 'ReloadRefused',
    message: expect.stringContaining('locked'),
  });
  other.close();
  await remarks.first('is written again');
  await running.reload(parseConfiguration('', 'none', {}));
  await running.stop();
  expect(told.kinds.filter((kind) => kind.startsWith('master-lost'))).toEqual(['master-lost begin']);
});

/** By more than the master's own lateness. */
async function isOverdue(running: App): Promise<boolean> {
  const { now, virtualRouters } = await running.status();
  const at = (iso: string): Instant => instantFromIso(iso) ?? (0 as Instant);
  const last = virtualRouters[0]?.master.lastAdvertAt ?? now;
  return at(now) - at(last) > 2 * INTERVAL_MS * MS;
}

it('asks the service behind the VIP, tells what it finds, and asks elsewhere after a reload', async () => {
  const servers = [createServer(), createServer()] as const;
  const [port, other] = [await freePort(servers[0]), await freePort(servers[1])];
  const awaited = new Map<string, () => void>();
  const toBeTold = (phase: string) => new Promise<void>((resolve) => awaited.set(phase, resolve));
  const dark = toBeTold('begin');
  const running = await started({
    configuration: configuration(serviceAt(port)),
    onTold: (entries) => {
      for (const { event } of entries) if (event.kind === 'vip-dark') awaited.get(event.phase)?.();
    },
  });
  const service = async () => (await running.status()).services;
  await dark;
  expect(await service()).toMatchObject([{ vip: '127.0.0.1', state: 'dark' }]);
  const lit = toBeTold('end');
  await listening(servers[0], port);
  await lit;
  expect(await service()).toMatchObject([{ probe: `tcp://127.0.0.1:${port}`, state: 'up', error: null }]);
  await listening(servers[1], other);
  const asked = once(servers[1], 'connection');
  await running.reload(configuration(serviceAt(other)));
  await asked;
  expect(await service()).toMatchObject([{ probe: `tcp://127.0.0.1:${other}` }]);
  for (const server of servers) server.close();
});

it('asks databases, tells of one that does not answer, and asks elsewhere after a reload', async () => {
  const gone = await freePort(createServer());
  const variables = { version: '10.11.6-MariaDB', server_id: '1', read_only: 'ON' };
  const server = await FakeMysql.start({
    version: variables.version,
    answer: (sql) => {
      if (sql.startsWith('SHOW GLOBAL VARIABLES')) return variablesOf(variables);
      if (sql.startsWith('SELECT @@global.')) return resultOf(variables);
      return sql.includes('Uptime') ? variablesOf({ Uptime: '86400' }) : EMPTY;
    },
  });
  const told = new Told();
  const running = await started({ configuration: configuration(databaseAt(gone)), onTold: told.onTold });
  await told.first('database-unreachable');
  const databases = async () => (await running.status()).databases;
  expect(await databases()).toMatchObject([{ target: `mysql://127.0.0.1:${gone}`, reachable: false }]);
  await running.reload(configuration(databaseAt(server.port)));
  await told.first('database-unreachable', 'end');
  expect(await databases()).toMatchObject([
    {
      target: `mysql://127.0.0.1:${server.port}`,
      reachable: true,
      version: variables.version,
      readOnly: true,
      channels: [],
    },
  ]);
  await server.stop();
});

const databaseAt = (port: number) => `
cluster: orders
nodes:
  - name: a
    addresses: [127.0.0.1]
    database: [{url: "mysql://127.0.0.1:${port}", user: vipwatch, every: 500ms, timeout: 10s}]
`;

const serviceAt = (port: number) => `
cluster: web
nodes: [{name: a, addresses: [127.0.0.2]}]
virtualRouters:
  - {vrid: 51, segment: eth7, vips: [127.0.0.1], service: {probe: "tcp://127.0.0.1:${port}", every: 100ms, nodes: false}}
`;

/** One on which nobody listens just now. */
async function freePort(server: Server): Promise<number> {
  await listening(server, 0);
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function listening(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
