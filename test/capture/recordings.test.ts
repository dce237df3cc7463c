/**
 * Whole recordings: what comes out of files, pipes and gzip, one or several, whole or damaged, and in what order.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type RecordingOptions, type RecordingResult, readRecordings } from '../../src/capture/recordings.ts';
import type { Observation } from '../../src/observation.ts';
import { PcapngBlocks, pcapFile, pcapngFile } from '../support/capture-files.ts';
import { advertFrame, arpFrame, carpFrame, join, neighbourFrame, trafficFrame } from '../support/frames.ts';
import { recordingPath } from '../support/recordings.ts';

const FOLDER = mkdtempSync(joinPath(tmpdir(), 'vipwatch-recordings-'));
const AT = 1_795_219_842_000_000;
const SECOND = 1_000_000;
let files = 0;

afterAll(() => rmSync(FOLDER, { recursive: true }));

function file(bytes: Uint8Array | string, name = `${++files}.pcap`): string {
  const path = joinPath(FOLDER, name);
  writeFileSync(path, bytes);
  return path;
}

async function read(
  paths: readonly string[],
  options: RecordingOptions = {},
): Promise<RecordingResult & { observations: Observation[] }> {
  const observations: Observation[] = [];
  const result = await readRecordings(paths, { ...options, onObservation: (o) => observations.push(o) });
  return { ...result, observations };
}

function advertAt(at: number, vrid = 51) {
  return { at, bytes: advertFrame({ vrid }) };
}

/** `+0.5 advert 51`: what was observed, times from AT in seconds. */
function story(observations: readonly Observation[]): string[] {
  return observations.map((o) => {
    const what =
      o.kind === 'advert' ? ` ${o.advert.vrid}` : o.kind === 'traffic' ? ` ${o.addressTalk ?? '-'}` : '';
    return `+${(o.at - AT) / SECOND} ${o.kind}${what}`;
  });
}

describe('observations', () => {
  it('of every kind, with times and segments', async () => {
    const path = file(
      pcapFile([
        { at: AT, bytes: advertFrame({ ipId: 9 }) },
        { at: AT + 1, bytes: arpFrame() },
        { at: AT + 2, bytes: carpFrame() },
        { at: AT + 3, bytes: neighbourFrame() },
        { at: AT + 4, bytes: trafficFrame() },
        { at: AT + 5, bytes: arpFrame({ targetIp: '10.0.0.9' }) },
        { at: AT + 6, bytes: neighbourFrame({ type: 135 }) },
        { at: AT + 7, bytes: advertFrame({ vlans: [100] }) },
        { at: AT + 8, bytes: arpFrame({ vlans: [100, 200] }) },
      ]),
    );
    const { observations, ...result } = await read([path]);
    expect(observations.map(({ kind, at }) => [kind, at - AT])).toEqual([
      ['advert', 0],
      ['claim', 1],
      ['carp', 2],
      ['claim', 3],
      ['traffic', 4],
      ['traffic', 5],
      ['traffic', 6],
      ['advert', 7],
      ['claim', 8],
    ]);
    expect(observations[0]).toMatchObject({ ipId: 9, segment: { name: 'replay', capture: 'replay' } });
    expect(observations[7]).toMatchObject({ segment: { name: 'replay.100', capture: 'replay' } });
    expect(observations[8]).toMatchObject({ segment: { name: 'replay.100.200', capture: 'replay' } });
    expect(result).toEqual({
      frames: 9,
      adverts: 2,
      claims: 3,
      late: 0,
      dropped: 0,
      firstAt: AT,
      lastAt: AT + 8,
      bytes: readFileSync(path).length,
      problems: [],
    });
  });

  it('one Segment object a name, whatever base is asked for', async () => {
    const records = [0, 1, 2, 3].map((i) => ({
      at: AT + i,
      bytes: advertFrame({ vlans: i % 2 === 0 ? [] : [5] }),
    }));
    const { observations } = await read([file(pcapFile(records)), file(pcapFile(records))], {
      segment: 'eth7',
    });
    const segments = new Set(observations.map((o) => ('segment' in o ? o.segment : null)));
    expect([...segments].map((segment) => segment?.name)).toEqual(['eth7', 'eth7.5']);
  });

  it('at most 4,096 segments, the rest share one', async () => {
    const records = Array.from({ length: 5000 }, (_, i) => ({
      at: AT + i,
      bytes: arpFrame({ vlans: [1 + Math.floor(i / 4000), 1 + (i % 4000)] }),
    }));
    const { observations } = await read([file(pcapFile(records))]);
    const names = new Set(observations.map((o) => ('segment' in o ? o.segment.name : '')));
    expect(names.size).toBe(4095 + 1);
    expect(names.has('replay.other')).toBe(true);
  });

  it('traffic is thinned to one in 50 ms of each kind and segment', async () => {
    const records = Array.from({ length: 3000 }, (_, i) => ({
      at: AT + i * 1000,
      bytes: [
        trafficFrame(),
        trafficFrame({ vlans: [7] }),
        trafficFrame({ vlans: [7, 8] }),
        arpFrame({ targetIp: '10.0.0.9' }),
        neighbourFrame({ type: 135 }),
        trafficFrame({ length: 42 }),
      ][i % 6] as Uint8Array,
    }));
    const { observations, frames, lastAt } = await read([file(pcapFile(records))]);
    expect(frames).toBe(3000);
    expect(lastAt).toBe(AT + 2_999_000);
    const byKind = new Map<string, number[]>();
    for (const o of observations) {
      if (o.kind !== 'traffic') throw new Error(o.kind);
      const key = `${o.segment.name} ${o.addressTalk}`;
      byKind.set(key, [...(byKind.get(key) ?? []), o.at]);
    }
    expect([...byKind.keys()].sort()).toEqual([
      'replay ipv4',
      'replay ipv6',
      'replay null',
      'replay.7 null',
      'replay.7.8 null',
    ]);
    for (const times of byKind.values()) {
      expect(times.length).toBeGreaterThan(50);
      for (let i = 1; i < times.length; i++) {
        expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(50_000);
      }
    }
  });
});

