/**
 * pcap and pcapng: every byte order, unit and block type; files cut at every byte and files mutated. A damaged
 * file gives what it holds and says where it broke.
 */
import { describe, expect, it } from 'vitest';
import {
  type FrameRecord,
  PcapngBlocks,
  pcapFile,
  pcapHeader,
  pcapngFile,
  pcapRecord,
} from '../support/capture-files.ts';
import { advertFrame, arpFrame, be32, byteArray, join } from '../support/frames.ts';
import { framesOf } from '../support/recordings.ts';
import { forSeeds, fuzzRounds } from './fuzz.ts';

const AT = 1_795_219_842_466_419;
const ADVERT = advertFrame();
const ARP = arpFrame();
const RECORDS: readonly FrameRecord[] = [
  { at: AT, bytes: ADVERT },
  { at: AT + 124, bytes: ARP },
  { at: AT + 1_000_000, bytes: ADVERT.slice(0, 40), originalLength: ADVERT.length },
  { at: AT + 2_000_001, bytes: new Uint8Array(0), originalLength: 60 },
];

const EXPECTED = RECORDS.map(({ at, bytes, originalLength }) => ({
  at,
  bytes,
  linkType: 1,
  originalLength: originalLength ?? bytes.length,
}));

describe('pcap', () => {
  it.each([
    { littleEndian: true },
    { littleEndian: false },
    { littleEndian: true, nanoseconds: true },
    { littleEndian: false, nanoseconds: true },
    { littleEndian: true, modified: true },
    { littleEndian: false, modified: true },
  ])('%o', (spec) => {
    expect(framesOf(pcapFile(RECORDS, spec))).toEqual({ frames: EXPECTED, fault: null, dropped: 0 });
  });

  it('takes chunks of any size', () => {
    for (const size of [1, 3, 16, 17, 100])
      expect(framesOf(pcapFile(RECORDS), size).frames).toEqual(EXPECTED);
  });

  it('reads nanoseconds down to the microsecond', () => {
    const file = pcapFile([{ at: 1_000_000.999, bytes: ARP }], { nanoseconds: true });
    expect(framesOf(file).frames[0]?.at).toBe(1_000_000);
  });

  it('keeps link types and times as they are', () => {
    const odd = [
      { at: 0, bytes: ARP },
      { at: 4_294_967_295_999_999, bytes: ARP },
    ];
    const { frames } = framesOf(pcapFile(odd, { linkType: 276 }));
    expect(frames.map(({ at, linkType }) => [at, linkType])).toEqual([
      [0, 276],
      [4_294_967_295_999_999, 276],
    ]);
  });

  it('cut at every byte, gives all whole records and says where it broke', () => {
    expectCutGracefully(pcapFile(RECORDS), [
      24,
      ...boundaries(
        24,
        RECORDS.map((record) => pcapRecord(record).length),
      ),
    ]);
  });

  it('stops at a length that cannot be', () => {
    const bad = pcapRecord({ at: AT, bytes: ARP });
    bad.set([0xff, 0xff, 0xff, 0x7f], 8);
    const { frames, fault } = framesOf(
      join(pcapFile(RECORDS.slice(0, 2)), bad, pcapRecord({ at: AT, bytes: ARP })),
    );
    expect(frames).toHaveLength(2);
    expect(fault).toEqual({
      offset: 24 + 16 + ADVERT.length + 16 + ARP.length,
      message: 'corrupt record: it claims a frame of 2147483647 bytes',
    });
  });

  it('takes the largest frame there can be', () => {
    const large = { at: AT, bytes: new Uint8Array(256 * 1024).fill(7) };
    const { frames, fault } = framesOf(pcapFile([large, { at: AT, bytes: ARP }, large]));
    expect(frames.map(({ bytes }) => bytes.length)).toEqual([256 * 1024, ARP.length, 256 * 1024]);
    expect(fault).toBeNull();
  });
});

