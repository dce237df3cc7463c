/**
 * `vipwatch demo`: a real keepalived pair goes through a bad day in about a minute, vipwatch watches it, and at the
 * end what it told stands beside what a client of the service felt.
 *
 * Where namespaces are not permitted, or keepalived is missing, the recorded acts in `demo/` are told instead, and
 * what is missing is said. Whatever happens, nothing is left behind, and nothing of the machine is touched.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { numberedEventOf } from '../control/client.ts';
import { ACTS, PROLOGUE, SEGMENT, VIP, VRID } from '../demo/acts.ts';
import type { Clients } from '../demo/clients.ts';
import type { HostProcess } from '../demo/host.ts';
import { Lab } from '../demo/lab.ts';
import { type Lines, linesOfProcess } from '../demo/lines.ts';
import { type Installation, readableInstallation } from '../demo/staging.ts';
import type { TimelineEvent } from '../events.ts';
import { MS, SECOND } from '../time.ts';
import { eventLine } from './event-lines.ts';
import type { Output } from './output.ts';
import { replay } from './replay.ts';
import { type Clock, duration, LOCAL, type Paint, painter, UTC, wantsColour } from './terminal.ts';

export interface DemoOptions {
  readonly recorded?: boolean;
  readonly utc?: boolean;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function demo(options: DemoOptions, output: Output): Promise<void> {
  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  if (options.recorded === true) return recordedActs(output, paint);
  const possible = await Lab.possible();
  if (!possible.ok) {
    output.remark(`no live demo here: ${possible.why} (${possible.whatToDo}); this is a recorded one`);
    return recordedActs(output, paint);
  }
  await new LiveDemo(options, output, paint).run();
}

/** Ends the demo from outside; the lab is taken down on the way. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** How long the audience has for each act, once its last line is there. */
const READING_MS = 1_500;
/** Whatever vipwatch is to tell comes long before, or something is wrong. */
const TOLD_WITHIN_MS = 15_000;
const STARTED = /started/;
const SUBJECT_WIDTH = 'vip:eth0/10.20.30.10'.length;

class LiveDemo {
  readonly #output: Output;
  readonly #paint: Paint;
  readonly #clock: Clock;
  readonly #interruption = new AbortController();

  constructor(options: DemoOptions, output: Output, paint: Paint) {
    this.#output = output;
    this.#paint = paint;
    this.#clock = options.utc === true ? UTC : LOCAL;
  }

  async run(): Promise<void> {
    const interrupt = (signal: NodeJS.Signals) => this.#interruption.abort(new Interrupted(signal));
    for (const signal of SIGNALS) process.on(signal, interrupt);
    const lab = await Lab.create(SEGMENT);
    try {
      await this.#unlessInterrupted(this.#play(lab));
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      this.#say('', `${error.message}: the lab is taken down.`);
    } finally {
      await lab.destroy();
      for (const signal of SIGNALS) process.removeListener(signal, interrupt);
    }
    // What was interrupted still waits for a lab that is gone.
    if (this.#interruption.signal.aborted) process.exit(130);
  }

  async #play(lab: Lab): Promise<void> {
    this.#say(...PROLOGUE);
    const installation = readableInstallation(ROOT, lab.folder);
    const configuration = configure(lab);
    this.#heading('vipwatch observe -c vipwatch.yaml -i eth0', 'on a port of its own; it sends nothing');
    const observer = this.#observe(lab, installation, configuration);
    await this.#isTold(observer.lines, STARTED, 0);
    const clients = await lab.startClient(VIP);
    await Promise.all(lab.nodes.map((node) => node.startService()));

    for (const act of ACTS) {
      this.#heading(act.deed, act.remark);
      const mark = observer.lines.all.length;
      await act.play({ lb1: lab.node('lb1'), lb2: lab.node('lb2'), clients });
      for (const told of act.told) await this.#isTold(observer.lines, told, mark);
      // For people: time to read what is there.
      await new Promise((resolve) => setTimeout(resolve, READING_MS));
    }

    this.#heading('vipwatch status', 'as it stands now');
    this.#say(...(await this.#ask(lab, installation, ['status', '-c', configuration])));
    observer.process.kill('SIGTERM');
    await observer.ended;
    this.#heading('vipwatch report last', 'from the journal, now that vipwatch has ended');
    this.#say(...(await this.#ask(lab, installation, ['report', 'last', '-c', configuration])));
    this.#heading('What the client felt', 'it asked every 50 ms, each time in a new connection');
    this.#say(...feltLines(clients, observer.events, this.#clock));
  }