describe('order', () => {
  it('frames within a second are put in order, equal times stay as they are', async () => {
    const records = [0, 0.9, 0.4, 0.9, 1.5, 0.6, 3, 2.1].map((s, i) => advertAt(AT + s * SECOND, i + 1));
    const { observations, late } = await read([file(pcapFile(records))]);
    expect(story(observations)).toEqual([
      '+0 advert 1',
      '+0.4 advert 3',
      '+0.6 advert 6',
      '+0.9 advert 2',
      '+0.9 advert 4',
      '+1.5 advert 5',
      '+2.1 advert 8',
      '+3 advert 7',
    ]);
    expect(late).toBe(0);
  });

  it('an older frame is taken at the current time and counted', async () => {
    const records = [advertAt(AT + 5 * SECOND, 1), advertAt(AT, 2), advertAt(AT + 5.5 * SECOND, 3)];
    const { observations, late, firstAt, lastAt } = await read([file(pcapFile(records))]);
    expect(story(observations)).toEqual(['+5 advert 1', '+5 advert 2', '+5.5 advert 3']);
    expect([late, firstAt, lastAt]).toEqual([1, AT + 5 * SECOND, AT + 5.5 * SECOND]);
  });

  it('any disorder within a second comes out in order', async () => {
    const records = Array.from({ length: 3000 }, (_, i) =>
      advertAt(AT + i * 1000 + ((i * 7919) % 991) * 1000, (i % 255) + 1),
    );
    const { observations, late } = await read([file(pcapFile(records))]);
    const times = observations.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect([times.length, late]).toEqual([3000, 0]);
  });

  it('a second that holds too much goes on early, still in order', async () => {
    const records = Array.from({ length: 70_000 }, (_, i) => advertAt(AT + i, (i % 255) + 1));
    records.push(advertAt(AT, 9)); // what it precedes has gone on already
    const { observations, late } = await read([file(pcapFile(records))]);
    const times = observations.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect([times.length, late]).toEqual([70_001, 1]);
  });

  it('several files are merged by time, each in its own order', async () => {
    const a = file(pcapFile([0, 2, 4, 6].map((s) => advertAt(AT + s * SECOND, 1))));
    const b = file(pcapngFile([1, 2, 5].map((s) => advertAt(AT + s * SECOND, 2))));
    const c = file(gzipSync(pcapFile([2.5, 7].map((s) => advertAt(AT + s * SECOND, 3)))));
    const expected = [
      '+0 advert 1',
      '+1 advert 2',
      '+2 advert 1',
      '+2 advert 2',
      '+2.5 advert 3',
      '+4 advert 1',
      '+5 advert 2',
      '+6 advert 1',
      '+7 advert 3',
    ];
    expect(story((await read([a, b, c])).observations)).toEqual(expected);
    expect(story((await read([c, a, b])).observations)).toEqual(expected);
  });

  it('a hundred rotated files are one recording', async () => {
    const paths = Array.from({ length: 100 }, (_, i) =>
      file(pcapFile([0, 1, 2].map((s) => advertAt(AT + (3 * i + s) * SECOND, 1)))),
    );
    const { observations, frames, late } = await read([...paths].reverse());
    expect([frames, late]).toEqual([300, 0]);
    expect(observations.map(({ at }) => (at - AT) / SECOND)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    );
  });
});