describe.each([
  ['little-endian', true],
  ['big-endian', false],
] as const)('pcapng, %s', (_name, littleEndian) => {
  const blocks = new PcapngBlocks(littleEndian);

  it('enhanced packets', () => {
    expect(framesOf(pcapngFile(RECORDS, littleEndian))).toEqual({
      frames: EXPECTED,
      fault: null,
      dropped: 0,
    });
    expect(framesOf(pcapngFile(RECORDS, littleEndian), 7).frames).toEqual(EXPECTED);
  });

  it('every interface has its own link type, unit and offset', () => {
    const ns = BigInt(AT) * 1000n + 999n;
    const file = join(
      blocks.section(),
      blocks.interface({ linkType: 1 }),
      blocks.interface({ linkType: 113, resolution: 9 }),
      blocks.interface({ linkType: 101, resolution: 0x80 | 20 }),
      blocks.interface({ linkType: 276, resolution: 3, offsetSeconds: -10 }),
      blocks.packet({ at: AT, bytes: ARP }, { interfaceId: 0 }),
      blocks.packet({ at: 0, bytes: ARP }, { interfaceId: 1, ticks: ns }),
      blocks.packet({ at: 0, bytes: ARP }, { interfaceId: 2, ticks: (1_700_000_000n << 20n) + (1n << 19n) }),
      blocks.packet({ at: 0, bytes: ARP }, { interfaceId: 3, ticks: 1_700_000_000_123n }),
    );
    expect(framesOf(file).frames.map(({ at, linkType }) => [linkType, at])).toEqual([
      [1, AT],
      [113, AT],
      [101, 1_700_000_000_500_000],
      [276, 1_699_999_990_123_000],
    ]);
  });

  it('nanoseconds are exact whatever the halves', () => {
    forSeeds(500, (random) => {
      const ticks = (BigInt(random.int(0x20000000)) << 32n) | BigInt(random.int(0x1_0000_0000));
      const file = join(
        blocks.section(),
        blocks.interface({ resolution: 9 }),
        blocks.packet({ at: 0, bytes: ARP }, { ticks }),
      );
      expect(BigInt(framesOf(file).frames[0]?.at ?? 0)).toBe(ticks / 1000n);
    });
  });

  it('times that no Instant holds stop at its end', () => {
    const far = { at: 0, bytes: ARP };
    for (const resolution of [0, 6, 9, 0x80]) {
      const file = join(
        blocks.section(),
        blocks.interface({ resolution, offsetSeconds: resolution === 9 ? 9_000_000_000 : 0 }),
        blocks.packet(far, { ticks: 0xffff_ffff_ffff_ffffn }),
      );
      expect(framesOf(file).frames[0]?.at).toBe(Number.MAX_SAFE_INTEGER);
    }
  });

  it('simple and obsolete packets, drop counts', () => {
    const file = join(
      blocks.section(),
      blocks.interface({ snapLength: 40 }),
      blocks.packet({ at: AT, bytes: ARP }, { drops: 5 }),
      blocks.simplePacket({ at: 0, bytes: ADVERT.slice(0, 40), originalLength: ADVERT.length }),
      blocks.obsoletePacket({ at: AT + 5, bytes: ARP }, { drops: 7 }),
      blocks.obsoletePacket({ at: AT + 6, bytes: ARP }),
    );
    const { frames, fault, dropped } = framesOf(file);
    expect(fault).toBeNull();
    expect(dropped).toBe(12);
    expect(frames.map(({ at, bytes, originalLength }) => [at - AT, bytes.length, originalLength])).toEqual([
      [0, ARP.length, ARP.length],
      [0, 40, ADVERT.length],
      [5, ARP.length, ARP.length],
      [6, ARP.length, ARP.length],
    ]);
  });

  it('several sections, each with its own byte order and interfaces', () => {
    const others = new PcapngBlocks(!littleEndian);
    const file = join(
      pcapngFile(RECORDS.slice(0, 1), littleEndian),
      others.section(),
      others.interface({ linkType: 113 }),
      others.packet({ at: AT + 9, bytes: ARP }),
      pcapngFile(RECORDS.slice(1, 2), littleEndian),
    );
    expect(framesOf(file).frames.map(({ linkType }) => linkType)).toEqual([1, 113, 1]);
    expect(framesOf(file, 5).frames.map(({ linkType }) => linkType)).toEqual([1, 113, 1]);
  });

  it('skips unknown blocks of any size', () => {
    const file = join(
      blocks.section(),
      blocks.block(0x0bad, new Uint8Array(3_000_000)),
      blocks.interface(),
      blocks.block(5, byteArray(1, 2, 3)),
      blocks.packet({ at: AT, bytes: ARP }),
      blocks.block(4, new Uint8Array(0)),
      blocks.packet({ at: AT, bytes: ARP }),
    );
    for (const size of [1000, 65_536]) {
      expect(framesOf(file, size)).toMatchObject({ frames: [{ at: AT }, { at: AT }], fault: null });
    }
    const cut = framesOf(file.slice(0, 2_000_000));
    expect(cut).toMatchObject({
      frames: [],
      fault: { message: expect.stringMatching(/^cut off: .* are missing$/) },
    });
  });

  it('cut at every byte, gives all whole blocks and says where it broke', () => {
    const head = blocks.section().length;
    const lengths = [blocks.interface().length, ...RECORDS.map((record) => blocks.packet(record).length)];
    expectCutGracefully(pcapngFile(RECORDS, littleEndian), [head, ...boundaries(head, lengths)]);
  });

  it.each([
    [
      'a packet of an interface that is not described',
      () => blocks.packet({ at: AT, bytes: ARP }, { interfaceId: 9 }),
    ],
    ['a frame longer than its block', () => patched(blocks.packet({ at: AT, bytes: ARP }), 20, 5000)],
    ['a block length that is no multiple of 4', () => patched(blocks.packet({ at: AT, bytes: ARP }), 4, 77)],
    ['a block length of nothing', () => patched(blocks.packet({ at: AT, bytes: ARP }), 4, 0)],
    ['a huge packet block', () => patched(blocks.packet({ at: AT, bytes: ARP }), 4, 0x7ffffff0)],
    ['lengths that differ', () => patched(blocks.packet({ at: AT, bytes: ARP }), -4, 16)],
    ['a section without a byte order', () => patched(blocks.section(), 8, 0)],
  ])('stops at %s', (_name, bad) => {
    const good = pcapngFile(RECORDS.slice(0, 2), littleEndian);
    const { frames, fault } = framesOf(join(good, bad(), blocks.packet({ at: AT, bytes: ARP })));
    expect(frames).toHaveLength(2);
    expect(fault).toMatchObject({ offset: good.length, message: expect.stringMatching(/^corrupt /) });
  });

  function patched(block: Uint8Array, at: number, value: number): Uint8Array {
    const bytes = littleEndian ? be32(value).reverse() : be32(value);
    block.set(bytes, at < 0 ? block.length + at : at);
    return block;
  }
});

