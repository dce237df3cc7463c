/** The built commands that read the journal or ask the daemon, on real recordings' events. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readRecordings } from '../../src/capture/recordings.ts';
import { readConfiguration } from '../../src/config/read.ts';
import { ControlServer } from '../../src/control/server.ts';
import type { TimelineEvent } from '../../src/events.ts';
import { Journal } from '../../src/journal/journal.ts';
import { Observer } from '../../src/observer/observer.ts';
import { type Instant, plusUs, SECOND } from '../../src/time.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { statusDocument } from '../../src/timeline/status.ts';

const root = new URL('../..', import.meta.url).pathname;
const cli = join(root, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-commands-'));
const path = join(folder, 'journal.db');
const socket = join(folder, 'control.sock');
let events: readonly TimelineEvent[];

beforeAll(async () => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
  const { observer: configuration } = readConfiguration(join(root, 'demo/split-brain.yaml'), {});
  events = await storyOf('demo/split-brain.pcap', new Observer({ configuration }));
  const journal = Journal.open(path);
  journal.append(events, [], lastOf(events));
  journal.close();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const servers: ControlServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function storyOf(recording: string, observer: Observer): Promise<readonly TimelineEvent[]> {
  const story: TimelineEvent[] = [];
  await readRecordings([join(root, recording)], {
    segment: 'eth0',
    onObservation: (observation) => story.push(...observer.observe(observation)),
  });
  return story;
}

function lastOf(story: readonly TimelineEvent[]): Instant {
  const last = story.at(-1);
  if (last === undefined) throw new Error('the recording tells nothing');
  return plusUs(last.detectedAt, SECOND);
}

interface Daemon {
  readonly commit: (event: TimelineEvent) => void;
  readonly followers: () => number;
}

/** A daemon as far as its socket tells. */
async function daemon(open: readonly TimelineEvent[] = []): Promise<Daemon> {
  const journalled: JournalledEvent[] = events.map((event, i) => ({ seq: i + 1, event, incident: null }));
  const listeners = new Set<(news: readonly JournalledEvent[]) => void>();
  const now = lastOf(events);
  const server = await ControlServer.listen(socket, {
    silences: () => null,
    status: () =>
      statusDocument({
        now,
        host: 'mon1',
        release: '9.9.9',
        startedAt: now,
        captures: [{ name: 'eth0', seeing: true, reason: 'started', since: now, received: 1, dropped: 0 }],
        routers: [],
        services: [],
        proxies: [],
        databases: [],
        events,
        open,
        health: { delayMs: 1, waiting: 0, lastSeq: events.length },
      }),
    events: ({ afterSeq = 0, limit }) => journalled.filter(({ seq }) => seq > afterSeq).slice(0, limit),
    lastSeq: () => journalled.length,
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  servers.push(server);
  return {
    commit(event) {
      const news = { seq: journalled.length + 1, event, incident: null };
      journalled.push(news);
      for (const listener of listeners) listener([news]);
    },
    followers: () => listeners.size,
  };
}

function start(args: readonly string[]) {
  return spawn(process.execPath, [cli, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, TZ: 'UTC', HOME: folder, STATE_DIRECTORY: join(folder, 'none') },
  });
}

async function vipwatch(...args: readonly string[]) {
  const child = start(args);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece) => {
    stdout += String(piece);
  });
  child.stderr.on('data', (piece) => {
    stderr += String(piece);
  });
  const [status] = await once(child, 'close');
  return { status, stdout, stderr };
}