describe('frames', () => {
  it('come one by one in the order of the file, as recorded', async () => {
    const path = file(
      pcapFile([advertAt(AT + 5 * SECOND), { at: AT, bytes: trafficFrame() }, advertAt(AT + 1)]),
    );
    const frames: string[] = [];
    await readRecordings([path], {
      onFrame: (at, segment, frame) => frames.push(`${at - AT} ${segment.name} ${frame.packet.type}`),
    });
    expect(frames).toEqual(['5000000 replay advert', '0 replay other', '1 replay advert']);
  });
});

describe('gzip, pipes and damage', () => {
  const original = recordingPath('s0_pxc_docker');
  const packed = gzipSync(readFileSync(original));

  it('gzip is seen by its content', async () => {
    const plain = await read([original]);
    const { bytes, ...unpacked } = await read([file(packed, 'looks-like.txt')]);
    expect(unpacked).toEqual({ ...plain, bytes: undefined });
    expect(bytes).toBe(packed.length);
  });

  it('several gzip members are one file', async () => {
    const bytes = readFileSync(original);
    const path = file(join(gzipSync(bytes.subarray(0, 1000)), gzipSync(bytes.subarray(1000))));
    expect((await read([path])).observations).toEqual((await read([original])).observations);
  });

  it('gzip cut at any byte gives what it holds', async () => {
    const whole = (await read([original])).observations;
    let before = 0;
    for (let length = 200; length < packed.length; length += 97) {
      const { observations, problems } = await read([file(packed.subarray(0, length), 'cut.gz')]);
      expect(observations.length).toBeGreaterThanOrEqual(before);
      expect(observations.slice(0, -1)).toEqual(whole.slice(0, Math.max(0, observations.length - 1)));
      expect(problems[0]?.message).toBe('damaged gzip: it ends too early');
      before = observations.length;
    }
    expect(before).toBeGreaterThan(whole.length / 2);
  });

  it('damaged gzip gives all that comes before the damage', async () => {
    const whole = (await read([original])).observations;
    const wrongSum = Uint8Array.from(packed);
    wrongSum[wrongSum.length - 6] = (wrongSum[wrongSum.length - 6] ?? 0) ^ 1;
    const atTheEnd = await read([file(wrongSum)]);
    expect(atTheEnd.observations).toEqual(whole);
    expect(atTheEnd.problems).toMatchObject([{ message: 'damaged gzip: incorrect data check' }]);

    const noise = join(packed.subarray(0, 1000), new Uint8Array(200).fill(0xff), packed.subarray(1200));
    const inTheMiddle = await read([file(noise)]);
    const intact = await read([file(packed.subarray(0, 1000))]);
    expect(inTheMiddle.observations.length).toBeGreaterThanOrEqual(intact.observations.length);
    expect(inTheMiddle.problems[0]?.message).toMatch(/^damaged gzip: /);
  });

  it('a large gzip damaged in the middle gives the half before it, once', async () => {
    const records = Array.from({ length: 60_000 }, (_, i) => ({
      at: AT + i * 100,
      bytes: advertFrame({ vrid: (i % 255) + 1, ipId: (i * 7919) % 65_536 }),
    }));
    const large = gzipSync(pcapFile(records));
    const middle = Math.floor(large.length / 2);
    const damaged = join(large.subarray(0, middle), new Uint8Array(100).fill(0xff), large.subarray(middle));
    const { observations, problems } = await read([file(damaged)]);
    const cut = await read([file(large.subarray(0, middle))]);
    expect(observations.length).toBeGreaterThanOrEqual(cut.observations.length);
    expect(observations.slice(0, cut.observations.length)).toEqual(cut.observations);
    expect(problems[0]?.offset).toBeGreaterThan(0);
  });

  it('a file cut off gives what it holds and says where', async () => {
    const bytes = readFileSync(original);
    const path = file(bytes.subarray(0, bytes.length - 5));
    const { frames, problems } = await read([path]);
    expect(frames).toBe(86);
    expect(problems).toEqual([
      { file: path, offset: bytes.length - 70, message: 'cut off: 65 of the 70 bytes of a record are there' },
    ]);
  });

  it('one damaged file of several does not end the others', async () => {
    const a = file(pcapFile([0, 2, 4].map((s) => advertAt(AT + s * SECOND, 1))).slice(0, -3));
    const b = file(pcapFile([1, 3, 5].map((s) => advertAt(AT + s * SECOND, 2))));
    const { observations, problems } = await read([a, b]);
    expect(observations.map(({ at }) => (at - AT) / SECOND)).toEqual([0, 1, 2, 3, 5]);
    expect(problems).toMatchObject([{ file: a }]);
  });

  it('link types that nobody can decode are a problem, not silence', async () => {
    const path = file(pcapFile([{ at: AT, bytes: trafficFrame() }], { linkType: 105 }));
    const { problems, frames } = await read([path]);
    expect(frames).toBe(1);
    expect(problems).toMatchObject([{ file: path, message: 'frames of link type 105 cannot be decoded' }]);
  });

  it.each([
    ['plain', readFileSync(original)],
    ['gzip', packed],
  ])('standard input, %s', async (_name, input) => {
    for (const size of [1, 1000, input.length]) {
      const chunks = Array.from({ length: Math.ceil(input.length / size) }, (_, i) =>
        input.subarray(i * size, (i + 1) * size),
      );
      const stdin = Readable.from(chunks, { objectMode: false }) as unknown as typeof process.stdin;
      const replaced = vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin);
      const totals: (number | null)[] = [];
      const result = await read(['-'], { onProgress: (_, total) => totals.push(total) });
      expect(result.observations).toEqual((await read([original])).observations);
      expect(result).toMatchObject({ frames: 87, bytes: input.length, problems: [] });
      expect(new Set(totals)).toEqual(new Set([null]));
      replaced.mockRestore();
    }
  });

  it('drops that a pcapng recorder counted are told', async () => {
    const blocks = new PcapngBlocks();
    const path = file(join(blocks.section(), blocks.interface(), blocks.packet(advertAt(AT), { drops: 12 })));
    expect((await read([path])).dropped).toBe(12);
  });
});