it('mutated files never throw, never give more than they hold', () => {
  const files = [pcapFile(RECORDS), pcapngFile(RECORDS), pcapngFile(RECORDS, false), pcapHeader()];
  forSeeds(fuzzRounds(600), (random) => {
    const file = random.pick(files).slice();
    for (let i = 1 + random.int(4); i > 0; i--) file[4 + random.int(file.length - 4)] = random.int(256);
    const whole = framesOf(file);
    const total = whole.frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(total).toBeLessThanOrEqual(file.length);
    expect(framesOf(file, 1 + random.int(60))).toEqual(whole);
  });
});

/** `ends`: where the file may end without anything missing. */
function expectCutGracefully(file: Uint8Array, ends: readonly number[]): void {
  for (let length = 5; length < file.length; length++) {
    const { frames, fault } = framesOf(file.slice(0, length));
    expect(frames).toEqual(EXPECTED.slice(0, frames.length));
    if (ends.includes(length)) expect(fault, `${length} bytes`).toBeNull();
    else {
      const start = ends.filter((end) => end < length).at(-1) ?? 0;
      expect(fault).toMatchObject({
        offset: start,
        message: expect.stringMatching(/^cut off: \d+ of the \d+ bytes/),
      });
    }
  }
}

function boundaries(first: number, lengths: readonly number[]): number[] {
  let end = first;
  return lengths.map((length) => {
    end += length;
    return end;
  });
}
