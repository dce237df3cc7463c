/**
 * Is `vipwatch replay` right about large recordings, and how long does it take beside tshark and tcpdump on the same
 * files? Runs are interleaved, so that a busy machine is unfair to all.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type ScriptedFailover, writeAdverts, writeMixed } from './generate.ts';
import { type Cost, measure, median } from './measure.ts';

const here = new URL('.', import.meta.url).pathname;
const cache = new URL('../..', import.meta.url).pathname;
const cli = new URL('../../../../dist/cli/main.js', import.meta.url).pathname;

export interface ReplaySize {
  readonly isQuick: boolean;
  /** of each program */
  readonly runs: number;
}

/** False: something was told wrong, or a target was missed. */
export async function replay(size: ReplaySize): Promise<boolean> {
  const adverts = size.isQuick ? { count: 200_000, failovers: 100 } : { count: 2_000_000, failovers: 1_000 };
  const mixedBytes = size.isQuick ? 150e6 : 1e9;
  const advertsFile = generated(`adverts-${adverts.count}`, (path) =>
    writeAdverts(path, adverts.count, adverts.failovers),
  );
  const mixedFile = generated(`mixed-${mixedBytes / 1e6}MB`, (path) => writeMixed(path, mixedBytes));

  const results = [
    check(
      `${adverts.count.toLocaleString('en')} adverts`,
      advertsFile,
      new Set(['master-seen', 'priority-change']),
    ),
    check(
      `${mixedBytes / 1e6} MB of mixed traffic`,
      mixedFile,
      new Set(['master-seen', 'priority-change', 'vip-moved']),
    ),
    await compare(
      `\n${adverts.count.toLocaleString('en')} VRRPv3 adverts of 60 bytes, ${advertsFile.truth.length} failovers`,
      vipwatchReplay(advertsFile.path),
      [
        {
          name: 'tcpdump -nn',
          command: 'tcpdump',
          args: ['-nn', '-r', advertsFile.path],
          target: { ratio: 3, sense: 'at least' },
        },
        {
          name: 'tshark -T fields',
          command: 'tshark',
          args: [
            '-r',
            advertsFile.path,
            '-T',
            'fields',
            ...fields('frame.time_epoch', 'ip.src', 'vrrp.virt_rtr_id', 'vrrp.prio'),
          ],
          runs: size.isQuick ? 2 : 1,
          target: { ratio: 30, sense: 'at least' },
        },
      ],
      size,
    ),
    await compare(
      `\n${mixedBytes / 1e6} MB of mixed traffic (64, 576, 1500 bytes as 7:4:1), one frame in 5,000 ours`,
      vipwatchReplay(mixedFile.path),
      [
        {
          name: "tcpdump -w /dev/null 'ip proto 112 or arp'",
          command: 'tcpdump',
          args: ['-r', mixedFile.path, '-w', '/dev/null', 'ip proto 112 or arp'],
          target: { ratio: 1 / 1.5, sense: 'at least' },
        },
      ],
      size,
    ),
  ];
  return results.every((isRight) => isRight);
}

const PEAK_MB = 150;

function vipwatchReplay(path: string): Program {
  return {
    name: 'vipwatch replay --format jsonl',
    command: process.execPath,
    args: [cli, 'replay', '--format', 'jsonl', path],
  };
}

interface Input {
  readonly path: string;
  readonly truth: readonly ScriptedFailover[];
}

interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly runs?: number;
  readonly target?: { readonly ratio: number; readonly sense: 'at least' };
}

/** Kept between runs, under a name that changes with the generator; what an older one wrote goes. */
function generated(name: string, write: (path: string) => readonly ScriptedFailover[]): Input {
  const version = createHash('sha256')
    .update(readFileSync(`${here}generate.js`))
    .digest('hex')
    .slice(0, 8);
  mkdirSync(cache, { recursive: true });
  const path = `${cache}${name}-${version}.pcap`;
  const truthPath = `${path}.truth.json`;
  if (!existsSync(truthPath)) {
    for (const old of readdirSync(cache)) if (old.startsWith(`${name}-`)) rmSync(cache + old);
    console.error(`writing ${path}`);
    writeFileSync(truthPath, JSON.stringify(write(path)));
  }
  const truth: readonly ScriptedFailover[] = JSON.parse(readFileSync(truthPath, 'utf8'));
  return { path, truth };
}

