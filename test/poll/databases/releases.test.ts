/**
 * Releases that could not be had for these tests: a fake server answers with the columns that their documentation names.
 * Those of MariaDB and Galera are tested on real servers.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { databaseAsker } from '../../../src/poll/databases/asker.ts';
import type { DatabaseTarget } from '../../../src/poll/settings.ts';
import type { DatabaseReading } from '../../../src/reading/database.ts';
import {
  type Answer,
  EMPTY,
  FakeMysql,
  type Result,
  resultOf,
  variablesOf,
} from '../../support/fake-mysql.ts';
import { reading, readOnce, targetAt } from './asking.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4e11fa47-71ca-11e1-9e33-c80aa9429562';
const SYNTAX: Answer = { errno: 1064, message: 'You have an error in your SQL syntax' };
const DENIED: Answer = { errno: 1227, message: 'Access denied; you need (at least one of) the privileges' };

let fake: FakeMysql | null = null;
afterEach(async () => {
  await fake?.stop();
  fake = null;
});

interface Release {
  readonly variables: Readonly<Record<string, string>>;
  /** by the beginning of a statement; a syntax error where there is none */
  readonly answers?: Readonly<Record<string, Answer>>;
}

function answering({ variables, answers = {} }: Release): (sql: string) => Answer {
  return (sql) => {
    const own = Object.entries(answers).find(([beginning]) => sql.startsWith(beginning));
    if (own !== undefined) return own[1];
    if (sql.startsWith('SHOW GLOBAL VARIABLES')) return variablesOf(variables);
    if (sql.startsWith('SET SESSION')) return { columns: [], rows: [] };
    if (sql.startsWith("SHOW GLOBAL STATUS LIKE 'Uptime'")) return variablesOf({ Uptime: '86400' });
    if (!sql.startsWith('SELECT @@global.')) return SYNTAX;
    const names = [...sql.matchAll(/@@global\.(\w+) AS/g)].map(([, name = '']) => name);
    const unknown = names.find((name) => variables[name] === undefined);
    if (unknown !== undefined) return { errno: 1193, message: `Unknown system variable '${unknown}'` };
    return { columns: names, rows: [names.map((name) => variables[name] ?? null)] };
  };
}

async function serve(release: Release): Promise<FakeMysql> {
  fake = await FakeMysql.start({ version: release.variables.version ?? '', answer: answering(release) });
  return fake;
}

async function readFrom(release: Release, more: Partial<DatabaseTarget> = {}): Promise<DatabaseReading> {
  return await readOnce(targetAt((await serve(release)).port, more));
}

function mysql(version: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    version,
    version_comment: 'MySQL Community Server - GPL',
    server_id: '2',
    hostname: 'db2',
    read_only: 'OFF',
    ...more,
  };
}

/** Up to 5.5's last column. */
const OLD_STATUS = {
  Slave_IO_State: 'Waiting for master to send event',
  Master_Host: '192.168.10.11',
  Master_User: 'repl',
  Master_Port: '3306',
  Connect_Retry: '60',
  Master_Log_File: 'bin.000003',
  Read_Master_Log_Pos: '9007199254740993',
  Relay_Log_File: 'relay.000002',
  Relay_Log_Pos: '253',
  Relay_Master_Log_File: 'bin.000002',
  Slave_IO_Running: 'Yes',
  Slave_SQL_Running: 'Yes',
  Last_Errno: '0',
  Last_Error: '',
  Exec_Master_Log_Pos: '107',
  Seconds_Behind_Master: '42',
  Last_IO_Errno: '0',
  Last_IO_Error: '',
  Last_SQL_Errno: '0',
  Last_SQL_Error: '',
  Master_Server_Id: '1',
};

const STATUS_57 = {
  ...OLD_STATUS,
  Master_UUID: A,
  SQL_Delay: '0',
  SQL_Remaining_Delay: null,
  Retrieved_Gtid_Set: `${A}:1-100`,
  Executed_Gtid_Set: `${A}:1-90,\n${B}:1`,
  Auto_Position: '1',
  Replicate_Rewrite_DB: '',
  Channel_Name: '',
  Master_TLS_Version: '',
};

