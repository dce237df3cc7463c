/**
 * Runs the real `vipwatch observe` in a lab and collects what it tells, one event a line.
 *
 * `event` awaits an event and marks it as expected; `nothingElse` ends the observer and fails for every other one of
 * severity warning or worse. Times are compared with what the daemons' notify scripts and the injected faults say.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { HostProcess } from '../../src/demo/host.ts';
import type { Lab } from '../../src/demo/lab.ts';
import { type Lines, linesOfProcess } from '../../src/demo/lines.ts';
import type { LabNode } from '../../src/demo/node.ts';
import type { Installation } from '../../src/demo/staging.ts';
import type { Phase, Severity } from '../../src/events.ts';
import { type Instant, instantFromUs, MS } from '../../src/time.ts';

/** What the observer is told of the segment. */
export interface Watching {
  readonly routers: readonly {
    readonly vrid: number;
    readonly vips: readonly string[];
    readonly unicast?: boolean;
    /** as in the configuration: `{probe: …, every: …}` */
    readonly service?: Readonly<Record<string, unknown>>;
  }[];
  /** more keys of a node, as in the configuration: `{haproxy: [{url: …}]}` */
  readonly polls?: (node: LabNode) => Readonly<Record<string, unknown>>;
  /** `eth0` */
  readonly interface?: string;
  /** more lines of its configuration */
  readonly configuration?: readonly string[];
}

/** A line of `--format jsonl`. */
export interface ToldEvent {
  readonly seq: number;
  readonly id: string;
  readonly time: string;
  readonly detectedAt: string;
  readonly kind: string;
  readonly phase: Phase;
  readonly severity: Severity;
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly beginId: string | null;
}

export interface Wanted {
  readonly kind: string;
  readonly phase?: Phase;
  readonly subject?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Long past every deadline of the rules, on a machine with other work. */
const TOLD_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 10_000;

export class LiveObserver {
  readonly #lab: Lab;
  readonly #installation: Installation;
  readonly #interface: string;
  readonly #configuration: string;
  readonly #events: ToldEvent[] = [];
  readonly #expected = new Set<string>();
  readonly #allowed: Wanted[] = [];
  readonly #said: string[] = [];
  readonly #waiters = new Set<() => void>();
  #process: HostProcess | null = null;
  #lines: Lines | null = null;

  constructor(lab: Lab, watching: Watching, installation: Installation) {
    this.#lab = lab;
    this.#installation = installation;
    this.#interface = watching.interface ?? 'eth0';
    this.#configuration = writeConfiguration(lab, watching);
  }

  /** Everything told so far, by all its runs. */
  get events(): readonly ToldEvent[] {
    return this.#events;
  }

