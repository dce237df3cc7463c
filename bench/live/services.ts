/**
 * How soon a dead service on the VIP's holder is told, and how truly a blackout is measured: a real keepalived pair with a
 * web service each, probed every 100 ms. The truth is when the service was killed and listened again, and when keepalived
 * took the VIP.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../src/demo/lab.ts';
import { type Lines, linesOfProcess } from '../../src/demo/lines.ts';
import { type LabNode, now } from '../../src/demo/node.ts';
import { readableInstallation } from '../../src/demo/staging.ts';
import { type Instant, instantFromIso, MS } from '../../src/time.ts';
import { type Figures, quantile } from '../figures.ts';

export interface ServiceRounds {
  /** the service alone is killed, and started again */
  readonly services: number;
  /** the whole node dies, and comes back */
  readonly nodes: number;
}

const VIP = '10.20.30.10';
const EVERY_MS = 100;
const KNOWN_WITHIN_MS = 3_000;
const LIMIT_MS = 30_000;
/** What one round does must not be taken for the next one's. */
const APART_MS = 500;
/** So long after a takeover nothing is said of the holder's service. */
const SETTLED_MS = 4_000;
const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url));

interface Told {
  readonly time: string;
  readonly detectedAt: string;
  readonly kind: string;
  readonly phase: string;
  readonly details: { readonly durationMs?: number; readonly to?: string };
}

export async function services({ services, nodes }: ServiceRounds, figures: Figures): Promise<void> {
  const lab = await Lab.create({
    nodes: [node('lb1', 150), node('lb2', 100)],
    programs: join(ROOT, 'dist/demo'),
  });
  try {
    const [lb1, lb2] = [lab.node('lb1'), lab.node('lb2')];
    await Promise.all([lb1.startService(), lb2.startService()]);
    const startedAt = await lb1.start();
    await lb1.becomes('MASTER', { after: startedAt });
    await lb2.start();
    const watched = new Watched(lab);
    await watched.first('master-seen', 'instant', startedAt);
    await pause(SETTLED_MS);

    figures.title(`The service on the holder killed ${services} times, probed every ${EVERY_MS} ms`);
    const known: number[] = [];
    const errors: number[] = [];
    for (let round = 0; round < services; round++) {
      const killed = await lb1.killService();
      const dead = await watched.first('vip-on-dead-service', 'begin', killed);
      known.push((at(dead.detectedAt) - killed) / MS);
      await lb1.startService();
      errors.push(await error(watched, killed, now()));
      await pause(APART_MS);
    }
    const latest = Math.max(...known);
    figures.figure('known after the kill, median', `${quantile(known, 0.5).toFixed(0)} ms`);
    figures.figure(
      'at the latest',
      `${latest.toFixed(0)} ms`,
      `<= ${KNOWN_WITHIN_MS} ms`,
      latest <= KNOWN_WITHIN_MS,
    );
    exactness(errors, figures);

    figures.title(`The whole node killed ${nodes} times`);
    const servicesUntil = now();
    const moved: number[] = [];
    for (let round = 0; round < nodes; round++) {
      const killed = await lb1.kill();
      await Promise.all([lb1.killService(), lb1.host.linkDown()]);
      const taken = await lb2.becomes('MASTER', { after: killed });
      moved.push(await error(watched, killed, taken.at));
      await comesBack(lb1, lb2, watched);
    }
    exactness(moved, figures);
    const wrong = watched.told.filter(
      ({ kind, time }) => kind === 'vip-on-dead-service' && at(time) > servicesUntil,
    );
    figures.mustBe('a dead node told as a dead service', `${wrong.length}`, '0', wrong.length === 0);
  } finally {
    await lab.destroy();
  }
}

function exactness(errors: readonly number[], figures: Figures): void {
  const worst = Math.max(...errors);
  figures.figure('blackout, error against the truth, median', `${quantile(errors, 0.5).toFixed(0)} ms`);
  figures.figure(
    'at the worst',
    `${worst.toFixed(0)} ms`,
    `<= ${EVERY_MS} ms, one interval`,
    worst <= EVERY_MS,
  );
}

/** Of the measured blackout, in ms. */
async function error(watched: Watched, from: Instant, to: Instant): Promise<number> {
  const over = await watched.first('vip-dark', 'end', from);
  return Math.abs((over.details.durationMs ?? 0) - (to - from) / MS);
}

async function comesBack(lb1: LabNode, lb2: LabNode, watched: Watched): Promise<void> {
  await lb1.host.linkUp();
  await lb1.startService();
  const at = await lb1.start();
  await lb1.becomes('MASTER', { after: at });
  await lb2.becomes('BACKUP', { after: at });
  await watched.first('failover', 'instant', at);
  await pause(SETTLED_MS);
}

class Watched {
  readonly told: Told[] = [];
  readonly #lines: Lines;

  constructor(lab: Lab) {
    const { command } = readableInstallation(ROOT, lab.folder);
    const file = join(lab.folder, 'vipwatch.yaml');
    const state = lab.writableFolder('state');
    writeFileSync(
      file,
      [
        'cluster: bench',
        'nodes:',
        ...lab.nodes.map(({ name, address }) => `  - {name: ${name}, addresses: [${address}]}`),
        'virtualRouters:',
        `  - {vrid: 51, vips: [${VIP}], service: {probe: "http://${VIP}/", every: ${EVERY_MS}ms}}`,
        `journal: {path: ${join(state, 'journal.db')}}`,
        `control: {path: ${join(state, 'control.sock')}}`,
        '',
      ].join('\n'),
    );
    const child = lab.observer.spawn([...command, 'observe', '-c', file, '-i', 'eth0', '--format', 'jsonl']);
    this.#lines = linesOfProcess('vipwatch observe', child);
    this.#lines.onLine((line) => {
      if (line.startsWith('{')) this.told.push(JSON.parse(line));
    });
  }

  /** The first that happened no earlier than an interval before `from`. */
  first(kind: string, phase: string, from: Instant): Promise<Told> {
    return this.#lines.first(
      (line) => {
        const told: Told | null = line.startsWith('{') ? JSON.parse(line) : null;
        const fits = told?.kind === kind && told.phase === phase && at(told.time) > from - EVERY_MS * MS;
        return fits ? told : undefined;
      },
      { what: `${kind} ${phase}`, limitMs: LIMIT_MS },
    );
  }
}

function at(iso: string): Instant {
  return instantFromIso(iso) ?? (0 as Instant);
}

function node(name: string, priority: number) {
  return { name, keepalived: { instances: [{ vrid: 51, vips: [VIP], priority }] } };
}
