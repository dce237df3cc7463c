/**
 * Seeded mutation: bytes of good frames flipped, cut, inserted. Whatever comes, decoding returns a well-formed
 * frame, depends on nothing outside the frame, and the fast paths (memo, prefilter) say exactly what it says.
 *
 * VIPWATCH_FUZZ_ROUNDS=100000 npx vitest run test/wire/mutation runs longer; a failure names its seed.
 */
import { describe, expect, it } from 'vitest';
import { AdvertMemo } from '../../src/wire/advert-memo.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { type Frame, INVALIDATING } from '../../src/wire/packet.ts';
import { MATTERS, uninterestingVlan } from '../../src/wire/prefilter.ts';
import {
  type AdvertSpec,
  advertFrame,
  arpFrame,
  type Bytes,
  carpFrame,
  join,
  neighbourFrame,
  trafficFrame,
} from '../support/frames.ts';
import { forSeeds, fuzzRounds, type Random } from './fuzz.ts';

describe('mutated frames', () => {
  it('decode to something well-formed, whatever lies around them', () => {
    forSeeds(fuzzRounds(5000), (random) => {
      const bytes = mutated(random, anyFrame(random));
      const linkType = random.chance(0.8) ? 1 : random.pick([0, 12, 101, 108, 113, 228, 229, 276, 9999]);
      const originalLength = random.chance(0.7) ? bytes.length : random.int(200);
      const frame = decodeFrame(bytes, 0, bytes.length, linkType, originalLength);
      expectWellFormed(frame);

      const before = noise(random, random.int(40));
      const buffer = join(before, bytes, noise(random, 80));
      const inside = decodeFrame(
        buffer,
        before.length,
        before.length + bytes.length,
        linkType,
        originalLength,
      );
      expect(inside).toEqual(frame);
    });
  });

  it('the prefilter only ever rejects what decodes to plain `other`', () => {
    let rejected = 0;
    forSeeds(fuzzRounds(5000), (random) => {
      const bytes = mutated(random, anyFrame(random));
      const vlan = uninterestingVlan(bytes, 0, bytes.length);
      if (vlan === MATTERS) return;
      rejected++;
      const frame = decodeFrame(bytes, 0, bytes.length, 1, bytes.length);
      expect(frame).toEqual({
        vlans: vlan === 0 ? [] : [vlan],
        ipId: null,
        packet: { type: 'other', problems: [] },
      });
    });
    expect(rejected).toBeGreaterThan(500);
  });

  it('memo and decode say the same', () => {
    forSeeds(fuzzRounds(50), (random) => {
      const memo = new AdvertMemo();
      const speakers = Array.from({ length: 1 + random.int(6) }, () => anySpec(random));
      let buffer: Bytes = new Uint8Array(2048);
      for (let i = 0; i < 100; i++) {
        if (random.chance(0.05)) buffer = new Uint8Array(2048); // the reader's window changed
        const spec = random.pick(speakers);
        let bytes = advertFrame({ ...spec, ipId: random.int(65_536) });
        if (random.chance(0.2)) bytes = mutated(random, bytes);
        const start = random.int(64);
        buffer.set(bytes, start);
        const originalLength = random.chance(0.9) ? bytes.length : bytes.length + random.int(20);
        const end = start + bytes.length;
        expect(memo.decode(buffer, start, end, 1, originalLength)).toEqual(
          decodeFrame(bytes, 0, bytes.length, 1, originalLength),
        );
      }
    });
  });

  it('one bit of difference is never overlooked', () => {
    for (const spec of [
      { padTo: 60 },
      { version: 2 },
      { vlans: [5] },
      { vlans: [5, 6] },
      { src: 'fe80::1' },
    ]) {
      const good = advertFrame(spec);
      for (let bit = 0; bit < good.length * 8; bit++) {
        const memo = new AdvertMemo();
        memo.decode(good, 0, good.length, 1, good.length);
        const other = good.slice();
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const expected = decodeFrame(other, 0, other.length, 1, other.length);
        expect(memo.decode(other, 0, other.length, 1, other.length)).toEqual(expected);
      }
    }
  });
});

