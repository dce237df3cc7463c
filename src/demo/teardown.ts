/**
 * Takes a lab down, however the process that built it ends.
 *
 * A warden, a shell in a session of its own, waits for the end of its standard input, whose other end the builder
 * holds: it comes by `release`, by an exception, by Ctrl-C, by `kill -9`. Then it ends what runs in the lab's
 * namespaces, removes them, and the lab's folder. Should the warden be killed too, the next lab removes what is
 * left: namespaces and folders carry the builder's process id.
 *
 * Touches nothing but namespaces and folders with the names given here.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.ts';

/** Arguments: a prefix of namespaces, a folder. Both may be gone already. */
const TEARDOWN = `
prefix=$1 folder=$2
ip netns list | while read -r namespace _; do
  case $namespace in
    "$prefix"*)
      for _ in 1 2 3 4 5; do
        pids=$(ip netns pids "$namespace" 2>/dev/null) || pids=
        [ -n "$pids" ] || break
        kill -9 $pids 2>/dev/null
      done
      ip netns del "$namespace" ;;
  esac
done
[ -z "$folder" ] || rm -rf -- "$folder"
`;

/** `vw4711-1-`: of process 4711, its first lab. */
export function namespacePrefix(lab: number): string {
  return `vw${process.pid}-${lab}-`;
}

export function folderPrefix(): string {
  return join(tmpdir(), `vipwatch-lab-${process.pid}-`);
}

export interface Warden {
  /** Takes everything down; done when all of it is gone. */
  release(): Promise<void>;
}

export function startWarden(prefix: string, folder: string): Warden {
  const child = spawn('sh', ['-c', `cat >/dev/null\n${TEARDOWN}`, 'vipwatch-lab', prefix, folder], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.unref();
  // It must not keep its builder alive: typed as a stream only, it is a socket.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return {
    release() {
      child.ref();
      child.stdin.end();
      return gone;
    },
  };
}

/** Removes what labs have left behind whose process and warden were both killed. */
export async function removeLeftovers(): Promise<void> {
  const dead = new Map<string, string[]>();
  const leftOf = (pid: string | undefined): string[] | null => {
    if (pid === undefined || isAlive(Number(pid))) return null;
    const left = dead.get(pid) ?? [];
    dead.set(pid, left);
    return left;
  };
  for (const [, pid] of (await run('ip', ['netns', 'list'])).matchAll(/^vw(\d+)-\d+-/gm)) leftOf(pid);
  for (const name of readdirSync(tmpdir())) {
    leftOf(/^vipwatch-lab-(\d+)-/.exec(name)?.[1])?.push(join(tmpdir(), name));
  }
  for (const [pid, folders] of dead) {
    for (const folder of ['', ...folders])
      await run('sh', ['-c', TEARDOWN, 'vipwatch-lab', `vw${pid}-`, folder]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
