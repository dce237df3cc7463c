/**
 * The timeline in InfluxDB 1.6: how fast a backlog goes from the journal to a real server, in what memory, what that
 * costs those who wait to be told of an event meanwhile, and how soon an event can be asked for. False: a target was
 * missed. Needs `influxd`; its folders, ports and processes are its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled, RealInflux, settingsFor } from '../test/support/servers.ts';
import { Figures, quantile } from './figures.ts';
import type { FromDaemon, Task } from './influx-daemon.ts';
import { highWaterMb } from './measure.ts';

const DIST = fileURLToPath(new URL('../../../../dist', import.meta.url));
const DAEMON = fileURLToPath(new URL('./influx-daemon.js', import.meta.url));

export async function influx(isQuick: boolean): Promise<boolean> {
  const figures = new Figures(!isQuick);
  if (!isInstalled('influxd')) {
    console.log('\nThe figures of InfluxDB are SKIPPED: no influxd (apt-get install influxdb)');
    return true;
  }
  const size = isQuick ? { events: 5_000, samples: 50_000 } : { events: 100_000, samples: 1_000_000 };
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-bench-'));
  const server = new RealInflux();
  try {
    await server.start();
    const task = { dist: DIST, path: join(folder, 'journal.db'), settings: settingsFor(server.url), ...size };
    await run({ ...task, part: 'fill' });
    const alone = await run({ ...task, part: 'alone' });
    const backlog = await run({ ...task, part: 'backlog' });
    figures.title(`InfluxDB 1.6: a backlog of ${size.events} events and ${size.samples} samples`);
    const rate = (size.events + size.samples) / (backlog.tookMs / 1_000);
    figures.figure('points a second', rate.toFixed(0), '>= 50,000', rate >= 50_000);
    figures.figure('peak memory', `${backlog.peakMb.toFixed(0)} MB`, '< 200 MB', backlog.peakMb < 200);
    const stored = await pointsIn(server);
    const expected = size.events + size.samples + backlog.toldMs.length + alone.toldMs.length;
    figures.mustBe('points in InfluxDB', `${stored}`, `${expected}`, stored === expected);
    const [p50Alone, p50] = [quantile(alone.toldMs, 0.5), quantile(backlog.toldMs, 0.5)];
    // A failover is known 100 ms (the grace) after its first advert at the earliest.
    const added = Math.max(0, p50 - p50Alone);
    figures.figure('from event to told, median, without the sink', `${p50Alone.toFixed(2)} ms`);
    figures.figure('… and while it writes a backlog', `${p50.toFixed(2)} ms`, '< 5 ms more, 5 %', added < 5);
    figures.figure('… its 99th percentile, without', `${quantile(alone.toldMs, 0.99).toFixed(2)} ms`);
    figures.figure('… and with', `${quantile(backlog.toldMs, 0.99).toFixed(2)} ms`);
    const steady = await run({ ...task, part: 'steady' });
    const worst = Math.max(...steady.queryableMs);
    figures.figure(
      `from event to queryable, median of ${steady.queryableMs.length}`,
      `${quantile(steady.queryableMs, 0.5).toFixed(0)} ms`,
    );
    figures.figure('… the longest', `${worst.toFixed(0)} ms`, '< 1,000 ms', worst < 1_000);
    return !figures.missed;
  } finally {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Outcome {
  readonly tookMs: number;
  readonly peakMb: number;
  readonly toldMs: readonly number[];
  readonly queryableMs: readonly number[];
}

/** In a process of its own, whose memory is then that of the daemon's journal and sink. */
async function run(task: Task): Promise<Outcome> {
  const child = fork(DAEMON, [JSON.stringify(task)]);
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => {
      throw new Error(`${task.part} ended with status ${status}`);
    }),
  ])) as [FromDaemon];
  const peakMb = highWaterMb(child.pid);
  const ended = once(child, 'exit');
  child.send('stop');
  await ended;
  return { ...message, peakMb };
}

async function pointsIn(server: RealInflux): Promise<number> {
  const q =
    'SELECT count(seq) FROM timeline; SELECT count(state_code) FROM vrrp; SELECT count(state_code) FROM vip';
  const response = await fetch(`${server.url}/query?${new URLSearchParams({ db: 'vipwatch', q })}`);
  const { results } = (await response.json()) as {
    results: readonly { series?: readonly { values: readonly (readonly [string, number])[] }[] }[];
  };
  return results.reduce((sum, { series }) => sum + (series?.[0]?.values[0]?.[1] ?? 0), 0);
}