function renamed(status: Readonly<Record<string, string | null>>): Record<string, string | null> {
  const names = Object.entries(status).map(([name, value]) => [
    name.replace('Master', 'Source').replace('Slave', 'Replica'),
    value,
  ]);
  return Object.fromEntries(names);
}

const STATUS_80 = renamed(STATUS_57);

const THREAD = { state: 'yes', errno: 0, error: '' };

describe('MySQL 5.5, by its documentation', () => {
  it('a replica', async () => {
    const read = await readFrom({
      variables: mysql('5.5.62-log'),
      answers: { 'SHOW SLAVE STATUS': resultOf(OLD_STATUS) },
    });
    expect(read).toEqual({
      flavour: 'mysql',
      version: '5.5.62-log',
      serverId: 2n,
      serverUuid: null,
      hostName: 'db2',
      uptimeS: 86_400,
      readOnly: false,
      channels: [
        {
          name: '',
          sourceHost: '192.168.10.11',
          sourcePort: 3306,
          sourceServerId: 1n,
          sourceUuid: null,
          io: THREAD,
          sql: THREAD,
          secondsBehind: 42,
          delayS: 0,
          remainingDelayS: null,
          received: { file: 'bin.000003', position: 9007199254740993n },
          applied: { file: 'bin.000002', position: 107n },
          receivedGtids: '',
          applierLagS: null,
        },
      ],
      gtid: null,
      binlog: null,
      heartbeats: null,
      galera: null,
      ndb: null,
      denied: [],
      oddities: [],
    });
  });

  it('a heartbeat table without fractions of seconds', async () => {
    const release = {
      variables: mysql('5.5.62'),
      answers: {
        'SHOW SLAVE STATUS': EMPTY,
        'SELECT server_id AS server_id, ts, NOW(6)': SYNTAX,
        'SELECT server_id AS server_id, ts, NOW()': resultOf({
          server_id: '1',
          ts: '2026-11-26T10:00:00.001230',
          now_local: '2026-11-26 10:00:03',
          now_utc: '2026-11-26 09:00:03',
        }),
      },
    };
    const read = await readFrom(release, { heartbeat: { schema: 'percona', table: 'heartbeat' } });
    expect(read.heartbeats).toEqual([{ serverId: 1n, ageS: 2.99877 }]);
    expect(read.oddities).toEqual([]);
  });
});

describe('MySQL 5.7, by its documentation', () => {
  it('GTID sets are one line, and read-only it is too where only super_read_only says so', async () => {
    const read = await readFrom({
      variables: mysql('5.7.44-log', {
        server_uuid: B,
        gtid_executed: `${A}:1-90,\n${B}:1`,
        super_read_only: '1',
        read_only: '0',
        offline_mode: '0',
      }),
      answers: {
        'SHOW SLAVE STATUS': resultOf(
          { ...STATUS_57, Channel_Name: 'from-a' },
          { ...STATUS_57, Channel_Name: 'from-c', Slave_SQL_Running: 'No', Seconds_Behind_Master: null },
        ),
      },
    });
    expect(read).toMatchObject({
      serverUuid: B,
      readOnly: true,
      gtid: { executed: `${A}:1-90,${B}:1`, applied: '', current: '' },
      channels: [
        { name: 'from-a', sourceUuid: A, receivedGtids: `${A}:1-100`, secondsBehind: 42 },
        { name: 'from-c', sql: { state: 'no' }, secondsBehind: null },
      ],
      denied: [],
      oddities: [],
    });
  });
});

