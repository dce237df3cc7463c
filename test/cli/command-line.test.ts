/** The built command at a real terminal's edges: exit statuses, what goes to stdout and stderr, closed pipes. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const cli = join(root, 'dist/cli/main.js');
const failover = join(root, 'demo/failover.pcap');
const splitBrain = join(root, 'demo/split-brain.pcap');
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-test-'));

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function vipwatch(args: readonly string[], input: Uint8Array = Buffer.alloc(0), environment = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    input,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TZ: 'UTC', ...environment },
  });
  return { status, stdout, stderr };
}

/** A file of the test's own, by its name in the folder where the command runs. */
function file(name: string, content: Uint8Array | string): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const jsonl = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('a configuration of another segment', () => {
  it('is remarked upon: its virtual router would match nothing', () => {
    const config = file(
      'other-segment.yaml',
      'cluster: web\nnodes:\n  - name: n2\n    addresses: [172.20.0.2]\nvirtualRouters:\n  - vrid: 172\n    segment: eth0\n    vips: [172.20.0.110]\n',
    );
    const { status, stderr } = vipwatch(['replay', '-c', config, failover]);
    expect(status).toBe(0);
    expect(stderr).toContain(
      'virtual router 172 is configured on eth0, but what was recorded is called replay: try --segment eth0',
    );
    expect(vipwatch(['replay', '-c', config, '--segment', 'eth0', failover]).stderr).toBe('');
  });
});

