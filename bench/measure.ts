/** Runs a program and says what it took: wall time, processor time and peak memory. Linux; needs no package. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Cost {
  readonly wallS: number;
  /** user and system */
  readonly cpuS: number;
  readonly peakMb: number;
}

const SAMPLE_EVERY_MS = 5;

/** What it prints goes nowhere. Throws where it fails. */
export async function measure(command: string, args: readonly string[]): Promise<Cost> {
  const cpuBefore = cpuOfChildren();
  const started = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  // VmHWM is the kernel's own high-water mark: only growth in the last milliseconds can be missed.
  let peakKb = 0;
  const watch = setInterval(() => {
    peakKb = Math.max(peakKb, highWaterKb(child.pid));
  }, SAMPLE_EVERY_MS);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  const wallS = Number(process.hrtime.bigint() - started) / 1e9;
  clearInterval(watch);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit status ${status}`);
  return { wallS, cpuS: cpuOfChildren() - cpuBefore, peakMb: (peakKb * 1_024) / 1e6 };
}

export function median(costs: readonly Cost[]): Cost {
  const middle = (of: (cost: Cost) => number) =>
    [...costs.map(of)].sort((a, b) => a - b)[costs.length >> 1] ?? Number.NaN;
  return {
    wallS: middle((c) => c.wallS),
    cpuS: middle((c) => c.cpuS),
    peakMb: Math.max(...costs.map((c) => c.peakMb)),
  };
}

/** Of a process that lives; 0 for one that does not. */
export function highWaterMb(pid: number | undefined): number {
  return (highWaterKb(pid) * 1_024) / 1e6;
}

function highWaterKb(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has just ended
  }
}

const TICKS_PER_SECOND = 100; // USER_HZ, on every Linux that Node runs on

/** In seconds, user and system, of a process that lives. */
export function cpuOf(pid: number | undefined): number {
  return secondsOf(`${pid}`, 11);
}

/** Of all children that have been waited for. */
function cpuOfChildren(): number {
  return secondsOf('self', 13);
}

/** proc(5): utime and stime, or cutime and cstime, by the place of the first after the name. */
function secondsOf(process: string, place: number): number {
  const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[place]) + Number(fields[place + 1])) / TICKS_PER_SECOND;
}
