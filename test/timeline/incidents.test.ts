/**
 * Which events are one story. A line is: the incident that the event belongs to in the end (`-` for none), the
 * second at which it happened (`+3`: known 3 s later), severity, kind, subject, and what else matters: `begin=x` and
 * `end=x` of a condition, `cluster=`, `vips=`. `51` stands for `vr:eth0/ipv4/51`, `ip` for `vip:eth0/10.0.0.100`.
 */
import { describe, expect, it } from 'vitest';
import type { Severity, TimelineEvent } from '../../src/events.ts';
import { type Incident, IncidentFold } from '../../src/timeline/incidents.ts';
import { at, event, randomEvents } from '../support/journal-events.ts';
import { Random } from '../support/random.ts';

function fold(events: readonly TimelineEvent[]): {
  readonly members: ReadonlyMap<number, number>;
  readonly incidents: ReadonlyMap<number, Incident>;
} {
  const incidents = new Map<number, Incident>();
  const members = new Map<number, number>();
  const folding = new IncidentFold();
  for (const [index, one] of events.entries()) {
    const change = folding.take(one, index + 1);
    if (change === null) continue;
    incidents.set(change.incident.id, change.incident);
    for (const seq of change.seqs) members.set(seq, change.incident.id);
  }
  return { members, incidents };
}

function parse(line: string): TimelineEvent {
  const [, when = '', severity = '', kind = '', subject = '', ...rest] = line.trim().split(/\s+/);
  const [time, late = '0'] = when.split('+');
  const said = new Map(rest.map((word) => word.split('=') as [string, string]));
  const begins = said.get('begin');
  const ends = said.get('end');
  return event(Number(time), {
    late: Number(late),
    severity: severity as Severity,
    kind,
    subject: /^\d+$/.test(subject)
      ? `vr:eth0/ipv4/${subject}`
      : subject.replace(/^ip$/, 'vip:eth0/10.0.0.100'),
    phase: begins !== undefined ? 'begin' : ends !== undefined ? 'end' : 'instant',
    ...(begins === undefined ? {} : { id: begins }),
    beginId: ends ?? null,
    cluster: said.get('cluster') ?? null,
    summary: kind,
    details: said.has('vips') ? { vips: said.get('vips')?.split(',') ?? [] } : {},
  });
}

/** The text with the incidents as they really are, and a line on each. */
function told(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('='));
  const { members, incidents } = fold(lines.map(parse));
  const seconds = (time: number) => (time - at(0)) / 1_000_000;
  return [
    ...lines.map((line, index) => line.replace(/^\S+/, String(members.get(index + 1) ?? '-'))),
    ...[...incidents.values()].map(
      ({ id, scope, began, last, quietUntil, severity, title }) =>
        `= ${id} ${scope} ${seconds(began)}..${seconds(last)} until ${seconds(quietUntil)} ${severity} ${title}`,
    ),
  ].join('\n');
}

function check(text: string): void {
  const expected = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  expect(told(text).split('\n')).toEqual(expected);
}

describe('an incident', () => {
  it('of a cluster has what happened to its proxies and services just before, and its VIPs', () => {
    check(`
      - 0 info server-maint proxy:host-a/web/app1 begin=z cluster=web
      1 40 info server-maint proxy:host-a/web/app2 begin=a cluster=web
      1 50 warning server-down proxy:host-a/web/app1 begin=b cluster=web
      1 52 info priority-change 51 cluster=web vips=10.0.0.100
      1 55+1 critical vip-dark ip begin=c cluster=web
      2 55 critical vip-dark vip:eth0/10.0.0.200 begin=d cluster=api
      1 55+2 critical vip-on-dead-service ip begin=e cluster=web
      1 58 warning failover 51 cluster=web vips=10.0.0.100
      = 1 cluster:web 40..58 until 358 critical vip-dark
      = 2 cluster:api 55..55 until 115 critical vip-dark
    `);
  });

  it('is opened by a warning, and takes in what led to it', () => {
    check(`
      - 0       info     master-seen      51
      1 45      info     priority-change  51
      1 47.6+1  warning  failover         51
      1 47.7    info     priority-change  51
      - 48      info     master-seen      52
      = 1 vr:eth0/ipv4/51 45..47.7 until 348.6 warning failover`);
  });

  it('is not opened by information, nor by an end that nobody saw begin', () => {
    check(`
      - 0   info     vip-moved    ip
      - 5   warning  garp-missing ip end=unknown
      - 6   info     failover     51`);
  });

  it('lasts as long as a condition, and its end belongs to it', () => {
    check(`
      1 0+2      critical split-brain  51 begin=s
      1 1200     info     vip-moved    51
      1 1800     critical split-brain  51 end=s
      1 1802     warning  config-mismatch 51
      - 2101     info     vip-moved    51
      = 1 vr:eth0/ipv4/51 0..1802 until 2100 critical split-brain`);
  });

  it('of a maintenance (out, back, out) is one story; the next day is another', () => {
    check(`
      1 0      warning failover 51
      1 240    warning failover 51
      1 500    warning failover 51
      2 86400  warning failover 51
      = 1 vr:eth0/ipv4/51 0..500 until 800 warning failover
      = 2 vr:eth0/ipv4/51 86400..86400 until 86700 warning failover`);
  });

  it('of a condition is over a minute after its end', () => {
    check(`
      1 0     warning config-mismatch 51 begin=m
      1 100   warning config-mismatch 51 end=m
      2 161   warning config-mismatch 51 begin=n
      2 170   warning config-mismatch 51 end=n
      = 1 vr:eth0/ipv4/51 0..100 until 160 warning config-mismatch
      = 2 vr:eth0/ipv4/51 161..170 until 230 warning config-mismatch`);
  });

  it('goes on where the cause of the next warning is already part of it', () => {
    check(`
      1 0     warning config-mismatch 51
      1 59    info    priority-change 51
      1 62    warning failover        51
      = 1 vr:eth0/ipv4/51 0..62 until 362 warning config-mismatch`);
  });

  it('takes in what happened in time, however late it became known', () => {
    check(`
      1 0       warning  config-mismatch 51
      1 58+40   critical master-lost     51 begin=l
      1 99+20   critical master-lost     51 end=l
      = 1 vr:eth0/ipv4/51 0..99 until 179 critical master-lost`);
  });

  it('with a standing condition does not swallow what happens an hour later; the end still goes to it', () => {
    check(`
      1 0      warning config-mismatch 51 begin=m
      1 3000   warning failover        51
      2 90000  warning failover        51
      1 90010  warning config-mismatch 51 end=m
      2 90020  warning failover        51
      = 1 vr:eth0/ipv4/51 0..90010 until 90070 warning config-mismatch
      = 2 vr:eth0/ipv4/51 90000..90020 until 90320 warning failover`);
  });

  it('is not kept open by a condition that is mere information', () => {
    check(`
      1 0     warning advert-gap      51
      1 10    info    config-mismatch 51 begin=m
      2 400   warning advert-gap      51
      1 410   info    config-mismatch 51 end=m
      = 1 vr:eth0/ipv4/51 0..410 until 300 warning advert-gap
      = 2 vr:eth0/ipv4/51 400..400 until 700 warning advert-gap`);
  });

  it('with a clock that was set back is another story', () => {
    check(`
      1 90000  warning failover 51
      2 0      warning failover 51
      2 10     warning failover 51
      = 1 vr:eth0/ipv4/51 90000..90000 until 90300 warning failover
      = 2 vr:eth0/ipv4/51 0..10 until 310 warning failover`);
  });
});