describe('Percona Server 5.7, by its documentation', () => {
  const variables = { ...mysql('5.7.44-48'), version_comment: 'Percona Server (GPL), Release 48' };

  it('its form that does not wait for a lock is preferred', async () => {
    const read = await readFrom({
      variables,
      answers: { 'SHOW SLAVE STATUS NONBLOCKING': resultOf(STATUS_57) },
    });
    expect(read).toMatchObject({ flavour: 'percona', channels: [{ sourceHost: '192.168.10.11' }] });
  });

  it('and asked for once where it is unknown', async () => {
    const server = await serve({
      variables,
      answers: {
        'SHOW SLAVE STATUS NONBLOCKING': SYNTAX,
        'SHOW SLAVE STATUS NOLOCK': SYNTAX,
        'SHOW SLAVE STATUS': resultOf(STATUS_57),
      },
    });
    const asker = databaseAsker(targetAt(server.port));
    await reading(asker);
    const before = server.statements.length;
    expect(await reading(asker)).toMatchObject({ channels: [{ sourceHost: '192.168.10.11' }], oddities: [] });
    expect(server.statements.slice(before)).toEqual([
      'SHOW SLAVE STATUS',
      'SELECT @@global.server_id AS server_id, @@global.read_only AS read_only',
      "SHOW GLOBAL STATUS LIKE 'Uptime'",
    ]);
    asker.close();
  });
});

describe.each(['8.0.36', '8.4.3', '9.1.0'])('MySQL %s, by its documentation', (version) => {
  const variables = mysql(version, { server_uuid: B, gtid_executed: `${A}:1-100:app:1-3` });
  const workers = 'SELECT CHANNEL_NAME';
  const columns = ['channel', 'applying', 'committed', 'now'];
  const now = '2026-11-26 10:00:10.500000';

  async function lag(rows: Result['rows'], status: Record<string, string | null> = STATUS_80) {
    const answers = { 'SHOW REPLICA STATUS': resultOf(status), [workers]: { columns, rows } };
    const read = await readFrom({ variables, answers });
    expect(read.oddities).toEqual([]);
    return read.channels?.[0]?.applierLagS;
  }

  it('new names of columns', async () => {
    const read = await readFrom({
      variables,
      answers: { 'SHOW REPLICA STATUS': resultOf(STATUS_80), [workers]: { columns, rows: [] } },
    });
    expect(read).toMatchObject({
      gtid: { executed: `${A}:1-100:app:1-3` },
      channels: [
        {
          sourceHost: '192.168.10.11',
          sourcePort: 3306,
          sourceServerId: 1n,
          sourceUuid: A,
          io: THREAD,
          sql: THREAD,
          secondsBehind: 42,
          received: { file: 'bin.000003', position: 9007199254740993n },
          applied: { file: 'bin.000002', position: 107n },
          receivedGtids: `${A}:1-100`,
          applierLagS: null,
        },
      ],
      denied: [],
      oddities: [],
    });
  });

  it('no replica is not the same as denied', async () => {
    const read = await readFrom({ variables, answers: { 'SHOW REPLICA STATUS': EMPTY } });
    expect(read).toMatchObject({ channels: [], denied: [] });
  });

  it('lag is the age of the oldest transaction that a worker applies', async () => {
    const rows = [
      ['', `${A}:101`, '2026-11-26 10:00:08.250000', now],
      ['', `${A}:102`, '2026-11-26 10:00:09.000000', now],
      ['', '', '0000-00-00 00:00:00.000000', now],
      ['other', `${A}:1`, '2026-11-26 09:00:00.000000', now],
    ];
    expect(await lag(rows)).toBe(2.25);
  });

  it('a source that does not tell when it committed is no lag of 2026 years', async () => {
    expect(await lag([['', `${A}:101`, '0000-00-00 00:00:00.000000', now]])).toBeNull();
  });

  it('a source whose clock is ahead is no negative lag', async () => {
    expect(await lag([['', `${A}:101`, '2026-11-26 10:00:11.000000', now]])).toBe(0);
  });

  it('idle: 0 only when nothing waits that was received, and the applier runs', async () => {
    const idle = [['', '', '0000-00-00 00:00:00.000000', now]];
    expect(await lag(idle)).toBe(0);
    await fake?.stop();
    expect(await lag(idle, { ...STATUS_80, Retrieved_Gtid_Set: `${A}:1-101` })).toBeNull();
    await fake?.stop();
    expect(await lag(idle, { ...STATUS_80, Replica_SQL_Running: 'No' })).toBeNull();
    await fake?.stop();
    expect(await lag(idle, { ...STATUS_80, Retrieved_Gtid_Set: '' })).toBeNull();
    await fake?.stop();
    const applied = { Relay_Source_Log_File: 'bin.000003', Exec_Source_Log_Pos: '9007199254740993' };
    expect(await lag(idle, { ...STATUS_80, ...applied, Retrieved_Gtid_Set: '' })).toBe(0);
  });

  it('what is denied is named with its grant, and the rest is read', async () => {
    const select = { errno: 1142, message: 'SELECT command denied to user' };
    const read = await readFrom(
      {
        variables,
        answers: {
          'SHOW REPLICA STATUS': resultOf(STATUS_80),
          [workers]: select,
          'SELECT server_id': select,
        },
      },
      { heartbeat: { schema: 'per`cona', table: 'heartbeat' } },
    );
    expect(read).toMatchObject({ channels: [{ secondsBehind: 42 }], heartbeats: null, uptimeS: 86_400 });
    expect(read.denied).toEqual([
      'SELECT on performance_schema.* is denied: GRANT SELECT ON performance_schema.*',
      'SELECT on `per``cona`.`heartbeat` is denied: GRANT SELECT ON `per``cona`.`heartbeat`',
    ]);
  });
});

