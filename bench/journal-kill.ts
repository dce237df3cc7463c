/**
 * `kill -9` at random moments while a child process appends: what it had acknowledged must be there, once each, in
 * order, and the journal must open. Half of the rounds through the synchronous journal, half through its worker.
 *
 * Journals are read by the built code in `dist`. Nothing outside the given folder is touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

export interface KillRounds {
  readonly rounds: number;
  /** a folder of the caller's own */
  readonly folder: string;
  /** where the built code is */
  readonly dist: string;
  /** 0 to 1 */
  readonly random: () => number;
}

export interface KillResult {
  readonly rounds: number;
  readonly acknowledged: number;
  /** what was acknowledged and is not there; what is there twice or out of order; files set aside */
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly setAside: readonly string[];
}

interface Reopened {
  readonly setAside: { readonly path: string } | null;
  readonly queries: {
    events(query: object): Iterable<{ readonly seq: number; readonly event: { readonly id: string } }>;
  };
  close(): void;
}

/** Appends until it is killed, and says each event that is durable: `ack SEQ ID`. */
const APPENDER = `
const [dist, path, round, through] = process.argv.slice(1);
const { Journal } = await import(dist + '/journal/journal.js');
const { JournalWriter } = await import(dist + '/journal/journal-writer.js');
let count = 0;
function next() {
  const time = 1795168800000000 + count;
  return {
    id: 'k' + round + '-' + count++, time, detectedAt: time, kind: 'failover', phase: 'instant',
    severity: 'warning', cluster: null, subject: 'vr:eth0/ipv4/51', summary: 'moved', beginId: null, about: null,
    details: { vips: ['10.0.0.100'], padding: 'x'.repeat(count % 700) },
  };
}
const acknowledge = (events) => {
  process.stdout.write(events.map(({ seq, event }) => 'ack ' + seq + ' ' + event.id + '\\n').join(''));
};
if (through === 'worker') {
  const writer = await JournalWriter.open(path);
  writer.onCommitted((events, isDurable) => isDurable && acknowledge(events));
  setInterval(() => {
    const events = Array.from({ length: 1 + (count % 5) }, next);
    writer.append(events, [], events[0].time);
  }, 1);
} else {
  const journal = Journal.open(path);
  const step = () => {
    const events = Array.from({ length: 1 + (count % 5) }, next);
    acknowledge(journal.append(events, [], events[0].time));
    setImmediate(step);
  };
  step();
}
`;

export async function killWhileAppending(task: KillRounds): Promise<KillResult> {
  const { rounds, folder, dist, random } = task;
  const path = join(folder, 'journal.db');
  const { href } = pathToFileURL(dist);
  const { Journal } = (await import(`${href}/journal/journal.js`)) as {
    Journal: { open(path: string): Reopened };
  };
  const acknowledged = new Map<string, number>();
  const lost: string[] = [];
  const doubled: string[] = [];
  const setAside: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const through = round % 2 === 0 ? 'journal' : 'worker';
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', APPENDER, href, path, String(round), through],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    for (const [id, seq] of await acknowledgedUntilKilled(child, random)) acknowledged.set(id, seq);

    const journal = Journal.open(path);
    if (journal.setAside !== null) setAside.push(journal.setAside.path);
    const present = new Map<string, number>();
    let last = 0;
    for (const { seq, event } of journal.queries.events({})) {
      if (present.has(event.id) || seq !== last + 1) doubled.push(`round ${round}: ${event.id} at ${seq}`);
      present.set(event.id, seq);
      last = seq;
    }
    journal.close();
    for (const [id, seq] of acknowledged)
      if (present.get(id) !== seq) lost.push(`round ${round}: ${id} at ${seq}`);
  }
  return { rounds, acknowledged: acknowledged.size, lost, doubled, setAside };
}

/** Lets it acknowledge some events, and a little time more, so that the kill falls anywhere in a commit. */
async function acknowledgedUntilKilled(
  child: ChildProcess,
  random: () => number,
): Promise<readonly (readonly [id: string, seq: number])[]> {
  const acknowledged: (readonly [string, number])[] = [];
  const enough = 1 + Math.floor(random() * 60);
  const { stdout } = child;
  if (stdout === null) throw new Error('the child has no output');
  const lines = createInterface({ input: stdout });
  let isDoomed = false;
  lines.on('line', (line) => {
    const [, seq = '', id = ''] = line.split(' ');
    acknowledged.push([id, Number(seq)]);
    if (acknowledged.length < enough || isDoomed) return;
    isDoomed = true;
    setTimeout(() => child.kill('SIGKILL'), random() * 20);
  });
  await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  if (child.signalCode !== 'SIGKILL') throw new Error(`the child ended by itself (${child.exitCode})`);
  return acknowledged;
}