describe('vipwatch timeline', () => {
  it('tells the journal in order of time', async () => {
    const { status, stdout } = await vipwatch('timeline', '--journal', path);
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(events.length + 1);
    const times = lines.slice(1).map((line) => line.slice(0, 12));
    expect(times).toEqual([...times].sort());
    expect(lines[2]).toBe(
      '00:21:41.507  CRIT  vr:eth0/ipv4/51      split-brain: a and b both hold 10.0.0.100, b does not yield',
    );
  });

  it('gives jsonl as replay does, by seq', async () => {
    const { stdout } = await vipwatch('timeline', '--journal', path, '--format', 'jsonl');
    const replayed = await vipwatch(
      ...['replay', '--format', 'jsonl', '--segment', 'eth0', '-c', join(root, 'demo/split-brain.yaml')],
      join(root, 'demo/split-brain.pcap'),
    );
    expect(stdout).toBe(replayed.stdout);
  });

  it('gives csv with quotes where they are needed', async () => {
    const { stdout } = await vipwatch(
      'timeline',
      '--journal',
      path,
      '--format',
      'csv',
      '--kind',
      'split-brain',
    );
    const [head, begin, end, ...rest] = stdout.trimEnd().split('\n');
    expect(head).toBe(
      'seq,time,detectedAt,kind,phase,severity,cluster,subject,summary,id,beginId,about,details',
    );
    expect(begin).toMatch(
      /^3,2026-11-21T00:21:41\.507818Z,.*,split-brain,begin,critical,pair,vr:eth0\/ipv4\/51,"split-brain: a and b both hold 10\.0\.0\.100, b does/,
    );
    expect(end).toMatch(/^4,/);
    expect(rest).toEqual([]);
  });

  it('filters', async () => {
    const seqs = async (...args: readonly string[]) => {
      const { stdout } = await vipwatch('timeline', '--journal', path, '--format', 'jsonl', '--utc', ...args);
      return [...stdout.matchAll(/^\{"seq":(\d+)/gm)].map(([, seq]) => Number(seq));
    };
    expect(await seqs('--severity', 'warning')).toEqual([3, 4, 5]);
    expect(await seqs('--subject', '51')).toEqual([1, 3, 4]);
    expect(await seqs('--until', '2026-11-21 00:21:40')).toEqual([1]);
    expect(await seqs('--since', '2026-11-21 00:21:50', '--kind', 'master-seen,garp-missing')).toEqual([5]);
    expect(await seqs('--cluster', 'nobody')).toEqual([]);
  });

  it.each([
    [['--since', 'soon'], '--since soon: expected a time such as 2h (ago)'],
    [['--kind', 'failver'], 'no kind is called "failver"'],
    [['--severity', 'bad'], 'Allowed choices are info, warning, critical'],
    [['--since', '1h', '--until', '2h'], '--since 1h is not before --until 2h'],
    [['--journal', '/nowhere/j.db'], '/nowhere/j.db'],
  ])('refuses %j with status 2', async (args, message) => {
    const { status, stdout, stderr } = await vipwatch('timeline', '--journal', path, ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });

  it('asks the daemon where the journal is not to be had', async () => {
    await daemon();
    const { stdout, stderr } = await vipwatch('timeline', '--journal', '/nowhere/j.db', '--socket', socket);
    expect(stderr).toBe('');
    expect(stdout).toContain('split-brain: a and b both hold 10.0.0.100');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('follows the daemon until %s, and ends quietly', async (signal) => {
    const { commit, followers } = await daemon();
    const child = start(['timeline', '--follow', '--socket', socket]);
    let stderr = '';
    child.stderr.on('data', (piece) => {
      stderr += String(piece);
    });
    await expect.poll(followers, { timeout: 10_000 }).toBe(1);
    const [event] = events;
    if (event === undefined) throw new Error('no event');
    commit({ ...event, id: 'new', summary: 'something new' });
    const [piece] = await once(child.stdout, 'data');
    expect(String(piece)).toMatch(
      /^2026-11-21 .*\n00:21:32\.853 {2}INFO {2}vr:eth0\/ipv4\/51 {2}something new\n$/,
    );
    child.kill(signal);
    const [status] = await once(child, 'close');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('follows the journal itself where no daemon answers', async () => {
    const own = join(folder, 'own.db');
    const journal = Journal.open(own);
    const [first, second] = events;
    if (first === undefined || second === undefined) throw new Error('no events');
    journal.append([first], [], first.detectedAt);
    const child = start([
      'timeline',
      '--follow',
      '--journal',
      own,
      '--since',
      '2026-11-01',
      '--format',
      'jsonl',
    ]);
    const [past] = await once(child.stdout, 'data');
    expect(String(past)).toMatch(/^\{"seq":1,/);
    journal.append([second], [], second.detectedAt);
    const [news] = await once(child.stdout, 'data');
    expect(String(news)).toMatch(/^\{"seq":2,/);
    child.kill('SIGINT');
    expect((await once(child, 'close'))[0]).toBe(0);
    journal.close();
  });
});

describe('vipwatch status', () => {
  it('has exit status 0 where nothing critical is open, and 1 where something is', async () => {
    await daemon();
    expect(await vipwatch('status', '--socket', socket)).toMatchObject({ status: 0, stderr: '' });
    for (const server of servers.splice(0)) await server.close();
    await daemon(events.filter(({ kind, phase }) => kind === 'split-brain' && phase === 'begin'));
    const { status, stdout } = await vipwatch('status', '--socket', socket);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^NOT WELL: 1 critical problem open\.\n/);
    const json = await vipwatch('status', '--socket', socket, '--format', 'json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'critical', host: 'mon1' });
  });

  it('has exit status 2 without a daemon, and says what to do', async () => {
    const { status, stdout, stderr } = await vipwatch('status', '--socket', join(folder, 'nobody.sock'));
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(
      /^vipwatch: no daemon: there is no socket at .*nobody\.sock; start one \(vipwatch observe\)/,
    );
  });

  it('draws on a terminal only', async () => {
    const { status, stderr } = await vipwatch('status', '--watch');
    expect(status).toBe(2);
    expect(stderr).toContain('--watch draws on a terminal');
  });
});

describe('vipwatch report', () => {
  it('tells the last incident', async () => {
    const { status, stdout } = await vipwatch('report', '--journal', path);
    expect(status).toBe(0);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'Split-brain: a and b both held 10.0.0.100 (b, outranked, did not yield) from 2026-11-21 00:21:41 for 17.01 s, then a alone; a has not announced 10.0.0.100 since 00:21:58.',
    );
    expect(stdout).toContain('What to check\n  - The nodes do not hear each other');
    expect(stdout).toContain('It is not over: garp-missing of vip:eth0/10.0.0.100 since 00:21:58.');
  });

  it('tells who moved it to whom, why, and for how long it was dark', async () => {
    const own = join(folder, 'failover.db');
    const story = await storyOf('demo/failover.pcap', new Observer());
    const journal = Journal.open(own);
    journal.append(story, [], plusUs(lastOf(story), 3_600 * SECOND));
    journal.close();
    const { stdout } = await vipwatch('report', '1', '--format', 'json', '--journal', own);
    const report = JSON.parse(stdout);
    expect(report.headline).toMatch(
      /^keepalived on 172\.20\.0\.2 fell silent at .*00:21:03; 172\.20\.0\.3 took 172\.20\.0\.110 after 3\.65 s; 172\.20\.0\.2, back with .* at 00:21:21; clients dark 2\.65 s to 3\.65 s in all, as far as adverts tell\.$/,
    );
    expect(report).toMatchObject({ incident: 1, over: true, failovers: 2, vips: ['172.20.0.110'] });
    expect(report.events[0]).toHaveProperty('seq');
    const text = (await vipwatch('report', '1', '--journal', own)).stdout;
    expect(text).toMatch(
      /moved +from 172\.20\.0\.2 to 172\.20\.0\.3: silence\n +moved +from .*: preemption\n/,
    );
    expect(text).toMatch(/It is over\.\n$/);
  });

  it('is a document for a ticket', async () => {
    const { stdout } = await vipwatch('report', 'last', '--format', 'md', '--journal', path);
    expect(stdout).toMatch(/^# Incident 1\n\nSplit-brain: /);
    expect(stdout).toContain('| 00:21:41.507 | CRIT | `vr:eth0/ipv4/51` | split-brain: a and b');
  });

  it('lists the incidents, and refuses one that is not there', async () => {
    const { stdout } = await vipwatch('report', '--list', '--journal', path);
    expect(stdout).toMatch(
      /^ {3}1 {2}2026-11-21 00:21:32 {2}critical {2}not over {2}5 events {2}pair: split-brain: a and b/,
    );
    const { status, stderr } = await vipwatch('report', '9', '--journal', path);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'vipwatch: there is no incident 9; vipwatch report --list shows those that there are\n',
    });
    expect((await vipwatch('report', 'first', '--journal', path)).status).toBe(2);
  });

  it('says kindly that there is none yet', async () => {
    const own = join(folder, 'quiet.db');
    Journal.open(own).close();
    const { status, stdout } = await vipwatch('report', '--journal', own);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'No incident yet: nothing worse than a remark has happened since the journal began.\n',
    });
  });
});

describe('vipwatch config', () => {
  it('init writes what was heard, and check reads it', async () => {
    const out = join(folder, 'first.yaml');
    const args = ['config', 'init', '--pcap', join(root, 'demo/failover.pcap'), '--out', out];
    const made = await vipwatch(...args);
    expect(made.status).toBe(0);
    expect(made.stderr).toContain(`vipwatch config check ${out}`);
    const checked = await vipwatch('config', 'check', out);
    expect(checked).toMatchObject({ status: 0, stderr: '' });
    expect(checked.stdout).toContain('VRID 172 on eth0: 172.20.0.110; spoken for by node1a, node1b');
    // the example names the file of a password, and holds none
    const written = readFileSync(out, 'utf8').replace('password: "file:/etc/vipwatch/db-password"', '');
    expect(written).not.toMatch(/password|secret|token/i);

    writeFileSync(out, 'precious');
    expect(await vipwatch(...args)).toMatchObject({ status: 2, stdout: '' });
    expect(readFileSync(out, 'utf8')).toBe('precious');
    expect((await vipwatch(...args, '--force')).status).toBe(0);
    expect(readFileSync(out, 'utf8')).toContain('clusters:');
  });

  it.each(['x6_vrid_collision', 'x8_v3_ipv6', 'x18_vlan', 'n1_flood', 'm12_reload', 'k3_kd24_hmac'])(
    'init of %s passes check',
    async (name) => {
      const out = join(folder, `${name}.yaml`);
      const recording = join(root, `test/recordings/${name}/capture.pcap`);
      expect((await vipwatch('config', 'init', '--pcap', recording, '--out', out)).status).toBe(0);
      expect(await vipwatch('config', 'check', out)).toMatchObject({ status: 0, stderr: '' });
    },
  );

  it('init takes the journal where no daemon answers, and says where it looked without either', async () => {
    const { stdout } = await vipwatch('config', 'init', '--journal', path);
    expect(stdout).toContain('addresses: [10.0.0.1]');
    const { status, stderr } = await vipwatch('config', 'init', '--socket', join(folder, 'nobody.sock'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/nobody\.sock[\s\S]*there is no journal at[\s\S]*--pcap FILE/);
  });

  it('check says what is asked, and remarks upon what may not be meant', async () => {
    const asked = join(folder, 'asked.yaml');
    writeFileSync(
      asked,
      `cluster: web
nodes:
  - {name: a, addresses: [10.0.0.1], haproxy: [{url: "http://u:hunter2@10.0.0.1:8888/status", runs: on-holder}]}
  - name: b
    addresses: [10.0.0.2]
    database:
      - {url: "mysql://10.0.0.2", user: vipwatch, password: hunter2, heartbeat: percona.heartbeat}
      - {url: "mariadb://vipwatch:hunter2@10.0.0.2:3307", tls: true, insecure: true}
virtualRouters:
  - {vrid: 51, vips: [10.0.0.100], service: {probe: "tcp://192.0.2.1:80", every: 200ms}}
`,
    );
    const { status, stdout, stderr } = await vipwatch('config', 'check', asked);
    expect(status).toBe(0);
    expect(stdout).toContain(
      '    HAProxy at http://10.0.0.1:8888/status, asked every 2.00 s; runs where the VIP is\n',
    );
    expect(stdout).toContain(
      '    database at mysql://10.0.0.2:3306, asked every 2.00 s as vipwatch; heartbeats in percona.heartbeat\n' +
        '    database at mariadb://10.0.0.2:3307, asked every 2.00 s as vipwatch, over TLS with whichever certificate\n',
    );
    expect(stdout).toContain(
      '    service tcp://192.0.2.1:80, asked every 200 ms through the VIP and at a, b; 2 failures in a row are dark\n',
    );
    expect(stderr).toContain('asked.yaml:10: 192.0.2.1 is none of its vips (10.0.0.100)');
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it('check tells all mistakes with status 2', async () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, 'cluster: web\nnodes: []\nvirtualRouters:\n  - {vrid: 0, nodes: [a]}\n');
    const { status, stdout, stderr } = await vipwatch('config', 'check', wrong);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('vipwatch doctor', () => {
  it('says what is wrong, what to do, and fails where it must', async () => {
    const wrong = join(folder, 'bad.yaml');
    writeFileSync(wrong, 'colour: red\n');
    const { status, stdout, stderr } = await vipwatch('doctor', '-i', 'vwnone0', '-c', wrong);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/^ok {4}Node\.js \d/);
    expect(stdout).toMatch(/^FAIL {2}configuration: .*bad\.yaml:1: colour: unknown key/m);
    expect(stdout).toMatch(/^FAIL {2}there is no interface vwnone0\n {6}→ /m);
    expect(stdout).toMatch(/^warn {2}no daemon: /m);
  });

  it('asks the daemon what it hears', async () => {
    await daemon();
    const { stdout } = await vipwatch('doctor', '-i', 'lo', '--socket', socket, '--journal', path);
    expect(stdout).toContain('ok    the daemon on mon1 answers (vipwatch 9.9.9)');
    expect(stdout).toContain(`ok    the journal can be read: ${events.length} events so far`);
    expect(stdout).toContain('warn  the daemon does not listen on lo');
  });
});
