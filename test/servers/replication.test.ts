/** Two real MariaDB servers in trouble, polled by the real poller: what the observer tells of it, and what it does not. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import { DEFAULT_THRESHOLDS, type ObserverConfiguration } from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import { Poller } from '../../src/poll/poller.ts';
import { instantFromUs } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';
import { targetAt } from '../poll/databases/asking.ts';
import { type RealMariadb, removeTemplate } from '../support/mariadb.ts';
import { launchPair, mariadbPair, POLLING_ACCOUNT } from '../support/mariadb-pair.ts';
import { isInstalled } from '../support/servers.ts';

const EVERY_MS = 200;
const TIMEOUT_MS = 1_500;
const TOLD_WITHIN_MS = 30_000;
const OF_DATABASES = /^(database|replica|cluster):|^(takeover|failover|vip-on)/;

/** The observer of both servers, with the VIP on the first one. */
class Watched {
  readonly #observer: Observer;
  readonly #poller: Poller;
  readonly #heart: NodeJS.Timeout;
  readonly #events: TimelineEvent[] = [];
  #polls = 0;
  #ticks = 0;

  constructor([a, b]: readonly [RealMariadb, RealMariadb]) {
    this.#observer = new Observer({ configuration: configurationOf([a, b]) });
    const now = () => instantFromUs(Date.now() * 1_000);
    this.#poller = new Poller(
      {
        proxies: [],
        probes: [],
        databases: [a, b].map((server, i) =>
          targetAt(server.port, {
            node: nameOf(i),
            place: { kind: 'tcp', host: server.host, port: server.port },
            credentials: POLLING_ACCOUNT,
            everyMs: EVERY_MS,
            timeoutMs: TIMEOUT_MS,
          }),
        ),
      },
      {
        now,
        tell: (observation) => {
          this.#polls++;
          this.#events.push(...this.#observer.observe(observation));
        },
      },
    );
    const advert = advertOf(a.host);
    const segment = { name: 'eth0', capture: 'eth0' };
    this.#heart = setInterval(() => {
      const heard = { kind: 'advert', at: now(), segment, advert, ipId: this.#ticks++ % 65_536 } as const;
      this.#events.push(...this.#observer.observe(heard));
    }, EVERY_MS);
    this.#poller.start();
  }

  get state() {
    return this.#observer.databases();
  }

  /** What was told of databases. */
  get told(): readonly TimelineEvent[] {
    return this.#events.filter(({ kind, subject }) => OF_DATABASES.test(subject) || OF_DATABASES.test(kind));
  }

  /** Kind, phase and subject of the same, in the order in which it was told. */
  get lines(): readonly string[] {
    return this.told.map(({ kind, phase, subject }) => `${kind} ${phase} ${subject}`);
  }

  async event(line: string): Promise<TimelineEvent> {
    await this.until(() => this.lines.includes(line), line);
    const found = this.told[this.lines.indexOf(line)];
    if (found === undefined) throw new Error(line);
    return found;
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const last = Date.now() + TOLD_WITHIN_MS;
    while (!holds()) {
      if (Date.now() > last) throw new Error(`not ${what}; told: ${this.lines.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Both replicate, as far as the latest polls say, and some more polls change nothing of that. */
  async settled(): Promise<void> {
    const healthy = () =>
      this.state.every(({ reachable, channels }) => {
        const [channel] = channels;
        return reachable === true && channel?.io === 'yes' && channel.sql === 'yes' && channel.lagS === 0;
      });
    await this.until(healthy, 'healthy');
    const enough = this.#polls + 10;
    await this.until(() => this.#polls >= enough && healthy(), 'healthy for ten polls');
  }

  async stop(): Promise<void> {
    clearInterval(this.#heart);
    await this.#poller.stop();
  }
}

function nameOf(i: number): string {
  return i === 0 ? 'hosta' : 'hostb';
}

function configurationOf(servers: readonly RealMariadb[]): ObserverConfiguration {
  return {
    thresholds: { ...DEFAULT_THRESHOLDS, lagWarningS: 3, beyondForMs: 1_000, dualWritesWindowS: 3 },
    clusters: [
      {
        name: 'orders',
        nodes: servers.map(({ host, port }, i) => ({
          name: nameOf(i),
          addresses: [host],
          proxies: [],
          databases: [{ target: `mysql://${host}:${port}`, host, port, everyMs: EVERY_MS }],
        })),
        virtualRouters: [
          { vrid: 51, segment: null, vips: ['127.0.0.100'], nodes: [], unicast: false, service: null },
        ],
      },
    ],
  };
}

