/**
 * Who runs with which privileges, read from /proc while interfaces flap and captures die; signals and exit statuses. Started
 * as root, through the command itself. In place of main stands a script that captures as `observe` does.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectPrivileges, isAlive } from '../../support/privileges.ts';
import { advert, canMakeSegments, TestSegment } from './segment.ts';

const root = new URL('../../..', import.meta.url).pathname;
const STAND_IN = new URL('./stand-in-main.js', import.meta.url).pathname;

describe.skipIf(!canMakeSegments())('the launcher', () => {
  /** The package as it would be installed, but with the stand-in for main. */
  let folder: string;
  let segment: TestSegment;
  let running: Running | null = null;

  beforeAll(() => {
    execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
    folder = mkdtempSync(join(tmpdir(), 'vipwatch-installed-'));
    chmodSync(folder, 0o755);
    for (const part of ['bin', 'dist', 'package.json']) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    cpSync(STAND_IN, join(folder, 'dist/cli/main.js'));
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(() => {
    segment = new TestSegment();
    segment.addCable();
  });
  afterEach(async () => {
    await running?.remove();
    running = null;
    await segment.remove();
  });

  const environment = () => ({
    PATH: process.env.PATH ?? '',
    STATE_DIRECTORY: join(folder, 'state'),
    RUNTIME_DIRECTORY: join(folder, 'run'),
  });

  function start(command: readonly string[], env: Record<string, string> = environment()): Running {
    running = new Running(
      spawn('ip', segment.within(...command), { stdio: ['ignore', 'pipe', 'pipe'], env }),
    );
    return running;
  }

  const observe = (...args: readonly string[]) => [
    join(folder, 'bin/vipwatch.js'),
    'observe',
    '-i',
    'va0',
    ...args,
  ];

  it('leaves CAP_NET_RAW to itself and to captures, and root to nobody, whatever happens', async () => {
    const vipwatch = start(observe());
    await vipwatch.until((said) => said.reason === 'started');
    vipwatch.expectPrivileges();
    for (const disturb of [
      () => flap(segment),
      () => process.kill(vipwatch.capture, 'SIGKILL'),
      () => flap(segment),
      () => process.kill(vipwatch.capture, 'SIGSTOP'),
    ]) {
      const before = vipwatch.said.length;
      disturb();
      await vipwatch.until((said) => said.reason === 'resumed', before);
      vipwatch.expectPrivileges();
    }
    await segment.inject(advert());
    await vipwatch.until((said) => said.bytes === advert().toString('hex'));
  });

  it('gives main its arguments, and ends with main’s status, its captures and its socket', async () => {
    const vipwatch = start(observe('--user', 'nobody', '--an-option'));
    await vipwatch.until((said) => said.reason === 'started');
    expect(vipwatch.said[0]?.argv).toEqual(['observe', '-i', 'va0', '--user', 'nobody', '--an-option']);
    const processes = vipwatch.processes();
    expect(processes).toHaveLength(3);
    const sockets = () => readdirSync(join(folder, 'run')).length;
    const socketsBefore = sockets();
    vipwatch.child.kill('SIGTERM');
    expect(await vipwatch.ended).toBe(7);
    expect(processes.filter(isAlive)).toEqual([]);
    expect(sockets()).toBe(socketsBefore - 1);
  });

  it('is started by the command of the same name without it, which becomes the same user', async () => {
    const script = `
      const { startUnprivileged } = await import('${folder}/dist/capture/live/start-unprivileged.js');
      process.exit(await startUnprivileged(['observe', '-i', 'va0']));`;
    const vipwatch = start([process.execPath, '--input-type=module', '--eval', script]);
    await vipwatch.until((said) => said.reason === 'started');
    const waiting = readFileSync(`/proc/${vipwatch.child.pid}/status`, 'utf8');
    const launcher = readFileSync(`/proc/${vipwatch.main}/status`, 'utf8');
    const users = /^[UG]id:.*$/gm;
    expect(waiting.match(users)).toEqual(launcher.match(users));
    expect(waiting).toMatch(/^CapPrm:\s+0+$/m);
    vipwatch.child.kill('SIGTERM');
    expect(await vipwatch.ended).toBe(7);
  });

  it('ends everything when main is killed', async () => {
    const vipwatch = start(observe());
    await vipwatch.until((said) => said.reason === 'started');
    const processes = vipwatch.processes();
    process.kill(vipwatch.main, 'SIGKILL');
    expect(await vipwatch.ended).toBe(137);
    expect(processes.filter(isAlive)).toEqual([]);
  });

  it('takes main along when it is killed itself', async () => {
    const vipwatch = start(observe());
    await vipwatch.until((said) => said.reason === 'started');
    const { main, capture } = vipwatch;
    vipwatch.child.kill('SIGKILL');
    // Its output ends when the last process that could write to it has ended.
    await once(vipwatch.child, 'close');
    expect([main, capture].filter(isAlive)).toEqual([]);
  });

  it('passes SIGHUP on, and the first SIGINT as SIGTERM, for a terminal sends SIGINT to main too', async () => {
    const vipwatch = start(observe());
    await vipwatch.until((said) => said.reason === 'started');
    vipwatch.child.kill('SIGHUP');
    await vipwatch.until((said) => said.signal === 'SIGHUP');
    vipwatch.child.kill('SIGINT');
    expect(await vipwatch.ended).toBe(7);
    expect(vipwatch.said.filter((said) => said.signal === 'SIGINT')).toEqual([]);
  });

  it('ends a main that does not, at the second SIGINT', async () => {
    const vipwatch = start(observe());
    await vipwatch.until((said) => said.reason === 'started');
    const processes = vipwatch.processes();
    process.kill(vipwatch.main, 'SIGSTOP');
    vipwatch.child.kill('SIGINT');
    vipwatch.child.kill('SIGINT');
    // Two at once may be delivered as one.
    while (vipwatch.child.exitCode === null && processes.some(isAlive)) {
      vipwatch.child.kill('SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await vipwatch.ended).toBe(137);
    expect(processes.filter(isAlive)).toEqual([]);
  });

  it('runs as the user that systemd chose, with what systemd gave', async () => {
    mkdirSync(join(folder, 'daemon'), { recursive: true });
    chmodSync(join(folder, 'daemon'), 0o777);
    const vipwatch = start(
      [
        ...['setpriv', '--reuid=1', '--regid=1', '--clear-groups', '--no-new-privs'],
        ...['--bounding-set=-all,+net_raw', '--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw'],
        ...observe(),
      ],
      { PATH: process.env.PATH ?? '', RUNTIME_DIRECTORY: join(folder, 'daemon') },
    );
    await vipwatch.until((said) => said.reason === 'started');
    vipwatch.expectPrivileges(1);
  });

  it('tells main that it may not capture where nobody gave it the privilege', async () => {
    const vipwatch = start(
      ['setpriv', '--reuid=1', '--regid=1', '--clear-groups', '--inh-caps=-all', ...observe()],
      { PATH: process.env.PATH ?? '' },
    );
    await vipwatch.until((said) => said.reason === 'not-permitted');
    expect(vipwatch.said[0]?.permitted).toBe(false);
  });

  it('says where to install it when the user could not read it', () => {
    chmodSync(folder, 0o700);
    const { status, stderr } = spawnSync('ip', segment.within(...observe('--user', 'nobody')), {
      encoding: 'utf8',
      env: environment(),
    });
    chmodSync(folder, 0o755);
    expect(status).toBe(2);
    expect(stderr).toContain(
      `it would run as nobody, who cannot read ${folder}/dist/capture/live/launcher.js`,
    );
    expect(stderr).toContain('/opt/vipwatch');
  });

  it.each([
    ['--user=root', 'root is root'],
    ['--user=no-such-user', 'there is no user no-such-user'],
  ])('refuses %s', (option, reason) => {
    const { status, stderr } = spawnSync(join(folder, 'bin/vipwatch.js'), ['observe', option], {
      encoding: 'utf8',
      env: environment(),
    });
    expect(status).toBe(2);
    expect(stderr).toContain(reason);
  });

  it('refuses a folder of another user, and says how to give it away', () => {
    const theirs = join(folder, 'theirs');
    mkdirSync(theirs);
    const { status, stderr } = spawnSync(join(folder, 'bin/vipwatch.js'), ['observe', '--user=nobody'], {
      encoding: 'utf8',
      env: { ...environment(), STATE_DIRECTORY: theirs },
    });
    expect(status).toBe(2);
    expect(stderr).toContain(`chown -R nobody ${theirs}`);
  });
});

function flap(segment: TestSegment): void {
  segment.ip('link', 'set', 'va0', 'down');
  segment.ip('link', 'set', 'va0', 'up');
}

type Said = Readonly<Record<string, unknown>>;

/** The command, which becomes the launcher, and what main says on its stdout. */
class Running {
  readonly child: ChildProcess;
  readonly said: Said[] = [];
  readonly ended: Promise<number | null>;
  #wanted: (() => void) | null = null;
  #stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.ended = once(child, 'exit').then(([status]) => status as number | null);
    child.stderr?.on('data', (text) => {
      this.#stderr += text;
    });
    if (child.stdout === null) throw new Error('stdout is no pipe');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line));
      this.#wanted?.();
    });
    child.on('exit', () => this.#wanted?.());
  }

  async until(found: (said: Said) => boolean, from = 0): Promise<void> {
    for (;;) {
      if (this.said.slice(from).some(found)) return;
      if (this.child.exitCode !== null) throw new Error(`it ended: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
    }
  }

  get main(): number {
    return Number(this.said[0]?.main);
  }

  get capture(): number {
    const capture = this.processes().find((pid) => pid !== this.main && pid !== this.child.pid);
    if (capture === undefined) throw new Error('there is no capture process');
    return capture;
  }

  /** Of launcher, main and capture, as it is this moment. */
  expectPrivileges(uid?: number): void {
    const processes = this.processes();
    expect(processes).toHaveLength(3);
    expectPrivileges(processes, this.main, uid);
  }

  /** Those that live, the launcher first. */
  processes(): number[] {
    const launcher = this.child.pid ?? 0;
    const children = readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8');
    return [launcher, ...children.split(' ').filter(Boolean).map(Number)].filter(isAlive);
  }

  async remove(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    for (const pid of this.processes().reverse()) process.kill(pid, 'SIGKILL');
    await this.ended;
  }
}