/** Every scripted failover with its cause, addresses and time, and nothing that did not happen. */
function check(name: string, { path, truth }: Input, alsoExpected: ReadonlySet<string>): boolean {
  const { stdout, stderr, status } = spawnSync(process.execPath, [cli, 'replay', '--format', 'jsonl', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const events: readonly Line[] = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const found = events.filter(({ kind }) => kind === 'failover').map(said);
  const expected = truth.map(
    ({ vrid, from, to, cause, at }) =>
      `${new Date(at / 1_000).toISOString().slice(0, -1)}${pad(at)}Z ${vrid} ${from} ${to} ${cause}`,
  );
  const wrong = [
    ...difference(expected, found).map((line) => `missing: ${line}`),
    ...difference(found, expected).map((line) => `invented: ${line}`),
    ...events
      .filter(({ kind }) => kind !== 'failover' && !alsoExpected.has(kind))
      .map((event) => `invented: ${event.summary}`),
    ...(status === 0 ? [] : [`exit status ${status}`, stderr]),
  ];
  console.log(
    `${name}: ${expected.length} failovers scripted, ${wrong.length === 0 ? 'all right, nothing else' : `${wrong.length} wrong`}`,
  );
  for (const line of wrong.slice(0, 10)) console.log(`  ${line}`);
  return wrong.length === 0;
}

interface Line {
  readonly kind: string;
  readonly time: string;
  readonly subject: string;
  readonly summary: string;
  readonly details: { readonly from: string; readonly to: string; readonly cause: string };
}

function said({ time, subject, details: { from, to, cause } }: Line): string {
  return `${time} ${subject.slice(subject.lastIndexOf('/') + 1)} ${from} ${to} ${cause}`;
}

function pad(us: number): string {
  return String(us % 1_000).padStart(3, '0');
}

function difference(these: readonly string[], those: readonly string[]): readonly string[] {
  const known = new Set(those);
  return these.filter((line) => !known.has(line));
}

function fields(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => ['-e', name]);
}

async function compare(
  title: string,
  ours: Program,
  others: readonly Program[],
  { isQuick, runs }: ReplaySize,
): Promise<boolean> {
  spawnSync('cat', [ours.args.at(-1) ?? ''], { stdio: 'ignore' }); // into the page cache
  const costs = new Map<Program, Cost[]>([ours, ...others].map((program) => [program, []]));
  for (let round = 0; round < runs; round++) {
    for (const [program, list] of costs) {
      if (round < (program.runs ?? runs)) list.push(await measure(program.command, program.args));
    }
  }

  let allMet = true;
  console.log(title);
  console.log(row('', 'wall s', 'user+sys s', 'peak MB', 'runs', 'x wall', 'x cpu', 'target'));
  const own = median(costs.get(ours) ?? []);
  for (const [program, list] of costs) {
    const cost = median(list);
    const ratio = cost.wallS / own.wallS;
    const target =
      program === ours ? `< ${PEAK_MB} MB` : `${program.target?.sense} ${program.target?.ratio.toFixed(2)}`;
    const met = program === ours ? cost.peakMb < PEAK_MB : ratio >= (program.target?.ratio ?? 0);
    if (!met && !isQuick) allMet = false;
    console.log(
      row(
        program.name,
        cost.wallS.toFixed(2),
        cost.cpuS.toFixed(2),
        cost.peakMb.toFixed(0),
        String(list.length),
        ratio.toFixed(2),
        (cost.cpuS / own.cpuS).toFixed(2),
        `${target}: ${isQuick ? 'too small to judge' : met ? 'met' : 'MISSED'}`,
      ),
    );
  }
  return allMet;
}

function row(name: string, ...cells: readonly string[]): string {
  return `  ${name.padEnd(44)}${cells.map((cell, i) => (i === 6 ? `  ${cell}` : cell.padStart(11))).join('')}`;
}
