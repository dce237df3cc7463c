/** Two real MariaDB servers, server ids and domains 1 and 2, each a replica of the other by GTID. */
import type { Credentials } from '../../src/poll/settings.ts';
import { RealMariadb } from './mariadb.ts';

/** May do what docs/databases.md says, from the loopback network and over the socket. */
export const POLLING_ACCOUNT: Credentials = { user: 'vipwatch', password: 'swordfish' };

export function mariadbPair(
  args: (server: RealMariadb) => readonly string[] = () => [],
): readonly [RealMariadb, RealMariadb] {
  const make = (id: number) =>
    new RealMariadb(`127.0.0.2${id}`, (server) => [
      `--server-id=${id}`,
      `--gtid-domain-id=${id}`,
      '--log-bin=bin',
      '--log-slave-updates',
      '--slave-net-timeout=2',
      '--skip-slave-start',
      ...args(server),
    ]);
  return [make(1), make(2)];
}

/** Both run from here on, and replicate; nothing is in their binary logs yet. */
export async function launchPair([a, b]: readonly [RealMariadb, RealMariadb]): Promise<void> {
  await Promise.all([a.launch(), b.launch()]);
  await Promise.all([a.ready(), b.ready()]);
  const { user, password } = POLLING_ACCOUNT;
  for (const server of [a, b])
    await server.sql(
      'SET SESSION sql_log_bin = 0',
      "CREATE USER repl@'127.%' IDENTIFIED BY 'repl'",
      "GRANT REPLICATION SLAVE ON *.* TO repl@'127.%'",
      `CREATE USER ${user}@'127.%' IDENTIFIED BY '${password}'`,
      `CREATE USER ${user}@localhost IDENTIFIED BY '${password}'`,
      `GRANT SLAVE MONITOR ON *.* TO ${user}@'127.%', ${user}@localhost`,
      'SET SESSION sql_log_bin = 1',
    );
  for (const [replica, source] of [
    [a, b],
    [b, a],
  ] as const)
    await replica.sql(
      `CHANGE MASTER TO master_host='${source.host}', master_port=${source.port}, master_user='repl',
       master_password='repl', master_use_gtid=slave_pos, master_connect_retry=1`,
      'START SLAVE',
    );
}
