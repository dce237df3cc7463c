/** What running processes cost, from /proc: a process and all that descend from it. Linux; as root or their user. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Running {
  readonly pid: number;
  /** the part of it: `launcher`, `main`, `capture` */
  readonly name: string;
  /** user and system, all threads, since it began */
  readonly cpuS: number;
  /** its first thread, ready to run and without a processor: other programs had them */
  readonly waitedS: number;
  /** proportional set size: memory shared with others is divided among them */
  readonly pssMb: number;
}

/**
 * What the PSS of these together would be if nobody else on the machine had their files mapped. Here others have: the
 * bench itself is a Node.js.
 */
export function pssAloneMb(processes: readonly Running[]): number {
  const ofFiles = new Map<string, number>();
  let kb = 0;
  for (const { pid } of processes) {
    let file: string | null = null;
    for (const line of (read(`/proc/${pid}/smaps`) ?? '').split('\n')) {
      const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) (\S+) (\d+)/.exec(line);
      if (mapping !== null) file = mapping[3] === '0' ? null : mapping.slice(1).join(' ');
      const [, field, size] = /^(Rss|Pss):\s+(\d+) kB/.exec(line) ?? [];
      if (field === 'Rss' && file !== null) ofFiles.set(file, Math.max(ofFiles.get(file) ?? 0, Number(size)));
      if (field === 'Pss' && file === null) kb += Number(size);
    }
  }
  for (const size of ofFiles.values()) kb += size;
  return (kb * 1_024) / 1e6;
}

const TICKS_PER_SECOND = 100; // USER_HZ, on every Linux that Node runs on

export function treeOf(root: number): readonly Running[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : null;
    if (stat !== null) parents.set(Number(name), Number(fieldsOf(stat)[1]));
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 0 && (pid === root || isOurs(parents.get(pid)));
  return [...parents.keys()].filter(isOurs).flatMap((pid) => running(pid) ?? []);
}

function running(pid: number): Running | null {
  const stat = read(`/proc/${pid}/stat`);
  const memory = read(`/proc/${pid}/smaps_rollup`);
  const command = read(`/proc/${pid}/cmdline`);
  const schedule = read(`/proc/${pid}/schedstat`);
  if (stat === null || memory === null || command === null || schedule === null) return null; // it has just ended
  const fields = fieldsOf(stat);
  return {
    pid,
    name: nameOf(command),
    cpuS: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    waitedS: Number(schedule.split(' ')[1]) / 1e9,
    pssMb: (Number(/^Pss:\s+(\d+) kB/m.exec(memory)?.[1]) * 1_024) / 1e6,
  };
}

/** proc(5): from the third field on, behind the name in parentheses. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function nameOf(command: string): string {
  if (/launcher/.test(command)) return 'launcher';
  if (/capture/.test(command)) return 'capture';
  return /cli\/main\.js/.test(command) ? 'main' : command.replaceAll('\0', ' ').trim();
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
