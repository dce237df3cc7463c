/** What this machine says of itself, for `vipwatch doctor`: files of /proc and /sys, and two small programs. */
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CAP_NET_RAW = 13n;
const WITHIN_MS = 5_000;

/** In a process of its own, as the capture does it: what the module says when it cannot be loaded, else null. */
export async function pcapFault(): Promise<string | null> {
  try {
    await run(process.execPath, ['--input-type=module', '-e', "await import('pcap')"], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      timeout: WITHIN_MS,
    });
    return null;
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return /^\w*Error.*$/m.exec(text)?.[0] ?? 'it cannot be loaded';
  }
}

export function mayCapture(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf('/proc/self/status') ?? '')?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_NET_RAW) & 1n) === 1n;
}

/** Ethernet interfaces, or those of the given names. */
export function interfaceNames(): readonly string[] {
  return Object.keys(networkInterfaces()).filter(
    (name) => name !== 'lo' && textOf(`/sys/class/net/${name}/type`)?.trim() === '1',
  );
}

export type LinkState = 'up' | 'down' | 'absent';

export function linkState(name: string): LinkState {
  if (!/^[^/\s]{1,15}$/.test(name) || !existsSync(`/sys/class/net/${name}`)) return 'absent';
  const state = textOf(`/sys/class/net/${name}/operstate`)?.trim();
  // Virtual devices without a notion of it say `unknown`.
  return state === 'up' || state === 'unknown' ? 'up' : 'down';
}

export interface Groups {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** Whether some process of this machine is a member of the VRRP groups, so that a snooping switch knows. */
export function groupsJoined(name: string): Groups {
  // /proc/net/igmp: a device's line, then its groups as the number lies in memory; 224.0.0.18 on any machine.
  let device = '';
  let ipv4 = false;
  for (const line of (textOf('/proc/net/igmp') ?? '').split('\n')) {
    const head = /^\d+\s+(\S+)\s*:/.exec(line);
    if (head !== null) device = head[1] ?? '';
    else if (device === name && /^\s+(120000E0|E0000012)\b/i.test(line)) ipv4 = true;
  }
  const ipv6 = (textOf('/proc/net/igmp6') ?? '')
    .split('\n')
    .some((line) => line.split(/\s+/)[1] === name && line.includes('ff020000000000000000000000000012'));
  return { ipv4, ipv6 };
}

/** Null: nothing on this machine says. */
export async function clockSynchronized(): Promise<boolean | null> {
  const timedate = await outputOf('timedatectl', ['show', '-p', 'NTPSynchronized', '--value']);
  if (timedate?.trim() === 'yes') return true;
  const chrony = await outputOf('chronyc', ['tracking']);
  if (chrony !== null) return !/^Leap status\s*:\s*Not synchronised/m.test(chrony);
  return timedate?.trim() === 'no' ? false : null;
}

/** The nearest folder above `path` that is there. */
export function existingFolder(path: string): string {
  let folder = dirname(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

export function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

async function outputOf(program: string, args: readonly string[]): Promise<string | null> {
  try {
    return (await run(program, args, { timeout: WITHIN_MS })).stdout;
  } catch {
    return null;
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
