/** What polled proxies leave beside events: samples and the snapshot for `status`; and the bounds. Rules: scenarios. */
import { describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import { DEFAULT_THRESHOLDS, type ObserverConfiguration } from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import type { Sample } from '../../src/samples.ts';
import { instantFromUs, SECOND } from '../../src/time.ts';
import { proxyPoll } from '../support/proxy-commands.ts';

function configuration(runs: 'always' | 'on-holder' = 'always'): ObserverConfiguration {
  const proxy = { target: 'http://host-a:8888/status', everyMs: 2_000, runs, startupGraceMs: 5_000 };
  return {
    thresholds: DEFAULT_THRESHOLDS,
    clusters: [
      {
        name: 'web',
        nodes: [{ name: 'host-a', addresses: ['10.0.0.1'], proxies: [proxy], databases: [] }],
        virtualRouters: [],
      },
    ],
  };
}

const at = (s: number) => instantFromUs(s * SECOND);

class Polled {
  readonly observer: Observer;
  readonly events: TimelineEvent[] = [];

  constructor(runs: 'always' | 'on-holder' = 'always') {
    this.observer = new Observer({ samples: true, configuration: configuration(runs) });
  }

  poll(s: number, said: string): this {
    this.events.push(...this.observer.observe(proxyPoll('a', at(s), 0, said.split(' '), 'web')));
    return this;
  }

  samples(): Sample[] {
    return this.observer.takeSamples().filter(({ measurement }) => measurement === 'haproxy');
  }
}

const sampled = (samples: readonly Sample[]) =>
  samples.map(({ time, tags }) => `${time / SECOND} ${tags.type} ${tags.proxy}/${tags.sv}`);

describe('samples', () => {
  it('are named and typed as Telegraf names them, by the labels of the target', () => {
    const [server] = new Polled().poll(1, 'db/one=UP:L4OK,since=7,downs=2,sessions=3/10').samples().slice(-1);
    expect(server).toEqual({
      measurement: 'haproxy',
      time: at(1),
      tags: {
        cluster: 'web',
        node: 'host-a',
        server: 'http://host-a:8888/status',
        proxy: 'db',
        sv: 'one',
        type: 'server',
      },
      fields: {
        status: 'UP',
        check_status: 'L4OK',
        scur: 3n,
        slim: 10n,
        chkdown: 2n,
        lastchg: 7n,
        up: 1n,
      },
    });
  });

  it.each([
    ['UP', 1n],
    ['no_check', 1n],
    ['NOLB', 1n],
    ['DOWN', 0n],
    ['MAINT', 0n],
    ['DRAIN', 0n],
    ['QUIESCENT', undefined],
  ])('say of %s whether it is in use: %s', (status, up) => {
    const [server] = new Polled().poll(1, `db/one=${status}`).samples().slice(-1);
    expect(server?.fields.up).toBe(up);
  });

  it('come at first, at a change of the row, and every 30 s, frontends first', () => {
    const polled = new Polled().poll(0, 'db/one=UP db/two=UP web/FRONTEND=OPEN');
    expect(sampled(polled.samples())).toEqual([
      '0 frontend web/FRONTEND',
      '0 backend db/BACKEND',
      '0 server db/one',
      '0 server db/two',
    ]);
    polled.poll(2, 'db/one=UP db/two=UP web/FRONTEND=OPEN');
    expect(polled.samples()).toEqual([]);
    polled.poll(4, 'db/one=UP db/two=DOWN,since=1 web/FRONTEND=OPEN');
    expect(sampled(polled.samples())).toEqual(['4 server db/two']);
    polled.poll(30, 'db/one=UP db/two=DOWN,since=27 web/FRONTEND=OPEN');
    expect(polled.samples()).toHaveLength(4);
  });

  it('are at most those of 512 rows, frontends and backends among them', () => {
    const servers = Array.from({ length: 600 }, (_, i) => `db/s${i}=UP`);
    const samples = new Polled().poll(0, [...servers, 'web/FRONTEND=OPEN'].join(' ')).samples();
    expect(samples).toHaveLength(512);
    expect(sampled(samples).slice(0, 2)).toEqual(['0 frontend web/FRONTEND', '0 backend db/BACKEND']);
  });

  it('are no more than 2,048 series, however many names come and go', () => {
    const polled = new Polled();
    let count = 0;
    for (let round = 0; round < 6; round++) {
      const servers = Array.from({ length: 500 }, (_, i) => `db/r${round}s${i}=UP`);
      polled.poll(round * 30, servers.join(' '));
      count += new Set(polled.samples().map(({ tags }) => tags.sv)).size;
    }
    expect(count).toBeLessThanOrEqual(2_048 + 6); // BACKEND is sampled in each round
    expect(count).toBeGreaterThan(2_000);
  });
});

describe('the snapshot', () => {
  it('says what each backend has, and what is wrong with it', () => {
    const polled = new Polled().poll(
      100,
      'db/one=UP db/two=DOWN,since=9 db/three=MAINT web/x=no_check web/y=DOWN stats/BACKEND=UP pid=4 uptime=9',
    );
    expect(polled.observer.proxies()).toEqual([
      {
        subject: 'proxy:host-a',
        cluster: 'web',
        node: 'host-a',
        target: 'http://host-a:8888/status',
        state: 'answers',
        since: at(100),
        error: null,
        lastAnsweredAt: at(100),
        release: '2.6.12',
        backends: [
          { name: 'db', state: 'up', servers: 2, up: 1, down: ['two'], out: ['three'], uncheckedOnly: false },
          { name: 'web', state: 'up', servers: 2, up: 1, down: ['y'], out: [], uncheckedOnly: true },
        ],
      },
    ]);
  });

  it('says since when and why it does not answer', () => {
    const polled = new Polled();
    const present = () => polled.observer.proxies()[0];
    expect(present()).toMatchObject({ state: 'unknown', since: null, lastAnsweredAt: null, backends: [] });
    polled.poll(100, 'db/one=UP').poll(102, 'refused');
    expect(present()).toMatchObject({ state: 'answers', error: 'refused by test' });
    polled.poll(104, 'timeout');
    expect(present()).toMatchObject({
      state: 'unreachable',
      since: at(102),
      error: 'timeout by test',
      lastAnsweredAt: at(100),
    });
    polled.poll(106, 'db/one=UP');
    expect(present()).toMatchObject({ state: 'answers', since: at(106), error: null });
  });

  it('calls a proxy idle where its node does not hold the VIP', () => {
    const polled = new Polled('on-holder').poll(1, 'refused').poll(3, 'refused').poll(5, 'refused');
    expect(polled.observer.proxies()[0]).toMatchObject({ state: 'idle', error: null });
    expect(polled.events).toEqual([]);
  });
});

describe('bounds', () => {
  const servers = (count: number, status: string) =>
    Array.from({ length: count }, (_, i) => `db/s${i}=${status}`).join(' ');
  const told = (polled: Polled, kind: string) => polled.events.filter((event) => event.kind === kind);

  it('60 servers a minute are told as down; the others follow later, truly dated, unless they are up by then', () => {
    const polled = new Polled().poll(1_000, servers(64, 'UP'));
    polled.poll(1_010, servers(64, 'DOWN,since=1')).poll(1_040, servers(64, 'DOWN,since=31'));
    expect(told(polled, 'server-down')).toHaveLength(60);
    polled.poll(1_050, `${servers(63, 'DOWN,since=41')} db/s63=UP,since=1`);
    polled.poll(1_072, `${servers(63, 'DOWN,since=63')} db/s63=UP,since=23`);
    const late = told(polled, 'server-down').slice(60);
    expect(late.map(({ subject, time }) => `${time / SECOND} ${subject}`)).toEqual([
      '1009 proxy:host-a/db/s60',
      '1009 proxy:host-a/db/s61',
      '1009 proxy:host-a/db/s62',
    ]);
  });

  it('a backend is told however many servers are', () => {
    const polled = new Polled().poll(1_000, servers(100, 'UP')).poll(1_002, servers(100, 'DOWN,since=1'));
    expect(told(polled, 'backend-down')).toHaveLength(1);
  });

  it('processes that take turns in answering are told as restarts twice a minute', () => {
    const polled = new Polled();
    for (let s = 0; s < 58; s += 4)
      polled.poll(s, 'db/one=UP,total=500').poll(s + 2, 'db/one=UP,total=3 db/BACKEND=UP,since=1');
    expect(told(polled, 'proxy-restarted')).toHaveLength(2);
  });

  it('what a check says is cut', () => {
    const observation = proxyPoll('a', at(5), 0, ['db/one=DOWN:L7STS'], 'web');
    if (observation.kind !== 'proxy' || observation.reading === null) throw new Error('no reading');
    const rows = observation.reading.rows.map((row) => ({ ...row, checkText: 'x'.repeat(5_000) }));
    const polled = new Polled();
    const events = polled.observer.observe({ ...observation, reading: { ...observation.reading, rows } });
    const [down] = events.filter(({ kind }) => kind === 'server-down');
    expect(down?.details.checkText).toHaveLength(200);
  });
});