describe('what is no recording', () => {
  const RIGHT = 'expected a pcap or pcapng recording (tcpdump -w, Wireshark), gzip allowed';
  it.each<[string, () => string, RegExp | string]>([
    ['nothing there', () => joinPath(FOLDER, 'nowhere.pcap'), /nowhere\.pcap: no such file$/],
    ['a folder', () => FOLDER, `it is a directory; ${RIGHT}`],
    ['an empty file', () => file(''), `it is empty; ${RIGHT}`],
    ['text', () => file('seq,time\n1,2\n'), `it is no recording but text, "seq,time"; ${RIGHT}`],
    ['something else', () => file(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1)), 'it begins with 89504e47'],
    ['three bytes', () => file(Uint8Array.of(0xd4, 0xc3, 0xb2)), 'it begins with d4c3b2'],
    ['gzip of text', () => file(gzipSync('hello')), 'text, "hello"'],
    ['gzip of nothing', () => file(gzipSync('')), 'it is empty'],
    [
      'gzip cut in its header',
      () => file(gzipSync('hello').subarray(0, 8)),
      'damaged gzip: it ends too early',
    ],
  ])('%s', async (_name, path, message) => {
    const good = file(pcapFile([advertAt(AT)]));
    let seen = 0;
    const reading = readRecordings([good, path()], { onObservation: () => seen++ });
    await expect(reading).rejects.toThrow(message);
    expect(seen).toBe(0);
  });

  it('standard input twice', async () => {
    await expect(readRecordings(['-', '-'], {})).rejects.toThrow('only once');
  });

  it('a recording without frames is a recording', async () => {
    const { frames, firstAt, lastAt } = await read([file(pcapFile([]))]);
    expect([frames, firstAt, lastAt]).toEqual([0, null, null]);
  });
});

it('tells its progress, the last word being the whole', async () => {
  const told: (readonly [number, number | null])[] = [];
  const path = recordingPath('n1_flood');
  const { bytes } = await readRecordings([path], { onProgress: (read, total) => told.push([read, total]) });
  expect(told.at(-1)).toEqual([bytes, bytes]);
});
