/** Two MariaDB masters behind HAProxy behind the VIP of a real keepalived pair that checks its own database. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { Lab } from '../../src/demo/lab.ts';
import { type LabNode, now } from '../../src/demo/node.ts';
import { type Instant, MS } from '../../src/time.ts';
import { seconds } from '../../src/timeline/words.ts';
import { behind, describeLiveWith, type LiveSpec } from '../support/live.ts';
import { ACCOUNT, DB_PORT, type LiveMariadb, mariadbOnBoth } from '../support/live-mariadb.ts';
import { expectAt, type LiveObserver, type ToldEvent, timeOf } from '../support/live-observer.ts';
import { haproxyOn } from '../support/live-servers.ts';
import { removeTemplate, templateFolder } from '../support/mariadb.ts';
import { pair, startPair, VIP, VRID } from '../support/pairs.ts';

const vr = `vr:eth0/ipv4/${VRID}`;
const vip = `vip:eth0/${VIP}`;
const STATS = 8_404;
const PROBE_MS = 200;
const POLL_MS = 500;

/** `lb1` is preferred; a node whose own database does not answer goes to FAULT. */
const databases: LiveSpec = {
  ...pair({
    check: `/usr/bin/mariadb-admin --no-defaults --host=127.0.0.1 --port=${DB_PORT} --connect-timeout=1 ping`,
  }),
  routers: [
    {
      vrid: VRID,
      vips: [VIP],
      service: { probe: `mysql://${VIP}:${DB_PORT}`, every: `${PROBE_MS}ms`, ...ACCOUNT },
    },
  ],
  polls: (node) => ({
    haproxy: [{ url: `http://${node.address}:${STATS}/status`, every: `${POLL_MS}ms` }],
    database: [{ url: `mysql://${node.address}:${DB_PORT}`, every: `${POLL_MS}ms`, ...ACCOUNT }],
  }),
};

/** Both databases have the same, each HAProxy hands the VIP's connections to its own, and lb1 holds the VIP. */
async function start(lab: Lab) {
  const databaseOf = await mariadbOnBoth(lab);
  for (const node of lab.nodes) {
    const proxy = await haproxyOn(lab, node.host, { sections: proxyOf(node), port: STATS });
    await proxy.start();
  }
  const running = await startPair(lab);
  const of = (node: LabNode): LiveMariadb => databaseOf.get(node) ?? raise(`no database on ${node.name}`);
  return { ...running, db1: of(running.lb1), db2: of(running.lb2) };
}

function proxyOf(node: LabNode): readonly string[] {
  return [
    'listen mysql',
    '  mode tcp',
    `  bind ${VIP}:${DB_PORT}`,
    '  option mysql-check user haproxy',
    `  server db ${node.address}:${DB_PORT} check inter 200ms rise 2 fall 2`,
    'listen stats',
    '  mode http',
    `  bind :${STATS}`,
    '  stats enable',
    '  stats uri /status',
  ];
}

const describeHere = describeLiveWith('mariadbd', 'mariadb-install-db', 'mariadb-admin', 'haproxy');

