/** The present as a document, and as what a person reads at 3 in the morning. */
import { describe, expect, it } from 'vitest';
import { ranges, statusLines } from '../../src/cli/status-lines.ts';
import { painter, UTC } from '../../src/cli/terminal.ts';
import type { DetailsOf, EventKind, EventOf, TimelineEvent } from '../../src/events.ts';
import type {
  ChannelState,
  DatabaseState,
  ProxyBackendState,
  ProxyState,
  RouterState,
  ServiceState,
  SpeakerState,
} from '../../src/state.ts';
import { type Instant, instantFromUs, plusUs, SECOND } from '../../src/time.ts';
import { type StatusSources, statusDocument } from '../../src/timeline/status.ts';

const HOUR = 3_600 * SECOND;
const now = instantFromUs(Date.UTC(2026, 10, 20, 12) * 1_000);
const ago = (us: number): Instant => plusUs(now, -us);
const SUBJECT = 'vr:eth0/ipv4/51';

let ids = 0;
function happened<K extends EventKind>(
  kind: K,
  time: Instant,
  details: DetailsOf<K>,
  more: Partial<EventOf<K>> = {},
): TimelineEvent {
  const event = {
    id: `e${++ids}`,
    time,
    detectedAt: time,
    kind,
    phase: 'instant',
    severity: 'warning',
    cluster: 'web',
    subject: SUBJECT,
    summary: `${kind} happened`,
    details,
    beginId: null,
    about: null,
    ...more,
  };
  return event as unknown as TimelineEvent;
}

const failover = (at: Instant, from: string, to: string) =>
  happened('failover', at, {
    from,
    to,
    cause: 'silence',
    silenceMs: 3_600,
    darkMs: [3_600, 3_700],
    fromPriority: 100,
    toPriority: 90,
    vips: ['10.0.0.100'],
    claimMs: 1,
    fault: false,
  });

const lost = (at: Instant) =>
  happened(
    'master-lost',
    at,
    { last: '10.0.0.1', reason: 'silence', by: null, nothingElseHeard: false, vips: ['10.0.0.100'] },
    { phase: 'begin', severity: 'critical' },
  );

const speaker = (address: string, node: string | null = null): SpeakerState => ({
  address,
  node,
  mac: '02:42:0a:00:00:01',
  priority: 100,
  version: 2,
  intervalMs: 1_000,
  lastAdvertAt: ago(SECOND / 2),
  jitterMs: 2.5,
  speaking: true,
  missed: 0,
});

const router = (more: Partial<RouterState> = {}): RouterState => ({
  subject: SUBJECT,
  cluster: 'web',
  ours: true,
  segment: 'eth0',
  family: 'ipv4',
  vrid: 51,
  vips: ['10.0.0.100'],
  state: 'held',
  master: speaker('10.0.0.1', 'a'),
  others: [speaker('10.0.0.2', 'b')],
  since: ago(72 * HOUR),
  blind: false,
  ...more,
});

const documentOf = (more: Partial<StatusSources> = {}) =>
  statusDocument({
    now,
    host: 'mon1',
    release: '0.1.0',
    startedAt: ago(100 * HOUR),
    captures: [{ name: 'eth0', seeing: true, reason: 'started', since: ago(HOUR), received: 9, dropped: 0 }],
    routers: [router()],
    services: [],
    proxies: [],
    databases: [],
    events: [],
    open: [],
    health: { delayMs: 12, waiting: 0, lastSeq: 7 },
    ...more,
  });

const shares = (more: Partial<StatusSources>) =>
  documentOf(more).virtualRouters[0]?.lastDay.holders.map(({ address, node, share }) => [
    address,
    node,
    Math.round(share * 1_000) / 1_000,
  ]);

