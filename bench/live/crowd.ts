/**
 * 255 virtual routers at one advert a second: what `observe` costs while nothing happens, and how soon it tells what
 * happens then.
 *
 * The latency counts from the moment at which the rules (docs/vrrp-rules.md) let it be known, by the sender's clock,
 * to the line's arrival here; a split-brain's from the newcomer's first advert.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPTURE_FILTER } from '../../src/capture/live/pcap-session.ts';
import { Random } from '../../test/support/random.ts';
import { type Figures, quantile } from '../figures.ts';
import { pssAloneMb, type Running, treeOf } from './processes.ts';
import type { Sent } from './sender.ts';
import { type Act, INTERVAL_MS, type Plan } from './speakers.ts';
import { compareWith, type Match } from './truth.ts';
import { WatchedSegment } from './watched-segment.ts';

const CPU_PERCENT = 2;
const PSS_MB = 150;
const FAILOVER_MS = 150;
const SPLIT_MS = 2 * INTERVAL_MS + 150;

/** the rules' grace */
const GRACE_MS = 100;
const LAST_ACT_MS = 40_000;

export interface CrowdSize {
  /** until V8 has compiled what runs often: at 255 frames a second it takes its time to be often */
  readonly warmUpS: number;
  readonly steadyS: number;
  /** of `graceful` and of `silence`; each is followed by a preemption */
  readonly outages: number;
  readonly splitBrains: number;
  readonly actingS: number;
}

export async function crowd(size: CrowdSize, figures: Figures): Promise<void> {
  const actsFromMs = (size.warmUpS + size.steadyS + 10) * 1_000;
  const plan: Plan = {
    seed: 3,
    vrids: Array.from({ length: 255 }, (_, i) => i + 1),
    acts: actsOf(size, actsFromMs),
    awayMs: 12_000,
    untilMs: actsFromMs + size.actingS * 1_000 + LAST_ACT_MS,
  };
  const segment = await WatchedSegment.create([]);
  try {
    const sender = await segment.send(plan);
    await sleep(size.warmUpS * 1_000);
    await idle(segment, size.steadyS, figures);

    await segment.follow();
    const { lateMs, adverts } = await sender.all;
    const { matches, wrong } = compareWith(sender.sent, segment.told);
    const { captures } = await segment.status();
    figures.title(`${sender.sent.length} failovers and split-brains among 255 virtual routers`);
    figures.mustBe('told right, and nothing else', `${matches.length}`, 'all', wrong.length === 0, wrong);
    const dropped = captures.reduce((sum, capture) => sum + capture.dropped, 0);
    figures.mustBe(`of ${adverts} adverts dropped`, `${dropped}`, '0', dropped === 0);
    figures.figure('the sender was late by, at the most', `${lateMs.toFixed(0)} ms`);
    for (const [name, limitMs] of [
      ['graceful', FAILOVER_MS],
      ['silence', FAILOVER_MS],
      ['preemption', FAILOVER_MS],
      ['split-brain', SPLIT_MS],
    ] as const) {
      const latencies = matches.filter((match) => nameOf(match.sent) === name).map(latencyMs);
      const most = Math.max(...latencies);
      figures.figure(
        `${name} (${latencies.length}): median, p99, max`,
        `${[quantile(latencies, 0.5), quantile(latencies, 0.99), most].map((ms) => ms.toFixed(0)).join(', ')} ms`,
        `within ${limitMs} ms`,
        most <= limitMs,
      );
    }
  } finally {
    await segment.destroy();
  }
}

