/** The daemon as a whole, where nothing can be captured: that alone is worth an alert. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Notification, Receiver } from '../src/alerts/notification.ts';
import type { App, AppOptions } from '../src/app.ts';
import { parseConfiguration } from '../src/config/read.ts';

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

/** Starts it; `receive` answers for the receiver that there is. */
async function started(receive: Receiver['deliver'], more: Partial<AppOptions> = {}): Promise<App> {
  const link = { socketPath: join(folder, 'capture'), permitted: false, start() {}, stop() {}, onExit() {} };
  app = await start({
    configuration: configuration(),
    interfaces: ['eth7'],
    join: false,
    journalPath: join(folder, 'journal.db'),
    controlPath: null,
    release: '0',
    link,
    receiversOf: () => [{ name: 'hook', deliver: receive }],
    onTold() {},
    onSeeing() {},
    onRemark() {},
    ...more,
  });
  return app;
}

it('two reloads at once leave one that tells', async () => {
  const got: Notification[] = [];
  let wake = () => {};
  const first = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isDown = true;
  const running = await started(async (notification) => {
    got.push(notification);
    wake();
    return isDown ? { outcome: 'later', afterMs: null, reason: 'down' } : { outcome: 'done', detail: '' };
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

it('asks the service behind the VIP, tells what it finds, and asks elsewhere after a reload', async () => {
  const servers = [createServer(), createServer()] as const;
  const [port, other] = [await freePort(servers[0]), await freePort(servers[1])];
  const awaited = new Map<string, () => void>();
  const toBeTold = (phase: string) => new Promise<void>((resolve) => awaited.set(phase, resolve));
  const dark = toBeTold('begin');
  const running = await started(async () => ({ outcome: 'done', detail: '' }), {
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
