/**
 * Writes the bench's recordings, and says what is in them: seeded, the same bytes at each run.
 *
 * `writeAdverts`: 255 virtual routers of two nodes, VRRPv3 over IPv4, one advert a second each, in 60-byte
 * frames; now and then a node stops, dies or lowers its priority, and comes back. `writeMixed`: other people's
 * frames of 64, 576 and 1500 bytes in the proportion 7:4:1, and in each 5,000 one of ours: a pair's adverts and
 * gratuitous ARP.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

/** What a right analysis must say: these failovers, and no others. */
export interface ScriptedFailover {
  readonly vrid: number;
  readonly from: string;
  readonly to: string;
  readonly cause: 'graceful' | 'silence' | 'priority-drop' | 'preemption';
  /** µs since the epoch: the new master's first advert */
  readonly at: number;
}

const SECOND = 1_000_000;
const START = Date.UTC(2026, 10, 20, 10) * 1_000;
const INTERVAL = SECOND;
const USUAL = 150;
const LOWERED = 50;
const BACKUP = 100;
/** RFC 9568 section 6.1, of the backup: (256 - priority) / 256 intervals */
const SKEW = Math.trunc(((256 - BACKUP) * INTERVAL) / 256);

export function writeAdverts(path: string, adverts: number, failovers: number): readonly ScriptedFailover[] {
  const random = seeded(1);
  const seconds = Math.floor(adverts / 255);
  const scripts = Array.from({ length: 255 }, (): Outage[] => []);
  const outages = Math.ceil(failovers / 2);
  const perRouter = Math.ceil(outages / 255);
  // Far enough apart that no five minutes hold four failovers of one router.
  const spacing = Math.floor((seconds - 180) / perRouter);
  if (spacing < 320 && perRouter > 1) throw new Error('too many failovers for so few adverts');
  for (let i = 0; i < outages; i++) {
    const at =
      30 +
      Math.floor(i / 255) * spacing +
      Math.floor(random() * Math.max(1, Math.min(spacing - 320, seconds - 120)));
    scripts[i % 255]?.push({
      at: START + at * SECOND,
      cause: CAUSES[Math.floor(random() * CAUSES.length)] ?? 'silence',
    });
  }

  const truth: ScriptedFailover[] = [];
  const routers = scripts.map((script, i) => new Router(i + 1, script, truth, random));
  const file = new Recording(path);
  let left = adverts;
  for (let second = START; left > 0; second += SECOND) {
    const due: Advert[] = [];
    for (const router of routers) router.collect(second + SECOND, due);
    due.sort((a, b) => a.at - b.at);
    for (const { at, frame, id } of due.slice(0, left)) file.write(at, frame, id);
    left -= due.length;
  }
  file.close();
  return truth;
}

export function writeMixed(path: string, bytes: number): readonly ScriptedFailover[] {
  const random = seeded(2);
  const strangers = [strangerFrames(64, random), strangerFrames(576, random), strangerFrames(1500, random)];
  const sizes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2];
  const averageRecord = 16 + (7 * 64 + 4 * 576 + 1500) / 12;
  const ours = Math.floor(bytes / averageRecord / 5_000);

  const script: Outage[] = [];
  for (let at = 8; at < ours - 60; at += 330) {
    script.push({ at: START + at * SECOND, cause: CAUSES[script.length % CAUSES.length] ?? 'silence' });
  }
  const truth: ScriptedFailover[] = [];
  const router = new Router(51, script, truth, random, true);
  const due: Advert[] = [];
  router.collect(START + ours * SECOND, due);

  const file = new Recording(path);
  let last = START;
  for (const { at, frame, id } of due.slice(0, ours)) {
    for (let i = 0; i < 4_999; i++) {
      const frames = strangers[sizes[Math.floor(random() * 12)] ?? 0] ?? [];
      const stranger = frames[Math.floor(random() * frames.length)];
      if (stranger !== undefined) file.write(last + Math.floor(((at - last) * i) / 4_999), stranger, null);
    }
    file.write(at, frame, id);
    last = at;
  }
  file.close();
  const end = last;
  return truth.filter(({ at }) => at < end);
}

