/** The poller of the built code as a process for the bench: what its polls took, and when they came. */
import type { ProxyObservation } from '../src/observation.ts';

export interface Task {
  readonly dist: string;
  readonly urls: readonly string[];
  readonly everyMs: number;
  /** it ends when it has been told so many observations, after so many that do not count */
  readonly polls: number;
  readonly warmUp: number;
}

export interface Took {
  readonly cpuS: number;
  readonly wallS: number;
  /** understood in the last poll that succeeded */
  readonly rows: number;
  /** of those that count */
  readonly failures: number;
  /** between two polls of one target that answers */
  readonly longestIntervalMs: number;
  readonly peakMb: number;
}

const task: Task = JSON.parse(process.argv[2] ?? '{}');
const { Poller } = (await import(`${task.dist}/poll/poller.js`)) as typeof import('../src/poll/poller.ts');
type Instant = import('../src/time.ts').Instant;

let told = 0;
let rows = 0;
let failures = 0;
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
    probes: [],
    databases: [],
    proxies: task.urls.map((url, index) => ({
      cluster: 'bench',
      label: url,
      node: 'node',
      index,
      everyMs: task.everyMs,
      timeoutMs: Math.max(2_000, task.everyMs),
      place: { kind: 'http', url, credentials: null, tls: { ca: null, insecure: false } },
    })),
  },
  {
    // Monotonic, as intervals are measured with it.
    now: () => Math.trunc(performance.now() * 1_000) as Instant,
    tell: (observation) => {
      if (observation.kind === 'proxy') take(observation);
    },
  },
);

function take({ index, reading, askedAt: asked }: ProxyObservation): void {
  told++;
  if (told <= task.warmUp) {
    cpuFrom = process.cpuUsage();
    wallFrom = performance.now();
  } else if (reading === null) failures++;
  if (reading !== null) {
    rows = reading.rows.length;
    const before = askedAt.get(index);
    if (before !== undefined) longestIntervalMs = Math.max(longestIntervalMs, (asked - before) / 1_000);
    askedAt.set(index, asked);
  }
  if (told === task.warmUp + task.polls) done();
}

poller.start();
await finished;
const { user, system } = process.cpuUsage(cpuFrom);
const took: Took = {
  cpuS: (user + system) / 1e6,
  wallS: (performance.now() - wallFrom) / 1_000,
  rows,
  failures,
  longestIntervalMs,
  peakMb: process.resourceUsage().maxRSS / 1_000,
};
await poller.stop();
process.send?.(took, () => process.exit(0));
