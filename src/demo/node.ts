/**
 * A node of the lab: a host with real keepalived and a small web service, and what can be done to it.
 *
 * The truth is keepalived's own notify script: it writes each change of state with its time into a file. Verbs
 * return the time of the deed, in microseconds since the epoch, and, where keepalived is to do something, come back
 * when it has. What they wait for has a limit, and the error says what keepalived said instead.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Instant, instantFromUs } from '../time.ts';
import type { Host, HostProcess } from './host.ts';
import { instanceName, type KeepalivedSpec, keepalivedConf } from './keepalived.ts';
import { FollowedFile, type Lines, linesOfProcess } from './lines.ts';

export type KeepalivedState = 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP';

export interface Transition {
  readonly at: Instant;
  readonly instance: string;
  readonly state: string;
}

export interface Becoming {
  /** transitions before it do not count: the time of the deed */
  readonly after: Instant;
  /** any of them, unless named */
  readonly instance?: string;
  readonly limitMs?: number;
}

/** The longest that a healthy keepalived takes for anything here, on a machine that has other things to do. */
const LIMIT_MS = 20_000;
const SERVICE_PORT = 80;

export class LabNode {
  readonly host: Host;
  readonly #folder: string;
  readonly #programs: string;
  readonly #truth: FollowedFile;
  #spec: KeepalivedSpec;
  #keepalived: HostProcess | null = null;
  #log: Lines | null = null;
  #service: HostProcess | null = null;

  /** `folder` is the node's own; `programs` holds the compiled service. */
  constructor(host: Host, spec: KeepalivedSpec, folder: string, programs: string) {
    this.host = host;
    this.#spec = spec;
    this.#folder = folder;
    this.#programs = programs;
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.#file('transitions'), '');
    writeFileSync(
      this.#file('notify.sh'),
      // Of bash for its clock: no process more, where 30 of these run at once.
      `#!/bin/bash\necho "\${EPOCHREALTIME/./} $2 $3" >>${this.#file('transitions')}\n`,
    );
    chmodSync(this.#file('notify.sh'), 0o700);
    this.#truth = new FollowedFile(`${this.name}'s notify script`, this.#file('transitions'));
  }

  get name(): string {
    return this.host.name;
  }

  get address(): string {
    return this.host.address;
  }

  /** All that keepalived said of itself so far. */
  get transitions(): readonly Transition[] {
    return this.#truth.lines.all.map(transition);
  }

  /** The next time that keepalived takes this state after `after`. */
  async becomes(state: KeepalivedState, becoming: Becoming): Promise<Transition> {
    const instance = becoming.instance;
    try {
      return await this.#truth.lines.first(
        (line) => {
          const found = transition(line);
          const wanted =
            found.state === state &&
            found.at > becoming.after &&
            (instance === undefined || found.instance === instance);
          return wanted ? found : undefined;
        },
        {
          what: `${this.name} becomes ${state}${instance === undefined ? '' : ` in ${instance}`}`,
          limitMs: becoming.limitMs ?? LIMIT_MS,
        },
      );
    } catch (error) {
      const log = this.#log?.all.slice(-20).map((line) => `  ${line}`) ?? ['  (it was never started)'];
      throw new Error(`${messageOf(error)}\nkeepalived on ${this.name} said:\n${log.join('\n')}`);
    }
  }