describe('the share of the last day', () => {
  it('is all of it for who has held it for longer, with not one event', () => {
    expect(shares({})).toEqual([['10.0.0.1', 'a', 1]]);
    expect(documentOf().virtualRouters[0]?.lastDay.watchedMs).toBe(86_400_000);
  });

  it('counts the former holder from the begin of the day', () => {
    const events = [failover(ago(6 * HOUR), '10.0.0.2', '10.0.0.1')];
    expect(shares({ events, routers: [router({ since: ago(6 * HOUR) })] })).toEqual([
      ['10.0.0.2', 'b', 0.75],
      ['10.0.0.1', 'a', 0.25],
    ]);
  });

  it('counts from when it was first heard, where that was today', () => {
    const events = [
      happened('master-seen', ago(4 * HOUR), {
        master: '10.0.0.1',
        priority: 100,
        intervalMs: 1_000,
        version: 2,
        vips: [],
      }),
      failover(ago(HOUR), '10.0.0.1', '10.0.0.2'),
    ];
    expect(shares({ events })).toEqual([
      ['10.0.0.1', 'a', 0.75],
      ['10.0.0.2', 'b', 0.25],
    ]);
  });

  it('is nobody’s while it was lost, also where that began earlier', () => {
    const begin = lost(ago(30 * HOUR));
    const end = happened(
      'master-lost',
      ago(6 * HOUR),
      { last: '10.0.0.1', reason: 'silence', by: '10.0.0.2', nothingElseHeard: false },
      { phase: 'end', beginId: begin.id },
    );
    expect(shares({ events: [end] })).toEqual([['10.0.0.2', 'b', 0.25]]);
    const still = documentOf({ open: [begin], routers: [router({ state: 'lost' })] });
    expect(still.virtualRouters[0]?.lastDay).toMatchObject({ holders: [], nobodyMs: 86_400_000 });
  });

  it('counts failovers of the last 24 hours, not earlier ones', () => {
    const events = [
      failover(ago(25 * HOUR), '10.0.0.1', '10.0.0.2'),
      failover(ago(2 * HOUR), '10.0.0.2', '10.0.0.1'),
    ];
    expect(documentOf({ events }).virtualRouters[0]?.lastDay).toMatchObject({
      failovers: 1,
      failoversByCause: { silence: 1 },
      lastFailoverAt: '2026-11-20T10:00:00.000000Z',
    });
  });
});

describe('the verdict', () => {
  const blind = {
    name: 'eth1',
    seeing: false,
    reason: 'link-down',
    since: ago(HOUR),
    received: 0,
    dropped: 0,
  };
  it.each([
    ['healthy', {}],
    ['critical', { open: [lost(ago(HOUR))] }],
    ['blind', { captures: [blind] }],
    ['blind', { captures: [] }],
    ['warning', { open: [happened('advert-gap', now, { gapMs: 1, missed: 1, lostBy: null, count: 1 })] }],
  ] as const)('%s', (verdict, more) => {
    expect(documentOf(more).verdict).toBe(verdict);
  });

  it('is a warning where one of two captures sees nothing', () => {
    const captures = [...documentOf().captures.map((capture) => ({ ...capture, since: now })), blind];
    expect(documentOf({ captures }).verdict).toBe('warning');
  });

  it('is a warning where the observer cannot judge a virtual router, whatever its capture says', () => {
    expect(documentOf({ routers: [router({ blind: true })] }).verdict).toBe('warning');
  });
});

describe('a segment', () => {
  it('tells which VRIDs are used and free, of all that were heard', () => {
    const foreign = router({ subject: 'vr:eth0/ipv6/7', family: 'ipv6', vrid: 7, ours: false });
    const [segment] = documentOf({ routers: [foreign, router()] }).segments;
    expect(segment?.vridsUsed).toEqual([7, 51]);
    expect(segment?.vridsFree).toHaveLength(253);
    expect(ranges(segment?.vridsFree ?? [])).toBe('1-6, 8-50, 52-255');
  });
});