describe('the memo', () => {
  it('gives one object for adverts that differ in their identification only', () => {
    const memo = new AdvertMemo();
    const decode = (bytes: Bytes) => memo.decode(bytes, 0, bytes.length, 1, bytes.length);
    for (const spec of [
      {},
      { version: 2 },
      { vlans: [100] },
      { src: 'fe80::1' },
      { vlans: [1, 2], padTo: 64 },
    ]) {
      const first = decode(advertFrame({ ...spec, ipId: 1 }));
      const second = decode(advertFrame({ ...spec, ipId: 2 }));
      expect(second.packet).toBe(first.packet);
      expect(second.ipId).toBe('src' in spec ? null : 2);
    }
  });

  it('holds as many speakers as there are', () => {
    const memo = new AdvertMemo();
    const frames = Array.from({ length: 510 }, (_, i) =>
      advertFrame({ vrid: (i % 255) + 1, src: i < 255 ? '10.0.0.1' : '10.0.0.2', padTo: 60 }),
    );
    const decode = (bytes: Bytes) => memo.decode(bytes, 0, bytes.length, 1, bytes.length).packet;
    const first = frames.map(decode);
    const kept = frames.filter((bytes, i) => decode(bytes) === first[i]).length;
    expect(kept).toBeGreaterThan(500);
  });
});

function expectWellFormed(frame: Frame): void {
  const { packet } = frame;
  expect(frame.vlans.every((vlan) => vlan > 0 && vlan < 4096)).toBe(true);
  if (packet.type === 'advert') {
    expect(packet.valid).toBe(!packet.problems.some((problem) => INVALIDATING.has(problem)));
    expect(packet.checksum === 'bad').toBe(packet.problems.includes('bad-checksum'));
    expect(packet.intervalMs).toBeLessThanOrEqual(255_000);
    expect(packet.srcMac).toMatch(/^$|^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
    for (const address of [packet.src, packet.dst, ...packet.vips]) expect(address).toMatch(ADDRESS);
  } else {
    expect(frame.ipId).toBeNull();
  }
  if (packet.type === 'claim') expect(packet.address).toMatch(ADDRESS);
}

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]{2,39}|::ffff:\d{1,3}(\.\d{1,3}){3})$/;

function anySpec(random: Random): AdvertSpec {
  const isIpv6 = random.chance(0.3);
  const version = random.chance(0.5) ? 2 : 3;
  const host = 1 + random.int(250);
  return {
    version,
    vrid: 1 + random.int(255),
    priority: random.int(256),
    intervalMs: version === 2 ? 1000 * (1 + random.int(255)) : 10 * (1 + random.int(4095)),
    authType: version === 2 && !isIpv6 ? random.int(2) : 0,
    password: random.chance(0.5) ? 'secret' : '',
    src: isIpv6 ? `fe80::${host.toString(16)}` : `10.0.0.${host}`,
    srcMac: `02:00:00:00:00:${host.toString(16).padStart(2, '0')}`,
    ...(random.chance(0.2) ? { dst: isIpv6 ? 'fe80::ff' : '10.0.0.251', ttl: 1 + random.int(255) } : {}),
    vips: Array.from({ length: random.int(4) }, (_, i) =>
      isIpv6 ? `2001:db8::${i + 1}` : `10.1.${host}.${i}`,
    ),
    vlans: random.chance(0.3) ? Array.from({ length: 1 + random.int(2) }, () => 1 + random.int(4094)) : [],
    hmac: random.chance(0.1),
    padTo: random.chance(0.5) ? 60 : 0,
  };
}

function anyFrame(random: Random): Bytes {
  switch (random.int(8)) {
    case 0:
      return arpFrame({ opcode: 1 + random.int(2), vlans: random.chance(0.2) ? [7] : [] });
    case 1:
      return neighbourFrame({ flags: random.pick([0x20, 0x60]), type: random.pick([134, 135, 136]) });
    case 2:
      return carpFrame();
    case 3:
      return trafficFrame({ length: 60 + random.int(100), protocol: random.pick([1, 6, 17, 51, 112]) });
    case 4:
      return trafficFrame({ vlans: random.pick([[9], [9, 10]]) });
    case 5:
      return advertFrame({ ...anySpec(random), ah: true });
    default:
      return advertFrame(anySpec(random));
  }
}

function mutated(random: Random, bytes: Bytes): Bytes {
  let result: Bytes = bytes.slice();
  for (let i = random.int(4); i > 0; i--) {
    const at = random.int(result.length + 1);
    const kind = random.int(5);
    if (kind === 0) result = result.slice(0, at);
    else if (kind === 1) result = join(result.slice(0, at), noise(random, random.int(8)), result.slice(at));
    else if (kind === 2) result = join(result.slice(0, at), result.slice(at + random.int(8)));
    else if (at < result.length)
      result[at] = kind === 3 ? random.int(256) : (result[at] ?? 0) ^ (1 << random.int(8));
  }
  return result;
}

function noise(random: Random, length: number): Bytes {
  return Uint8Array.from({ length }, () => random.int(256));
}
