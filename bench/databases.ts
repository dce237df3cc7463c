/**
 * Polling databases: what 50 replicas cost, and whether they keep their intervals while five of them hang. The servers are
 * fake, so that their own work does not count; they answer with the columns of MySQL 8.4. False: a target was missed.
 */
import type { DatabaseTarget } from '../src/poll/settings.ts';
import { type Answer, FakeMysql, resultOf, variablesOf } from '../test/support/fake-mysql.ts';
import { Figures } from './figures.ts';
import { intervalFigures, polling } from './polling.ts';

const SERVERS = 50;
const HANGING = 5;
const EVERY_MS = 2_000;

export async function databases(isQuick: boolean): Promise<boolean> {
  const figures = new Figures(!isQuick);
  const rounds = isQuick ? 3 : 20;
  const good = await FakeMysql.start({ version: '8.4.3', answer });
  const hanging = await FakeMysql.start({
    version: '8.4.3',
    answer: (sql) => (sql.startsWith('SHOW REPLICA') ? { misbehaves: 'hangs-in-rows' } : answer(sql)),
  });
  try {
    figures.title(
      `${SERVERS} databases every ${EVERY_MS / 1_000} s, of which ${HANGING} hang, ${rounds} rounds`,
    );
    const answering = SERVERS - HANGING;
    const took = await polling(
      {
        databases: Array.from({ length: SERVERS }, (_, index) =>
          targetAt(index < HANGING ? hanging.port : good.port, index),
        ),
      },
      { warmUp: 2 * answering, polls: rounds * answering },
    );
    intervalFigures(figures, took, { everyMs: EVERY_MS, coreMax: 0.05 });
    figures.mustBe(
      'connections that answered',
      `${good.connections}`,
      `${answering}`,
      good.connections === answering,
    );
    return !figures.missed;
  } finally {
    await Promise.all([good.stop(), hanging.stop()]);
  }
}

function targetAt(port: number, index: number): DatabaseTarget {
  return {
    cluster: 'bench',
    label: `mysql://127.0.0.1:${port}`,
    node: 'node',
    index,
    everyMs: EVERY_MS,
    timeoutMs: EVERY_MS,
    place: { kind: 'tcp', host: '127.0.0.1', port },
    credentials: { user: 'vipwatch', password: 'bench' },
    tls: null,
    heartbeat: null,
  };
}

const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const VARIABLES: Readonly<Record<string, string>> = {
  version: '8.4.3',
  version_comment: 'MySQL Community Server - GPL',
  server_id: '2',
  server_uuid: '4e11fa47-71ca-11e1-9e33-c80aa9429562',
  hostname: 'db2',
  read_only: 'OFF',
  super_read_only: 'OFF',
  offline_mode: 'OFF',
  gtid_executed: `${SOURCE}:1-123456789`,
};
/** A status has 60 columns; those that are read, and as many that are not. */
const STATUS = resultOf({
  Source_Host: '192.168.10.11',
  Source_Port: '3306',
  Source_Log_File: 'bin.000003',
  Read_Source_Log_Pos: '73214',
  Relay_Source_Log_File: 'bin.000003',
  Replica_IO_Running: 'Yes',
  Replica_SQL_Running: 'Yes',
  Exec_Source_Log_Pos: '73214',
  Seconds_Behind_Source: '0',
  Last_IO_Errno: '0',
  Last_IO_Error: '',
  Last_SQL_Errno: '0',
  Last_SQL_Error: '',
  Source_Server_Id: '1',
  Source_UUID: SOURCE,
  SQL_Delay: '0',
  SQL_Remaining_Delay: null,
  Retrieved_Gtid_Set: `${SOURCE}:1-123456789`,
  Channel_Name: '',
  ...Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`Unread_${i}`, ''])),
});
const WORKER = {
  channel: '',
  applying: '',
  committed: '0000-00-00 00:00:00.000000',
  now: '2026-11-26 10:00:00',
};
const WORKERS = resultOf(WORKER, WORKER, WORKER, WORKER);

function answer(sql: string): Answer {
  if (sql.startsWith('SHOW REPLICA')) return STATUS;
  if (sql.startsWith('SHOW GLOBAL STATUS')) return variablesOf({ Uptime: '86400' });
  if (sql.startsWith('SHOW GLOBAL VARIABLES')) return variablesOf(VARIABLES);
  if (sql.startsWith('SELECT CHANNEL_NAME')) return WORKERS;
  if (sql.startsWith('SET SESSION')) return { columns: [], rows: [] };
  const names = [...sql.matchAll(/@@global\.(\w+) AS/g)].map(([, name = '']) => name);
  return { columns: names, rows: [names.map((name) => VARIABLES[name] ?? null)] };
}
