/**
 * The launcher: the process that may open packet sockets (CAP_NET_RAW, and nothing else), and therefore does nothing
 * but start and end other processes.
 *
 *   node launcher.js ARGUMENT…        runs `node cli/main.js ARGUMENT…` with no privilege at all
 *
 * Main asks over IPC for one capture process an interface, as often as needed. Nothing from the network or a
 * configuration passes through here; requests are checked to the letter (`launcher-messages.ts`), and the socket that
 * captures connect to was fixed before main was started. A main that was taken over could thus have captures started
 * and ended, and nothing else: same user or not, the kernel lets no process trace one that has more capabilities.
 *
 * Signals: SIGTERM, SIGHUP and SIGINT are for main. SIGINT is passed on as SIGTERM, because a terminal sends it to all
 * processes anyway and main would take a second one for the second Ctrl-C. Main must take a repeated SIGTERM for one.
 * The second SIGINT here leaves main `LAST_WORDS_MS`, then ends everything. When main ends, captures end, and its
 * status is ours; when the launcher is killed, main gets SIGTERM from the kernel.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type LauncherReport,
  launcherRequest,
  PERMITTED_VARIABLE,
  SOCKET_VARIABLE,
} from './launcher-messages.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const CAPTURE = fileURLToPath(new URL('./capture-process.js', import.meta.url));

/** Captures allocate little, and what they do allocate dies young. */
const CAPTURE_FLAGS = ['--max-semi-space-size=1'];
const CAP_NET_RAW = 13;
const LAST_WORDS_MS = 250;

const socketPath = join(
  mkdtempSync(join(process.env.RUNTIME_DIRECTORY ?? process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'capture-')),
  'socket',
);
const captures = new Map<string, ChildProcess>();
process.title = 'vipwatch: launcher';

// Without --bounding-set: dropping it takes CAP_SETPCAP, which nobody here has; without privileges to be gained from
// files (no-new-privs) it limits nothing anyway.
const main = spawn(
  'setpriv',
  [
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--no-new-privs',
    '--pdeathsig=TERM',
    process.execPath,
    MAIN,
    ...process.argv.slice(2),
  ],
  {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: {
      ...process.env,
      [SOCKET_VARIABLE]: socketPath,
      [PERMITTED_VARIABLE]: mayCapture() ? 'yes' : 'no',
    },
  },
);

main.on('message', (message) => {
  const request = launcherRequest(message);
  if (request === null) return;
  if ('start' in request) startCapture(request.start, request.join);
  else captures.get(request.stop)?.kill('SIGKILL');
});
main.on('error', (error) => {
  process.stderr.write(`vipwatch: setpriv (Debian package util-linux) cannot be run: ${error.message}\n`);
  end(1);
});
main.on('exit', (status, signal) => end(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));

let interrupts = 0;
process.on('SIGTERM', () => main.kill('SIGTERM'));
process.on('SIGHUP', () => main.kill('SIGHUP'));
process.on('SIGINT', () => {
  if (++interrupts === 1) main.kill('SIGTERM');
  else setTimeout(() => main.kill('SIGKILL'), LAST_WORDS_MS);
});

function startCapture(interfaceName: string, joinGroups: boolean): void {
  if (captures.has(interfaceName)) return;
  const capture = spawn(
    process.execPath,
    [...CAPTURE_FLAGS, CAPTURE, interfaceName, socketPath, ...(joinGroups ? [] : ['--no-join'])],
    // No environment: main's holds secrets of the configuration.
    { stdio: ['ignore', 'ignore', 'inherit'], env: {} },
  );
  captures.set(interfaceName, capture);
  const ended = (status: number | null) => {
    if (!captures.delete(interfaceName)) return;
    const report: LauncherReport = { exited: interfaceName, status };
    if (main.connected) main.send(report, () => {});
  };
  capture.on('exit', ended);
  capture.on('error', () => ended(null));
}

/** With the captures first, so that whoever waits for us finds nothing left. */
function end(status: number): void {
  rmSync(dirname(socketPath), { recursive: true, force: true });
  const exitOnceAlone = () => {
    if (captures.size === 0) process.exit(status);
  };
  for (const capture of captures.values()) {
    capture.on('exit', exitOnceAlone);
    capture.kill('SIGKILL');
  }
  setTimeout(() => process.exit(status), LAST_WORDS_MS);
  exitOnceAlone();
}

/** In the ambient set, for it must reach the captures through `exec`. */
function mayCapture(): boolean {
  const ambient = /^CapAmb:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${ambient}`) >> BigInt(CAP_NET_RAW)) & 1n) === 1n;
}
