/**
 * A segment of network namespaces with one sender on it and the real `vipwatch observe`, run as systemd runs it, its
 * timeline followed by another process. Goes with this process, whatever happens (`src/demo/teardown.ts`).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostProcess } from '../../src/demo/host.ts';
import { Lab } from '../../src/demo/lab.ts';
import { type Lines, linesOfProcess } from '../../src/demo/lines.ts';
import { readableInstallation } from '../../src/demo/staging.ts';
import { type Instant, instantFromIso, MS } from '../../src/time.ts';
import type { AllSent, Sent } from './sender.ts';
import { NODES, type Plan, vipOf } from './speakers.ts';

/** A line of `timeline --follow --format jsonl`, and when it came. */
export interface Told {
  readonly arrivedMs: number;
  readonly atMs: number;
  readonly detectedMs: number;
  readonly kind: string;
  readonly phase: string;
  readonly severity: string;
  readonly subject: string;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface SenderRun {
  /** grows while it sends */
  readonly sent: readonly Sent[];
  readonly all: Promise<AllSent>;
}

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));
const SENDER = fileURLToPath(new URL('./sender.js', import.meta.url));
const STARTS_WITHIN_MS = 20_000;

export class WatchedSegment {
  readonly lab: Lab;
  /** the first of its processes; the others descend from it */
  readonly pid: number;
  readonly journalPath: string;
  readonly told: Told[] = [];
  readonly #observer: HostProcess;
  readonly #command: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #plans: string[] = [];

  /** `configured`: the VRIDs that the observer knows as ours; none: it has no configuration. */
  static async create(configured: readonly number[]): Promise<WatchedSegment> {
    const lab = await Lab.create({ nodes: [] });
    try {
      const segment = new WatchedSegment(lab, configured);
      await segment.#started();
      return segment;
    } catch (error) {
      await lab.destroy();
      throw error;
    }
  }

  private constructor(lab: Lab, configured: readonly number[]) {
    this.lab = lab;
    this.#command = readableInstallation(ROOT, lab.folder).command;
    const state = join(lab.folder, 'state');
    this.journalPath = join(state, 'journal.db');
    this.#environment = {
      ...process.env,
      STATE_DIRECTORY: state,
      RUNTIME_DIRECTORY: join(lab.folder, 'run'),
    };
    const options = ['-i', 'eth0', '--format', 'jsonl'];
    if (configured.length > 0) options.push('-c', writeConfiguration(lab, configured));
    this.#observer = this.#start(['observe', ...options]);
    this.pid = this.#observer.pid;
  }

  async #started(): Promise<void> {
    // Read to the end, so that it never waits for us; what counts is what a follower is told.
    const lines = linesOfProcess('vipwatch observe', this.#observer);
    await lines.first((line) => (/listening on eth0/.test(line) ? true : undefined), {
      what: 'it listens on eth0',
      limitMs: STARTS_WITHIN_MS,
    });
  }

  /** From now on; what was told before is in it, with the arrival of now. */
  async follow(): Promise<void> {
    const lines = linesOfProcess(
      'vipwatch timeline',
      this.#start(['timeline', '--follow', '--since', '1h', '--format', 'jsonl']),
    );
    lines.onLine((line) => this.#take(line));
    await lines.first((line) => (line.includes('"observer-started"') ? true : undefined), {
      what: 'the timeline is followed',
      limitMs: STARTS_WITHIN_MS,
    });
  }

  async send(plan: Plan): Promise<SenderRun> {
    const path = join(this.lab.folder, `plan-${this.#plans.length}.json`);
    this.#plans.push(path);
    writeFileSync(path, JSON.stringify(plan));
    const host = await this.lab.addStranger();
    const lines: Lines = linesOfProcess('the sender', host.spawn([process.execPath, SENDER, 'eth0', path]));
    const sent: Sent[] = [];
    lines.onLine((line) => {
      if (line.startsWith('{"truth"')) sent.push(JSON.parse(line));
    });
    const all = lines.first<AllSent>(
      (line) => (line.startsWith('{"adverts"') ? JSON.parse(line) : undefined),
      { what: 'all is sent', limitMs: plan.untilMs + STARTS_WITHIN_MS },
    );
    // Whoever takes the segment down before ends the sender as well, and does not wait for it.
    all.catch(() => {});
    return { sent, all };
  }

  /** `vipwatch status --format json` */
  async status(): Promise<{ captures: readonly { received: number; dropped: number }[] }> {
    const child = this.#start(['status', '--format', 'json']);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await new Promise((resolve) => child.once('close', resolve));
    return JSON.parse(text);
  }

  /** Ends the observer as systemd does; its journal stays until `destroy`. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#observer.once('close', resolve));
    this.#observer.kill('SIGTERM');
    await ended;
  }

  async destroy(): Promise<void> {
    await this.lab.destroy();
  }

  #start(command: readonly string[]): HostProcess {
    return this.lab.observer.spawn([...this.#command, ...command], this.#environment);
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return;
    const { time, detectedAt, kind, phase, severity, subject, summary, details } = JSON.parse(line);
    const ms = (text: string) => ((instantFromIso(text) ?? 0) as Instant) / MS;
    this.told.push({
      arrivedMs: Date.now(),
      atMs: ms(time),
      detectedMs: ms(detectedAt),
      ...{ kind, phase, severity, subject, summary, details },
    });
  }
}

function writeConfiguration(lab: Lab, vrids: readonly number[]): string {
  const path = join(lab.folder, 'vipwatch.yaml');
  const lines = [
    'cluster: bench',
    'nodes:',
    ...NODES.map(({ address }, i) => `  - {name: lb${i + 1}, addresses: [${address}]}`),
    'virtualRouters:',
    ...vrids.map((vrid) => `  - {vrid: ${vrid}, vips: [${vipOf(vrid)}], nodes: [lb1, lb2]}`),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