describeHere('two MariaDB masters behind the VIP', { concurrent: true }, () => {
  beforeAll(() => void templateFolder());
  afterAll(removeTemplate);

  behind(
    'the one that serves is killed: one story, in its true order, and nothing is lost',
    databases,
    start,
    async ({ observer, lb1, lb2, db1, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      await db1.write(20);
      await db2.hasAllOf(db1);
      await polled(observer);

      const killed = await db1.kill();
      const fault = await lb1.becomes('FAULT', { after: killed });
      const master = await lb2.becomes('MASTER', { after: killed });

      const dead = await observer.event({
        kind: 'database-unreachable',
        phase: 'begin',
        subject: 'database:lb1',
      });
      expect(dead).toMatchObject({ severity: 'critical', details: { reason: 'refused' } });
      expectSoonAfter(dead, killed, POLL_MS);
      // It was killed between the last poll that was answered and the first that was not; or while that was out.
      const answered = timeOf(dead) - Number(dead.details.uncertaintyMs) * MS;
      expect(answered).toBeLessThan(killed + POLL_MS * MS);
      expect(answered).toBeGreaterThan(killed - (POLL_MS + SLACK_MS) * MS);
      const dark = await observer.event({ kind: 'vip-dark', phase: 'begin', subject: vip });
      expectSoonAfter(dark, killed, PROBE_MS);

      const failover = await observer.event({ kind: 'failover', subject: vr });
      expect(failover.details).toMatchObject({
        from: lb1.address,
        to: lb2.address,
        cause: 'graceful',
        fault: true,
      });
      expectAt(failover, master);
      expect(timeOf(failover)).toBeGreaterThan(fault.at - SLACK_MS * MS);
      const over = await observer.event({ kind: 'vip-dark', phase: 'end', subject: vip });
      expect(over).toMatchObject({ beginId: dark.id, about: failover.id });
      expectSoonAfter(over, master.at, PROBE_MS);

      const fitness = await observer.event({ kind: 'takeover-fitness', subject: vr });
      expect(fitness).toMatchObject({
        about: failover.id,
        severity: 'info',
        details: { to: lb2.address, lagS: 0, transactions: 0, readOnly: false, proxyUp: true },
      });
      // Its source is dead: from here on it falls behind, if ever somebody writes there.
      await observer.event({ kind: 'replication-broken', phase: 'begin', subject: 'replica:lb2/default' });
      await observer.event({ kind: 'server-down', phase: 'begin', subject: 'proxy:lb1/mysql/db' });
      await observer.event({ kind: 'backend-down', phase: 'begin', subject: 'proxy:lb1/mysql' });
      // keepalived's check may be the faster.
      observer.allow({ kind: 'vip-on-dead-service' });

      const began = now();
      await db1.start();
      const alive = await observer.event({
        kind: 'database-unreachable',
        phase: 'end',
        subject: 'database:lb1',
      });
      expect(alive.beginId).toBe(dead.id);
      expectSoonAfter(alive, began, POLL_MS);
      await observer.event({ kind: 'replication-broken', phase: 'end', subject: 'replica:lb2/default' });
      await observer.event({ kind: 'server-down', phase: 'end', subject: 'proxy:lb1/mysql/db' });
      await observer.event({ kind: 'backend-down', phase: 'end', subject: 'proxy:lb1/mysql' });
      const back = await observer.event({ kind: 'failover', subject: vr, details: { cause: 'preemption' } });
      await observer.event({ kind: 'takeover-fitness', details: { to: lb1.address, transactions: 0 } });
      expect(back.details).toMatchObject({ from: lb2.address, to: lb1.address });

      const story: Story = JSON.parse(await observer.ask(['report', 'last', '--format', 'json']));
      expect(story.incident).toBe(1);
      const came = [
        [/^keepalived on lb1 went to FAULT/, fault.at],
        [/^lb2 took 10\.20\.30\.10 after 0\.\d+ s$/, master.at],
        [
          /^lb1, back with the higher priority \(150 over 100\), took 10\.20\.30\.10 over from lb2/,
          timeOf(back),
        ],
        [new RegExp(`^clients dark ${seconds(Number(over.details.durationMs))} in all$`), null],
        [/^lb2's replica was 0 s behind$/, master.at],
        [/^lb1's replica was 0 s behind$/, timeOf(back)],
        [/^replication on lb2 was broken .* \(receiving: /, killed],
      ] as const;
      // Of what died first whichever is asked first is told first.
      expectOrder(story, [[/^mysql on lb1 refused connections/, killed], ...came]);
      expectOrder(story, [[/^haproxy on lb1 had no server left for mysql/, killed], ...came]);
      await observer.nothingElse();
    },
  );

  behind(
    'the replica’s applier is stopped while the master is written to, and then the master is killed',
    databases,
    start,
    async ({ observer, lb2, db1, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      const stopped = now();
      await db2.sql('STOP SLAVE SQL_THREAD');
      const broken = await observer.event({
        kind: 'replication-broken',
        phase: 'begin',
        subject: 'replica:lb2/default',
      });
      expect(broken.details).toMatchObject({ thread: 'sql' });
      expectSoonAfter(broken, stopped, POLL_MS);
      const missing = { since: now(), transactions: 7 };
      await db1.write(missing.transactions);
      await polled(observer);
      await expectLagging(observer, lb2, db1, missing);
      allowWhatFollowsADeadMaster(observer);
      await observer.nothingElse();
    },
  );

  behind(
    'the replica waits for a lock, which nobody calls broken, and then the master is killed',
    databases,
    start,
    async ({ observer, lb2, db1, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      const reader = await db2.connect();
      await reader.query('LOCK TABLES shop.orders READ');
      const missing = { since: now(), transactions: 5 };
      await db1.write(missing.transactions);
      await polled(observer);
      await expectLagging(observer, lb2, db1, missing);
      allowWhatFollowsADeadMaster(observer);
      // The source is dead.
      observer.allow({ kind: 'replication-broken', subject: 'replica:lb2/default' });
      reader.destroy();
      await observer.nothingElse();
    },
  );

  behind(
    'both hold the VIP, and both are written to, until the segment is whole again',
    databases,
    start,
    async ({ observer, lb2, db1, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      const deaf = await lb2.dropVrrp('in');
      const master = await lb2.becomes('MASTER', { after: deaf });
      const split = await observer.event({ kind: 'split-brain', phase: 'begin', subject: vr });
      expectAt(split, master);

      const clients = [db1, db2].map((database) => writing(database));
      const dual = await observer.event({ kind: 'dual-writes', phase: 'begin', subject: 'cluster:lab' });
      const wrote = await Promise.all(clients.map((client) => client.end()));
      expect(dual.severity).toBe('critical');
      expect(dual.details.gtids).toEqual({
        lb1: expect.stringMatching(/^1-1-\d+/),
        lb2: expect.stringMatching(/^2-2-\d+/),
      });
      expect(timeOf(dual)).toBeGreaterThan(timeOf(split));
      const last = now();
      expect(Math.min(...wrote)).toBeGreaterThanOrEqual(5);

      await lb2.healVrrp();
      await observer.event({ kind: 'split-brain', phase: 'end', subject: vr });
      const over = await observer.event({ kind: 'dual-writes', phase: 'end', subject: 'cluster:lab' });
      expect(over.beginId).toBe(dual.id);
      expect(timeOf(over)).toBeLessThan(last + 12_000 * MS);
      // lb2 was the last to announce the VIP, until lb1 does so again.
      observer.allow({ kind: 'garp-missing' });
      observer.allow({ kind: 'vip-dark' });
      await observer.nothingElse();
    },
  );

  behind(
    'the node that takes over is read-only, until somebody makes it writable',
    databases,
    start,
    async ({ observer, lb1, lb2, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      await db2.readOnly(true);
      await polled(observer);
      const stopped = await lb1.stop();
      const failover = await observer.event({
        kind: 'failover',
        subject: vr,
        details: { cause: 'graceful' },
      });
      await observer.event({ kind: 'takeover-fitness', subject: vr, details: { readOnly: true } });
      const shut = await observer.event({ kind: 'vip-on-read-only', phase: 'begin', subject: vip });
      expect(shut).toMatchObject({ severity: 'critical', details: { holder: lb2.address } });
      expect(timeOf(shut)).toBeGreaterThanOrEqual(timeOf(failover));
      expect(timeOf(shut)).toBeGreaterThan(stopped);

      const opened = now();
      await db2.readOnly(false);
      const open = await observer.event({ kind: 'vip-on-read-only', phase: 'end', subject: vip });
      expect(open.beginId).toBe(shut.id);
      expectSoonAfter(open, opened, POLL_MS);
      // Between the priority 0 of the one and the announcement of the other.
      observer.allow({ kind: 'vip-dark' });
      await observer.nothingElse();
    },
  );

  behind(
    'writes, a reload, a long transaction and a replica that is meant to be late: nothing is told',
    { ...databases, configuration: ['thresholds: {lagWarning: 4s}'] },
    async (lab) => {
      const running = await start(lab);
      await running.db2.sql('STOP SLAVE', 'CHANGE MASTER TO MASTER_DELAY=20', 'START SLAVE');
      return running;
    },
    async ({ observer, lb1, db1, db2 }) => {
      await observer.event({ kind: 'master-seen', subject: vr });
      const client = writing(db1);
      lb1.reload(databases.nodes[0]?.keepalived ?? raise('no lb1'));
      const session = await db1.connect();
      await session.query('BEGIN');
      await session.query('INSERT INTO shop.orders () VALUES ()');
      await session.query('SELECT SLEEP(5)');
      await session.query('COMMIT');
      // Without the delay subtracted it were 4 s behind for 10 s by now, and 20 s behind soon.
      await observer.watches(22_000);
      await client.end();
      session.destroy();
      expect((await db2.sql('SHOW ALL SLAVES STATUS'))[0]?.SQL_Delay).toBe(20);
      await observer.nothingElse();
    },
  );
});

/** The sentence has these clauses in this order, each dated when that happened, or by the next poll. */
function expectOrder(
  { chain }: Story,
  wanted: readonly (readonly [clause: RegExp, at: Instant | null])[],
): void {
  let from = 0;
  for (const [pattern, at] of wanted) {
    const index = chain.findIndex(({ clause }, i) => i >= from && pattern.test(clause));
    expect(index, `${pattern} in ${JSON.stringify(chain)}`).toBeGreaterThanOrEqual(from);
    from = index + 1;
    const { time = null, clause = '' } = chain[index] ?? {};
    if (at === null || time === null) continue;
    const lateMs = Date.parse(time) - at / MS;
    // HAProxy counts whole seconds
    expect(lateMs, clause).toBeGreaterThan(-1_000 - SLACK_MS);
    expect(lateMs, clause).toBeLessThan(POLL_MS + SLACK_MS);
  }
}

interface Story {
  readonly incident: number;
  readonly chain: readonly { readonly time: string | null; readonly clause: string }[];
}

async function expectLagging(
  observer: LiveObserver,
  to: LabNode,
  master: LiveMariadb,
  { since, transactions }: { readonly since: Instant; readonly transactions: number },
): Promise<void> {
  await master.kill();
  const failover = await observer.event({ kind: 'failover', subject: vr });
  expect(failover.details).toMatchObject({ to: to.address, cause: 'graceful', fault: true });
  const lagging = await observer.event({ kind: 'failover-to-lagging-replica', subject: vr });
  expect(lagging).toMatchObject({
    about: failover.id,
    severity: 'critical',
    details: { to: to.address, transactions, lagSource: 'gtid' },
  });
  // Its age counts from the poll that first saw the oldest of them at the master, to one after the takeover.
  const ageMs = (timeOf(failover) - since) / MS;
  expect(Number(lagging.details.lagS) * 1_000).toBeGreaterThan(ageMs - 2 * POLL_MS - SLACK_MS);
  expect(Number(lagging.details.lagS) * 1_000).toBeLessThan(ageMs + 2 * POLL_MS + SLACK_MS);
  await observer.event({ kind: 'takeover-fitness', subject: vr, details: { to: to.address, transactions } });
}

function allowWhatFollowsADeadMaster(observer: LiveObserver): void {
  observer.allow({ kind: 'vip-dark' });
  observer.allow({ kind: 'vip-on-dead-service' });
  observer.allow({ kind: 'database-unreachable', subject: 'database:lb1' });
  observer.allow({ kind: 'server-down', subject: 'proxy:lb1/mysql/db' });
  observer.allow({ kind: 'backend-down', subject: 'proxy:lb1/mysql' });
}

/** A client that commits ten times a second until it is ended, and says then how often it did. */
function writing(database: LiveMariadb): { end(): Promise<number> } {
  let ended = false;
  const work = (async () => {
    for (let commits = 0; ; commits++) {
      if (ended) return commits;
      await database.write(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    end: () => {
      ended = true;
      return work;
    },
  };
}

/** What is so now has been seen by a poll of each: that a poll changed nothing tells nobody. */
function polled(observer: LiveObserver): Promise<void> {
  return observer.watches(4 * POLL_MS);
}

/** The machine has other work. */
const SLACK_MS = 2_500;

/** The first poll or probe that could know it began by then; one that was out at the time began before. */
function expectSoonAfter(event: ToldEvent, deed: Instant, everyMs: number): void {
  const lateMs = (timeOf(event) - deed) / MS;
  expect(lateMs, `${event.kind} ${event.phase}: ${event.summary}`).toBeGreaterThan(-everyMs);
  expect(lateMs, `${event.kind} ${event.phase}: ${event.summary}`).toBeLessThan(everyMs + SLACK_MS);
}

function raise(message: string): never {
  throw new Error(message);
}
