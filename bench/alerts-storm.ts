/**
 * A storm: events of 500 virtual routers through the journal, the dispatch and two receivers, in a process of its own:
 * what ran before would hide how memory grows. The default rules, their storm cap included.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Receiver } from '../src/alerts/notification.ts';
import type { TimelineEvent } from '../src/events.ts';
import { eventNow, startTelling, wallNow } from './alerts-service.ts';

export interface StormTask {
  readonly events: number;
  readonly seconds: number;
  /** a folder of the caller's own */
  readonly folder: string;
  /** where the built code is */
  readonly dist: string;
}

export interface StormResult {
  readonly committed: number;
  /** from the first event to the last one's commit */
  readonly tookS: number;
  /** by receiver, what each notification said */
  readonly told: Readonly<Record<string, readonly string[]>>;
  /** resident set, the most in the first quarter of the storm and in its last */
  readonly earlyMb: number;
  readonly lateMb: number;
  /** how long whoever shares the thread was kept waiting: beside it, captures are read */
  readonly heldUpMs: { readonly p99: number; readonly max: number };
}

const PROGRAM = fileURLToPath(import.meta.url);
const STEP_MS = 5;
const COMMITTED_WITHIN_MS = 30_000;
/** longer than the dispatch waits for what belongs to the last of it */
const AFTERMATH_MS = 12_000;

export async function storm(task: StormTask): Promise<StormResult> {
  const child = fork(PROGRAM, [JSON.stringify(task)]);
  const results: StormResult[] = [];
  child.on('message', (message) => results.push(message as StormResult));
  await once(child, 'exit');
  const [result] = results;
  if (result === undefined)
    throw new Error(`the storm's process ended (${child.exitCode ?? child.signalCode})`);
  return result;
}

async function rage({ events: count, seconds, folder, dist }: StormTask): Promise<StormResult> {
  const told: Record<string, string[]> = { email: [], pager: [] };
  const telling = await startTelling({
    dist,
    folder,
    receivers: Object.entries(told).map(([name, headlines]) => counting(name, headlines)),
    onRemark: (text) => console.log(`  ${text}`),
  });
  const { journal } = telling;
  let committed = 0;
  journal.onCommitted((entries) => {
    committed += entries.length;
  });
  const weather = new Weather();
  const delay = monitorEventLoopDelay({ resolution: STEP_MS });
  delay.enable();
  const memory: number[] = [];
  const started = performance.now();
  for (let i = 0; i < count; ) {
    const share = (performance.now() - started) / (seconds * 1_000);
    const due = Math.min(count, Math.ceil(share * count));
    const events = Array.from({ length: due - i }, () => weather.next());
    journal.append(events, [], wallNow());
    i = due;
    memory.push(process.memoryUsage().rss);
    await sleep(STEP_MS);
  }
  while (committed < count && performance.now() - started < seconds * 1_000 + COMMITTED_WITHIN_MS)
    await sleep(STEP_MS);
  const tookS = (performance.now() - started) / 1_000;
  await sleep(AFTERMATH_MS);
  delay.disable();
  await telling.stop();
  const quarter = Math.ceil(memory.length / 4);
  return {
    committed,
    tookS,
    told,
    earlyMb: Math.max(...memory.slice(0, quarter)) / 1e6,
    lateMb: Math.max(...memory.slice(-quarter)) / 1e6,
    heldUpMs: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
  };
}

function counting(name: string, headlines: string[]): Receiver {
  return {
    name,
    deliver({ headline }) {
      headlines.push(headline);
      return Promise.resolve({ outcome: 'done', detail: '' });
    },
  };
}

const ROUTERS = 500;
const KINDS = [
  'split-brain',
  'master-lost',
  'garp-missing',
  'failover',
  'advert-gap',
  'source-spoofed',
] as const;
const INSTANTS: ReadonlySet<string> = new Set(['failover', 'advert-gap', 'source-spoofed']);
const CRITICAL: ReadonlySet<string> = new Set(['split-brain', 'master-lost', 'source-spoofed']);

/** Each kind at each virtual router in turn; a condition that is open ends when its turn comes again. */
class Weather {
  #count = 0;
  readonly #open = new Map<string, string>();

  next(): TimelineEvent {
    const i = this.#count++;
    const kind = KINDS[i % KINDS.length] ?? 'failover';
    const router = i % ROUTERS;
    const vip = `10.1.${router >> 8}.${router & 255}`;
    const interfaceName = `eth${Math.floor(router / 255)}`;
    const of = `${kind} ${router}`;
    const id = `s${i}`;
    const beginId = this.#open.get(of);
    if (beginId !== undefined) this.#open.delete(of);
    else if (!INSTANTS.has(kind)) this.#open.set(of, id);
    return eventNow({
      id,
      kind,
      phase: INSTANTS.has(kind) ? 'instant' : beginId === undefined ? 'begin' : 'end',
      severity: CRITICAL.has(kind) ? 'critical' : 'warning',
      cluster: null,
      subject:
        kind === 'garp-missing'
          ? `vip:${interfaceName}/${vip}`
          : `vr:${interfaceName}/ipv4/${1 + (router % 255)}`,
      summary: `${kind} of ${vip}`,
      details: { vips: [vip], reason: 'silence', cause: 'silence', darkMs: null },
      ...(beginId === undefined ? {} : { beginId }),
    });
  }
}

if (process.argv[1] === PROGRAM && process.send !== undefined) {
  const result = await rage(JSON.parse(process.argv[2] ?? ''));
  process.send(result, () => process.disconnect());
}
