/** The daemon and who listens to it: nobody who cannot be told of something keeps it from watching. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { PERMITTED_VARIABLE, SOCKET_VARIABLE } from '../../src/capture/live/launcher-messages.ts';
import { JournalReader } from '../../src/journal/journal-reader.ts';

const root = new URL('../..', import.meta.url).pathname;
let folder: string;
let path: string;
let child: ChildProcess | null;
/** takes nothing: the device is always full */
let full: number;

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-observe-'));
  path = join(folder, 'journal.db');
  full = openSync('/dev/full', 'w');
  child = null;
});
afterEach(() => {
  child?.kill('SIGKILL');
  closeSync(full);
  rmSync(folder, { recursive: true });
});

/** Main, as below a launcher, which it asks for a capture that will never come. */
function observe(stdout: number | 'pipe', stderr: number | 'pipe'): ChildProcess {
  child = spawn(
    process.execPath,
    [
      ...[join(root, 'dist/cli/main.js'), 'observe', '-i', 'eth7', '--format', 'jsonl'],
      ...['--journal', path, '--socket', join(folder, 'control.sock')],
    ],
    {
      stdio: ['ignore', stdout, stderr, 'ipc'],
      env: { ...process.env, [SOCKET_VARIABLE]: join(folder, 'capture'), [PERMITTED_VARIABLE]: 'yes' },
    },
  );
  return child;
}

async function ended(process: ChildProcess): Promise<unknown> {
  if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
  return process.signalCode ?? process.exitCode;
}

function kinds(): readonly string[] {
  const reader = JournalReader.open(path);
  try {
    return [...reader.events({})].map(({ event }) => event.kind);
  } finally {
    reader.close();
  }
}

it('watches on where neither stdout nor stderr takes a word', async () => {
  const process = observe(full, full);
  await once(process, 'message');
  process.kill('SIGTERM');
  expect(await ended(process)).toBe(0);
  expect(kinds()).toEqual(['observer-started', 'observer-stopped']);
});

it('watches on where nobody reads its stderr', async () => {
  const process = observe('pipe', 'pipe');
  process.stderr?.destroy();
  let told = '';
  process.stdout?.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  await once(process, 'message');
  process.kill('SIGTERM');
  expect(await ended(process)).toBe(0);
  expect(kinds()).toEqual(['observer-started', 'observer-stopped']);
  expect(told).toContain('observer-stopped');
});

it('stops, as it should, where nobody reads its stdout any more', async () => {
  const process = observe('pipe', full);
  process.stdout?.destroy();
  expect(await ended(process)).toBe(0);
  expect(kinds()).toEqual(['observer-started', 'observer-stopped']);
});
