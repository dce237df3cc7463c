/** The poller of the built code as a process for the bench: what its polls took, and when they came. */
import type { Observation } from '../src/observation.ts';
import type { PollSettings } from '../src/poll/settings.ts';

export interface Task {
  readonly dist: string;
  readonly settings: PollSettings;
  /** it ends when so many polls were answered, after so many that do not count */
  readonly polls: number;
  readonly warmUp: number;
}

export interface Took {
  readonly cpuS: number;
  readonly wallS: number;
  /** of a proxy, understood in the last poll that succeeded */
  readonly rows: number;
  /** timeouts, and any other failures */
  readonly hung: number;
  readonly failed: number;
  /** between two polls of one target that answers */
  readonly longestIntervalMs: number;
  readonly peakMb: number;
}

const task: Task = JSON.parse(process.argv[2] ?? '{}');
const { Poller } = (await import(`${task.dist}/poll/poller.js`)) as typeof import('../src/poll/poller.ts');
type Instant = import('../src/time.ts').Instant;

let answered = 0;
let rows = 0;
let hung = 0;
let failed = 0;
let longestIntervalMs = 0;
let cpuFrom = process.cpuUsage();
let wallFrom = performance.now();
const askedAt = new Map<number, number>();
let done = () => {};
const finished = new Promise<void>((resolve) => {
  done = resolve;
});

const poller = new Poller(task.settings, {
  // Monotonic, as intervals are measured with it.
  now: () => Math.trunc(performance.now() * 1_000) as Instant,
  tell: (observation) => {
    if (observation.kind === 'proxy' || observation.kind === 'database') take(observation);
  },
});

function take(polled: Extract<Observation, { kind: 'proxy' | 'database' }>): void {
  const { index, failure, askedAt: asked } = polled;
  if (failure !== null) {
    if (failure.reason === 'timeout') hung++;
    else failed++;
    return;
  }
  answered++;
  if (answered <= task.warmUp) {
    cpuFrom = process.cpuUsage();
    wallFrom = performance.now();
  }
  if (polled.kind === 'proxy') rows = polled.reading?.rows.length ?? 0;
  const before = askedAt.get(index);
  if (before !== undefined) longestIntervalMs = Math.max(longestIntervalMs, (asked - before) / 1_000);
  askedAt.set(index, asked);
  if (answered === task.warmUp + task.polls) done();
}

poller.start();
await finished;
const { user, system } = process.cpuUsage(cpuFrom);
const took: Took = {
  cpuS: (user + system) / 1e6,
  wallS: (performance.now() - wallFrom) / 1_000,
  rows,
  hung,
  failed,
  longestIntervalMs,
  peakMb: process.resourceUsage().maxRSS / 1_000,
};
await poller.stop();
process.send?.(took, () => process.exit(0));
