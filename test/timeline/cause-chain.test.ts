/**
 * Stories of incidents: events in, one sentence out. A line is a second after 03:12:00 UTC, a kind, and what matters:
 * `begin=x` and `end=x` of a condition, `on=hosta` for what is of a node, and details. hosta and hostb stand for their
 * addresses with the node's name beside them, as the observer tells them; 10.0.0.9 is nobody's.
 */
import { describe, expect, it } from 'vitest';
import { type EventKind, KINDS, type TimelineEvent } from '../../src/events.ts';
import { instantFromIso, instantFromUs, isoTime, plusUs, SECOND } from '../../src/time.ts';
import { headlineOf, reportJson, reportOf } from '../../src/timeline/report.ts';

const START = instantFromIso('2026-11-20T03:12:00Z') ?? instantFromUs(0);
const at = (seconds: number) => plusUs(START, seconds * SECOND);
const CLOCK = {
  date: (time: ReturnType<typeof at>) => isoTime(time).slice(0, 10),
  time: (time: ReturnType<typeof at>) => isoTime(time).slice(11, 19),
};
const ADDRESSES: Readonly<Record<string, string>> = {
  hosta: '10.0.0.1',
  hostb: '10.0.0.2',
  hostc: '10.0.0.3',
};
const VIP = '192.168.10.10';

/** What a story is not about. */
const USUAL: Readonly<Partial<Record<EventKind, Readonly<Record<string, unknown>>>>> = {
  failover: {
    fromPriority: 150,
    toPriority: 100,
    silenceMs: null,
    darkMs: null,
    claimMs: 0,
    fault: false,
    vips: [VIP],
  },
  'master-lost': { last: null, by: null, nothingElseHeard: false, vips: [VIP] },
  'split-brain': { vips: [VIP], reason: 'deaf', rejects: [] },
  'vip-dark': { probe: `http://${VIP}/`, error: 'refused' },
  'vip-on-dead-service': { service: `http://${VIP}/`, error: 'connect ECONNREFUSED 10.0.0.1:80' },
  'database-unreachable': { target: 'mysql://hosta:3306', error: 'connection refused', reason: 'refused' },
  'proxy-unreachable': { target: 'http://hosta:8404/', error: 'connection refused', reason: 'refused' },
  'backend-down': { backend: 'mysql', status: 'DOWN', servers: 2 },
  'server-down': { backend: 'mysql', status: 'DOWN', checkStatus: 'L4CON', checkText: '' },
  'takeover-fitness': { lagS: 0, lagSource: 'gtid', transactions: 0, readOnly: false, proxyUp: null },
  'failover-to-lagging-replica': { lagSource: 'gtid' },
  'replication-broken': { thread: 'sql', errno: 1062, error: 'Duplicate entry (HY000)' },
  'dual-writes': { gtids: { hosta: 'x:1', hostb: 'y:1' } },
  'garp-missing': { holderMac: '02:00:00:00:00:02', lastClaimMac: null },
  flapping: { failovers: 4, windowS: 300 },
};

function parse(text: string): TimelineEvent[] {
  const begins = new Map<string, TimelineEvent>();
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.map((line, index) => {
    const [seconds = '', kind = '', ...rest] = line.split(/\s+/);
    const said = new Map(rest.map((word) => word.split(/=(.*)/) as [string, string]));
    const [begin, end, on, about] = ['begin', 'end', 'on', 'about'].map((key) => said.get(key));
    for (const key of ['begin', 'end', 'on', 'about']) said.delete(key);
    const begun = begins.get(end ?? '');
    const details = {
      ...USUAL[kind as EventKind],
      ...begun?.details,
      ...Object.assign({}, ...[...said].map(detail)),
    };
    const event = {
      id: begin ?? `${kind}@${seconds}#${index}`,
      time: at(Number(seconds)),
      detectedAt: at(Number(seconds)),
      kind,
      phase: begin !== undefined ? 'begin' : end !== undefined ? 'end' : 'instant',
      severity: KINDS[kind as EventKind].severity,
      cluster: 'orders',
      subject: begun?.subject ?? subjectOf(kind as EventKind, on),
      summary: `${kind} happened`,
      details,
      beginId: begun?.id ?? null,
      about: about ?? null,
    } as unknown as TimelineEvent;
    if (begin !== undefined) begins.set(begin, event);
    return event;
  });
}