  /** keepalived announces a second time 5 s after it took an address: whatever others announced before is outdone. */
  async announcesAgain(): Promise<void> {
    let times = 0;
    await this.#log?.first(
      (line) => (/Sending\/queueing gratuitous/.test(line) && ++times > 1 ? line : undefined),
      {
        what: `${this.name} announces its address for the second time`,
        limitMs: LIMIT_MS,
      },
    );
  }

  /** Starts keepalived; comes back when every instance is a backup that listens. */
  async start(): Promise<Instant> {
    if (this.#keepalived !== null) throw new Error(`keepalived runs on ${this.name} already`);
    this.#configure();
    const at = now();
    const child = this.host.spawn([
      'keepalived',
      '--dont-fork',
      '--log-console',
      '--log-detail',
      '--vrrp',
      `--use-file=${this.#file('keepalived.conf')}`,
      `--pid=${this.#file('keepalived.pid')}`,
      `--vrrp_pid=${this.#file('vrrp.pid')}`,
    ]);
    const log = linesOfProcess(`keepalived on ${this.name}`, child);
    child.once('exit', () => {
      if (this.#keepalived === child) this.#keepalived = null;
    });
    this.#keepalived = child;
    this.#log = log;
    for (const instance of this.#spec.instances) {
      await this.becomes('BACKUP', { after: at, instance: instanceName(instance) });
    }
    return at;
  }

  /** As `systemctl stop` does: priority 0 is sent. Comes back when the process has ended, a second later. */
  async stop(): Promise<Instant> {
    const child = this.#running();
    const at = now();
    child.kill('SIGTERM');
    await exitOf(child, this.name);
    return at;
  }

  /** `kill -9` of keepalived, parent and child: no priority 0, and the address stays on the interface. */
  async kill(): Promise<Instant> {
    const child = this.#running();
    // Stopped first: a living parent starts a dead child again, and a dead parent's child resigns properly.
    child.kill('SIGSTOP');
    const at = now();
    process.kill(this.#vrrpPid(), 'SIGKILL');
    child.kill('SIGKILL');
    await exitOf(child, this.name);
    // As a boot empties /run: keepalived will not start while a process of such a number is there, be it a zombie.
    for (const pidFile of ['keepalived.pid', 'vrrp.pid']) rmSync(this.#file(pidFile), { force: true });
    return at;
  }

  /** The processes stop where they are; the kernel goes on answering for the address. */
  freeze(): Instant {
    const at = now();
    this.#running().kill('SIGSTOP');
    process.kill(this.#vrrpPid(), 'SIGSTOP');
    return at;
  }

  thaw(): Instant {
    const at = now();
    process.kill(this.#vrrpPid(), 'SIGCONT');
    this.#running().kill('SIGCONT');
    return at;
  }

  /** A new configuration by SIGHUP; what changes by it is for the caller to await. */
  reload(spec: KeepalivedSpec): Instant {
    this.#spec = spec;
    this.#configure();
    const at = now();
    this.#running().kill('SIGHUP');
    return at;
  }

  /** The node's firewall drops VRRP, also in AH: what it would hear, what it would say, or both. */
  async dropVrrp(direction: 'in' | 'out' | 'both' = 'both'): Promise<Instant> {
    const chain = (name: string, hook: string) =>
      `chain ${name} { type filter hook ${hook} priority 0; meta l4proto { 112, 51 } drop; }`;
    const chains = [
      ...(direction === 'out' ? [] : [chain('deaf', 'input')]),
      ...(direction === 'in' ? [] : [chain('mute', 'output')]),
    ];
    const at = now();
    const table = `table inet ${TABLE}`;
    const rules = [`add ${table}`, `delete ${table}`, `${table} {`, ...chains, '}'];
    await this.host.run('nft', [rules.join('\n')]);
    return at;
  }

  async healVrrp(): Promise<Instant> {
    await this.host.run('nft', ['delete', 'table', 'inet', TABLE]);
    return now();
  }

  /** What one does by hand where hosts on the segment keep a stale ARP entry. */
  async announce(vip: string): Promise<Instant> {
    const at = now();
    await this.host.run('arping', ['-U', '-c', '1', '-I', 'eth0', vip]);
    return at;
  }

  /** A web service on every address of the node, the virtual ones too: it answers with the node's name. */
  async startService(): Promise<void> {
    const child = this.host.spawn([
      process.execPath,
      join(this.#programs, 'service.js'),
      this.name,
      String(SERVICE_PORT),
    ]);
    const said = linesOfProcess(`the service on ${this.name}`, child);
    this.#service = child;
    await said.first((line) => (line === 'listening' ? true : undefined), {
      what: `the service on ${this.name} listens`,
      limitMs: LIMIT_MS,
    });
  }

  async killService(): Promise<Instant> {
    const child = this.#service ?? raise(`no service runs on ${this.name}`);
    this.#service = null;
    const at = now();
    child.kill('SIGKILL');
    await exitOf(child, this.name);
    return at;
  }

  close(): void {
    this.#truth.close();
  }

  #configure(): void {
    writeFileSync(
      this.#file('keepalived.conf'),
      keepalivedConf(this.#spec, this.name, this.#file('notify.sh')),
    );
  }

  #running(): HostProcess {
    return this.#keepalived ?? raise(`keepalived does not run on ${this.name}`);
  }

  #vrrpPid(): number {
    const pid = Number.parseInt(readFileSync(this.#file('vrrp.pid'), 'utf8'), 10);
    return Number.isInteger(pid) && pid > 1 ? pid : raise(`keepalived on ${this.name} has written no pid`);
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}

const TABLE = 'vipwatch_lab';

/** Not later than now: what happens next carries a later time, in whoever's clock. */
export function now(): Instant {
  return instantFromUs(Date.now() * 1_000);
}

/** `1790000000123456 VI_51 MASTER` */
function transition(line: string): Transition {
  const [us = '0', instance = '', state = ''] = line.split(' ');
  return { at: instantFromUs(Number(us)), instance, state };
}

function exitOf(child: HostProcess, name: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`process ${child.pid} on ${name} has not ended within ${LIMIT_MS} ms`)),
      LIMIT_MS,
    );
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function raise(message: string): never {
  throw new Error(message);
}
