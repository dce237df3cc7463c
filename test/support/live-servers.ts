/** Real nginx and HAProxy on a node of a lab, with what can be done to them. They end with the lab. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host, HostProcess } from '../../src/demo/host.ts';
import type { Lab } from '../../src/demo/lab.ts';
import { linesOfProcess } from '../../src/demo/lines.ts';
import { now } from '../../src/demo/node.ts';
import { run } from '../../src/demo/run.ts';
import type { Instant } from '../../src/time.ts';

const LIMIT_MS = 20_000;

/** Services bind the VIP wherever it is, as how-tos tell one to arrange it. */
async function mayBindElsewhere(host: Host): Promise<void> {
  await host.run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind']);
}

export class LiveServer {
  readonly #host: Host;
  readonly #what: string;
  readonly #command: readonly string[];
  readonly #answers: () => Promise<unknown>;
  #process: HostProcess | null = null;

  constructor(host: Host, what: string, command: readonly string[], answers: () => Promise<unknown>) {
    this.#host = host;
    this.#what = what;
    this.#command = command;
    this.#answers = answers;
  }

  /** Comes back when it answers. */
  async start(): Promise<void> {
    const child = this.#host.spawn(this.#command);
    const said = linesOfProcess(`${this.#what} on ${this.#host.name}`, child);
    this.#process = child;
    const until = Date.now() + LIMIT_MS;
    for (;;) {
      try {
        await this.#answers();
        return;
      } catch (error) {
        if (Date.now() > until || child.exitCode !== null)
          throw new Error(`${this.#what} on ${this.#host.name}: ${error}\n${said.all.join('\n')}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** `kill -9`, with the workers. */
  async kill(): Promise<Instant> {
    const child = this.#process;
    if (child === null) throw new Error(`${this.#what} does not run on ${this.#host.name}`);
    this.#process = null;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const at = now();
    // It has a session of its own: the group is the master and its workers.
    process.kill(-child.pid, 'SIGKILL');
    await ended;
    return at;
  }

  /** A signal to the master alone. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }
}

/** Answers on every address of the node with the node's name. */
export async function nginxOn(lab: Lab, host: Host, port = 80): Promise<LiveServer> {
  const folder = folderOf(lab, host, 'nginx');
  const configuration = join(folder, 'nginx.conf');
  writeFileSync(
    configuration,
    [
      'daemon off; master_process on; worker_processes 1; user root;',
      `pid ${folder}/nginx.pid; error_log stderr warn;`,
      'events {}',
      'http {',
      `  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;`,
      `  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;`,
      `  server { listen ${port}; keepalive_timeout 0; add_header X-Served-By ${host.name};`,
      `    location / { return 200 "${host.name}"; } }`,
      '}',
      '',
    ].join('\n'),
  );
  return new LiveServer(host, 'nginx', ['nginx', '-c', configuration, '-p', folder], () =>
    host.run('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]),
  );
}

export interface HaproxySpec {
  /** lines of haproxy.cfg after `defaults` */
  readonly sections: readonly string[];
  /** a port of the node on which it listens, to know when it is there */
  readonly port: number;
}

/** In master-worker mode: SIGUSR2 reloads it. `reconfigure` first, for another configuration. */
export class LiveHaproxy extends LiveServer {
  readonly socket: string;
  readonly #configuration: string;
  readonly #host: Host;

  constructor(host: Host, folder: string, { sections, port }: HaproxySpec) {
    const configuration = join(folder, 'haproxy.cfg');
    super(host, 'haproxy', ['haproxy', '-W', '-db', '-f', configuration], () =>
      host.run('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]),
    );
    this.#host = host;
    this.#configuration = configuration;
    this.socket = join(folder, 'admin.sock');
    this.reconfigure(sections);
  }

  reconfigure(sections: readonly string[]): void {
    writeFileSync(
      this.#configuration,
      [
        'global',
        `  stats socket ${this.socket} mode 666 level admin`,
        '  maxconn 200',
        'defaults',
        '  timeout connect 1s',
        '  timeout client 10s',
        '  timeout server 10s',
        ...sections,
        '',
      ].join('\n'),
    );
  }

  /** A command of its socket. */
  async tell(command: string): Promise<string> {
    return run('socat', ['-', `UNIX-CONNECT:${this.socket}`], { input: `${command}\n` });
  }

  get node(): Host {
    return this.#host;
  }
}

export async function haproxyOn(lab: Lab, host: Host, spec: HaproxySpec): Promise<LiveHaproxy> {
  await mayBindElsewhere(host);
  return new LiveHaproxy(host, folderOf(lab, host, 'haproxy'), spec);
}

function folderOf(lab: Lab, host: Host, what: string): string {
  const folder = join(lab.folder, `${host.name}-${what}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