function detail([key, text]: readonly [string, string]): Readonly<Record<string, unknown>> {
  const address = ADDRESSES[text];
  if (address !== undefined) return { [key]: address, [`${key}Node`]: text };
  if (key === 'vips' || key === 'rejects') return { [key]: text.split(',') };
  if (key === 'darkMs') return { [key]: text.split('..').map(Number) };
  if (/^(-?[\d.]+|null|true|false)$/.test(text) && !/\..*\./.test(text)) return { [key]: JSON.parse(text) };
  return { [key]: text };
}

function subjectOf(kind: EventKind, on: string | undefined): string {
  const [place = ''] = KINDS[kind].subject.split(':');
  if (place === 'vr') return `vr:eth0/ipv4/${on ?? 51}`;
  if (place === 'vip') return `vip:eth0/${on ?? VIP}`;
  return place === 'replica' ? `replica:${on}/default` : `${place}:${on ?? 'orders'}`;
}

function headline(text: string, { until = 60, today = at(0) } = {}) {
  const events = parse(text);
  const journalled = events.map((event, seq) => ({ seq, event, incident: 1 }));
  const incident = { id: 1, cluster: 'orders', began: at(0), severity: 'critical', ended: null } as const;
  const report = reportOf(incident, journalled, at(until));
  return { report, ...headlineOf(report, CLOCK, today) };
}

const sentence = (text: string, until = 60) => headline(text, { until }).headline;