const CAUSES = ['graceful', 'silence', 'priority-drop'] as const;

interface Outage {
  readonly at: number;
  readonly cause: (typeof CAUSES)[number];
}

interface Advert {
  readonly at: number;
  readonly frame: Uint8Array;
  /** the IPv4 identification to be written into it; null leaves the frame as it is */
  readonly id: number | null;
}

interface Speaker {
  readonly address: string;
  readonly octets: readonly number[];
  readonly mac: readonly number[];
  id: number;
}

/** One virtual router: its preferred node speaks, goes, comes back. */
class Router {
  readonly #adverts: Iterator<Advert>;
  #next: Advert | null = null;

  constructor(
    vrid: number,
    script: readonly Outage[],
    truth: ScriptedFailover[],
    random: () => number,
    claims = false,
  ) {
    this.#adverts = story(vrid, script, truth, random, claims);
  }

  /** Appends what is sent before `until`. */
  collect(until: number, into: Advert[]): void {
    for (;;) {
      this.#next ??= this.#adverts.next().value;
      if (this.#next === null || this.#next.at >= until) return;
      into.push(this.#next);
      this.#next = null;
    }
  }
}

function* story(
  vrid: number,
  script: readonly Outage[],
  truth: ScriptedFailover[],
  random: () => number,
  claims: boolean,
): Generator<Advert, never> {
  const vip = [10, 1, vrid, 100];
  const nodes = [node(1), node(2)] as const;
  const usual = nodes[vrid % 2 === 0 ? 0 : 1];
  const backup = nodes[vrid % 2 === 0 ? 1 : 0];
  const frames = new Map<string, Uint8Array>();
  const speak = (speaker: Speaker, priority: number, at: number): Advert => {
    const key = `${speaker.address} ${priority}`;
    let frame = frames.get(key);
    if (frame === undefined) {
      frame = advertFrame(speaker, vrid, priority, vip);
      frames.set(key, frame);
    }
    speaker.id = speaker.id === 0xffff ? 1 : speaker.id + 1;
    return { at, frame, id: speaker.id };
  };
  /** keepalived: five at once. The second five, 5 s later, are left out. */
  function* announce(speaker: Speaker, at: number): Generator<Advert> {
    if (!claims) return;
    for (let i = 0; i < 5; i++) yield { at: at + 150 + 20 * i, frame: claimFrame(speaker, vip), id: null };
  }
  const jitter = () => Math.floor(random() * 400);

  let at = START + Math.floor((vrid * SECOND) / 256);
  yield speak(usual, USUAL, at);
  yield* announce(usual, at);
  for (const outage of script) {
    while (at + INTERVAL < outage.at) {
      at += INTERVAL + jitter();
      yield speak(usual, USUAL, at);
    }

    switch (outage.cause) {
      case 'graceful':
        at += 300_000 + jitter();
        yield speak(usual, 0, at);
        at += SKEW;
        usual.id = 0;
        break;
      case 'silence':
        at += 3 * INTERVAL + SKEW;
        usual.id = 0;
        break;
      case 'priority-drop':
        for (let i = 0; i < 3; i++) {
          at += INTERVAL;
          yield speak(usual, LOWERED, at);
        }
        at += SKEW;
        break;
    }
    at += jitter();
    truth.push({ vrid, from: usual.address, to: backup.address, cause: outage.cause, at });
    yield speak(backup, BACKUP, at);
    yield* announce(backup, at);
    const back = at + 30 * SECOND;
    while (at + INTERVAL < back) {
      at += INTERVAL + jitter();
      yield speak(backup, BACKUP, at);
    }

    at += 400_000 + jitter();
    truth.push({ vrid, from: backup.address, to: usual.address, cause: 'preemption', at });
    yield speak(usual, USUAL, at);
    yield* announce(usual, at);
  }
  for (;;) {
    at += INTERVAL + jitter();
    yield speak(usual, USUAL, at);
  }
}

function node(n: number): Speaker {
  return { address: `10.0.0.${n}`, octets: [10, 0, 0, n], mac: [2, 0, 10, 0, 0, n], id: 0 };
}

/** Ethernet II, IPv4 (identification 0), VRRPv3 with one address, padded to 60 bytes. */
function advertFrame(from: Speaker, vrid: number, priority: number, vip: readonly number[]): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, ...from.mac, 0x08, 0x00]);
  frame.set([0x45, 0xc0, 0, 32, 0, 0, 0, 0, 255, 112, 0, 0, ...from.octets, 224, 0, 0, 18], 14);
  frame.set([0x31, vrid, priority, 1, 0, 100, 0, 0, ...vip], 34);
  setSum(frame, 24, onesSum(frame, 14, 34));
  // VRRP's checksum covers a pseudo-header: addresses, protocol, length (RFC 5798 section 5.2.8).
  setSum(frame, 40, onesSum(frame, 26, 34) + 112 + 12 + onesSum(frame, 34, 46));
  return frame;
}

