/**
 * Every frame kind, stopped short at every length, in two ways that mean different things: the sender sent less
 * (the packet is broken), or the recorder kept less (nobody's fault). Neither throws, both keep what worked.
 */
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Packet } from '../../src/wire/packet.ts';
import {
  advertFrame,
  arpFrame,
  type Bytes,
  be16,
  byteArray,
  carpFrame,
  join,
  macBytes,
  neighbourFrame,
} from '../support/frames.ts';

interface Kind {
  readonly name: string;
  readonly bytes: Bytes;
  readonly linkType: number;
  /** where the network header starts, and the upper layer */
  readonly ipAt: number;
  readonly payloadAt: number;
}

const V3 = advertFrame({ vips: ['10.0.0.100', '10.0.0.101'] });

const KINDS: readonly Kind[] = [
  { name: 'v3 over IPv4', bytes: V3, linkType: 1, ipAt: 14, payloadAt: 34 },
  ethernetKind('v2 with a password', advertFrame({ version: 2, authType: 1, password: 'secret' }), 34),
  ethernetKind('v2 inside AH', advertFrame({ version: 2, authType: 2, ah: true }), 58),
  ethernetKind('v3 with HMAC', advertFrame({ hmac: true }), 34),
  ethernetKind('v3 over IPv6', advertFrame({ src: 'fe80::1', vips: ['fe80::100', '2001:db8::1'] }), 54),
  ethernetKind('v3 over IPv6 inside AH', advertFrame({ src: 'fe80::1', ah: true }), 78),
  { ...ethernetKind('v3 tagged twice', advertFrame({ vlans: [100, 200] }), 42), ipAt: 22 },
  ethernetKind('CARP', carpFrame(), 34),
  ethernetKind('ARP', arpFrame(), 14),
  ethernetKind('neighbour advertisement', neighbourFrame(), 54),
  {
    name: 'v3, cooked',
    bytes: join(
      be16(2),
      be16(1),
      be16(6),
      macBytes('02:00:00:00:00:01'),
      be16(0),
      be16(0x0800),
      V3.slice(14),
    ),
    linkType: 113,
    ipAt: 16,
    payloadAt: 36,
  },
  {
    name: 'v3, loopback',
    bytes: join(byteArray(2, 0, 0, 0), V3.slice(14)),
    linkType: 0,
    ipAt: 4,
    payloadAt: 24,
  },
];

describe.each(KINDS)('$name', ({ bytes, linkType, ipAt, payloadAt }) => {
  const whole = decodeFrame(bytes, 0, bytes.length, linkType, bytes.length).packet;
  const priority = whole.type === 'advert' ? whole.priority : 0;

  it('cut by the snap length: never invalid, never made up', () => {
    for (let length = 0; length < bytes.length; length++) {
      const { packet } = decodeFrame(bytes.slice(0, length), 0, length, linkType, bytes.length);
      if (packet.type === 'advert') {
        expect(packet.problems, `${length} bytes`).toEqual(['cut-by-capture']);
        expect(packet.valid).toBe(true);
        expectPartOf(packet, whole);
        expect(length - payloadAt, 'the fields up to the interval are there').toBeGreaterThanOrEqual(6);
      } else if (packet.type === 'claim' || packet.type === 'carp') {
        expect(packet.problems).toContain('cut-by-capture');
        expectPartOf(packet, whole);
      } else {
        expect(packet.type === 'other' ? packet.problems : [], `${length} bytes`).not.toContain('truncated');
      }
    }
    const fields = decodeFrame(
      bytes,
      0,
      Math.min(payloadAt + 6, bytes.length),
      linkType,
      bytes.length,
    ).packet;
    if (whole.type === 'advert') expect(fields).toMatchObject({ type: 'advert', vrid: 51, priority: 100 });
  });

  it('sent short: names it, keeps what worked', () => {
    for (let length = 0; length < bytes.length; length++) {
      const { packet } = decodeFrame(bytes.slice(0, length), 0, length, linkType, length);
      expect(packet.type === 'advert' && packet.valid, `${length} bytes`).toBe(false);
      if ('problems' in packet) expect(packet.problems).not.toContain('cut-by-capture');
      if (packet.type === 'advert') {
        expect(packet.problems).toContain('truncated');
        expect(packet).toMatchObject({ vrid: 51, priority: length > payloadAt + 2 ? priority : 0 });
      }
      if (whole.type === 'advert' && length >= payloadAt + 2) expect(packet.type).toBe('advert');
    }
  });

  it('an IP length that stops short is the sender’s doing', () => {
    if (whole.type !== 'advert' || whole.hmac) return;
    const lengthAt = whole.family === 'ipv4' ? ipAt + 2 : ipAt + 4;
    const headerless = whole.family === 'ipv4' ? ipAt : ipAt + 40;
    for (let end = payloadAt + 2; end < bytes.length; end++) {
      const shorter = bytes.slice();
      shorter.set(be16(end - headerless), lengthAt);
      const { packet } = decodeFrame(shorter, 0, shorter.length, linkType, shorter.length);
      expect(packet, `to ${end}`).toMatchObject({ type: 'advert', vrid: 51, valid: false });
      expect('problems' in packet ? packet.problems : []).toContain('truncated');
    }
  });
});

/** Whatever was read is what the whole frame says; lists may be shorter. */
function expectPartOf(packet: Packet, whole: Packet): void {
  const { problems: _, ...part } = packet as Packet & { problems: unknown };
  for (const [key, value] of Object.entries(part)) {
    const full = whole[key as keyof Packet] as unknown;
    if (Array.isArray(value) && Array.isArray(full)) expect(value).toEqual(full.slice(0, value.length));
    else if (key === 'checksum') expect(['ok', 'unverifiable']).toContain(value);
    else if (key === 'authData') expect([full, null]).toContain(value);
    else expect(value, key).toBe(full);
  }
}

function ethernetKind(name: string, bytes: Bytes, payloadAt: number): Kind {
  return { name, bytes, linkType: 1, ipAt: 14, payloadAt };
}
