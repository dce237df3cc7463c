/**
 * `kill -9` at random moments of dispatch and delivery, with the receiver counting: every split-brain that was committed
 * must have been told, and where it was told twice, under the same id.
 *
 * Runs the built code in `dist`. Nothing outside the given folder is touched.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

export interface AlertKillRounds {
  readonly rounds: number;
  /** a folder of the caller's own */
  readonly folder: string;
  /** where the built code is */
  readonly dist: string;
  /** 0 to 1 */
  readonly random: () => number;
}

export interface AlertKillResult {
  readonly committed: number;
  readonly told: number;
  /** times that one was told again, with the same id */
  readonly again: number;
  /** committed, and never told */
  readonly lost: readonly string[];
  /** told under more than one id */
  readonly doubled: readonly string[];
}

/**
 * Commits split-brains of ever new virtual routers and tells them, until it is killed. `drain`: until nothing waits, neither
 * to be sent nor to be decided (what a kill interrupted is told after a moment in which its end might become known).
 */
const TELLER = `
const [dist, path, round, what] = process.argv.slice(1);
const { writeSync } = await import('node:fs');
const { JournalWriter } = await import(dist + '/journal/journal-writer.js');
const { AlertService } = await import(dist + '/alerts/service.js');
const { readRuleBook } = await import(dist + '/config/alert-rules.js');
const journal = await JournalWriter.open(path);
const book = readRuleBook([], null);
const say = (line) => writeSync(1, line + '\\n');
const receiver = (name) => ({
  name,
  async deliver({ id, alerts, status }) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    for (const { subject } of alerts) say(['told', name, status, subject, id].join(' '));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
    return { outcome: 'done', detail: '' };
  },
});
const store = {
  kept: () => journal.alertsKept(),
  keep: (step) => journal.keepAlerts(step),
  eventsAfter: (seq, limit) => journal.eventsAfter(seq, limit),
  openConditions: () => journal.openConditions(),
  excerpt: (asked) => journal.excerpt(asked),
};
const service = new AlertService({
  store,
  receivers: [receiver('a'), receiver('b')],
  settings: {
    book: { ...book, timing: { ...book.timing, storm: { notifications: 1e9, withinMs: 1000 } } },
    mutesForeign: false,
    maintenance: [],
  },
  lastSeq: journal.lastSeq,
  onReceiver: () => {},
  onRemark: (text) => say('remark ' + text),
});
journal.onCommitted((events, isDurable) => {
  if (isDurable) for (const { event } of events) say('committed ' + event.subject);
  service.take(events);
});
await service.resume();
let count = 0;
if (what === 'drain') {
  const waits = async () => {
    const { outbox, state } = await journal.alertsKept();
    const threads = state.filter(({ name }) => name.startsWith('thread:')).map(({ value }) => JSON.parse(value));
    return outbox.length > 0 || threads.some(({ alerts }) => alerts.some(({ told }) => told === 'no'));
  };
  const until = Date.now() + 30_000;
  while ((await waits()) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 200));
  say('drained');
  process.exit(0);
}
setInterval(() => {
  const time = Date.now() * 1000;
  const subject = 'vr:eth0/ipv4/' + round + '-' + count++;
  journal.append([{
    id: 'k' + round + '-' + count, time, detectedAt: time, kind: 'split-brain', phase: 'begin', severity: 'critical',
    cluster: null, subject, summary: 'split-brain', beginId: null, about: null,
    details: { speakers: [], winner: 'a', loser: 'b', vips: [], reason: 'deaf', rejects: [] },
  }], [], time);
}, 3);
`;

/**
 * Rounds that share a journal. Each begins at most some 90 split-brains, none of which ends: beyond 1,000 threads of
 * both receivers the dispatch would rightly tell of them summarily.
 */
const ROUNDS_A_JOURNAL = 5;

export async function killWhileTelling(task: AlertKillRounds): Promise<AlertKillResult> {
  const { rounds, folder } = task;
  const committed = new Set<string>();
  /** by receiver and subject */
  const told = new Map<string, string[]>();
  const hear = (line: string) => {
    const [what, first = '', , subject = '', id = ''] = line.split(' ');
    if (what === 'committed') committed.add(first);
    if (what !== 'told') return;
    const key = `${first} ${subject}`;
    told.set(key, [...(told.get(key) ?? []), id]);
  };
  for (let round = 0; round < rounds; round++) {
    const path = join(folder, `journal-${Math.floor(round / ROUNDS_A_JOURNAL)}.db`);
    await tell(task, path, round, false, hear);
    if ((round + 1) % ROUNDS_A_JOURNAL === 0 || round + 1 === rounds)
      await tell(task, path, round, true, hear);
  }
  const lost = [...committed].flatMap((subject) =>
    ['a', 'b'].filter((name) => !told.has(`${name} ${subject}`)).map((name) => `${name} ${subject}`),
  );
  const ids = [...told.values()];
  return {
    committed: committed.size,
    told: told.size,
    again: ids.reduce((sum, each) => sum + each.length - 1, 0),
    lost,
    doubled: [...told].filter(([, each]) => new Set(each).size > 1).map(([key]) => key),
  };
}

async function tell(
  { dist, random }: AlertKillRounds,
  path: string,
  round: number,
  drains: boolean,
  hear: (line: string) => void,
): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      TELLER,
      pathToFileURL(dist).href,
      path,
      String(round),
      drains ? 'drain' : 'tell',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const enough = 1 + Math.floor(random() * 80);
  let count = 0;
  lines.on('line', (line) => {
    hear(line);
    count++;
    if (count === enough && !drains) setTimeout(() => child.kill('SIGKILL'), random() * 20);
  });
  await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  if (!drains && child.signalCode !== 'SIGKILL')
    throw new Error(`the child ended by itself (${child.exitCode})`);
  if (drains && child.exitCode !== 0) throw new Error(`the last run failed (${child.exitCode})`);
}