describe('a failover', () => {
  it('has its cause, what keepalived did, who took over, how long it was dark, and how fit the new holder was', () => {
    const told = sentence(
      `
      7.2 database-unreachable begin=d on=hosta
      9.8 vip-dark begin=v
      10.4 failover from=hosta to=hostb cause=graceful silenceMs=610 darkMs=610..610
      10.4 takeover-fitness about=failover@10.4#2 to=hostb
      10.7 vip-dark end=v
      40 database-unreachable end=d
    `,
    );
    expect(told).toBe(
      "mysql on hosta refused connections at 03:12:07; keepalived on hosta resigned at 03:12:09; hostb took 192.168.10.10 after 0.61 s; clients dark 0.9 s; hostb's replica was 0 s behind.",
    );
  });

  it.each([
    [
      'keepalived’s own check failed, and it can have been dead by then',
      'fault=true',
      2000,
      /^mysql .* keepalived /,
    ],
    ['it was seen to answer since', 'fault=true', 200, /^keepalived .* mysql /],
    ['keepalived was stopped, perhaps before it', 'fault=false', 2000, /^keepalived .* mysql /],
  ])('has the place of what a poll found out late: %s', (_, fault, uncertaintyMs, order) => {
    const told = sentence(`
      10.4 failover from=hosta to=hostb cause=graceful ${fault} silenceMs=610
      10.2 database-unreachable begin=d on=hosta uncertaintyMs=${uncertaintyMs}
    `);
    expect(told).toMatch(order);
  });

  it('has nothing that no event says', () => {
    expect(sentence('10 failover from=hosta to=hostb cause=graceful silenceMs=610')).toBe(
      'keepalived on hosta resigned at 03:12:09; hostb took 192.168.10.10 after 0.61 s.',
    );
  });

  it.each([
    [
      'cause=silence silenceMs=3600',
      'keepalived on hosta fell silent at 03:12:06; hostb took 192.168.10.10 after 3.6 s.',
    ],
    [
      'cause=graceful fault=true silenceMs=600',
      'keepalived on hosta went to FAULT at 03:12:09; hostb took 192.168.10.10 after 0.6 s.',
    ],
    ['cause=graceful', 'keepalived on hosta resigned, and hostb took 192.168.10.10 at 03:12:10.'],
    [
      'cause=priority-drop fromPriority=90',
      'hostb took 192.168.10.10 at 03:12:10, as keepalived on hosta had lowered its priority to 90.',
    ],
    [
      'cause=preemption fromPriority=100 toPriority=150',
      'hostb, with the higher priority (150 over 100), took 192.168.10.10 over from hosta at 03:12:10.',
    ],
    ['cause=claim-only', "hostb claimed 192.168.10.10, hosta's until then, at 03:12:10."],
  ])('by %s', (details, told) => {
    expect(sentence(`10 failover from=hosta to=hostb ${details}`)).toBe(told);
  });

  it('by a lowered priority says when it was lowered, and to what', () => {
    const told = sentence(`
      7 priority-change speaker=hosta oldPriority=150 newPriority=90
      10 failover from=hosta to=hostb cause=priority-drop fromPriority=90 darkMs=0..40
    `);
    expect(told).toBe(
      'keepalived on hosta lowered its priority from 150 to 90 at 03:12:07; hostb took 192.168.10.10 at 03:12:10; clients dark at most 40 ms, as far as adverts tell.',
    );
  });

  it('says what was found dead only after it, in order of time', () => {
    const told = sentence(`
      9 database-unreachable begin=d on=hosta reason=timeout
      10 failover from=hosta to=hostb cause=silence silenceMs=3600
    `);
    expect(told).toBe(
      'keepalived on hosta fell silent at 03:12:06; mysql on hosta has not answered since 03:12:09; hostb took 192.168.10.10 after 3.6 s.',
    );
  });

  it('has no cause at another node, long over, or of a node that rose', () => {
    const told = headline(`
      0 proxy-unreachable begin=o on=hosta
      1 proxy-unreachable end=o
      38 backend-down begin=b on=hostb/mysql
      39 backend-down end=b
      39 priority-change speaker=hosta oldPriority=90 newPriority=150
      40 failover from=hosta to=hostb cause=graceful silenceMs=600
    `);
    expect(told.headline).toBe(
      'keepalived on hosta resigned at 03:12:39; hostb took 192.168.10.10 after 0.6 s.',
    );
  });

  it('has a cause that is older than half a minute where it lasted until then', () => {
    const told = sentence(`
      0 backend-down begin=b on=hosta/mysql
      50 failover from=hosta to=hostb cause=graceful silenceMs=600
      55 backend-down end=b
    `);
    expect(told).toMatch(
      /^haproxy on hosta had no server left for mysql at 03:12:00; keepalived on hosta resigned/,
    );
  });

  it('of several virtual routers at once is one', () => {
    const told = sentence(`
      10 failover on=51 from=hosta to=hostb cause=silence silenceMs=3600
      10.2 failover on=52 from=hosta to=hostb cause=silence silenceMs=3700 vips=192.168.10.11
    `);
    expect(told).toBe(
      'keepalived on hosta fell silent at 03:12:06; hostb took 192.168.10.10 and 192.168.10.11 after 3.6 s.',
    );
  });

  it('tells what the new holder lacks', () => {
    const told = sentence(`
      10 failover from=10.0.0.9 to=hostb cause=graceful silenceMs=600
      10 takeover-fitness about=failover@10#0 to=hostb lagS=12 transactions=340 readOnly=true proxyUp=false
      10 failover-to-lagging-replica about=failover@10#0 to=hostb lagS=12 transactions=340
      10.1 garp-missing begin=g holder=hostb
    `);
    expect(told).toBe(
      "keepalived on 10.0.0.9 resigned at 03:12:09; hostb took 192.168.10.10 after 0.6 s; hostb's haproxy did not answer, its database was read-only, its replica was 12 s behind, 340 transactions missing; hostb has not announced 192.168.10.10 since 03:12:10.",
    );
  });

  it('tells the damage, and what is not over', () => {
    const told = sentence(`
      10 failover from=hosta to=hostb cause=silence silenceMs=3600
      12 dual-writes begin=w
      20 replication-broken begin=r on=hosta
      41 dual-writes end=w
    `);
    expect(told).toMatch(
      /after 3\.6 s; hosta and hostb both took writes from 03:12:12 for 29 s; replication on hosta has been broken since 03:12:20 \(applying: Duplicate entry \(HY000\)\)\.$/,
    );
  });
});

