/** Of the demo nothing is left, however it ends; nothing of the machine is touched. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, it, vi } from 'vitest';
import { linesOfProcess } from '../../src/demo/lines.ts';
import { run } from '../../src/demo/run.ts';
import { describeLive } from '../support/live.ts';

const LIMIT_MS = 20_000;
const [program = '', ...words] = inject('live').installation.command;

describeLive('the demo', { concurrent: true, timeout: 60_000 }, () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'takes its lab down on %s, and says so',
    async (signal) => {
      const demo = await demoWithMaster();
      demo.child.kill(signal);
      expect(await demo.ended).toBe(130);
      expect(demo.lines.all.join('\n')).toContain(`${signal}: the lab is taken down.`);
      expect(await leftOf(demo.pid)).toEqual([]);
    },
  );

  it('leaves nothing when its whole process group is killed with kill -9', async () => {
    const demo = await demoWithMaster();
    process.kill(-demo.pid, 'SIGKILL');
    await demo.ended;
    // The warden goes to work only now.
    await vi.waitFor(async () => expect(await leftOf(demo.pid)).toEqual([]), { timeout: LIMIT_MS });
  });

  it('touches no interface and no setting of the machine', async () => {
    const before = machine();
    const demo = await demoWithMaster();
    expect(machine()).toEqual(before);
    demo.child.kill('SIGINT');
    await demo.ended;
    expect(machine()).toEqual(before);
  });
});

describe('where namespaces are not permitted', () => {
  it.skipIf(process.getuid?.() !== 0)(
    'the demo says what is missing, and tells the recorded acts',
    async () => {
      const { stdout, stderr } = await said([
        'setpriv',
        '--bounding-set=-sys_admin',
        program,
        ...words,
        'demo',
      ]);
      expect(stderr).toContain('no live demo here: network namespaces are not permitted here');
      expect(stdout).toContain('split-brain: a and b both hold 10.0.0.100');
    },
  );
});

async function demoWithMaster() {
  const child = spawn(program, [...words, 'demo'], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const { pid } = child;
  if (pid === undefined) throw new Error('the demo cannot be started');
  const lines = linesOfProcess('vipwatch demo', child);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (status) => resolve(status)));
  await lines.first((line) => (/lb1 is master/.test(line) ? line : undefined), {
    what: 'the demo has a master',
    limitMs: LIMIT_MS,
  });
  return { child, pid, lines, ended };
}

/** Namespaces, folders and processes of a demo's. */
async function leftOf(pid: number): Promise<readonly string[]> {
  const namespaces = (await run('ip', ['netns', 'list']))
    .split('\n')
    .filter((name) => name.startsWith(`vw${pid}-`));
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`vipwatch-lab-${pid}-`));
  const processes = readdirSync('/proc').filter((name) => commandLine(name).includes(`vipwatch-lab-${pid}-`));
  return [...namespaces, ...folders, ...processes.map((name) => commandLine(name))];
}

function commandLine(pid: string): string {
  try {
    return /^\d+$/.test(pid) ? readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ') : '';
  } catch {
    return '';
  }
}

/** Counters aside: interfaces with their states, routes, and the settings that labs change in their own namespaces. */
function machine() {
  const interfaces = readdirSync('/sys/class/net');
  return {
    interfaces: interfaces.map(
      (name) => `${name} ${readFileSync(`/sys/class/net/${name}/flags`, 'utf8').trim()}`,
    ),
    routes: readFileSync('/proc/net/route', 'utf8')
      .split('\n')
      .map((line) => line.split('\t').slice(0, 4).join(' ')),
    ipv6: readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8'),
  };
}

function said(command: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve) => child.once('close', () => resolve(texts)));
}
