/**
 * Real servers of time series for tests: InfluxDB 1 and VictoriaMetrics, on loopback ports and in folders of their own.
 * Started by path, stopped by their process; nothing of the machine's own services is touched.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InfluxSettings } from '../../src/sinks/influx-settings.ts';

export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

const READY_WITHIN_MS = 30_000;

abstract class RealServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'vipwatch-server-'));
  port = 0;
  protected process: ChildProcess | null = null;

  protected abstract command(): readonly string[];

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  /** Ready once it answers a ping. The port stays the same when it is started again. */
  async start(): Promise<void> {
    if (this.port === 0) this.port = await freePort();
    const [program = '', ...args] = this.command();
    const child = spawn(program, args, { stdio: 'ignore' });
    this.process = child;
    const until = Date.now() + READY_WITHIN_MS;
    while (!(await answersPing(this.url))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with status ${child.exitCode}`);
      if (Date.now() > until) throw new Error(`${program} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** It keeps its connections and takes new ones, but answers nothing until it is resumed. */
  suspend(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface InfluxOptions {
  /** its data is in a file system of so many MB, which nobody but it sees */
  readonly diskMb?: number;
  readonly auth?: boolean;
}

export class RealInflux extends RealServer {
  readonly #options: InfluxOptions;
  #backupPort = 0;
  /** keeps the disk while the server is down */
  #holder: ChildProcess | null = null;

  constructor(options: InfluxOptions = {}) {
    super();
    this.#options = options;
  }

  override async start(): Promise<void> {
    if (this.#backupPort === 0) this.#backupPort = await freePort();
    if (this.#options.diskMb !== undefined)
      this.#holder ??= await diskHolder(this.#data, this.#options.diskMb);
    await super.start();
  }

  protected command(): readonly string[] {
    const { auth = false } = this.#options;
    mkdirSync(this.#data, { recursive: true });
    const config = join(this.folder, 'influxdb.conf');
    writeFileSync(
      config,
      `reporting-disabled = true
bind-address = "127.0.0.1:${this.#backupPort}"
[meta]
  dir = "${this.folder}/meta"
[data]
  dir = "${this.#data}/data"
  wal-dir = "${this.#data}/wal"
[http]
  bind-address = "127.0.0.1:${this.port}"
  log-enabled = false
  auth-enabled = ${auth}
[monitor]
  store-enabled = false
`,
    );
    const program = ['influxd', '-config', config];
    return this.#holder === null
      ? program
      : ['nsenter', '--mount', '--target', `${this.#holder.pid}`, ...program];
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  /** Its disk, as it sees it. */
  get disk(): string {
    return `/proc/${this.#holder?.pid}/root${this.#data}`;
  }

  override async remove(): Promise<void> {
    await this.kill();
    this.#holder?.kill('SIGKILL');
    await super.remove();
  }
}

/** A process whose mounts, which nobody else sees, hold a small file system at `folder`. */
async function diskHolder(folder: string, megabytes: number): Promise<ChildProcess> {
  mkdirSync(folder, { recursive: true });
  const script = `mount -t tmpfs -o size=${megabytes}m tmpfs "$1" && echo mounted && exec sleep infinity`;
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

export class RealVictoriaMetrics extends RealServer {
  protected command(): readonly string[] {
    return [
      'victoria-metrics',
      `-storageDataPath=${join(this.folder, 'data')}`,
      `-httpListenAddr=127.0.0.1:${this.port}`,
      '-retentionPeriod=100y',
      '-loggerLevel=ERROR',
    ];
  }
}

/** A file system of one's own can be mounted: as root, where namespaces are permitted. */
export function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Stands before a server: passes everything on, late, or nothing at all. */
export class Passage {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #to: number;
  #count = 0;
  port = 0;
  /** each piece waits so long */
  delayMs = 0;
  /** takes connections and bytes, and passes none of them on */
  swallows = false;

  constructor(to: number) {
    this.#to = to;
    this.#server = createServer((near) => this.#join(near));
  }

  async open(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  /** Refuses connections, and breaks those there are. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Breaks what is under way. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Pieces of requests that have come. */
  get count(): number {
    return this.#count;
  }

  #join(near: Socket): void {
    const far = tcpConnect(this.#to, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (bytes) => {
        if (from === near) this.#count++;
        if (!this.swallows) setTimeout(() => to.destroyed || to.write(bytes), this.delayMs);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}

export function settingsFor(url: string, more: Partial<InfluxSettings> = {}): InfluxSettings {
  return {
    url,
    version: 1,
    database: 'vipwatch',
    org: null,
    token: null,
    user: null,
    password: null,
    retentionPolicy: null,
    retention: 'INF',
    ca: null,
    insecure: false,
    ...more,
  };
}

async function answersPing(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(1_000) });
    return status === 204;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
