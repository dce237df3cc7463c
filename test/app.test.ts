/** The daemon as a whole, where nothing can be captured: that alone is worth an alert. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Notification, Receiver } from '../src/alerts/notification.ts';
import type { App } from '../src/app.ts';
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

function configuration() {
  writeFileSync(join(folder, 'own.yaml'), 'rules:\n  - {name: blind, kind: capture-degraded, for: 0s}\n');
  const text = `
alerts:
  rules: own.yaml
  webhooks: [{name: hook, url: "http://127.0.0.1:9/", format: slack}]
`;
  return parseConfiguration(text, join(folder, 'vipwatch.yaml'), {});
}

/** Starts it; `receive` answers for the receiver that there is. */
async function started(receive: Receiver['deliver']): Promise<App> {
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
