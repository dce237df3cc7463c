/** The part of the daemon that InfluxDB concerns, journal and sink of the built code, as a process for the bench. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { InfluxSettings } from '../src/sinks/influx-settings.ts';

export interface Task {
  readonly part: 'fill' | 'alone' | 'backlog' | 'steady';
  readonly dist: string;
  readonly path: string;
  readonly settings: InfluxSettings;
  readonly events: number;
  readonly samples: number;
}

export interface FromDaemon {
  /** until the sink had written everything */
  readonly tookMs: number;
  /** of each event appended meanwhile: until it was durable and told */
  readonly toldMs: readonly number[];
  /** of each event appended: until InfluxDB had it */
  readonly queryableMs: readonly number[];
}

const task: Task = JSON.parse(process.argv[2] ?? '{}');
const { Journal } = (await import(
  `${task.dist}/journal/journal.js`
)) as typeof import('../src/journal/journal.ts');
const { JournalWriter } = (await import(
  `${task.dist}/journal/journal-writer.js`
)) as typeof import('../src/journal/journal-writer.ts');
const { InfluxHost } = (await import(
  `${task.dist}/influx/influx-host.js`
)) as typeof import('../src/influx/influx-host.ts');
type TimelineEvent = import('../src/events.ts').TimelineEvent;
type Sample = import('../src/samples.ts').Sample;
type Instant = import('../src/time.ts').Instant;

/** An hour ago: of one week at InfluxDB, as all of a daemon's points nearly are. */
const START = (Date.now() - 3_600_000) * 1_000;
const ROUTERS = 255;
const TOLD_EVERY_MS = 50;
const TOLD_ALONE = 100;

if (task.part === 'fill') {
  fill();
  process.send?.({ tookMs: 0, toldMs: [], queryableMs: [] } satisfies FromDaemon);
  await once(process, 'message');
} else {
  await asDaemon();
}
process.exit(0);

function fill(): void {
  const journal = Journal.open(task.path);
  for (let i = 0; i < task.events; i += 1_000)
    journal.append(
      Array.from({ length: 1_000 }, (_, k) => failover(i + k, START + (i + k) * 1_000)),
      [],
      now(),
    );
  for (let i = 0; i < task.samples; i += 5_000)
    journal.append(
      [],
      Array.from({ length: 5_000 }, (_, k) => sampleOf(i + k)),
      now(),
    );
  journal.close();
}

async function asDaemon(): Promise<void> {
  const journal = await JournalWriter.open(task.path);
  const toldMs: number[] = [];
  const queryableMs: number[] = [];
  const appendedAt = new Map<string, number>();
  journal.onCommitted((entries) => {
    for (const { event } of entries) {
      const at = appendedAt.get(event.id);
      if (at !== undefined) toldMs.push(performance.now() - at);
    }
  });
  let count = 0;
  const append = (): string => {
    const event = failover(task.events + count++, now());
    const named = { ...event, id: `${task.part}${event.id}` } as TimelineEvent;
    appendedAt.set(named.id, performance.now());
    journal.append([named], [], now());
    return named.id;
  };

  const startedAt = performance.now();
  if (task.part === 'alone') {
    while (toldMs.length < TOLD_ALONE) {
      append();
      await pause(TOLD_EVERY_MS);
    }
  } else {
    const sink = new InfluxHost({
      journal,
      journalPath: task.path,
      settings: task.settings,
      onTrouble: () => {},
      onRemark: (text) => console.error(text),
    });
    const all = task.part === 'backlog' ? task.events + task.samples : 0;
    while (sink.figures.written < all) {
      append();
      await pause(TOLD_EVERY_MS);
    }
    if (task.part === 'steady') {
      for (let i = 0; i < 20; i++) queryableMs.push(await untilQueryable(append));
    }
    while (sink.figures.waiting > 0) await pause(5);
    const tookMs = performance.now() - startedAt;
    process.send?.({ tookMs, toldMs, queryableMs } satisfies FromDaemon);
    await once(process, 'message');
    await sink.stop();
    await journal.stop(now());
    return;
  }
  process.send?.({ tookMs: 0, toldMs, queryableMs } satisfies FromDaemon);
  await once(process, 'message');
  await journal.stop(now());
}

async function untilQueryable(append: () => string): Promise<number> {
  const startedAt = performance.now();
  const id = append();
  const q = `SELECT seq FROM timeline WHERE id = '${id}' AND time > now() - 10s`;
  const query = new URLSearchParams({ db: task.settings.database, q });
  while (!(await (await fetch(`${task.settings.url}/query?${query}`)).text()).includes('"values"'))
    await pause(5);
  return performance.now() - startedAt;
}

function now(): Instant {
  return (Date.now() * 1_000) as Instant;
}

function failover(i: number, time: number): TimelineEvent {
  const vrid = i % ROUTERS;
  return {
    id: `e${i}`,
    time,
    detectedAt: time,
    kind: 'failover',
    phase: 'instant',
    severity: 'warning',
    cluster: 'orders-db',
    subject: `vr:eth0/ipv4/${vrid}`,
    summary: `172.18.0.${vrid} moved from h1 to h2 after 3.61 s of silence`,
    details: {
      from: '172.18.0.7',
      to: '172.18.0.8',
      cause: 'silence',
      silenceMs: 3612.3,
      vips: [`172.18.0.${vrid}`],
    },
    beginId: null,
    about: null,
  } as unknown as TimelineEvent;
}

/** Every virtual router with its one VIP, again and again, as the observer samples them. */
function sampleOf(i: number): Sample {
  const vrid = (i >> 1) % ROUTERS;
  const time = (START + Math.floor(i / (2 * ROUTERS)) * 1_000_000 + vrid) as Instant;
  const tags = { cluster: 'orders-db', segment: 'eth0' };
  const address = `172.18.0.${vrid}`;
  return i % 2 === 0
    ? {
        measurement: 'vrrp',
        time,
        tags: { ...tags, family: 'ipv4', vrid: String(vrid) },
        fields: {
          master: '172.18.0.7',
          master_node: 'h1',
          state_code: 1n,
          speakers: 2n,
          priority: 100n,
          interval_ms: 1_000,
          version: 2n,
          vips: address,
          jitter_ms: 0.352,
          missed: 0n,
        },
      }
    : {
        measurement: 'vip',
        time,
        tags: { ...tags, address },
        fields: { holder: 'h1', mac: '02:42:ac:12:00:07', state_code: 1n },
      };
}
