/**
 * Real MariaDB servers for tests, each with a folder, an address of the loopback network and a port of its own. They run as
 * the user `mysql` where the tests run as root, as MariaDB refuses to be root. `root` has no password, on the socket alone.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';

const READY_WITHIN_MS = 45_000;
const IS_ROOT = process.getuid?.() === 0;

/** A data directory as it is after the installation, made once. */
let template: string | null = null;

export function templateFolder(): string {
  if (template !== null) return template;
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-mariadb-'));
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${folder}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--innodb-log-file-size=4M',
    ],
    { stdio: 'ignore' },
  );
  template = folder;
  return folder;
}

/** When no more servers are to be made. */
export function removeTemplate(): void {
  if (template !== null) rmSync(template, { recursive: true, force: true });
  template = null;
}

export class RealMariadb {
  readonly host: string;
  readonly folder = mkdtempSync(join(tmpdir(), 'vipwatch-mariadb-'));
  port = 0;
  readonly #args: (server: RealMariadb) => readonly string[];
  #process: ChildProcess | null = null;
  #admin: Connection | null = null;

  constructor(host: string, args: (server: RealMariadb) => readonly string[] = () => []) {
    this.host = host;
    this.#args = args;
    chmodSync(this.folder, 0o755);
    cpSync(templateFolder(), this.#data, { recursive: true });
  }

  get socket(): string {
    return join(this.folder, 'server.sock');
  }

  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  /** Started, not yet ready. The port stays the same when it is started again. */
  async launch(more: readonly string[] = []): Promise<void> {
    if (this.port === 0) this.port = await freePort(this.host);
    if (IS_ROOT) execFileSync('chown', ['-R', 'mysql', this.folder]);
    const log = openSync(join(this.folder, 'log'), 'a');
    this.#process = spawn(
      'mariadbd',
      [
        '--no-defaults',
        ...(IS_ROOT ? ['--user=mysql'] : []),
        `--datadir=${this.#data}`,
        `--socket=${this.socket}`,
        `--pid-file=${join(this.folder, 'pid')}`,
        `--bind-address=${this.host}`,
        `--port=${this.port}`,
        '--innodb-buffer-pool-size=16M',
        '--innodb-log-file-size=4M',
        '--innodb-flush-log-at-trx-commit=0',
        '--skip-name-resolve',
        ...this.#args(this),
        ...more,
      ],
      { stdio: ['ignore', log, log] },
    );
  }

  async ready(): Promise<void> {
    const until = Date.now() + READY_WITHIN_MS;
    for (;;) {
      try {
        await this.sql('SELECT 1');
        return;
      } catch (error) {
        if (this.#process?.exitCode !== null || Date.now() > until)
          throw new Error(`no MariaDB: ${error}\n${this.log.slice(-2_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** As root, one statement after the other; the rows of the last. */
  async sql(...statements: readonly string[]): Promise<unknown> {
    this.#admin ??= await this.#connect();
    try {
      let rows: unknown = null;
      for (const statement of statements) [rows] = await this.#admin.query(statement);
      return rows;
    } catch (error) {
      this.#admin.destroy();
      this.#admin = null;
      throw error;
    }
  }

  async #connect(): Promise<Connection> {
    const connection = await createConnection({ socketPath: this.socket, user: 'root' });
    connection.on('error', () => {
      this.#admin = null;
    });
    return connection;
  }

  /** As by a crash. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    this.#admin?.destroy();
    this.#admin = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Its kernel still takes connections, but nothing answers. */
  /** Resolves when none of its threads runs any more: the signal alone is sent, and a question just after it may be answered. */
  async freeze(): Promise<void> {
    const pid = this.#process?.pid;
    this.#process?.kill('SIGSTOP');
    const tasks = `/proc/${pid}/task`;
    const isStopped = (task: string) =>
      /^State:\s+T/m.test(readFileSync(join(tasks, task, 'status'), 'utf8'));
    while (pid !== undefined && !readdirSync(tasks).every(isStopped))
      await new Promise((resolve) => setTimeout(resolve, 1));
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** `port`: that one; throws where it is taken. */
export async function freePort(host: string, port = 0): Promise<number> {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
