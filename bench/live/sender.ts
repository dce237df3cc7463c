/**
 * Sends a plan's timetable on an interface, each frame at its time, and says what was really sent when.
 *
 *   node sender.js INTERFACE PLAN.json
 *
 * A line of JSON for each truth (`Sent`), when its advert has been sent; at the end one for all (`AllSent`). Frames go
 * out through libpcap, which the observer needs anyway. As root, in a network namespace that is nobody else's.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Plan, type Truth, timetable } from './speakers.ts';

export interface Sent {
  readonly truth: Truth;
  /** ms since the epoch: the newcomer's first advert, and the last advert of the one before */
  readonly atMs: number;
  readonly beforeMs: number;
}

export interface AllSent {
  readonly adverts: number;
  /** how late the latest frame was: what a busy machine does to the sender */
  readonly lateMs: number;
}

interface Injector {
  open_live(...options: readonly unknown[]): string;
  inject(frame: Uint8Array): void;
}

const [interfaceName, planPath] = process.argv.slice(2);
if (interfaceName === undefined || planPath === undefined)
  throw new Error('usage: sender INTERFACE PLAN.json');
const plan: Plan = JSON.parse(readFileSync(planPath, 'utf8'));

const binding: { readonly PcapSession: new () => Injector } = createRequire(import.meta.url)(
  'pcap/build/Release/pcap_binding.node',
);
const injector = new binding.PcapSession();
const nothing = () => {};
// It hears nothing: no frame is shorter than a byte.
injector.open_live(interfaceName, 'less 1', 65_536, 64, '', nothing, false, 0, nothing, false);

const idle = new Int32Array(new SharedArrayBuffer(4));
const lastSentMs = new Map<string, number>();
const startMs = Date.now();
let adverts = 0;
let lateMs = 0;
for (const { atMs, frame, speaker, vrid, truth } of timetable(plan)) {
  const waitMs = startMs + atMs - Date.now();
  if (waitMs > 0) Atomics.wait(idle, 0, 0, waitMs);
  injector.inject(Buffer.from(frame.buffer, frame.byteOffset, frame.length));
  const now = Date.now();
  lateMs = Math.max(lateMs, now - startMs - atMs);
  if (truth !== null) say({ truth, atMs: now, beforeMs: lastSentMs.get(`${vrid} ${truth.from}`) ?? now });
  if (speaker === null) continue;
  adverts++;
  lastSentMs.set(`${vrid} ${speaker}`, now);
}
say({ adverts, lateMs });

function say(line: Sent | AllSent): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}
process.exit(0);