describe('darkness', () => {
  const FAILOVER = '10 failover from=hosta to=hostb cause=silence silenceMs=3600 darkMs=2600..3600';

  it('is what adverts allow where nothing measured it', () => {
    expect(sentence(FAILOVER)).toMatch(/; clients dark 2\.6 s to 3\.6 s, as far as adverts tell\.$/);
  });

  it('that lasts is told so far', () => {
    expect(sentence(`${FAILOVER}\n8 vip-dark begin=v`, 22)).toMatch(/; clients dark for 14 s so far\.$/);
  });

  it('says no more where it is told what was dead', () => {
    const told = sentence(`
      2 backend-down begin=b on=hosta/mysql
      2 vip-dark begin=v
      ${FAILOVER}
      12 vip-dark end=v
    `);
    expect(told).toBe(
      'haproxy on hosta has had no server left for mysql since 03:12:02; keepalived on hosta fell silent at 03:12:06; hostb took 192.168.10.10 after 3.6 s; clients dark 10 s.',
    );
  });

  it('that began before the old holder left is a cause', () => {
    const told = sentence(`${FAILOVER}\n2 vip-dark begin=v\n12 vip-dark end=v`);
    expect(told).toMatch(
      /^The service behind 192\.168\.10\.10 did not answer at 03:12:02 \(refused\); keepalived on hosta fell silent/,
    );
  });
});

describe('several failovers', () => {
  it('out and back', () => {
    const told = sentence(`
      10 failover from=hosta to=hostb cause=graceful silenceMs=600
      50 failover from=hostb to=hosta cause=preemption fromPriority=100 toPriority=150
    `);
    expect(told).toBe(
      'keepalived on hosta resigned at 03:12:09; hostb took 192.168.10.10 after 0.6 s; hosta, back with the higher priority (150 over 100), took 192.168.10.10 over from hostb at 03:12:50.',
    );
  });

  it('out, back and out', () => {
    const told = sentence(`
      10 failover from=hosta to=hostb cause=graceful silenceMs=600
      20 failover from=hostb to=hosta cause=preemption
      30 failover from=hosta to=hostb cause=graceful silenceMs=600
    `);
    expect(told).toBe(
      'keepalived on hosta resigned at 03:12:09; hostb took 192.168.10.10 after 0.6 s; hosta took it back at 03:12:20; keepalived on hosta resigned at 03:12:29; hostb took 192.168.10.10 after 0.6 s.',
    );
  });

  it('are the first, the last, and a count', () => {
    const lines = Array.from({ length: 200 }, (_, i) => {
      const [from, to] = i % 2 === 0 ? ['hosta', 'hostb'] : ['hostb', 'hosta'];
      return `${10 + 5 * i} failover from=${from} to=${to} cause=graceful silenceMs=600`;
    });
    const { headline: told, chain } = headline(['30 flapping begin=x', ...lines].join('\n'), { until: 1100 });
    expect(told).toContain('; the VIP moved 198 more times until 03:28:40 (flapping); ');
    expect(chain.length).toBeLessThan(8);
    expect(Math.max(...chain.map(({ eventIds }) => eventIds.length))).toBeLessThanOrEqual(16);
  });
});

