/**
 * What an InfluxDB holds after a busy day: every recording under test/recordings, replayed as line protocol on a
 * segment of its own and moved in time so that all of them end at one moment; and what vipwatch says of itself.
 */
import { Output } from '../../src/cli/output.ts';
import { replay } from '../../src/cli/replay.ts';
import type { TimelineEvent } from '../../src/events.ts';
import type { Sample } from '../../src/samples.ts';
import { encodePoint, eventPoint, samplePoint } from '../../src/sinks/line-protocol.ts';
import { type Instant, instantFromUs, MS, plusUs, SECOND } from '../../src/time.ts';
import { RECORDINGS, recordingPath } from './recordings.ts';

/** Longer than any of them lasts. */
export const SPAN_MS = 10 * 60_000;

export async function recordedLines(endMs: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of RECORDINGS) {
    lines.push(...movedTo(endMs, await replayed(recordingPath(name), { segment: name })));
  }
  return lines;
}

/** The recording of the demo, whose configuration names cluster and nodes. */
export async function configuredLines(endMs: number): Promise<readonly string[]> {
  const demo = (file: string) => new URL(`../../demo/${file}`, import.meta.url).pathname;
  return movedTo(endMs, await replayed(demo('failover.pcap'), { config: demo('failover.yaml') }));
}

/** The measurement `vipwatch`, and events about the observer, which no recording can hold. */
export function ownLines(endMs: number): readonly string[] {
  const lines: string[] = [];
  for (let i = 0; i < 20; i++) {
    const at = `${BigInt(endMs - i * 30_000) * 1_000_000n}`;
    const since = 1_000 - i;
    lines.push(
      `vipwatch,host=watcher,part=capture\\ eth0 captured=${since * 60}i,dropped=${i < 3 ? 7 : 0}i,delay_ms=2.5 ${at}`,
      `vipwatch,host=watcher,part=journal waiting=0i,written=${since * 3}i ${at}`,
      `vipwatch,host=watcher,part=influx waiting=${i % 4}i,written=${since * 9}i ${at}`,
    );
  }
  const end = instantFromUs(endMs * MS);
  const told: readonly TimelineEvent[] = [
    madeEvent(plusUs(end, -500 * SECOND), {
      kind: 'observer-started',
      phase: 'instant',
      severity: 'info',
      subject: 'observer:watcher',
      details: { release: '0.1.0', previous: 'none', unwatchedSince: null },
    }),
    madeEvent(plusUs(end, -300 * SECOND), {
      kind: 'capture-degraded',
      phase: 'begin',
      severity: 'warning',
      subject: 'observer:watcher',
      details: { segment: 'eth0', reason: 'dropped', dropped: 7 },
    }),
    madeEvent(plusUs(end, -100 * SECOND), {
      kind: 'sink-failing',
      phase: 'begin',
      severity: 'warning',
      subject: 'sink:influx',
      details: { sink: 'influx', error: 'connection refused', waiting: 3 },
    }),
  ];
  return [...lines, ...eventLines(told)];
}

/** A virtual router that nobody holds for 40 s, which happens in no recording: both cables were out. */
export function lostLines(endMs: number): readonly string[] {
  const end = instantFromUs(endMs * MS);
  const subject = 'vr:cable/ipv4/7';
  const lost = { last: '10.7.0.1', reason: 'silence', by: null, nothingElseHeard: false };
  const told = { kind: 'master-lost', severity: 'critical', subject } as const;
  const sample = (time: Instant, state: bigint): Sample => ({
    measurement: 'vrrp',
    time,
    tags: { segment: 'cable', family: 'ipv4', vrid: '7' },
    fields: { state_code: state },
  });
  const samples = [300, 90, 60, 50, 20].map((secondsAgo) =>
    sample(plusUs(end, -secondsAgo * SECOND), secondsAgo === 60 || secondsAgo === 90 ? 0n : 1n),
  );
  return [
    ...eventLines([
      madeEvent(plusUs(end, -90 * SECOND), { ...told, phase: 'begin', details: lost }),
      madeEvent(plusUs(end, -50 * SECOND), {
        ...told,
        phase: 'end',
        details: { ...lost, durationMs: 40_000 },
      }),
    ]),
    ...samples.map((each) => encodePoint(samplePoint(each)) ?? ''),
  ];
}

/**
 * Two HAProxys of the cluster `shop` and the service behind their VIP, in their last 8 minutes: a server and with it its
 * backend is down on one of them for a while, and the service is dark for 4.2 s.
 */