/** Graceful ends, deaths and split-brains, shuffled over the VRIDs and the time; none within another's time. */
function actsOf({ outages, splitBrains, actingS }: CrowdSize, fromMs: number): readonly Act[] {
  const random = new Random(4);
  const vrids = Array.from({ length: 255 }, (_, i) => ({ vrid: i + 1, order: random.fraction() }))
    .sort((a, b) => a.order - b.order)
    .map(({ vrid }) => vrid);
  // One outage a virtual router, or it would be flapping; the others have a split-brain in each half of the time.
  const calm = vrids.slice(2 * outages);
  const halfMs = (actingS * 1_000) / 2;
  return [
    ...vrids.slice(0, 2 * outages).map((vrid, i) => ({
      vrid,
      kind: i % 2 === 0 ? ('graceful' as const) : ('silence' as const),
      atMs: fromMs + random.between(0, 2 * halfMs),
    })),
    ...Array.from({ length: splitBrains }, (_, i) => ({
      vrid: calm[i % calm.length] ?? 0,
      kind: 'split-brain' as const,
      atMs: fromMs + (i < calm.length ? 0 : halfMs) + random.between(0, halfMs - 15_000),
    })),
  ];
}

function nameOf({ truth }: Sent): string {
  return truth.what === 'failover' ? truth.cause : truth.what;
}

function latencyMs({ sent, told }: Match): number {
  return told.arrivedMs - knowableMs(sent);
}

function knowableMs({ truth, atMs, beforeMs }: Sent): number {
  if (truth.what === 'split-brain') return atMs;
  const graceMs = atMs + GRACE_MS;
  return truth.cause === 'preemption' ? Math.max(graceMs, beforeMs + 1.25 * INTERVAL_MS) : graceMs;
}

/** Beside two programs that do as little: on a busy machine they cost more as well. */
async function idle(segment: WatchedSegment, seconds: number, figures: Figures): Promise<void> {
  const { observer } = segment.lab;
  const yardsticks = [
    {
      name: 'tcpdump -w /dev/null, the same filter',
      process: observer.spawn(['tcpdump', '-i', 'eth0', '-w', '/dev/null', CAPTURE_FILTER]),
    },
    {
      name: 'node, which wakes up every 40 ms',
      process: observer.spawn([process.execPath, '-e', 'setInterval(() => {}, 40)']),
    },
  ];
  await sleep(2_000);
  const pids = [segment.pid, ...yardsticks.map((yardstick) => yardstick.process.pid)];
  const before = pids.map(treeOf);
  const started = process.hrtime.bigint();
  await sleep(seconds * 1_000);
  const after = pids.map(treeOf);
  const wallS = Number(process.hrtime.bigint() - started) / 1e9;
  for (const yardstick of yardsticks) yardstick.process.kill('SIGTERM');

  figures.title(`255 virtual routers at one advert a second, nothing happens, for ${seconds} s`);
  const percent = (now: readonly Running[], earlier: readonly Running[]) =>
    (100 * (sum(now, 'cpuS') - sum(earlier, 'cpuS'))) / wallS;
  const costs = (i: number) => ({ now: after[i] ?? [], earlier: before[i] ?? [] });
  const ours = costs(0);
  const cpu = percent(ours.now, ours.earlier);
  const pss = pssAloneMb(ours.now);
  figures.figure(
    'vipwatch observe: of one core',
    `${cpu.toFixed(2)} %`,
    `< ${CPU_PERCENT} %`,
    cpu < CPU_PERCENT,
  );
  figures.figure('vipwatch observe: memory (PSS)', `${pss.toFixed(0)} MB`, `< ${PSS_MB} MB`, pss < PSS_MB);
  for (const running of ours.now) {
    const earlier = ours.earlier.filter(({ pid }) => pid === running.pid);
    figures.figure(
      `  ${running.name}`,
      `${percent([running], earlier).toFixed(2)} %, ${running.pssMb.toFixed(0)} MB`,
    );
  }
  for (const [i, { name }] of yardsticks.entries()) {
    const { now, earlier } = costs(i + 1);
    figures.figure(name, `${percent(now, earlier).toFixed(2)} %, ${sum(now, 'pssMb').toFixed(0)} MB`);
  }
}

function sum(processes: readonly Running[], what: 'cpuS' | 'pssMb'): number {
  return processes.reduce((total, each) => total + each[what], 0);
}