describe('nobody moved', () => {
  it('and the holder is alive, but its service is dead', () => {
    const dead = `
      7 vip-dark begin=v
      7 vip-on-dead-service begin=s holder=hosta fitElsewhere=lb2
    `;
    expect(sentence(dead, 21)).toBe(
      "hosta holds 192.168.10.10 and keepalived is alive there, but its service has been dead since 03:12:07 (connection refused); lb2's answers, so keepalived should have failed over; clients dark for 14 s so far.",
    );
    expect(sentence(`${dead}\n 19 vip-dark end=v\n 19 vip-on-dead-service end=s`)).toBe(
      "hosta held 192.168.10.10 and keepalived was alive there, but its service was dead from 03:12:07 for 12 s (connection refused); lb2's answered, so keepalived should have failed over; clients dark 12 s.",
    );
  });

  it('a database alone', () => {
    const begin = '7 database-unreachable begin=d on=hosta';
    expect(sentence(begin)).toBe('mysql on hosta has refused connections since 03:12:07.');
    expect(sentence(`${begin}\n22 database-unreachable end=d`)).toBe(
      'mysql on hosta refused connections from 03:12:07 for 15 s.',
    );
  });

  it('a backend, and not each of its servers', () => {
    const told = sentence(`
      6 server-down begin=s on=hosta/mysql/db1 server=db1
      7 backend-down begin=b on=hosta/mysql
    `);
    expect(told).toBe('haproxy on hosta has had no server left for mysql since 03:12:07.');
  });

  it('as nobody took over', () => {
    const begin = '7 master-lost begin=l last=hosta reason=resigned';
    expect(sentence(begin, 21)).toBe(
      'keepalived on hosta resigned at 03:12:07 and nobody has taken 192.168.10.10 over; clients dark for 14 s so far, as far as adverts tell.',
    );
    expect(sentence(`${begin}\n9 master-lost end=l by=hosta`)).toBe(
      'keepalived on hosta resigned at 03:12:07 and nobody took 192.168.10.10 over; hosta spoke again at 03:12:09, 2 s later; clients dark 2 s, as far as adverts tell.',
    );
  });

  it('as both hold it', () => {
    const begin = '7 split-brain begin=s winner=hosta loser=hostb';
    expect(sentence(begin, 21)).toBe(
      'Split-brain: hosta and hostb have both held 192.168.10.10 (hostb, outranked, did not yield) since 03:12:07, for 14 s so far.',
    );
    expect(sentence(`${begin}\n37 split-brain end=s survivor=hosta`)).toBe(
      'Split-brain: hosta and hostb both held 192.168.10.10 (hostb, outranked, did not yield) from 03:12:07 for 30 s, then hosta alone.',
    );
  });

  it('at all, and only lesser things happened', () => {
    const gap = (seconds: number) => `${seconds} advert-gap gapMs=2000 missed=null lostBy=null count=1`;
    expect(sentence([gap(7), gap(70), gap(140)].join('\n'), 200)).toBe(
      'At 03:12:07: advert-gap happened, and 2 more times until 03:14:20.',
    );
    expect(headline('7 master-seen master=hosta').chain).toEqual([]);
  });
});

describe('the clauses', () => {
  const STORY = `
    7 database-unreachable begin=d on=hosta
    10 failover from=hosta to=hostb cause=graceful silenceMs=610
  `;

  it('name the events that say so, and their times', () => {
    const { report, ...told } = headline(STORY);
    expect(JSON.parse(reportJson(report, told))).toMatchObject({
      headline: told.headline,
      chain: [
        { time: '2026-11-20T03:12:07.000000Z', eventIds: ['d'] },
        { time: '2026-11-20T03:12:09.390000Z', eventIds: ['failover@10#1'] },
        { time: '2026-11-20T03:12:10.000000Z', eventIds: ['failover@10#1'] },
      ],
    });
  });

  it('have a date where the day is another, once', () => {
    expect(headline(STORY, { today: at(86_400) }).headline).toBe(
      'mysql on hosta has refused connections since 2026-11-20 03:12:07; keepalived on hosta resigned at 03:12:09; hostb took 192.168.10.10 after 0.61 s.',
    );
  });

  it('stand in order of time whatever the order of the events', () => {
    const lines = STORY.trim().split('\n').reverse();
    expect(headline(lines.join('\n')).headline).toBe(headline(STORY).headline);
  });

  it('are bounded in number and length, whatever happens', () => {
    const lines = Array.from({ length: 300 }, (_, i) => [
      `${i * 10} split-brain begin=s${i} winner=hosta loser=hostb rejects=${'x'.repeat(500)} reason=rejects`,
      `${i * 10 + 5} split-brain end=s${i} survivor=hosta`,
      `${i * 10} ip-conflict begin=c${i} on=10.0.1.${i} holder=hosta`,
      `${i * 10} replication-broken begin=r${i} on=node${i}`,
    ]).flat();
    const { chain } = headline(lines.join('\n'), { until: 4_000 });
    expect(chain.length).toBeLessThan(25);
    expect(Math.max(...chain.map(({ clause }) => clause.length))).toBe(240);
    expect(Math.max(...chain.map(({ eventIds }) => eventIds.length))).toBeLessThanOrEqual(16);
  });
});