export function polledLines(endMs: number): readonly string[] {
  const end = instantFromUs(endMs * MS);
  const ago = (seconds: number) => plusUs(end, -seconds * SECOND);
  const samples: Sample[] = [];
  for (let seconds = 480; seconds > 0; seconds -= 30) {
    const time = ago(seconds);
    const isDown = seconds > 200 && seconds < 300;
    for (const node of ['lb1', 'lb2']) samples.push(...proxyRows(time, node, 480n - BigInt(seconds), isDown));
    for (const node of [null, 'lb1', 'lb2']) {
      samples.push({
        measurement: 'probe',
        time,
        tags: {
          cluster: 'shop',
          vip: '10.8.0.100',
          probe: 'http://10.8.0.100/',
          ...(node === null ? {} : { node }),
        },
        fields: node === 'lb2' ? { up: 0n, error: 'refused' } : { up: 1n, latency_ms: 1.5, error: '' },
      });
    }
  }
  const vip = { cluster: 'shop', subject: 'vip:shop/10.8.0.100', severity: 'critical' } as const;
  const dark = { probe: 'http://10.8.0.100/', error: 'refused' };
  const server = {
    server: 's1',
    backend: 'app',
    status: 'DOWN',
    checkStatus: 'L4CON',
    checkText: '',
    since: '',
  };
  const events: readonly (readonly [secondsAgo: number, told: Told])[] = [
    [400, { ...vip, kind: 'vip-dark', phase: 'begin', details: dark }],
    [395.8, { ...vip, kind: 'vip-dark', phase: 'end', details: { ...dark, durationMs: 4_200 } }],
    [
      400,
      {
        ...vip,
        kind: 'vip-on-dead-service',
        phase: 'begin',
        details: { holder: '10.8.0.1', service: 'http://10.8.0.100/', error: 'refused' },
      },
    ],
    [
      300,
      {
        cluster: 'shop',
        kind: 'server-down',
        phase: 'begin',
        severity: 'warning',
        subject: 'proxy:lb1/app/s1',
        details: server,
      },
    ],
    [
      200,
      {
        cluster: 'shop',
        kind: 'proxy-drift',
        phase: 'begin',
        severity: 'warning',
        subject: 'cluster:shop',
        details: { differences: ['app/s1 is down on lb1 only'] },
      },
    ],
  ];
  return [
    ...eventLines(events.map(([seconds, told]) => madeEvent(ago(seconds), told))),
    ...samples.map((each) => encodePoint(samplePoint(each)) ?? ''),
  ];
}

/**
 * The databases of the cluster `orders` in their last 8 minutes: db2 replicates from db1, stops for 100 s, is behind after
 * that and takes over meanwhile; three Galera nodes, of which one is cut off; a SQL node of NDB.
 */
export function databaseLines(endMs: number): readonly string[] {
  const end = instantFromUs(endMs * MS);
  const ago = (seconds: number) => plusUs(end, -seconds * SECOND);
  const samples: Sample[] = [];
  for (let seconds = 480; seconds > 0; seconds -= 30) {
    const state = seconds > 300 ? 'ok' : seconds > 200 ? 'broken' : seconds > 100 ? 'behind' : 'ok';
    samples.push(...databaseRows(ago(seconds), state));
  }
  const replica = { cluster: 'orders', subject: 'replica:db2/default' } as const;
  const router = { cluster: 'orders', subject: 'vr:orders/ipv4/53', severity: 'critical' } as const;
  const broken = { thread: 'sql', errno: 1062, error: 'Duplicate entry' } as const;
  const late = { to: '10.9.0.2', lagS: 40, lagSource: 'heartbeat', transactions: 120 };
  const events: readonly (readonly [secondsAgo: number, told: Told])[] = [
    [300, { ...replica, kind: 'replication-broken', phase: 'begin', severity: 'critical', details: broken }],
    [
      200,
      {
        ...replica,
        kind: 'replication-broken',
        phase: 'end',
        severity: 'critical',
        details: { ...broken, durationMs: 100_000 },
      },
    ],
    [
      180,
      {
        ...router,
        kind: 'takeover-fitness',
        phase: 'instant',
        severity: 'info',
        details: { ...late, readOnly: true, proxyUp: null },
      },
    ],
    [180, { ...router, kind: 'failover-to-lagging-replica', phase: 'instant', details: late }],
    [
      175,
      {
        ...router,
        kind: 'vip-on-read-only',
        phase: 'begin',
        subject: 'vip:orders/10.9.0.100',
        details: { holder: '10.9.0.2', target: 'mysql://10.9.0.2:3306' },
      },
    ],
    [
      170,
      {
        ...router,
        kind: 'dual-writes',
        phase: 'begin',
        subject: 'cluster:orders',
        details: { gtids: { db1: 'a:1-9', db2: 'b:1-9' } },
      },
    ],
  ];
  return [
    ...eventLines(events.map(([seconds, told]) => madeEvent(ago(seconds), told))),
    ...samples.map((each) => encodePoint(samplePoint(each)) ?? ''),
  ];
}