describe('the grant that is missing for the state of a replica', () => {
  it.each([
    ['5.7.44', 'MySQL', 'SHOW SLAVE STATUS is denied: GRANT REPLICATION CLIENT ON *.*'],
    ['8.4.3', 'MySQL', 'SHOW REPLICA STATUS is denied: GRANT REPLICATION CLIENT ON *.*'],
    ['10.4.34-MariaDB', 'x', 'SHOW ALL SLAVES STATUS is denied: GRANT REPLICATION CLIENT ON *.*'],
    ['10.5.8-MariaDB', 'x', 'SHOW ALL SLAVES STATUS is denied: GRANT REPLICATION SLAVE ADMIN ON *.*'],
    [
      '5.5.5-11.8.2-MariaDB-log',
      'x',
      'SHOW ALL SLAVES STATUS is denied: GRANT SLAVE MONITOR ON *.* (in this release REPLICATION CLIENT does not suffice)',
    ],
  ])('%s', async (version, comment, words) => {
    const denied = { 'SHOW SLAVE': DENIED, 'SHOW REPLICA': DENIED, 'SHOW ALL': DENIED };
    const read = await readFrom({
      variables: { ...mysql(version), version_comment: comment },
      answers: denied,
    });
    expect(read.denied).toEqual([words]);
    expect(read.channels).toBeNull();
    expect(read.version).not.toContain('5.5.5-');
  });
});