  /** Comes back when it has told that it observes, and can see. */
  async start(): Promise<void> {
    const child = this.#lab.observer.spawn([
      ...this.#installation.command,
      ...['observe', '-c', this.#configuration],
      ...['-i', this.#interface, '--format', 'jsonl'],
    ]);
    this.#process = child;
    const before = this.#events.length;
    const lines = linesOfProcess('vipwatch observe', child);
    this.#lines = lines;
    lines.onLine((line) => this.#take(line));
    child.once('close', (status, signal) => {
      if (this.#process === child) this.#process = null;
      this.#said.push(`(ended: ${signal ?? `exit status ${status}`})`);
    });
    await this.#first((event) => event.kind === 'observer-started', 'observer-started', before);
    await lines.first((line) => (line.includes('listening on') ? line : undefined), {
      what: 'it listens',
      limitMs: TOLD_WITHIN_MS,
    });
  }

  /** The first event of this kind that no one has awaited yet. */
  async event(wanted: Wanted): Promise<ToldEvent> {
    const found = await this.#first(
      (event) => !this.#expected.has(event.id) && isWanted(event, wanted),
      JSON.stringify(wanted),
      0,
    );
    this.#expected.add(found.id);
    return found;
  }

  /** Such events may come, and need not. */
  allow(wanted: Wanted): void {
    this.#allowed.push(wanted);
  }

  /** Time in which something wrong could be told: nothing happens, so nothing else can be awaited. */
  async watches(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** As `systemctl reload` does. Comes back when it says that it is done. */
  async reload(): Promise<void> {
    const lines = this.#lines;
    if (lines === null) throw new Error('it does not run');
    const from = lines.all.length;
    this.#process?.kill('SIGHUP');
    await lines.first((line) => (line.includes('has been read again') ? line : undefined), {
      what: 'the configuration is read again',
      limitMs: TOLD_WITHIN_MS,
      from,
    });
  }

  /** Ends it as systemd would; everything that was known is told by then. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Nothing is flushed, nobody says farewell: all of its processes at once. */
  async killNine(): Promise<void> {
    for (const pid of await this.#pids()) process.kill(pid, 'SIGKILL');
    await this.#ended();
  }

  /** All of its processes, or the one that judges, stand still. */
  async freeze(which: 'all' | 'main'): Promise<void> {
    for (const pid of await this.#pids(which)) process.kill(pid, 'SIGSTOP');
  }

  async thaw(which: 'all' | 'main'): Promise<void> {
    for (const pid of await this.#pids(which)) process.kill(pid, 'SIGCONT');
  }

  /** A command about what it wrote down, as a person would give it. */
  async ask(command: readonly string[]): Promise<string> {
    const [program = '', ...words] = this.#installation.command;
    return this.#lab.observer.run(program, [...words, ...command, '-c', this.#configuration]);
  }

  /** All that is in the journal, which knows more than was printed where the process was killed in between. */
  async written(): Promise<readonly ToldEvent[]> {
    const text = await this.ask(['timeline', '--format', 'jsonl']);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): ToldEvent => JSON.parse(line));
  }

  /** Ends the observer; whatever it knew as a warning or worse, and was not awaited, is a failure. */
  async nothingElse(): Promise<void> {
    if (this.#process !== null) await this.stop();
    const written = await this.written();
    const unexpected = written.filter(
      (event) =>
        event.severity !== 'info' &&
        !this.#expected.has(event.id) &&
        !this.#allowed.some((wanted) => isWanted(event, wanted)),
    );
    expect(unexpected.map(line)).toEqual([]);
    // None lost, none doubled, in one order, whatever happened to the process; and all that was told was durable.
    expect(written.map(({ seq }) => seq)).toEqual(written.map((_, i) => i + 1));
    const ids = written.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const told = new Set(this.#events.map(({ id }) => id));
    expect(ids.filter((id) => told.has(id))).toEqual(this.#events.map(({ id }) => id));
  }

  #take(text: string): void {
    if (!text.startsWith('{')) {
      this.#said.push(text);
      return;
    }
    this.#events.push(JSON.parse(text));
    for (const look of [...this.#waiters]) look();
  }

  #first(select: (event: ToldEvent) => boolean, what: string, from: number): Promise<ToldEvent> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#events.slice(from).find(select);
        if (found === undefined) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        const told = [...this.#events.map(line), ...this.#said].map((text) => `  ${text}`).join('\n');
        reject(new Error(`not told within ${TOLD_WITHIN_MS} ms: ${what}. What was told and said:\n${told}`));
      }, TOLD_WITHIN_MS);
      this.#waiters.add(look);
      look();
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#process?.kill(signal);
    await this.#ended();
  }

  #ended(): Promise<void> {
    const child = this.#process;
    if (child === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`vipwatch observe has not ended within ${ENDS_WITHIN_MS} ms`)),
        ENDS_WITHIN_MS,
      );
      child.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Nothing else runs where it runs. */
  async #pids(which: 'all' | 'main' = 'all'): Promise<readonly number[]> {
    const all = await this.#lab.observer.pids();
    if (which === 'all') return all;
    const parents = all.map((pid) => ({ pid, name: commandLine(pid), parent: commandLine(parentOf(pid)) }));
    const main = parents.filter(({ name, parent }) => /launcher/.test(parent) && !/capture/.test(name));
    if (main.length !== 1) throw new Error(`which is main? ${JSON.stringify(parents)}`);
    return main.map(({ pid }) => pid);
  }
}

/** Time of an event in the clock of the lab. */
export function timeOf({ time }: ToldEvent): Instant {
  return instantFromUs(Date.parse(`${time.slice(0, 19)}Z`) * 1_000 + Number(time.slice(20, 26)));
}

/** Notify scripts run after the frame was sent, and 30 at once take their time: an event dated too late is the fault. */
const SCRIPT_LATE_US = 2_000_000;
const EARLIER_US = 20_000;

/** The event happened when the daemon says that it took that state; where some of it was not seen, at most so much later. */
export function expectAt(event: ToldEvent, truth: { readonly at: Instant }): void {
  const late = truth.at - timeOf(event);
  const { blindMs } = event.details;
  const unseenUs = typeof blindMs === 'number' ? blindMs * MS : 0;
  expect(late, `${line(event)}: the notify script ran ${late} µs after it`).toBeGreaterThan(
    -EARLIER_US - unseenUs,
  );
  expect(late, `${line(event)}: the notify script ran ${late} µs after it`).toBeLessThan(SCRIPT_LATE_US);
}

export function addressesOf(node: LabNode): readonly string[] {
  return [node.address, node.host.linkLocal];
}

const SOCKET = join('run', 'control.sock');

function writeConfiguration(lab: Lab, { routers, polls, configuration = [] }: Watching): string {
  const list = (values: readonly string[]) => `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
  const names = list(lab.nodes.map(({ name }) => name));
  const file = join(lab.folder, 'vipwatch.yaml');
  const lines = [
    'cluster: lab',
    'nodes:',
    // JSON is YAML
    ...lab.nodes.map(
      (node) => `  - ${JSON.stringify({ name: node.name, addresses: addressesOf(node), ...polls?.(node) })}`,
    ),
    'virtualRouters:',
    ...routers.map(
      ({ vrid, vips, unicast, service }) =>
        `  - {vrid: ${vrid}, vips: ${list(vips)}, nodes: ${names}, unicast: ${unicast === true}${
          service === undefined ? '' : `, service: ${JSON.stringify(service)}`
        }}`,
    ),
    `journal: {path: ${join(lab.writableFolder('state'), 'journal.db')}}`,
    `control: {path: ${join(lab.folder, SOCKET)}}`,
    ...configuration,
  ];
  lab.writableFolder('run');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function isWanted(event: ToldEvent, { kind, phase, subject, details }: Wanted): boolean {
  return (
    event.kind === kind &&
    (phase === undefined || event.phase === phase) &&
    (subject === undefined || event.subject === subject) &&
    Object.entries(details ?? {}).every(([name, value]) => event.details[name] === value)
  );
}

function line({ time, severity, phase, kind, subject, summary }: ToldEvent): string {
  return `${time} ${severity} ${kind} ${phase} ${subject}: ${summary}`;
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