function databaseRows(time: Instant, state: 'ok' | 'broken' | 'behind'): readonly Sample[] {
  const cluster = 'orders';
  const isBroken = state === 'broken';
  const lag = isBroken ? {} : { lag_s: state === 'ok' ? 0.25 : 40, lag_source: 'heartbeat' };
  const replication: Sample = {
    measurement: 'replication',
    time,
    tags: { cluster, node: 'db2', channel: 'default', engine: 'mariadb' },
    fields: {
      ...lag,
      io_state: 'yes',
      sql_state: isBroken ? 'no' : 'yes',
      state_code: isBroken ? 0n : state === 'behind' ? 1n : 2n,
      gtid_gap: state === 'ok' ? 0n : 120n,
      read_only: true,
    },
  };
  const vip: Sample = {
    measurement: 'vip',
    time,
    tags: { cluster, segment: 'orders', address: '10.9.0.100' },
    fields: { holder: 'db1', state_code: 1n },
  };
  const galera = ['pxc1', 'pxc2', 'pxc3'].map((node): Sample => {
    const isCutOff = isBroken && node === 'pxc3';
    return {
      measurement: 'galera',
      time,
      tags: { cluster, node },
      fields: {
        state: isCutOff ? 'Initialized' : 'Synced',
        state_code: isCutOff ? 0n : 4n,
        primary: !isCutOff,
        size: isCutOff ? 1n : isBroken ? 2n : 3n,
        flow_paused: 0.02,
        recv_queue_avg: 0.5,
      },
    };
  });
  const ndb: Sample = {
    measurement: 'ndb',
    time,
    tags: { cluster, node: 'sql1' },
    fields: { ready: isBroken ? 1n : 2n, total: 2n },
  };
  return [replication, vip, ...galera, ndb];
}

/** Named as Telegraf's haproxy input names them; `count` is that of all counters. */
function proxyRows(time: Instant, node: string, count: bigint, isDown: boolean): readonly Sample[] {
  const row = (type: string, sv: string, fields: Sample['fields']): Sample => ({
    measurement: 'haproxy',
    time,
    tags: { cluster: 'shop', node, server: `http://${node}:8888/status`, proxy: 'app', sv, type },
    fields: { scur: 3n, ...fields },
  });
  const state = isDown && node === 'lb1' ? { status: 'DOWN', up: 0n } : { status: 'UP', up: 1n };
  const errors = { econ: count, eresp: count, 'http_response.5xx': count };
  return [
    row('frontend', 'FRONTEND', { status: 'OPEN', up: 1n }),
    row('backend', 'BACKEND', { ...state, ...errors, qcur: 2n, active_servers: 1n, backup_servers: 0n }),
    row('server', 's1', { ...state, qcur: 0n, check_status: 'L4OK', last_chk: 'Layer4 check passed' }),
  ];
}

function eventLines(events: readonly TimelineEvent[]): readonly string[] {
  return events.map((event, i) => encodePoint(eventPoint(event, i + 1, 0)) ?? '');
}

type Told<E = TimelineEvent> = E extends TimelineEvent
  ? Pick<E, 'kind' | 'phase' | 'severity' | 'subject' | 'details'> & Partial<Pick<E, 'cluster'>>
  : never;

function madeEvent(time: Instant, told: Told): TimelineEvent {
  return {
    id: `${told.subject}-${time}`,
    time,
    detectedAt: time,
    cluster: null,
    summary: `${told.subject}: ${told.kind}`,
    beginId: null,
    about: null,
    ...told,
  } as TimelineEvent;
}

async function replayed(
  path: string,
  options: { readonly segment?: string; readonly config?: string },
): Promise<readonly string[]> {
  const output = new CollectedLines();
  await replay([path], { format: 'lp', ...options }, output);
  return output.lines;
}

class CollectedLines extends Output {
  readonly lines: string[] = [];
  override line(text: string): void {
    this.lines.push(text);
  }
  override flush(): void {}
  override remark(): void {}
}

/** By whole microseconds: the digits below are the ordinal among events of one moment. */
function movedTo(endMs: number, lines: readonly string[]): readonly string[] {
  const stamped = lines.map((line) => {
    const at = line.lastIndexOf(' ');
    return { text: line.slice(0, at), ns: BigInt(line.slice(at + 1)) };
  });
  const latest = stamped.reduce((max, { ns }) => (ns > max ? ns : max), 0n);
  const shift = BigInt(endMs) * 1_000_000n - (latest / 1_000n) * 1_000n - 1_000n;
  return stamped.map(({ text, ns }) => `${text} ${ns + shift}`);
}