describe('where it writes its binary log', () => {
  const BINLOG = resultOf({ File: 'bin.000007', Position: '9007199254740993', Binlog_Do_DB: '' });
  const asksFor = (server: FakeMysql) =>
    server.statements.filter((sql) => /^SHOW (MASTER|BINARY LOG|BINLOG) STATUS$/.test(sql));

  it.each([
    ['5.5.62', 'MySQL', 'SHOW MASTER STATUS', 'REPLICATION CLIENT'],
    ['8.1.0', 'MySQL', 'SHOW MASTER STATUS', 'REPLICATION CLIENT'],
    ['8.2.0', 'MySQL', 'SHOW BINARY LOG STATUS', 'REPLICATION CLIENT'],
    ['8.4.3-3', 'Percona Server (GPL)', 'SHOW BINARY LOG STATUS', 'REPLICATION CLIENT'],
    ['10.4.34-MariaDB', 'MariaDB', 'SHOW MASTER STATUS', 'REPLICATION CLIENT'],
    ['10.5.2-MariaDB', 'MariaDB', 'SHOW BINLOG STATUS', 'BINLOG MONITOR'],
  ])('%s of %s: %s, by the grant %s', async (version, version_comment, statement, grant) => {
    const variables = { ...mysql(version, { log_bin: 'ON' }), version_comment };
    const answers = { 'SHOW SLAVE STATUS': EMPTY, 'SHOW REPLICA STATUS': EMPTY, 'SHOW ALL SLAVES': EMPTY };
    const server = await serve({ variables, answers: { ...answers, [statement]: BINLOG } });
    const read = await readOnce(targetAt(server.port));
    expect(read.binlog).toEqual({ file: 'bin.000007', position: 9007199254740993n });
    expect([read.denied, read.oddities, asksFor(server)]).toEqual([[], [], [statement]]);
    await server.stop();
    const denied = await readFrom({ variables, answers: { ...answers, [statement]: DENIED } });
    expect(denied).toMatchObject({ binlog: null, oddities: [] });
    expect(denied.denied).toEqual([`${statement} is denied: GRANT ${grant} ON *.*`]);
  });

  it('is not asked of a server that writes none', async () => {
    const server = await serve({
      variables: mysql('8.0.36', { log_bin: 'OFF' }),
      answers: { 'SHOW REPLICA STATUS': EMPTY },
    });
    expect(await readOnce(targetAt(server.port))).toMatchObject({ binlog: null, denied: [], oddities: [] });
    expect(asksFor(server)).toEqual([]);
  });

  it('is asked once where that is denied, and nothing is said of it where there are GTIDs', async () => {
    const gtids = { log_bin: '1', gtid_mode: 'ON', gtid_executed: `${A}:1-90` };
    const answers = { 'SHOW REPLICA STATUS': EMPTY, 'SHOW MASTER STATUS': DENIED };
    const server = await serve({ variables: mysql('8.0.36', gtids), answers });
    const asker = databaseAsker(targetAt(server.port));
    for (const _ of [1, 2])
      expect(await reading(asker)).toMatchObject({ binlog: null, denied: [], oddities: [] });
    asker.close();
    expect(asksFor(server)).toEqual(['SHOW MASTER STATUS']);
  });

  it('is what counts where GTIDs are off: those of old times stand still', async () => {
    const read = await readFrom({
      variables: mysql('8.0.36', { log_bin: '1', gtid_mode: 'OFF', gtid_executed: `${A}:1-90` }),
      answers: { 'SHOW REPLICA STATUS': EMPTY, 'SHOW MASTER STATUS': BINLOG },
    });
    expect(read).toMatchObject({ gtid: null, binlog: { file: 'bin.000007' } });
  });
});

describe('MariaDB of other releases, by its documentation', () => {
  const variables = { ...mysql('11.8.2-MariaDB'), gtid_slave_pos: '0-1-7', gtid_binlog_state: '' };
  const status = { ...OLD_STATUS, Connection_name: 'a', Using_Gtid: 'Slave_Pos', Gtid_IO_Pos: '0-1-9' };

  it('11.6: the difference of the times of events is its own lag, while both threads run', async () => {
    const answers = {
      'SHOW ALL SLAVES STATUS': resultOf(
        { ...status, Master_Slave_time_diff: '3' },
        { ...status, Slave_SQL_Running: 'No', Master_Slave_time_diff: '3' },
        { ...status, Using_Gtid: 'No', Master_Slave_time_diff: null },
      ),
    };
    const { channels, gtid } = await readFrom({ variables, answers });
    expect(channels?.map(({ applierLagS }) => applierLagS)).toEqual([3, null, null]);
    expect(channels?.map(({ receivedGtids }) => receivedGtids)).toEqual(['0-1-9', '0-1-9', '']);
    expect(gtid).toEqual({ executed: '', applied: '0-1-7', current: '' });
  });

  it('5.5 has one source, and the old statement', async () => {
    const read = await readFrom({
      variables: mysql('5.5.68-MariaDB'),
      answers: { 'SHOW SLAVE STATUS': resultOf(OLD_STATUS) },
    });
    expect(read).toMatchObject({ flavour: 'mariadb', channels: [{ secondsBehind: 42 }], oddities: [] });
  });

  it('12: kinds of read-only are read-only', async () => {
    const read = await readFrom({
      variables: { ...variables, read_only: 'NO_LOCK' },
      answers: { 'SHOW ALL SLAVES STATUS': EMPTY },
    });
    expect(read.readOnly).toBe(true);
  });
});

