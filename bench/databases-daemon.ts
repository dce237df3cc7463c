/** The poller of the built code as a process for the bench: what its polls of databases took, and when they came. */
import type { DatabaseObservation } from '../src/observation.ts';

export interface Task {
  readonly dist: string;
  readonly ports: readonly number[];
  readonly everyMs: number;
  /** it ends when so many polls were answered, after so many that do not count */
  readonly polls: number;
  readonly warmUp: number;
}

export interface Took {
  readonly cpuS: number;
  readonly wallS: number;
  /** of those that count: timeouts, and any other failures */
  readonly hung: number;
  readonly failed: number;
  /** between two polls of one server that answers */
  readonly longestIntervalMs: number;
  readonly peakMb: number;
}

const task: Task = JSON.parse(process.argv[2] ?? '{}');
const { Poller } = (await import(`${task.dist}/poll/poller.js`)) as typeof import('../src/poll/poller.ts');
type Instant = import('../src/time.ts').Instant;

let answered = 0;
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

const poller = new Poller(
  {
    proxies: [],
    probes: [],
    databases: task.ports.map((port, index) => ({
      cluster: 'bench',
      label: `mysql://127.0.0.1:${port}`,
      node: 'node',
      index,
      everyMs: task.everyMs,
      timeoutMs: task.everyMs,
      place: { kind: 'tcp', host: '127.0.0.1', port },
      credentials: { user: 'vipwatch', password: 'bench' },
      tls: null,
      heartbeat: null,
    })),
  },
  {
    // Monotonic, as intervals are measured with it.
    now: () => Math.trunc(performance.now() * 1_000) as Instant,
    tell: (observation) => {
      if (observation.kind === 'database') take(observation);
    },
  },
);

function take({ index, failure, askedAt: asked }: DatabaseObservation): void {
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
  hung,
  failed,
  longestIntervalMs,
  peakMb: process.resourceUsage().maxRSS / 1_000,
};
await poller.stop();
process.send?.(took, () => process.exit(0));
