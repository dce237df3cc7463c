/**
 * A real HAProxy on loopback ports and in a folder of its own: one process without a master, as `haproxy -sf` reloads
 * it, over a few databases that are only open ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';
import { freePort } from './servers.ts';

const READY_WITHIN_MS = 15_000;

export class RealHaproxy {
  readonly folder = mkdtempSync(join(tmpdir(), 'vipwatch-haproxy-'));
  readonly socket = join(this.folder, 'admin.sock');
  readonly stateFile = join(this.folder, 'state');
  readonly #listening: Server[] = [];
  #process: ChildProcess | null = null;
  /** with those that a reload replaced */
  readonly #all: ChildProcess[] = [];
  httpPort = 0;
  httpsPort = 0;
  cliPort = 0;

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** `servers`: lines of the backend `mysql`. */
  async start(servers: readonly string[], certificate: Certificate): Promise<void> {
    this.httpPort = await freePort();
    this.httpsPort = await freePort();
    this.cliPort = await freePort();
    writeFileSync(join(this.folder, 'page.pem'), certificate.cert + certificate.key);
    this.configure(servers);
    await this.#run([]);
  }

  configure(servers: readonly string[], { keepsState = false } = {}): void {
    const state = keepsState
      ? ['load-server-state-from-file global', `server-state-file ${this.stateFile}`]
      : [];
    const page = ['mode http', 'stats enable', 'stats uri /status', 'stats auth admin:geheim'];
    const parts: Record<string, readonly string[]> = {
      global: [
        'maxconn 200',
        `stats socket ${this.socket} mode 600 level admin`,
        `stats socket ipv4@127.0.0.1:${this.cliPort} level user`,
        'hard-stop-after 20s',
        ...state.slice(1),
      ],
      defaults: [
        'timeout connect 1s',
        'timeout client 30s',
        'timeout server 30s',
        'timeout http-keep-alive 30s',
        ...state.slice(0, 1),
      ],
      'frontend page': [`bind 127.0.0.1:${this.httpPort}`, ...page],
      'frontend page_tls': [
        `bind 127.0.0.1:${this.httpsPort} ssl crt ${join(this.folder, 'page.pem')}`,
        ...page,
      ],
      'listen mysql': ['mode tcp', `bind ${join(this.folder, 'mysql.sock')}`, ...servers],
    };
    const text = Object.entries(parts).map(([name, lines]) => `${[name, ...lines].join('\n  ')}\n`);
    writeFileSync(join(this.folder, 'haproxy.cfg'), text.join(''));
  }

  /** A new process takes the listening sockets over; the old one finishes its connections and ends. */
  async reload(): Promise<void> {
    await this.#run(['-sf', `${this.pid}`]);
  }

  /** What the socket answers. */
  async command(line: string): Promise<string> {
    const socket = connect(this.socket);
    socket.end(`${line}\n`);
    let text = '';
    for await (const bytes of socket) text += String(bytes);
    return text;
  }

  async saveState(): Promise<void> {
    writeFileSync(this.stateFile, await this.command('show servers state'));
  }

  /** A server that takes connections and says `text` on each; without one, nothing. */
  async listening(text = ''): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      if (text !== '') socket.end(text);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#listening.push(server);
    return (server.address() as AddressInfo).port;
  }

  async remove(): Promise<void> {
    for (const child of this.#all) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const server of this.#listening) server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(more: readonly string[]): Promise<void> {
    const child = spawn('haproxy', ['-db', '-f', join(this.folder, 'haproxy.cfg'), ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    child.stderr.on('data', (bytes) => {
      words += String(bytes);
    });
    this.#all.push(child);
    this.#process = child;
    const until = Date.now() + READY_WITHIN_MS;
    while (!(await this.#answers(child.pid))) {
      if (child.exitCode !== null) throw new Error(`haproxy ended: ${words}`);
      if (Date.now() > until) throw new Error(`haproxy does not answer: ${words}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #answers(pid: number | undefined): Promise<boolean> {
    try {
      return (await this.command('show info')).includes(`\nPid: ${pid}\n`);
    } catch {
      return false;
    }
  }
}