describe('Percona XtraDB Cluster, by its documentation', () => {
  it('its mode of maintenance, and no configuration while there is no primary component', async () => {
    const read = await readFrom({
      variables: {
        ...mysql('8.0.36-28.1'),
        version_comment: 'Percona XtraDB Cluster (GPL), Release rel28, WSREP version 26.1.4.3',
        wsrep_on: 'ON',
        pxc_maint_mode: 'MAINTENANCE',
      },
      answers: {
        'SHOW REPLICA STATUS': EMPTY,
        'SELECT @@global': { errno: 1047, message: 'WSREP has not yet prepared node for application use' },
        "SHOW GLOBAL STATUS LIKE 'wsrep_%'": variablesOf({
          wsrep_cluster_status: 'non-Primary',
          wsrep_cluster_conf_id: '18446744073709551615',
          wsrep_cluster_size: '1',
          wsrep_local_state: '0',
          wsrep_local_state_comment: 'Initialized',
          wsrep_last_committed: '-1',
          wsrep_ready: 'OFF',
          wsrep_connected: 'ON',
          wsrep_local_recv_queue_avg: '0.333333',
          wsrep_flow_control_paused_ns: '18000000000000000001',
        }),
      },
    });
    expect(read).toMatchObject({
      flavour: 'percona',
      readOnly: false,
      galera: {
        clusterStatus: 'non-Primary',
        size: 1,
        localState: 0,
        ready: false,
        connected: true,
        configurationId: null,
        lastCommitted: null,
        pausedNs: 18000000000000000001n,
        receiveQueueAverage: 0.333333,
        maintenanceMode: 'MAINTENANCE',
      },
      oddities: [],
    });
  });
});

describe('NDB Cluster, by its documentation', () => {
  const variables = mysql('8.0.36-cluster', { ndb_connectstring: 'mgm:1186' });
  const counts = {
    Ndb_cluster_node_id: '5',
    Ndb_connect_count: '1',
    Ndb_number_of_data_nodes: '2',
    Ndb_number_of_ready_data_nodes: '1',
  };
  const answers = {
    'SHOW REPLICA STATUS': EMPTY,
    'SHOW GLOBAL STATUS WHERE': variablesOf(counts),
    'SELECT node_id, node_type': resultOf(
      { node_id: '3', node_type: 'NDB' },
      { node_id: '4', node_type: 'NDB' },
      { node_id: '1', node_type: 'MGM' },
    ),
    'SELECT node_id, status': resultOf({ node_id: '3', status: 'STARTED' }),
  };

  it('a data node is missing', async () => {
    const read = await readFrom({ variables, answers });
    expect(read.ndb).toEqual({
      ready: 1,
      total: 2,
      ownNodeId: 5,
      connectCount: 1,
      nodes: [{ nodeId: 3, status: 'STARTED' }],
      configured: [3, 4],
    });
  });

  it.each([{ Ndb_cluster_node_id: '0' }, { Ndb_number_of_ready_data_nodes: '0' }])(
    'where the cluster cannot answer, it is not asked: %j',
    async (more) => {
      const down = { ...answers, 'SHOW GLOBAL STATUS WHERE': variablesOf({ ...counts, ...more }) };
      const read = await readFrom({ variables, answers: down });
      expect(read.ndb).toMatchObject({ total: 2, nodes: null, configured: null });
      expect(fake?.statements.filter((sql) => sql.includes('ndbinfo'))).toEqual([]);
    },
  );

  it('when ndbinfo hangs, all else is read, and it is left alone for a while', async () => {
    const hanging: Answer = { misbehaves: 'hangs' };
    const server = await serve({ variables, answers: { 'SELECT node_id': hanging, ...answers } });
    const asker = databaseAsker(targetAt(server.port, { timeoutMs: 500 }));
    const first = await reading(asker);
    expect(first.ndb).toMatchObject({ ready: 1, nodes: null, configured: null });
    expect(first.oddities).toEqual(['ndbinfo does not answer; it is left alone for 60 s']);
    const second = await reading(asker);
    expect(second.ndb).toMatchObject({ ready: 1, nodes: null, configured: null });
    expect(server.statements.filter((sql) => sql.includes('ndbinfo'))).toHaveLength(1);
    asker.close();
  });

  it('denied', async () => {
    const select = { errno: 1142, message: 'SELECT command denied' };
    const read = await readFrom({ variables, answers: { 'SELECT node_id': select, ...answers } });
    expect(read.ndb).toMatchObject({ ready: 1, nodes: null, configured: null });
    expect(read.denied).toEqual(['SELECT on ndbinfo.* is denied: GRANT SELECT ON ndbinfo.*']);
  });

  it('a server with the engine that is no SQL node', async () => {
    const none = { ...answers, 'SHOW GLOBAL STATUS WHERE': EMPTY };
    expect((await readFrom({ variables, answers: none })).ndb).toBeNull();
  });
});