describe('the scope', () => {
  it('is the cluster, across its virtual routers and VIPs', () => {
    check(`
      1 0   warning  failover        51 cluster=web
      1 1   warning  failover        52 cluster=web
      1 2   warning  garp-missing    ip cluster=web begin=g
      2 3   warning  failover        51 cluster=db
      3 4   warning  failover        53
      = 1 cluster:web 0..2 until 301 warning failover
      = 2 cluster:db 3..3 until 303 warning failover
      = 3 vr:eth0/ipv4/53 4..4 until 304 warning failover`);
  });

  it('of a VIP is the virtual router that listed it last, on the same segment', () => {
    check(`
      1 0   info     master-seen  51 vips=10.0.0.100
      1 10  info     vip-moved    ip
      1 10  warning  failover     51 vips=10.0.0.100
      1 12  warning  garp-missing ip begin=g
      2 13  warning  ip-conflict  vip:eth1/10.0.0.100
      3 20  info     master-seen  52 vips=10.0.0.100
      1 30  warning  garp-missing ip end=g
      3 31  critical ip-conflict  ip
      = 1 vr:eth0/ipv4/51 0..30 until 310 warning failover
      = 2 vip:eth1/10.0.0.100 13..13 until 73 warning ip-conflict
      = 3 vr:eth0/ipv4/52 20..31 until 91 critical ip-conflict`);
  });

  it('of the observer and of each sink is their own', () => {
    check(`
      1 0  warning failover         51 cluster=web
      2 1  warning capture-degraded observer:mon1 begin=c
      3 2  warning sink-failing     sink:influx begin=s
      2 3  warning capture-degraded observer:mon1 end=c
      = 1 cluster:web 0..0 until 300 warning failover
      = 2 observer:mon1 1..3 until 63 warning capture-degraded
      = 3 sink:influx 2..2 until 62 warning sink-failing`);
  });
});

describe('of any events', () => {
  const seeds = Array.from({ length: 20 }, (_, i) => i);
  it.each(seeds)('an end is where its begin is, and whatever is severe is somewhere (seed %i)', (seed) => {
    const events = randomEvents(new Random(seed), 500);
    const { members, incidents } = fold(events);
    const seqs = new Map(events.map(({ id }, index) => [id, index + 1]));
    for (const [index, one] of events.entries()) {
      const incident = members.get(index + 1);
      const begun = one.beginId === null ? undefined : members.get(seqs.get(one.beginId) ?? 0);
      if (begun !== undefined) expect(incident).toBe(begun);
      if (one.severity !== 'info' && one.phase !== 'end') expect(incident).toBeDefined();
      if (incident === undefined) continue;
      expect(incidents.get(incident)?.began).toBeLessThanOrEqual(one.time);
      expect(incidents.get(incident)?.last).toBeGreaterThanOrEqual(one.time);
    }
    expect([...incidents.keys()]).toEqual(Array.from({ length: incidents.size }, (_, i) => i + 1));
  });

  it('remembers little, however many virtual routers there were', () => {
    const folding = new IncidentFold();
    const first = event(0, { subject: 'vr:eth0/ipv4/0' });
    folding.take(first, 1);
    for (let i = 1; i <= 1_024; i++) folding.take(event(1, { subject: `vr:eth0/ipv4/${i}` }), i + 1);
    // The story of the first one was forgotten: what happens there now is another.
    expect(folding.take(event(2, { subject: first.subject }), 2_000)?.incident.id).toBe(1_026);
  });
});
