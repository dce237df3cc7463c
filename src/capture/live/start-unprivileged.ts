/**
 * `node dist/cli/main.js observe` without the launcher, as root perhaps: the command proper is started (`bin/vipwatch.js`,
 * which chooses the user and starts the launcher), and this process only waits for it, passes signals on, and exits as it
 * does. It takes on that user as well as soon as the child has, for nothing is to run as root, not even a process that
 * waits. (Node 20 cannot replace itself by another program, nor set no-new-privileges: `vipwatch observe` does both.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../bin/vipwatch.js', import.meta.url));
/** The child becomes another user within milliseconds, or exits saying why not. */
const LOOK_MS = 10;

/** `argv`: `observe` and what follows. Resolves with the exit status. */
export async function startUnprivileged(argv: readonly string[]): Promise<number> {
  const child = spawn('/bin/sh', [COMMAND, ...argv], {
    stdio: 'inherit',
    // The same Node.js, also where it is not on the PATH.
    env: { ...process.env, PATH: `${process.execPath.replace(/\/[^/]*$/, '')}:${process.env.PATH ?? ''}` },
  });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  // As the launcher does: a terminal sends SIGINT to all of them.
  let interrupts = 0;
  process.on('SIGINT', () => child.kill(++interrupts === 1 ? 'SIGTERM' : 'SIGINT'));
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status, signal) =>
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  if (process.getuid?.() === 0) becomeLike(child);
  return ended;
}

function becomeLike(child: ChildProcess): void {
  const look = setInterval(() => {
    if (child.exitCode !== null || child.signalCode !== null) {
      clearInterval(look);
      return;
    }
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
    const gid = Number(/^Gid:\s+(\d+)/m.exec(status)?.[1]);
    if (uid === 0) return;
    clearInterval(look);
    process.setgroups?.([gid]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  }, LOOK_MS);
}