  /** Its lines are printed as at a terminal, which a pipe is not: hence the machine's format. */
  #observe(lab: Lab, { command }: Installation, configuration: string): RunningObserver {
    const args = ['observe', '-c', configuration, '-i', 'eth0', '--format', 'jsonl'];
    const child = lab.observer.spawn([...command, ...args]);
    const lines = linesOfProcess('vipwatch observe', child);
    const events: TimelineEvent[] = [];
    lines.onLine((line) => {
      const event = eventOf(line);
      if (event !== null) events.push(event);
      this.#say(`  ${event === null ? line : eventLine(event, this.#clock, this.#paint, SUBJECT_WIDTH)}`);
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return { process: child, lines, events, ended };
  }

  /** What is not told is no end of the demo, and worth seeing; that vipwatch has ended is. */
  async #isTold(lines: Lines, told: RegExp, from: number): Promise<void> {
    const awaiting = { what: `vipwatch tells ${told}`, limitMs: TOLD_WITHIN_MS, from };
    try {
      await lines.first((line) => (told.test(eventOf(line)?.summary ?? '') ? line : undefined), awaiting);
    } catch (error) {
      if (this.#interruption.signal.aborted || lines.ended) throw error;
      process.exitCode = 1;
      this.#output.remark(error instanceof Error ? error.message : String(error));
    }
  }

  /** Where the observer ran, since nothing of it is anywhere else. */
  async #ask(lab: Lab, { command }: Installation, args: readonly string[]): Promise<readonly string[]> {
    const child = lab.observer.spawn([...command, ...args], this.#environment());
    const lines = linesOfProcess(`vipwatch ${args.join(' ')}`, child);
    await new Promise((resolve) => child.once('close', resolve));
    return lines.all.map((line) => `  ${line}`);
  }

  #environment(): NodeJS.ProcessEnv {
    const colour = wantsColour(this.#output.stdoutIsTerminal, process.env);
    return { ...process.env, FORCE_COLOR: colour ? '1' : '0' };
  }

  #heading(deed: string, remark: string): void {
    this.#say('', `${this.#paint(`# ${deed}`, 'bold')}  ${this.#paint(`(${remark})`, 'dim')}`);
  }

  #say(...lines: readonly string[]): void {
    for (const line of lines) this.#output.line(line);
    this.#output.flush();
  }

  #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#interruption;
    const interrupted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    return Promise.race([work, interrupted]);
  }
}

interface RunningObserver {
  readonly process: HostProcess;
  readonly lines: Lines;
  readonly events: readonly TimelineEvent[];
  readonly ended: Promise<void>;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Readable and writable for whomever vipwatch becomes: it gives up root. */
function configure(lab: Lab): string {
  const file = join(lab.folder, 'vipwatch.yaml');
  const lines = [
    'cluster: shop',
    'nodes:',
    ...lab.nodes.map(({ name, address }) => `  - {name: ${name}, addresses: [${address}]}`),
    'virtualRouters:',
    `  - {vrid: ${VRID}, vips: [${VIP}], nodes: [${lab.nodes.map(({ name }) => name).join(', ')}]}`,
    '# A bad day in a minute: 4 failovers in 5 minutes, the default, would be told as flapping, too.',
    'thresholds: {flappingFailovers: 10}',
    `journal: {path: ${join(lab.writableFolder('state'), 'journal.db')}}`,
    `control: {path: ${join(lab.writableFolder('run'), 'control.sock')}}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function eventOf(line: string): TimelineEvent | null {
  return line.startsWith('{') ? numberedEventOf(line).event : null;
}

/** Each blackout as it was measured, and beside it what was told of that moment. */
function feltLines(clients: Clients, events: readonly TimelineEvent[], clock: Clock): readonly string[] {
  const lines = clients.blackouts.flatMap(({ from, to, error, before, after }) => {
    const lasted = to === null ? 'and still is' : `for ${duration((to - from) / MS)}`;
    const then = after === null ? '' : `, then by ${after}`;
    const felt = `  ${clock.time(from)}  dark ${lasted} (${error}): answered by ${before ?? 'nobody'} before${then}`;
    const told = events.findLast(
      ({ kind, phase, time }) =>
        (kind === 'failover' || (kind === 'garp-missing' && phase === 'begin')) &&
        time > from - TOLD_BEFORE_US &&
        (to === null || time < to + SECOND),
    );
    return [felt, `                told: ${told === undefined ? 'nothing' : told.summary + darkness(told)}`];
  });
  return lines.length === 0 ? ['  nothing: it was answered all the time'] : lines;
}

/** A stale entry may be noticed by a client only when it has to ask again. */
const TOLD_BEFORE_US = 5 * SECOND;

function darkness(event: TimelineEvent): string {
  if (event.kind !== 'failover' || event.details.darkMs === null) return '';
  const [least, most] = event.details.darkMs;
  return `; dark for ${duration(least)} to ${duration(most)}`;
}

/** The story of two recordings of real keepalived pairs; times are those of the recording's own first frame. */
async function recordedActs(output: Output, paint: Paint): Promise<void> {
  for (const { recording, done } of RECORDED) {
    output.line('');
    for (const line of done) output.line(paint(`# ${line}`, 'bold'));
    output.line(`$ vipwatch replay --relative -c demo/${recording}.yaml demo/${recording}.pcap`);
    output.line('');
    const file = (ending: string) => join(ROOT, 'demo', recording + ending);
    await replay([file('.pcap')], { format: 'text', relative: true, config: file('.yaml') }, output);
  }
}

const RECORDED = [
  {
    recording: 'failover',
    done: [
      'A web address on two nodes, n2 preferred. What was done: both keepalived started at 0.1 s and 0.4 s,',
      'n2 killed with kill -9 at 10.4 s, and started again at 24.5 s.',
    ],
  },
  {
    recording: 'split-brain',
    done: [
      'An address on two nodes, a preferred. What was done: both keepalived started at 0.0 s and 0.3 s,',
      'a firewall dropped VRRP on both nodes from 9.3 s to 29.4 s.',
    ],
  },
];