/** A gratuitous ARP request as keepalived sends it, padded to 60 bytes. */
function claimFrame(from: Speaker, vip: readonly number[]): Uint8Array {
  const frame = new Uint8Array(60);
  const everybody = [255, 255, 255, 255, 255, 255];
  frame.set([
    ...everybody,
    ...from.mac,
    0x08,
    0x06,
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    1,
    ...from.mac,
    ...vip,
    ...everybody,
    ...vip,
  ]);
  return frame;
}

/** Sixteen UDP, TCP and IPv6 frames that are none of our business. */
function strangerFrames(size: number, random: () => number): readonly Uint8Array[] {
  return Array.from({ length: 16 }, (_, i) => {
    const frame = new Uint8Array(size).map(() => Math.floor(random() * 256));
    frame.set([2, 0, 10, 0, 9, i, 2, 0, 10, 0, 8, i, ...(i < 14 ? [0x08, 0x00] : [0x86, 0xdd])]);
    if (i < 14) {
      frame.set(
        [
          0x45,
          0,
          (size - 14) >> 8,
          (size - 14) & 255,
          i,
          i,
          0x40,
          0,
          64,
          i % 3 === 0 ? 17 : 6,
          0,
          0,
          10,
          0,
          8,
          i,
          10,
          0,
          9,
          i,
        ],
        14,
      );
      setSum(frame, 24, onesSum(frame, 14, 34));
    } else {
      frame.set([0x60, 0, 0, 0, (size - 54) >> 8, (size - 54) & 255, 6, 64], 14);
    }
    return frame;
  });
}

function onesSum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return sum;
}

function setSum(bytes: Uint8Array, at: number, sum: number): void {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  bytes[at] = (~folded >> 8) & 255;
  bytes[at + 1] = ~folded & 255;
}

/** A little-endian pcap file of Ethernet frames, microseconds. */
class Recording {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(4 << 20);
  #used = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(262_144, 16);
    header.writeUInt32LE(1, 20);
    writeSync(this.#file, header);
  }

  write(at: number, frame: Uint8Array, id: number | null): void {
    const buffer = this.#buffer;
    if (this.#used + 16 + frame.length > buffer.length) this.#flush();
    let o = this.#used;
    buffer.writeUInt32LE(Math.floor(at / SECOND), o);
    buffer.writeUInt32LE(at % SECOND, o + 4);
    buffer.writeUInt32LE(frame.length, o + 8);
    buffer.writeUInt32LE(frame.length, o + 12);
    o += 16;
    buffer.set(frame, o);
    if (id !== null) {
      buffer.writeUInt16BE(id, o + 18);
      // RFC 1624: the template's sum was of identification 0.
      const sum = (~buffer.readUInt16BE(o + 24) & 0xffff) + id;
      buffer.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, o + 24);
    }
    this.#used = o + frame.length;
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#buffer, 0, this.#used);
    this.#used = 0;
  }
}

/** mulberry32: numbers from 0 up to 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
