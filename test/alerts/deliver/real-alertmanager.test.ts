/**
 * The v4 payload beside one that a real Alertmanager posts: the same names of the same types, everywhere. Debian's
 * `prometheus-alertmanager` is started in a folder of its own, on loopback; without it the test says that it skips.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { alertmanagerPayloads } from '../../../src/alerts/deliver/alertmanager.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import { CONTEXT, knownAt, replayedIncident, told } from '../../support/sample-notifications.ts';

const PROGRAM = 'prometheus-alertmanager';
const absent = spawnSync(PROGRAM, ['--version']).error !== undefined;

let child: ChildProcess | null = null;
let folder: string | null = null;
let receiver: HttpReceiver | null = null;
afterAll(async () => {
  if (child !== null && child.exitCode === null) {
    const gone = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
  await receiver?.stop();
  if (folder !== null) rmSync(folder, { recursive: true });
});

it.skipIf(absent)(`is what ${PROGRAM} posts`, async () => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-alertmanager-'));
  receiver = await HttpReceiver.start();
  const hook = receiver;
  const posted = new Promise<void>((resolve) => {
    hook.answer = () => {
      resolve();
      return {};
    };
  });
  const config = [
    'route: {receiver: hook, group_by: [cluster], group_wait: 0s}',
    `receivers: [{name: hook, webhook_configs: [{url: "${receiver.url}/"}]}]`,
  ];
  writeFileSync(join(folder, 'config.yml'), `${config.join('\n')}\n`);
  const port = await freePort();
  child = spawn(
    PROGRAM,
    [
      `--config.file=${folder}/config.yml`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await listening(child);

  const split = await replayedIncident('split-brain');
  const [ours] = alertmanagerPayloads(told(split, {}, knownAt(split, 'split-brain')), CONTEXT);
  const [first] = ours?.alerts ?? [];
  const pushed = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([
      { labels: first?.labels, annotations: first?.annotations, generatorURL: first?.generatorURL },
    ]),
  });
  expect(pushed.status).toBe(200);
  await posted;
  const [theirs] = receiver.json;
  expect(shapeOf(ours)).toEqual(shapeOf(theirs));
  // What it was given comes back as we send it.
  expect(theirs).toMatchObject({
    version: ours?.version,
    status: ours?.status,
    groupLabels: { cluster: 'pair' },
    groupKey: '{}:{cluster="pair"}',
    alerts: [{ status: 'firing', labels: first?.labels, annotations: first?.annotations }],
  });
});

/** Names and types; labels and annotations are free, so only their type counts. */
function shapeOf(value: unknown, free = false): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map((each) => shapeOf(each));
  if (typeof value !== 'object' || value === null) return typeof value;
  if (free) return [...new Set(Object.values(value).map((each) => typeof each))];
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, each]) => [name, shapeOf(each, /labels|annotations/i.test(name))] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}

function listening(program: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    program.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/msg="?Listening on/.test(said)) resolve();
    });
    program.once('exit', () => reject(new Error(`it ended: ${said}`)));
    program.once('error', reject);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
