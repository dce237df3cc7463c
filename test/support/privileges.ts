/** Which privileges processes have, as the kernel sees it: /proc/PID/status, proc_pid_status(5). */
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';

export const CAP_NET_RAW = 1n << 13n;

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** Nothing of vipwatch is root or can become it, and main has no capability at all. */
export function expectPrivileges(processes: readonly number[], main: number, uid?: number): void {
  for (const pid of processes) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
    const uids = field('Uid').split('\t').map(Number);
    expect(uids).not.toContain(0);
    if (uid !== undefined) expect(uids).toEqual([uid, uid, uid, uid]);
    expect(field('Gid').split('\t')).not.toContain('0');
    expect(field('Groups').split(' ')).not.toContain('0');
    expect(field('NoNewPrivs')).toBe('1');
    const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((name) => BigInt(`0x${field(name)}`));
    const may = pid === main ? 0n : CAP_NET_RAW;
    expect(sets).toEqual([may, may, may, may]);
    // Main's too: to drop it would take CAP_SETPCAP, and with no-new-privileges nothing can be gained from it.
    expect(BigInt(`0x${field('CapBnd')}`)).toBe(CAP_NET_RAW);
  }
}