describe('the text', () => {
  const text = (more: Partial<StatusSources> = {}) => [...statusLines(documentOf(more), UTC, painter(false))];

  it('answers first whether all is well', () => {
    expect(text()[0]).toBe('All is well: 1 virtual router held, no problem open.');
    expect(text({ open: [lost(ago(HOUR))] })[0]).toBe('NOT WELL: 1 critical problem open.');
    expect(text({ captures: [] })[0]).toMatch(/^CANNOT TELL/);
    expect(text({ routers: [] })[0]).toMatch(/nothing was heard/);
  });

  it('says who holds it, since when, how often it moved, whose time it was, how its adverts are', () => {
    const events = [failover(ago(6 * HOUR), '10.0.0.2', '10.0.0.1')];
    const lines = text({ events, routers: [router({ since: ago(6 * HOUR) })] });
    expect(lines.slice(2, 10)).toEqual([
      '',
      'vr:eth0/ipv4/51  10.0.0.100  (web)',
      '  held by     a (10.0.0.1), priority 100, VRRPv2',
      '  since       06:00:00 (6 h)',
      '  also heard  b (10.0.0.2), priority 100, 500 ms ago',
      '  failovers   1 in 24 h (1 silence); the last 06:00:00',
      '  share       b 75 %, a 25 %, nobody <0.1 % of the last 24 h',
      '  adverts     every 1.00 s, jitter 2.5 ms, none missed in the last minute',
    ]);
  });

  it('says where what it shows is the past', () => {
    const lines = text({ routers: [router({ blind: true })] });
    expect(lines[0]).toContain('nothing is seen on eth0 ');
    expect(lines).toContain('  not seen    its capture is blind: what follows was so');
  });

  it('fits 80 columns, problems and their advice included', () => {
    const open = [lost(ago(HOUR))];
    const foreign = router({ subject: 'vr:eth0/ipv4/7', vrid: 7, ours: false });
    const lines = text({ open, routers: [router({ state: 'lost', since: ago(HOUR) }), foreign] });
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines).toContain('  held by     NOBODY for 1 h; the last was a (10.0.0.1)');
    expect(lines.join('\n')).toContain('→ No node speaks');
  });

  const service = (more: Partial<ServiceState> = {}): ServiceState => ({
    cluster: 'web',
    subject: SUBJECT,
    vip: '10.0.0.100',
    probe: 'tcp://10.0.0.100:80',
    state: 'up',
    since: ago(HOUR),
    latencyMs: 1.24,
    error: null,
    nodes: [],
    ...more,
  });
  const proxy = (more: Partial<ProxyState> = {}): ProxyState => ({
    subject: 'proxy:a',
    cluster: 'web',
    node: 'a',
    target: 'unix:/a.sock',
    state: 'answers',
    since: ago(HOUR),
    error: null,
    lastAnsweredAt: ago(SECOND),
    release: '2.6.12',
    backends: [backend()],
    ...more,
  });
  const backend = (more: Partial<ProxyBackendState> = {}): ProxyBackendState => ({
    name: 'app',
    state: 'up',
    servers: 2,
    up: 2,
    down: [],
    out: [],
    uncheckedOnly: false,
    ...more,
  });
  const database = (more: Partial<DatabaseState> = {}): DatabaseState => ({
    subject: 'database:b',
    cluster: 'web',
    node: 'b',
    target: 'mysql://10.0.0.2:3306',
    reachable: true,
    since: ago(HOUR),
    error: null,
    version: '10.11.6-MariaDB',
    readOnly: false,
    channels: [],
    galera: null,
    ndb: null,
    denied: [],
    ...more,
  });
  const channel = (more: Partial<ChannelState> = {}): ChannelState => ({
    name: 'default',
    source: 'a',
    io: 'yes',
    sql: 'yes',
    lagS: 0.4,
    lagSource: 'heartbeat',
    error: null,
    ...more,
  });
  /** the lines of what is asked, each with what was broken off it */
  const asked = (more: Partial<StatusSources>) =>
    text(more)
      .join('\n')
      .replace(/\n {2}(?=\S)/g, ' ')
      .split('\n')
      .filter((line) => /^(Service|HAProxy|Database) /.test(line));

  it('says in a line each that services answer and proxies have all their servers', () => {
    expect(asked({ services: [service()], proxies: [proxy()] })).toEqual([
      'Service of 10.0.0.100, tcp://10.0.0.100:80: answers for 1 h, in 1.2 ms',
      'HAProxy on a, unix:/a.sock: 2.6.12, 1 backend, 2 of 2 servers up',
    ]);
    expect(asked({})).toEqual([]);
  });

  it('says that a service is dark, and which node could serve', () => {
    const nodes = [
      { node: 'a', up: false, since: null, error: 'refused' },
      { node: 'b', up: true, since: ago(HOUR), error: null },
      { node: 'c', up: null, since: null, error: null },
    ];
    const dark = {
      state: 'dark',
      since: ago(12 * SECOND),
      latencyMs: null,
      error: 'no answer',
      nodes,
    } as const;
    expect(
      asked({ services: [service(dark), service({ state: 'unknown', vip: null, since: null })] }),
    ).toEqual([
      'Service of 10.0.0.100, tcp://10.0.0.100:80: DARK for 12.0 s: no answer; asked directly: a does NOT (refused), b serves, c not known',
      'Service tcp://10.0.0.100:80: not known at present',
    ]);
  });

  it('names what is wrong with a proxy', () => {
    const gone = { state: 'unreachable', since: ago(3 * HOUR), error: 'connect ECONNREFUSED' } as const;
    const ill = [
      backend({ name: 'api', state: 'down', up: 0, down: ['x', 'y'] }),
      backend({ out: ['z'], servers: 1, up: 1 }),
      backend({ name: 'old', uncheckedOnly: true }),
    ];
    const names = Array.from({ length: 9 }, (_, i) => `s${i}`);
    expect(
      asked({
        proxies: [
          proxy(gone),
          proxy({ backends: ill }),
          proxy({
            backends: [backend({ servers: 9, up: 0, down: names })],
            release: null,
            error: 'timed out',
          }),
          proxy({ state: 'idle' }),
        ],
      }),
    ).toEqual([
      'HAProxy on a, unix:/a.sock: DOES NOT ANSWER for 3 h: connect ECONNREFUSED',
      'HAProxy on a, unix:/a.sock: BACKEND DOWN: api; 2.6.12, 3 backends, 3 of 5 servers up; down: api/x, api/y; taken out: app/z; up only by servers that nothing checks: old',
      'HAProxy on a, unix:/a.sock: 1 backend, 0 of 9 servers up; down: app/s0, app/s1, app/s2, app/s3, app/s4, app/s5 and 3 more; the last poll failed: timed out',
      'HAProxy on a, unix:/a.sock: need not answer, as its node does not hold the VIP',
    ]);
  });

  it('says of a replica how far it is behind, and who says so', () => {
    const galera = { primary: true, state: 'Synced', size: 3, flowPaused: 0.25 };
    expect(
      asked({
        databases: [
          database(),
          database({
            readOnly: true,
            channels: [channel(), channel({ name: 'b2', lagS: null, lagSource: null })],
          }),
          database({ galera }),
          database({ ndb: { ready: 2, total: 2 } }),
        ],
      }),
    ).toEqual([
      'Database on b, mysql://10.0.0.2:3306: 10.11.6-MariaDB',
      'Database on b, mysql://10.0.0.2:3306: 10.11.6-MariaDB, read-only; replicates from a, 400 ms behind (heartbeat); replicates from a (channel b2), how far behind is not known',
      'Database on b, mysql://10.0.0.2:3306: 10.11.6-MariaDB; Galera: Synced, 3 members, writes held up 25 % of the time',
      'Database on b, mysql://10.0.0.2:3306: 10.11.6-MariaDB; NDB: 2 of 2 data nodes ready',
    ]);
  });

  it('names what is wrong with a database, and how bad it is', () => {
    const states = [
      database({ reachable: false, since: ago(3 * HOUR), error: 'connection refused' }),
      database({ reachable: null, version: null }),
      database({ channels: [channel({ sql: 'no', lagS: null, lagSource: null, error: 'Duplicate entry' })] }),
      database({ channels: [channel({ io: 'connecting' })] }),
      database({ galera: { primary: false, state: 'Initialized', size: 1, flowPaused: null } }),
      database({ ndb: { ready: 1, total: 2 } }),
      database({ denied: ['SHOW ALL SLAVES STATUS is denied: GRANT SLAVE MONITOR ON *.*'] }),
      database({ error: 'timed out' }),
    ];
    const head = 'Database on b, mysql://10.0.0.2:3306:';
    expect(asked({ databases: states })).toEqual([
      `${head} DOES NOT ANSWER for 3 h: connection refused`,
      `${head} not known yet`,
      `${head} 10.11.6-MariaDB; DOES NOT REPLICATE from a (receiver runs, applier stopped): Duplicate entry`,
      `${head} 10.11.6-MariaDB; is not connected to a (receiver connects, applier runs)`,
      `${head} 10.11.6-MariaDB; Galera: NOT PRIMARY, Initialized, 1 member`,
      `${head} 10.11.6-MariaDB; NDB: 1 of 2 data nodes ready`,
      `${head} 10.11.6-MariaDB; SHOW ALL SLAVES STATUS is denied: GRANT SLAVE MONITOR ON *.*`,
      `${head} 10.11.6-MariaDB; the last poll failed: timed out`,
    ]);
    const colours = states.map((state) => {
      const used = new Set<string>();
      const paint = (what: string, colour: string) => {
        if (what.includes('Database on') || what.startsWith('  ')) used.add(colour);
        return what;
      };
      for (const _ of statusLines(documentOf({ databases: [state] }), UTC, paint));
      return [...used].filter((colour) => colour === 'red' || colour === 'yellow');
    });
    expect(colours.map(([colour]) => colour)).toEqual([
      'red',
      'yellow',
      'red',
      'yellow',
      'red',
      'yellow',
      'yellow',
      'yellow',
    ]);
  });

  it('dates in the document are ISO 8601, unknown ones null', () => {
    const { services, proxies, databases } = documentOf({
      services: [service()],
      proxies: [proxy({ since: null })],
      databases: [database(), database({ since: null })],
    });
    expect(databases.map(({ since }) => since)).toEqual(['2026-11-20T11:00:00.000000Z', null]);
    expect(services[0]?.since).toBe('2026-11-20T11:00:00.000000Z');
    expect(proxies[0]).toMatchObject({ since: null, lastAnsweredAt: '2026-11-20T11:59:59.000000Z' });
  });
});