/** Of an interval so long that no delay of the test machine is a silence. */
function advertOf(src: string): Advert {
  return {
    type: 'advert',
    srcMac: '02:00:00:00:00:01',
    family: 'ipv4',
    src,
    dst: '224.0.0.18',
    ttl: 255,
    ah: false,
    version: 3,
    vrid: 51,
    priority: 100,
    intervalMs: 20_000,
    authType: null,
    authData: null,
    hmac: false,
    vips: ['127.0.0.100'],
    checksum: 'ok',
    problems: [],
    valid: true,
  };
}

describe.skipIf(!isInstalled('mariadbd'))('two MariaDB servers, watched', () => {
  let pair: readonly [RealMariadb, RealMariadb];
  let a: RealMariadb;
  let b: RealMariadb;
  let watched: Watched;

  beforeAll(async () => {
    pair = mariadbPair();
    [a, b] = pair;
    await launchPair(pair);
    await a.sql('CREATE DATABASE d', 'CREATE TABLE d.t (id INT PRIMARY KEY)');
  });

  afterEach(() => watched.stop());

  afterAll(async () => {
    await Promise.all([a?.remove(), b?.remove()]);
    removeTemplate();
  });

  async function watch(): Promise<void> {
    watched = new Watched(pair);
    await watched.settled();
    expect(watched.lines).toEqual([]);
  }

  it('the applier is stopped: replication is broken, behind, and neither any more', async () => {
    await watch();
    await b.sql('STOP SLAVE SQL_THREAD');
    await a.sql('INSERT INTO d.t VALUES (-1)');
    const broken = await watched.event('replication-broken begin replica:hostb/default');
    expect(broken.details).toMatchObject({ thread: 'sql', errno: 0 });
    const lag = await watched.event('replication-lag begin replica:hostb/default');
    expect(lag.details).toMatchObject({ lagSource: 'gtid' });
    await b.sql('START SLAVE SQL_THREAD');
    await watched.event('replication-lag end replica:hostb/default');
    await watched.settled();
    expect([...watched.lines].sort()).toEqual([
      'replication-broken begin replica:hostb/default',
      'replication-broken end replica:hostb/default',
      'replication-lag begin replica:hostb/default',
      'replication-lag end replica:hostb/default',
    ]);
  });

  it('the source is frozen: it does not answer, its replica cannot connect, and nobody lags behind', async () => {
    await watch();
    a.freeze();
    const unreachable = await watched.event('database-unreachable begin database:hosta');
    expect(unreachable.details).toMatchObject({ reason: 'timeout' });
    const broken = await watched.event('replication-broken begin replica:hostb/default');
    expect(broken.details).toMatchObject({ thread: 'io' });
    expect(watched.state[1]).toMatchObject({ reachable: true, channels: [{ lagS: null, lagSource: null }] });
    a.thaw();
    await watched.event('database-unreachable end database:hosta');
    await watched.event('replication-broken end replica:hostb/default');
    await watched.settled();
    expect([...watched.lines].sort()).toEqual([
      'database-unreachable begin database:hosta',
      'database-unreachable end database:hosta',
      'replication-broken begin replica:hostb/default',
      'replication-broken end replica:hostb/default',
    ]);
  });

  it('the other node is written to as well: dual writes, with what each wrote', async () => {
    await watch();
    const lines = () => watched.lines;
    for (let i = 0; !lines().includes('dual-writes begin cluster:orders'); i++) {
      if (i > 500) throw new Error(`no dual writes; told: ${lines().join(', ')}`);
      await a.sql(`INSERT INTO d.t VALUES (${2 * i})`);
      await b.sql(`INSERT INTO d.t VALUES (${2 * i + 1})`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { details } = await watched.event('dual-writes begin cluster:orders');
    expect(details).toMatchObject({
      gtids: {
        hosta: expect.stringMatching(/^1-1-\d+\.\.1-1-\d+$/),
        hostb: expect.stringMatching(/^2-2-\d+(\.\.2-2-\d+)?$/),
      },
    });
    await watched.event('dual-writes end cluster:orders');
    await watched.settled();
    expect(watched.lines).toEqual(['dual-writes begin cluster:orders', 'dual-writes end cluster:orders']);
  });
});