describe('answers that make little sense', () => {
  const variables = mysql('8.0.36', { gtid_executed: '' });

  it('NULL everywhere is no replica that could be judged, and no "no replica"', async () => {
    const nulls = Object.fromEntries(Object.keys(STATUS_80).map((name) => [name, null]));
    const read = await readFrom({ variables, answers: { 'SHOW REPLICA STATUS': resultOf(nulls) } });
    expect(read.channels).toBeNull();
    expect(read.oddities).toEqual(["channel '': it does not say whether its threads run"]);
  });

  it('words where numbers belong, and columns that nobody knows', async () => {
    const odd = {
      ...STATUS_80,
      Seconds_Behind_Source: 'many',
      Source_Port: '-1',
      Read_Source_Log_Pos: '1e3',
      SQL_Delay: '99999999999999999999',
      Moon_Phase: 'full',
    };
    const read = await readFrom({
      variables: { ...variables, server_id: 'two', read_only: 'perhaps' },
      answers: { 'SHOW REPLICA STATUS': resultOf(odd) },
    });
    expect(read).toMatchObject({
      serverId: null,
      channels: [{ secondsBehind: null, sourcePort: null, received: null, delayS: 0, io: THREAD }],
    });
    expect(read.oddities).toEqual(
      expect.arrayContaining([
        'seconds_behind_source: many: no whole number',
        'source_port: -1: no whole number',
        'read_source_log_pos: 1e3: no whole number',
        'sql_delay: 99999999999999999999: too large',
        'server_id: two: no whole number',
      ]),
    );
  });

  it('oddities are bounded, however many channels are odd', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ ...STATUS_80, Source_Port: `port ${i}` }));
    const read = await readFrom({ variables, answers: { 'SHOW REPLICA STATUS': resultOf(...rows) } });
    expect(read.channels).toHaveLength(200);
    expect(read.oddities).toHaveLength(16);
  });

  it('statements that fail lose themselves alone', async () => {
    const broken = { errno: 1105, message: 'Unknown error' };
    const read = await readFrom(
      {
        variables,
        answers: { 'SHOW REPLICA': broken, 'SHOW GLOBAL STATUS': broken, 'SELECT server_id': broken },
      },
      { heartbeat: { schema: 'percona', table: 'heartbeat' } },
    );
    expect(read).toMatchObject({ serverId: 2n, channels: null, uptimeS: null, heartbeats: null });
    expect(read.oddities).toHaveLength(3);
  });
});
