/**
 * A real InfluxDB 1 for tests: on a loopback port of its own, in a temporary folder, ended by its process id.
 * Nothing of the machine's own InfluxDB is touched.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fastTempFolder } from './temp-folder.ts';

/** One series of an answer, as InfluxDB gives it. */
export interface Series {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly (string | number | boolean | null)[])[];
}

export const INFLUXD_MISSING = spawnSync('influxd', ['version']).error !== undefined;

const STARTS_WITHIN_MS = 20_000;

export class Influxd {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(): Promise<Influxd> {
    const folder = fastTempFolder('influxd');
    const [http, rpc] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'influxdb.conf'), settings(folder, http, rpc));
    const child = spawn('influxd', ['-config', join(folder, 'influxdb.conf')], { stdio: 'ignore' });
    const influxd = new Influxd(`http://127.0.0.1:${http}`, child, folder);
    const until = Date.now() + STARTS_WITHIN_MS;
    while (!(await influxd.#answers())) {
      if (child.exitCode !== null || Date.now() > until) {
        await influxd.stop();
        throw new Error('influxd does not start');
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return influxd;
  }

  async #answers(): Promise<boolean> {
    return fetch(`${this.url}/ping`).then(
      (response) => response.status === 204,
      () => false,
    );
  }

  async write(database: string, lines: readonly string[]): Promise<void> {
    await this.query('', `CREATE DATABASE "${database}"`);
    const response = await fetch(`${this.url}/write?db=${database}`, {
      method: 'POST',
      body: lines.join('\n'),
    });
    if (response.status !== 204) throw new Error(`influxd: ${response.status} ${await response.text()}`);
  }

  /** The series of one statement; times in ms. Throws what InfluxDB says is wrong with it. */
  async query(database: string, statement: string): Promise<readonly Series[]> {
    const parameters = new URLSearchParams({ db: database, epoch: 'ms', q: statement });
    const response = await fetch(`${this.url}/query`, { method: 'POST', body: parameters });
    const answer = (await response.json()) as {
      error?: string;
      results?: { error?: string; series?: Series[] }[];
    };
    const [result] = answer.results ?? [];
    const error = answer.error ?? result?.error;
    if (error !== undefined) throw new Error(`${error}\n${statement}`);
    return result?.series ?? [];
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function settings(folder: string, http: number, rpc: number): string {
  return `
reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
dir = "${folder}/meta"
[data]
dir = "${folder}/data"
wal-dir = "${folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:${http}"
log-enabled = false
`;
}
