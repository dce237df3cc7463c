/** Two real MariaDB servers that replicate from each other by GTID, in whatever state they may be found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askedChecks } from '../../src/cli/doctor-asked.ts';
import { parseConfiguration } from '../../src/config/read.ts';
import { databaseAsker } from '../../src/poll/databases/asker.ts';
import type { DatabaseTarget } from '../../src/poll/settings.ts';
import type { Source } from '../../src/poll/source.ts';
import type { DatabaseReading } from '../../src/reading/database.ts';
import { domainsBeyond, domainsMissing, parseDomainGtids } from '../../src/reading/gtid.ts';
import { failure, reading, targetAt } from '../poll/databases/asking.ts';
import { Authority } from '../support/certificates.ts';
import { type RealMariadb, removeTemplate } from '../support/mariadb.ts';
import { launchPair, mariadbPair, POLLING_ACCOUNT } from '../support/mariadb-pair.ts';
import { isInstalled } from '../support/servers.ts';

const FROZEN_MS = 500;

describe.skipIf(!isInstalled('mariadbd'))('two MariaDB servers, each a replica of the other', () => {
  let a: RealMariadb;
  let b: RealMariadb;
  let askers: Source<DatabaseReading>[];
  let authority: Authority;

  beforeAll(async () => {
    [a, b] = mariadbPair(({ folder }) => [
      `--ssl-ca=${join(folder, 'ca.pem')}`,
      `--ssl-cert=${join(folder, 'leaf1.pem')}`,
      `--ssl-key=${join(folder, 'leaf1.key')}`,
    ]);
    authority = new Authority(a.folder);
    authority.issue('DNS:db.test,IP:127.0.0.21');
    new Authority(b.folder).issue('IP:127.0.0.99');
    await launchPair([a, b]);
    await a.sql(
      'CREATE DATABASE d',
      'CREATE TABLE d.t (id INT PRIMARY KEY)',
      'CREATE TABLE d.heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED NOT NULL PRIMARY KEY)',
    );
    await b.sql('SELECT 1');
    askers = [a, b].map((server) => databaseAsker(targetOf(server)));
    await until(b, ({ gtid }) => gtid?.applied.includes('1-1-3') === true);
  });

  afterAll(async () => {
    for (const asker of askers ?? []) asker.close();
    await Promise.all([a?.remove(), b?.remove()]);
    removeTemplate();
  });

  function targetOf(server: RealMariadb, more: Partial<DatabaseTarget> = {}): DatabaseTarget {
    return targetAt(server.port, {
      place: { kind: 'tcp', host: server.host, port: server.port },
      credentials: POLLING_ACCOUNT,
      ...more,
    });
  }

  function askerOf(server: RealMariadb): Source<DatabaseReading> {
    const asker = askers[server === a ? 0 : 1];
    if (asker === undefined) throw new Error('no asker');
    return asker;
  }

  /** The first reading that fits; those before it may fail. */
  async function until(
    server: RealMariadb,
    fits: (read: DatabaseReading) => boolean,
  ): Promise<DatabaseReading> {
    let last: unknown = null;
    for (let tries = 0; tries < 400; tries++) {
      try {
        const read = await reading(askerOf(server));
        if (fits(read)) return read;
        last = read;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(
      `no reading fits: ${JSON.stringify(last, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`,
    );
  }

  const runs = (read: DatabaseReading) =>
    read.channels?.[0]?.io.state === 'yes' && read.channels[0].sql.state === 'yes';

  async function healthy(server: RealMariadb): Promise<DatabaseReading> {
    return await until(server, (read) => runs(read) && read.channels?.[0]?.secondsBehind === 0);
  }

  it('healthy', async () => {
    const read = await healthy(b);
    expect(read).toMatchObject({
      flavour: 'mariadb',
      version: expect.stringContaining('MariaDB'),
      serverId: 2n,
      serverUuid: null,
      uptimeS: expect.any(Number),
      readOnly: false,
      heartbeats: null,
      galera: null,
      ndb: null,
      denied: [],
      oddities: [],
    });
    expect(read.channels).toMatchObject([
      {
        name: '',
        sourceHost: '127.0.0.21',
        sourcePort: a.port,
        sourceServerId: 1n,
        io: { state: 'yes', errno: 0, error: '' },
        sql: { state: 'yes', errno: 0, error: '' },
        delayS: 0,
        receivedGtids: expect.stringContaining('1-1-3'),
      },
    ]);
    expect(read.channels?.[0]?.received).toEqual(read.channels?.[0]?.applied);
    expect(read.binlog).toBeNull();
  });

  it('where it writes its binary log, as its replica says it, too; by a grant that nobody misses with GTIDs', async () => {
    await a.sql("GRANT BINLOG MONITOR ON *.* TO vipwatch@'127.%'");
    const asker = databaseAsker(targetOf(a));
    const source = await reading(asker);
    asker.close();
    expect(source).toMatchObject({ binlog: { file: 'bin.000001' }, denied: [], oddities: [] });
    await until(b, ({ channels }) => isDeepStrictEqual(channels?.[0]?.applied, source.binlog));
    await a.sql("REVOKE BINLOG MONITOR ON *.* FROM vipwatch@'127.%'");
  });

  it('read-only', async () => {
    await b.sql('SET GLOBAL read_only = 1');
    expect((await reading(askerOf(b))).readOnly).toBe(true);
    await b.sql('SET GLOBAL read_only = 0');
    expect((await reading(askerOf(b))).readOnly).toBe(false);
  });

  it('the IO thread is stopped: what is missing shows in the GTIDs', async () => {
    await b.sql('STOP SLAVE IO_THREAD');
    await a.sql('INSERT INTO d.t VALUES (1)', 'INSERT INTO d.t VALUES (2)');
    const replica = await reading(askerOf(b));
    const source = await reading(askerOf(a));
    expect(replica.channels).toMatchObject([
      { io: { state: 'no' }, sql: { state: 'yes' }, secondsBehind: null },
    ]);
    const [executed, current] = [source.gtid?.executed ?? '', replica.gtid?.current ?? ''].map(
      parseDomainGtids,
    );
    if (!executed || !current) throw new Error('no GTIDs');
    expect(domainsMissing(executed, current)).toBe(2n);
    expect(domainsBeyond(current, executed)).toEqual([]);
    await b.sql('START SLAVE');
    await healthy(b);
  });

  it('the SQL thread is stopped: received, and not applied', async () => {
    await b.sql('STOP SLAVE SQL_THREAD');
    await a.sql('INSERT INTO d.t VALUES (3)');
    const read = await until(
      b,
      ({ channels }) => channels?.[0]?.received?.position !== channels?.[0]?.applied?.position,
    );
    expect(read.channels).toMatchObject([
      { io: { state: 'yes' }, sql: { state: 'no', errno: 0 }, secondsBehind: null },
    ]);
    await b.sql('START SLAVE');
    await healthy(b);
  });

  it('a duplicate key: the SQL thread stops with error 1062', async () => {
    await b.sql('SET SESSION sql_log_bin = 0', 'INSERT INTO d.t VALUES (1001)');
    await a.sql('INSERT INTO d.t VALUES (1001)');
    const read = await until(b, ({ channels }) => channels?.[0]?.sql.state === 'no');
    expect(read.channels).toMatchObject([
      {
        io: { state: 'yes' },
        sql: { errno: 1062, error: expect.stringContaining('1001') },
        secondsBehind: null,
      },
    ]);
    await b.sql('DELETE FROM d.t WHERE id = 1001', 'SET SESSION sql_log_bin = 1', 'START SLAVE');
    await healthy(b);
  });

  it('delayed on purpose: the delay, and what is left of it', async () => {
    await b.sql('STOP SLAVE', 'CHANGE MASTER TO master_delay = 3600', 'START SLAVE');
    await a.sql('INSERT INTO d.t VALUES (4)');
    const read = await until(b, ({ channels }) => channels?.[0]?.remainingDelayS !== null);
    expect(read.channels).toMatchObject([{ delayS: 3_600, io: { state: 'yes' }, sql: { state: 'yes' } }]);
    expect(read.channels?.[0]?.remainingDelayS).toBeGreaterThan(3_000);
    expect(read.channels?.[0]?.secondsBehind).toBeLessThan(3_600);
    await b.sql('STOP SLAVE', 'CHANGE MASTER TO master_delay = 0', 'START SLAVE');
    await healthy(b);
  });

  it('held up by a lock: the lag grows', async () => {
    await b.sql('LOCK TABLES d.t READ');
    await a.sql('INSERT INTO d.t VALUES (5)');
    const read = await until(b, ({ channels }) => (channels?.[0]?.secondsBehind ?? 0) >= 1);
    expect(runs(read)).toBe(true);
    await b.sql('UNLOCK TABLES');
    await healthy(b);
  });

  it('several sources: each has its channel', async () => {
    await b.sql(`CHANGE MASTER 'other' TO master_host='127.0.0.1', master_port=1, master_user='x'`);
    const read = await reading(askerOf(b));
    expect(read.channels?.map(({ name, io }) => [name, io.state])).toEqual(
      expect.arrayContaining([
        ['', 'yes'],
        ['other', 'no'],
      ]),
    );
    await b.sql(`RESET SLAVE 'other' ALL`);
    expect((await reading(askerOf(b))).channels).toHaveLength(1);
  });

  it('a table that writers keep alive, by local time and in UTC', async () => {
    const heartbeat = { schema: 'd', table: 'heartbeat' };
    const asker = databaseAsker(targetOf(b, { heartbeat }));
    expect((await reading(asker)).denied).toEqual([expect.stringContaining('`d`.`heartbeat`')]);
    await b.sql("GRANT SELECT ON d.heartbeat TO vipwatch@'127.%'");
    await b.sql("SET GLOBAL time_zone = '+05:30'");
    asker.close();
    for (const now of ["CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', '+05:30')", 'UTC_TIMESTAMP(6)']) {
      await b.sql(`REPLACE INTO d.heartbeat VALUES (DATE_FORMAT(${now}, '%Y-%m-%dT%H:%i:%s.%f'), 2)`);
      const other = databaseAsker(targetOf(b, { heartbeat }));
      const read = await reading(other);
      other.close();
      expect(read.heartbeats).toMatchObject([{ serverId: 2n }]);
      expect(Math.abs(read.heartbeats?.[0]?.ageS ?? 99)).toBeLessThan(30);
    }
    await b.sql("SET GLOBAL time_zone = 'SYSTEM'");
    await b.sql('LOCK TABLES d.heartbeat WRITE');
    const locked = await reading(asker);
    expect(locked).toMatchObject({ serverId: 2n, heartbeats: null });
    expect(locked.oddities).toEqual([expect.stringContaining('1205')]);
    await b.sql('UNLOCK TABLES', 'DROP TABLE d.heartbeat');
    expect((await reading(asker)).oddities).toEqual([expect.stringContaining('1146')]);
    await b.sql(
      'CREATE TABLE d.heartbeat (id INT PRIMARY KEY, ts VARCHAR(26))',
      'INSERT INTO d.heartbeat VALUES (1, NOW(6))',
    );
    asker.close();
    expect((await reading(asker)).heartbeats).toMatchObject([{ serverId: 0n }]);
    asker.close();
  });

  it('SLAVE MONITOR is missing: that is said, and all else is read; REPLICATION CLIENT does not suffice', async () => {
    await a.sql(
      "REVOKE SLAVE MONITOR ON *.* FROM vipwatch@'127.%'",
      "GRANT REPLICATION CLIENT ON *.* TO vipwatch@'127.%'",
    );
    const asker = databaseAsker(targetOf(a));
    const read = await reading(asker);
    asker.close();
    expect(read).toMatchObject({ channels: null, serverId: 1n, readOnly: false, oddities: [] });
    expect(read.gtid?.executed).not.toBe('');
    expect(read.denied).toEqual([expect.stringContaining('GRANT SLAVE MONITOR ON *.*')]);
    await a.sql("GRANT SLAVE MONITOR ON *.* TO vipwatch@'127.%'");
  });

  it('what the doctor prints for an account without rights is all that it needs', async () => {
    await a.sql('SET SESSION sql_log_bin = 0', "CREATE USER poor@'127.%' IDENTIFIED BY 'poor'");
    const { polls, observer } = parseConfiguration(
      `cluster: orders
nodes:
  - name: a
    addresses: [${a.host}]
    database: [{url: "mysql://poor:poor@${a.host}:${a.port}", heartbeat: d.heartbeat, timeout: 10s}]
`,
      'vipwatch.yaml',
      {},
    );
    const ask = async () => (await askedChecks({ polls, observer }, false))[0];
    const before = await ask();
    expect(before).toMatchObject({
      state: 'warn',
      statements: [
        "GRANT SLAVE MONITOR ON *.* TO 'poor'@'127.%';",
        "GRANT SELECT ON `d`.`heartbeat` TO 'poor'@'127.%';",
      ],
    });
    await a.sql('SET SESSION sql_log_bin = 0', ...(before?.statements ?? []));
    // the table is another test's, and what is in it, too
    expect((await ask())?.statements ?? []).toEqual([]);
    expect((await ask())?.what).toMatch(/ answers: MariaDB [\d.]+, replicates from 127\.0\.0\.22/);
    await a.sql('SET SESSION sql_log_bin = 0', "DROP USER poor@'127.%'", 'SET SESSION sql_log_bin = 1');
  });

  it('a wrong password', async () => {
    const asker = databaseAsker(targetOf(a, { credentials: { user: 'vipwatch', password: 'sesame' } }));
    const { reason, error } = await failure(asker);
    expect(reason).toBe('denied');
    expect(error).not.toContain('sesame');
  });

  it('over its socket', async () => {
    const asker = databaseAsker(targetOf(a, { place: { kind: 'unix', path: a.socket } }));
    expect(await reading(asker)).toMatchObject({ serverId: 1n, denied: [] });
    asker.close();
  });

  describe('over TLS', () => {
    const ask = (server: RealMariadb, ca: string | null, insecure = false) =>
      databaseAsker(targetOf(server, { tls: { ca, insecure } }));

    it('with its authority, and its own address in the certificate', async () => {
      const asker = ask(a, authority.cert);
      expect(await reading(asker)).toMatchObject({ serverId: 1n });
      asker.close();
    });

    it('an authority that is not trusted', async () => {
      expect(await failure(ask(a, null))).toMatchObject({ reason: 'tls' });
    });

    it('a certificate for another address, unless that is allowed', async () => {
      const ca = readFileSync(join(b.folder, 'ca.pem'), 'utf8');
      expect(await failure(ask(b, ca))).toMatchObject({ reason: 'tls' });
      const asker = ask(b, null, true);
      expect(await reading(asker)).toMatchObject({ serverId: 2n });
      asker.close();
    });
  });

  it('frozen: no answer, and the replica notices by itself; thawed, all is well', async () => {
    await healthy(a);
    await a.freeze();
    expect(await failure(askerOf(a), FROZEN_MS)).toMatchObject({ reason: 'timeout' });
    expect(await failure(askerOf(a), FROZEN_MS)).toMatchObject({ reason: 'timeout' });
    await until(b, ({ channels }) => channels?.[0]?.io.state === 'connecting');
    a.thaw();
    await healthy(a);
    await healthy(b);
  });

  it('the source is killed: refused; its replica connects again and again', async () => {
    await a.kill();
    expect(await failure(askerOf(a))).toMatchObject({ reason: 'refused' });
    const read = await until(b, ({ channels }) => (channels?.[0]?.io.errno ?? 0) !== 0);
    expect(read.channels).toMatchObject([
      {
        io: { state: 'connecting', error: expect.stringContaining('127.0.0.21') },
        sql: { state: 'yes' },
        secondsBehind: null,
      },
    ]);
    await a.launch();
    await a.ready();
    const back = await reading(askerOf(a));
    expect(back.uptimeS).toBeLessThan(60);
    expect(back.channels).toMatchObject([{ io: { state: 'no' }, sql: { state: 'no' } }]);
    await healthy(b);
  });
});