describe('vipwatch', () => {
  it('says its version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(vipwatch(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('explains itself', () => {
    for (const args of [['--help'], ['replay', '--help'], ['decode', '--help']]) {
      const { status, stdout, stderr } = vipwatch(args);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain('Examples:');
    }
  });

  it.each([
    [[], 'Usage: vipwatch'],
    [['watch'], "unknown command 'watch'"],
    [['replay'], "missing required argument 'file'"],
    [['replay', '--colour', 'x.pcap'], "unknown option '--colour'"],
    [['replay', '--format', 'xml', 'x.pcap'], 'Allowed choices are text, jsonl, lp'],
    [['replay', '--utc', '--relative', 'x.pcap'], "option '--relative' cannot be used with option '--utc'"],
    [['decode', '--format', 'lp', 'x.pcap'], 'Allowed choices are text, jsonl'],
  ])('refuses %j with status 2, on stderr', (args, message) => {
    const { status, stdout, stderr } = vipwatch(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('vipwatch replay', () => {
  it('tells a failover to a person', () => {
    const { status, stdout, stderr } = vipwatch(['replay', '--segment', 'eth0', failover]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^00:21:07\.052 {2}WARN {2}vr:eth0\/ipv4\/172 +172\.20\.0\.110 moved from 172\.20\.0\.2 to 172\.20\.0\.3 after 3\.65 s of silence$/m,
    );
    expect(stdout).toMatch(/^ {2}failovers {3}2: 1 silence, 1 preemption$/m);
    expect(stdout).toMatch(/^Read 90 frames, /m);
    expect(stdout).not.toContain('\x1b');
  });

  it('calls nodes by their names where a configuration has them', () => {
    const { stdout } = vipwatch(['replay', '-c', join(root, 'demo/failover.yaml'), failover]);
    expect(stdout).toContain('172.20.0.110 moved from n2 to n3 after 3.65 s of silence');
    expect(stdout).toMatch(/held by +n2 +\d/);
  });

  it('tells a split-brain, in order of time, and what to do about it', () => {
    const { stdout } = vipwatch(['replay', '--relative', splitBrain]);
    expect(stdout).toMatch(
      /^ {4}12\.295 s {2}CRIT {2}vr:replay\/ipv4\/51 .*split-brain: 10\.0\.0\.1 and 10\.0\.0\.2 both hold 10\.0\.0\.100/m,
    );
    expect(stdout).toMatch(/^ *[\d.]+ s {2}END {3}vr:replay\/ipv4\/51 .*split-brain/m);
    expect(stdout).toContain('The nodes do not hear each other');
    const times = [...stdout.matchAll(/^ *([\d.]+) s {2}(INFO|WARN|CRIT|END )/gm)].map(([, time]) =>
      Number(time),
    );
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('prints one JSON object an event, numbered, nothing else', () => {
    const { status, stdout, stderr } = vipwatch(['replay', '--format', 'jsonl', failover]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const events = jsonl(stdout);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.filter(({ kind }) => kind === 'failover')).toMatchObject([
      { time: '2026-11-21T00:21:07.052261Z', subject: 'vr:replay/ipv4/172', details: { cause: 'silence' } },
      {
        time: '2026-11-21T00:21:21.808852Z',
        details: { cause: 'preemption', from: '172.20.0.3', to: '172.20.0.2' },
      },
    ]);
  });

  it('prints the same bytes each time', () => {
    const run = () => vipwatch(['replay', '--format', 'jsonl', failover, splitBrain]).stdout;
    expect(run()).toBe(run());
  });

  it('prints line protocol: events and samples', () => {
    const { status, stdout } = vipwatch(['replay', '--format', 'lp', failover]);
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => !/^(timeline|vrrp|vip),\S+=\S+ \S.* 1795\d{15}$/.test(line))).toEqual([]);
    expect(lines.some((line) => line.startsWith('timeline,kind=failover,'))).toBe(true);
    expect(lines.some((line) => line.startsWith('vrrp,'))).toBe(true);
  });

  it('reads stdin and gzip', () => {
    const recording = readFileSync(failover);
    const expected = vipwatch(['replay', '--format', 'jsonl', failover]).stdout;
    expect(vipwatch(['replay', '--format', 'jsonl', '-'], recording).stdout).toBe(expected);
    expect(vipwatch(['replay', '--format', 'jsonl', '-'], gzipSync(recording)).stdout).toBe(expected);
    expect(vipwatch(['replay', '--format', 'jsonl', file('x.pcap.gz', gzipSync(recording))]).stdout).toBe(
      expected,
    );
  });

  it('takes what a truncated file holds, and warns with its name and the byte', () => {
    const cut = file('cut.pcap', readFileSync(failover).subarray(0, 3_000));
    for (const format of ['text', 'jsonl', 'lp']) {
      const { status, stdout, stderr } = vipwatch(['replay', '--format', format, cut]);
      expect(status).toBe(0);
      expect(stdout).not.toBe('');
      expect(stderr).toMatch(/^vipwatch: warning: cut\.pcap: at byte \d+: .*\n$/);
    }
  });

  it.each([
    ['a file that is not there', 'nowhere.pcap', /nowhere\.pcap: no such file/],
    ['text', file('notes.txt', 'hello, world\n'), /notes\.txt: .*text.*expected a pcap/],
    ['an empty file', file('empty.pcap', ''), /empty\.pcap: .*empty/],
    ['a folder', '.', /^vipwatch: \.: .*directory/],
  ])('refuses %s with status 2', (_, path, message) => {
    const { status, stdout, stderr } = vipwatch(['replay', path]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });

  it('refuses a wrong configuration with every problem and its line', () => {
    const config = file('wrong.yaml', 'cluster: web\nvirtualRouters:\n  - vrid: 0\n    vip: 10.0.0.1\n');
    const { status, stdout, stderr } = vipwatch(['replay', '-c', config, failover]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /wrong\.yaml:3: virtualRouters\[0\]\.vrid: .*\nwrong\.yaml:4: virtualRouters\[0\]\.vip: unknown key/,
    );
  });

  it('says how to record where there is nothing to tell', () => {
    const { status, stdout } = vipwatch([
      'replay',
      file('header.pcap', readFileSync(failover).subarray(0, 24)),
    ]);
    expect(status).toBe(0);
    expect(stdout).toContain('The recording is empty.');
    expect(stdout).toContain("tcpdump -i eth0 -w segment.pcap 'ip proto 112");
  });

  it('says that claims cannot be judged where no ARP was recorded', () => {
    const adverts = withoutArp(readFileSync(failover));
    const { stdout } = vipwatch(['replay', file('adverts.pcap', adverts)]);
    expect(stdout).toContain('claims cannot be judged');
    expect(stdout).not.toContain('garp-missing of');
    expect(vipwatch(['replay', failover]).stdout).not.toContain('claims cannot be judged');
  });

  it('is coloured where FORCE_COLOR asks for it, and only on stdout’s text', () => {
    expect(vipwatch(['replay', failover], undefined, { FORCE_COLOR: '1' }).stdout).toContain(
      '\x1b[33mWARN\x1b[0m',
    );
    expect(vipwatch(['replay', failover], undefined, { NO_COLOR: '1' }).stdout).not.toContain('\x1b');
    expect(
      vipwatch(['replay', '--format', 'jsonl', failover], undefined, { FORCE_COLOR: '1' }).stdout,
    ).not.toContain('\x1b');
  });
});

describe('vipwatch decode', () => {
  it('prints adverts and claims, one a line', () => {
    const { status, stdout, stderr } = vipwatch(['decode', failover]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n')[0]).toBe(
      '00:20:57.401479  replay  172.20.0.2 > 224.0.0.18: VRRPv2 vrid 172, prio 100, every 1000 ms, id 1, auth simple, addresses 172.20.0.110',
    );
    expect(stdout).not.toContain('1234');
  });

  it('prints JSON lines that name the segment', () => {
    const { stdout } = vipwatch(['decode', '--format', 'jsonl', '--segment', 'eth0', failover]);
    const types = new Set(jsonl(stdout).map(({ type, segment }) => `${type} ${segment}`));
    expect([...types].sort()).toEqual(['advert eth0', 'claim eth0']);
  });

  it('is quiet when its reader goes', async () => {
    // More than any pipe holds, so that writing goes on after the reader has gone.
    const large = file('large.pcap', manyTimes(readFileSync(failover), 300));
    const child = spawn(process.execPath, [cli, 'decode', '--format', 'jsonl', large], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

it('the recorded demo tells of a failover and of a split-brain, with what was done to the nodes', () => {
  const { status, stdout } = vipwatch(['demo', '--recorded']);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /kill -9 at 10\.4 s[\s\S]*moved from n2 to n3[\s\S]*a firewall dropped VRRP[\s\S]*split-brain: a and b/,
  );
});

/** The recording with its records `count` times over. */
function manyTimes(recording: Buffer, count: number): Buffer {
  const records = recording.subarray(24);
  return Buffer.concat([recording.subarray(0, 24), ...Array.from({ length: count }, () => records)]);
}

function withoutArp(recording: Buffer): Buffer {
  const kept = [recording.subarray(0, 24)];
  for (let at = 24; at < recording.length; ) {
    const length = 16 + recording.readUInt32LE(at + 8);
    if (recording.readUInt16BE(at + 16 + 12) !== 0x0806) kept.push(recording.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(kept);
}
