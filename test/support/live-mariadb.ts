/**
 * Real MariaDB on the nodes of a lab: two masters that replicate from each other by GTID, as how-tos write it. Each has its
 * own domain and its own half of the numbers. They end with the lab, in whose folder their data are.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Host } from '../../src/demo/host.ts';
import type { Lab } from '../../src/demo/lab.ts';
import type { LabNode } from '../../src/demo/node.ts';
import type { Instant } from '../../src/time.ts';
import { LiveServer } from './live-servers.ts';
import { templateFolder } from './mariadb.ts';

/** On the node's own addresses; on the VIP listens HAProxy. */
export const DB_PORT = 3306;

/** What vipwatch logs in with: for polls and for probes. */
export const ACCOUNT = { user: 'vipwatch', password: 'geheim' };

export class LiveMariadb extends LiveServer {
  readonly serverId: number;
  readonly #host: Host;
  readonly #folder: string;
  #admin: Connection | null = null;

  constructor(host: Host, folder: string, serverId: number) {
    super(host, 'mariadbd', commandOf(host, folder, serverId), () => this.sql('SELECT 1'));
    this.#host = host;
    this.#folder = folder;
    this.serverId = serverId;
  }

  get address(): string {
    return this.#host.address;
  }

  override async start(): Promise<void> {
    try {
      await super.start();
    } catch (error) {
      const log = join(this.#folder, 'log');
      throw new Error(`${error}\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2_000) : ''}`);
    }
  }

  /** As root, on the socket; the rows of the last statement. */
  async sql(...statements: readonly string[]): Promise<readonly RowDataPacket[]> {
    this.#admin ??= await this.connect();
    try {
      let rows: unknown = [];
      for (const statement of statements) [rows] = await this.#admin.query(statement);
      return Array.isArray(rows) ? rows : [];
    } catch (error) {
      this.#admin?.destroy();
      this.#admin = null;
      throw error;
    }
  }

  /** One more connection of root. */
  async connect(): Promise<Connection> {
    const connection = await createConnection({ socketPath: join(this.#folder, 'sock'), user: 'root' });
    // The server is killed in these tests.
    connection.on('error', () => {
      if (this.#admin === connection) this.#admin = null;
    });
    return connection;
  }

  override async kill(): Promise<Instant> {
    const at = await super.kill();
    this.#admin?.destroy();
    this.#admin = null;
    return at;
  }

  /** So many transactions of its own. */
  async write(transactions: number): Promise<void> {
    for (let i = 0; i < transactions; i++) await this.sql('INSERT INTO shop.orders () VALUES ()');
  }

  async readOnly(on: boolean): Promise<void> {
    await this.sql(`SET GLOBAL read_only = ${on ? 1 : 0}`);
  }

  /** Begins to replicate from the other, from what is there now. */
  async replicate(from: LiveMariadb): Promise<void> {
    await this.sql(
      `CHANGE MASTER TO MASTER_HOST='${from.address}', MASTER_PORT=${DB_PORT}, MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos`,
      'START SLAVE',
    );
  }

  /** Comes back when it has applied all that the other has written by now. */
  async hasAllOf(other: LiveMariadb): Promise<void> {
    const [row] = await other.sql('SELECT @@gtid_binlog_pos AS at');
    const [answer] = await this.sql(`SELECT MASTER_GTID_WAIT('${row?.at}', 20) AS late`);
    if (answer?.late !== 0) throw new Error(`${this.#host.name} has not applied ${row?.at} within 20 s`);
  }
}

function commandOf(host: Host, folder: string, serverId: number): readonly string[] {
  return [
    'mariadbd',
    '--no-defaults',
    '--user=mysql',
    `--datadir=${folder}/data`,
    `--socket=${folder}/sock`,
    `--pid-file=${folder}/pid`,
    `--log-error=${folder}/log`,
    `--bind-address=${host.address},127.0.0.1`,
    `--port=${DB_PORT}`,
    `--server-id=${serverId}`,
    `--gtid-domain-id=${serverId}`,
    '--log-bin=binlog',
    '--log-slave-updates',
    '--auto-increment-increment=2',
    `--auto-increment-offset=${serverId}`,
    '--innodb-buffer-pool-size=16M',
    '--innodb-log-file-size=4M',
    // Written at each commit, so that a killed process loses nothing; the machine itself stays up.
    '--innodb-flush-log-at-trx-commit=2',
    '--skip-name-resolve',
  ];
}

/** One on each node of the pair; what is in the one is in the other. */
export async function mariadbOnBoth(lab: Lab): Promise<ReadonlyMap<LabNode, LiveMariadb>> {
  const databases = await Promise.all(
    lab.nodes.map(async (node, i) => {
      const folder = join(lab.folder, `${node.name}-mariadb`);
      mkdirSync(folder);
      cpSync(templateFolder(), join(folder, 'data'), { recursive: true });
      execFileSync('chown', ['-R', 'mysql', folder]);
      const database = new LiveMariadb(node.host, folder, i + 1);
      await database.start();
      // None of it in the binary log: each has it of its own.
      await database.sql(
        'SET sql_log_bin = 0',
        `CREATE USER '${ACCOUNT.user}'@'10.20.30.%' IDENTIFIED BY '${ACCOUNT.password}'`,
        `GRANT SLAVE MONITOR, BINLOG MONITOR ON *.* TO '${ACCOUNT.user}'@'10.20.30.%'`,
        `CREATE USER 'repl'@'10.20.30.%' IDENTIFIED BY 'repl'`,
        `GRANT REPLICATION SLAVE ON *.* TO 'repl'@'10.20.30.%'`,
        // HAProxy's check logs in without a password, and out again.
        `CREATE USER 'haproxy'@'%'`,
        'CREATE DATABASE shop',
        'CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY)',
        'SET sql_log_bin = 1',
      );
      return { node, database };
    }),
  );
  const [first, second] = databases.map(({ database }) => database);
  if (first === undefined || second === undefined) throw new Error('two nodes are a pair');
  await Promise.all([first.replicate(second), second.replicate(first)]);
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    await one.write(1);
    await other.hasAllOf(one);
  }
  return new Map(databases.map(({ node, database }) => [node, database]));
}
