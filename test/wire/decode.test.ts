/**
 * The receive rules, each with the frame that obeys and the frame that breaks it. Frames come from an encoder
 * that shares nothing with the decoders.
 */
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Advert, Frame, Packet, Problem } from '../../src/wire/packet.ts';
import {
  type AdvertSpec,
  addressBytes,
  advertFrame,
  arpFrame,
  type Bytes,
  be16,
  byteArray,
  carpFrame,
  ethernetFrame,
  extensionHeader,
  ipv4Packet,
  ipv6Packet,
  join,
  macBytes,
  neighbourFrame,
  trafficFrame,
  vrrpMessage,
} from '../support/frames.ts';

function decode(bytes: Bytes, linkType = 1, originalLength = bytes.length): Frame {
  return decodeFrame(bytes, 0, bytes.length, linkType, originalLength);
}

function advert(spec: AdvertSpec): Advert {
  const { packet } = decode(advertFrame(spec));
  if (packet.type !== 'advert') throw new Error(`decoded as ${packet.type}`);
  return packet;
}

function ip4(payload: Bytes, more: Partial<Parameters<typeof ipv4Packet>[0]> = {}): Bytes {
  return ethernet(
    0x0800,
    ipv4Packet({ src: '10.0.0.1', dst: '224.0.0.18', ttl: 255, id: 9, protocol: 112, payload, ...more }),
  );
}

function ip6(payload: Bytes, next = 112): Bytes {
  return ethernet(0x86dd, ipv6Packet({ src: 'fe80::1', dst: 'ff02::12', hopLimit: 255, next, payload }));
}

function ethernet(type: number, payload: Bytes, padTo = 0): Bytes {
  const frame = { srcMac: '02:00:00:00:00:01', dstMac: '01:00:5e:00:00:12', vlans: [], type, payload, padTo };
  return ethernetFrame(frame);
}

const V3_MESSAGE = vrrpMessage({}, '10.0.0.1', '224.0.0.18');
const V3_MESSAGE_6 = vrrpMessage({}, 'fe80::1', 'ff02::12');

describe('VRRP', () => {
  it.each<[string, AdvertSpec, readonly Problem[], boolean]>([
    ['v3 over IPv4', {}, [], true],
    ['v2 over IPv4', { version: 2 }, [], true],
    ['v2 over IPv6', { version: 2, src: 'fe80::1' }, [], true],
    ['v3 over IPv6', { src: 'fe80::1' }, [], true],
    ['padded to 60 bytes', { padTo: 60 }, [], true],
    ['no address at all (keepalived allows it)', { vips: [] }, [], true],
    ['priority 255', { priority: 255 }, [], true],
    ['reserved bits are ignored on receipt', { intervalMs: 1000 }, [], true],
    ['TTL 254', { ttl: 254 }, ['ttl-not-255'], false],
    ['TTL 64 to a unicast peer is legal', { ttl: 64, dst: '10.0.0.2' }, [], true],
    ['hop limit 1', { src: 'fe80::1', ttl: 1 }, ['ttl-not-255'], false],
    ['hop limit 64 to a unicast peer', { src: 'fe80::1', dst: 'fe80::2', ttl: 64 }, [], true],
    ['bad checksum', { checksum: 'bad' }, ['bad-checksum'], false],
    ['bad checksum in v2', { version: 2, checksum: 'bad' }, ['bad-checksum'], false],
    ['bad checksum over IPv6', { src: 'fe80::1', checksum: 'bad' }, ['bad-checksum'], false],
    ['VRID 0', { vrid: 0 }, ['bad-vrid'], false],
    ['interval 0', { intervalMs: 0 }, ['bad-interval'], false],
    ['interval 0 in v2', { version: 2, intervalMs: 0 }, ['bad-interval'], false],
    ['unknown type', { type: 2 }, ['unknown-type'], false],
    ['unknown version', { version: 4 }, ['unknown-version'], false],
    ['unknown auth type', { version: 2, authType: 3 }, ['unknown-auth-type'], false],
    ['more addresses counted than sent', { count: 3 }, ['truncated'], false],
    ['zeros behind the message', { trailing: new Uint8Array(6) }, [], true],
    ['bytes behind the message', { trailing: byteArray(1, 2, 3) }, ['trailing-bytes'], true],
  ])('%s', (_name, spec, problems, valid) => {
    const { problems: found, valid: isValid, ...rest } = advert(spec);
    expect([...found].sort()).toEqual([...problems].sort());
    expect(isValid).toBe(valid);
    expect(rest.src).toBe(spec.src ?? '10.0.0.1');
    expect(rest.vrid).toBe(spec.vrid ?? 51);
  });

  it('ignores reserved bits but names them', () => {
    const message = vrrpMessage({ checksum: 'ok' }, '10.0.0.1', '224.0.0.18');
    message.set([(message[4] ?? 0) | 0x50], 4);
    message.set(be16((((message[6] ?? 0) << 8) | (message[7] ?? 0)) - 0x5000), 6);
    expect(decode(ip4(message)).packet).toMatchObject({
      intervalMs: 1000,
      problems: ['reserved-bits'],
      valid: true,
    });
  });

  it.each<[string, AdvertSpec, Advert['checksum']]>([
    ['v3 with the pseudo-header', {}, 'ok'],
    ['v3 with the pseudo-header, to a peer', { dst: '10.0.0.2' }, 'ok'],
    ['v3 of RFC 9568', { checksum: 'message-only' }, 'ok-message-only'],
    ['v3 of old keepalived, to a peer', { dst: '10.0.0.2', checksum: 'old-unicast' }, 'ok-old-unicast'],
    ['v2', { version: 2 }, 'ok'],
    ['v3 over IPv6 without the pseudo-header', { src: 'fe80::1', checksum: 'message-only' }, 'bad'],
    ['v2 over IPv6, filled in by the kernel', { version: 2, src: 'fe80::1' }, 'ok'],
    ['v2 over IPv6, message only', { version: 2, src: 'fe80::1', checksum: 'message-only' }, 'ok'],
    ['HMAC trailer', { hmac: true }, 'ok'],
    ['HMAC trailer, v2', { hmac: true, version: 2 }, 'ok'],
    ['HMAC trailer over IPv6', { hmac: true, src: 'fe80::1' }, 'ok'],
  ])('checksum: %s', (_name, spec, checksum) => {
    expect(advert(spec)).toMatchObject({ checksum, hmac: spec.hmac ?? false });
  });

  it('reads a password up to its padding', () => {
    expect(advert({ version: 2, authType: 1, password: 'pw' }).authData).toBe('7077');
    expect(advert({ version: 2, authType: 0, password: 'pw' }).authData).toBeNull();
    expect(advert({ version: 2, authType: 1, password: '' }).authData).toBe('');
  });

  it('reads 25 addresses, IPv6 ones in RFC 5952 form', () => {
    const many = Array.from({ length: 25 }, (_, i) => `10.0.1.${i + 1}`);
    expect(advert({ vips: many }).vips).toEqual(many);
    const vips = ['fe80::1', '2001:db8::1:0:0:1', '2001:db8:0:1:1:1:1:1', '::', '1::', 'ff02:0:0:1::'];
    expect(advert({ src: 'fe80::1', vips }).vips).toEqual(vips);
    expect(advert({ src: 'fe80::1', vips: ['2001:DB8:0:0:1:0:0:1', '::ffff:a00:1'] }).vips).toEqual([
      '2001:db8::1:0:0:1',
      '::ffff:10.0.0.1',
    ]);
  });

  it('intervals: seconds in v2, centiseconds in v3, milliseconds here', () => {
    expect(advert({ version: 2, intervalMs: 255_000 }).intervalMs).toBe(255_000);
    expect(advert({ intervalMs: 40_950 }).intervalMs).toBe(40_950);
    expect(advert({ intervalMs: 10 }).intervalMs).toBe(10);
  });

  it.each([2, 3, 4, 5, 6, 7])('%i bytes still tell who spoke', (length) => {
    const packet = decode(ip4(V3_MESSAGE.slice(0, length))).packet as Advert;
    expect(packet).toMatchObject({ type: 'advert', vrid: 51, src: '10.0.0.1', vips: [], valid: false });
    expect(packet.priority).toBe(length > 2 ? 100 : 0);
    expect(packet.checksum).toBe('unverifiable');
    expect(packet.problems).toContain('truncated');
  });

  it('less than version and VRID is no advert', () => {
    expect(decode(ip4(V3_MESSAGE.slice(0, 1))).packet).toEqual({ type: 'other', problems: ['truncated'] });
    expect(decode(ip4(V3_MESSAGE.slice(0, 0))).packet).toEqual({ type: 'other', problems: ['truncated'] });
  });
});

describe('IP', () => {
  it('skips IPv4 options', () => {
    expect(decode(ip4(V3_MESSAGE, { options: byteArray(0x94, 4, 0, 0) }))).toMatchObject({
      ipId: 9,
      packet: { type: 'advert', valid: true },
    });
  });

  it.each([0x2000, 0x0001, 0x2010])('leaves fragments alone (%i)', (fragment) => {
    expect(decode(ip4(V3_MESSAGE, { fragment })).packet).toEqual({ type: 'other', problems: ['fragment'] });
  });

  it('takes "do not fragment" for what it is', () => {
    expect(decode(ip4(V3_MESSAGE, { fragment: 0x4000 })).packet.type).toBe('advert');
  });

  it('trusts the total length and not the frame', () => {
    const shorter = ip4(V3_MESSAGE, { totalLength: 20 + 8 });
    expect(decode(shorter).packet).toMatchObject({ problems: ['truncated', 'bad-checksum'], vips: [] });
    const longer = ip4(V3_MESSAGE, { totalLength: 20 + 16 });
    expect(decode(longer).packet).toMatchObject({
      vips: ['10.0.0.100'],
      problems: ['truncated'],
      valid: false,
    });
    const absurd = ip4(V3_MESSAGE, { totalLength: 19 });
    expect(decode(absurd).packet).toEqual({ type: 'other', problems: ['bad-length'] });
  });

  it('follows extension headers', () => {
    const hopByHop = ip6(
      join(extensionHeader(60), extensionHeader(43, 16), extensionHeader(112, 24), V3_MESSAGE_6),
      0,
    );
    expect(decode(hopByHop).packet).toMatchObject({ type: 'advert', valid: true, ah: false });
    const atomic = ip6(join(byteArray(112, 0, 0, 0, 1, 2, 3, 4), V3_MESSAGE_6), 44);
    expect(decode(atomic).packet).toMatchObject({ type: 'advert', valid: true });
    const fragment = ip6(join(byteArray(112, 0, 0, 1, 1, 2, 3, 4), V3_MESSAGE_6), 44);
    expect(decode(fragment).packet).toEqual({ type: 'other', problems: ['fragment'] });
    const cutShort = ip6(byteArray(112, 9, 0, 0, 0, 0, 0, 0), 60);
    expect(decode(cutShort).packet).toEqual({ type: 'other', problems: ['truncated'] });
  });

  it('gives up on an endless chain of extension headers', () => {
    const chain = join(...Array.from({ length: 40 }, () => extensionHeader(60)), V3_MESSAGE_6);
    expect(decode(ip6(chain, 60)).packet.type).toBe('other');
  });

  it('looks behind an authentication header in both families', () => {
    expect(advert({ version: 2, authType: 2, ah: true })).toMatchObject({
      ah: true,
      authType: 2,
      valid: true,
    });
    expect(advert({ src: 'fe80::1', ah: true })).toMatchObject({ ah: true, valid: true });
    const esp = ip4(join(byteArray(50, 4, 0, 0), new Uint8Array(20), V3_MESSAGE), { protocol: 51 });
    expect(decode(esp).packet).toEqual({ type: 'other', problems: [] });
  });

  it('an advert quoted in an ICMP error is not an advert', () => {
    const quoted = join(byteArray(3, 2, 0, 0, 0, 0, 0, 0), advertFrame({ dst: '10.0.0.2' }).slice(14));
    expect(decode(ip4(quoted, { protocol: 1 })).packet).toEqual({ type: 'other', problems: [] });
  });
});

describe('CARP', () => {
  it('is never an advert', () => {
    expect(decode(carpFrame({ vhid: 7, advSkew: 100 })).packet).toEqual({
      type: 'carp',
      srcMac: '00:00:5e:00:01:07',
      family: 'ipv4',
      src: '10.0.0.3',
      vhid: 7,
      advSkew: 100,
      problems: [],
    });
    expect(decode(carpFrame({ ttl: 1 })).packet).toMatchObject({ type: 'carp', problems: ['ttl-not-255'] });
  });

  it('VRRPv2 with 5 or 7 addresses is never CARP', () => {
    for (const count of [5, 7]) {
      const vips = Array.from({ length: count }, (_, i) => `10.0.1.${i}`);
      expect(advert({ version: 2, vips })).toMatchObject({ vips, valid: true });
    }
  });
});

describe('ARP', () => {
  const MAC = '02:00:00:00:00:01';
  it.each<[string, Parameters<typeof arpFrame>[0], Packet]>([
    ['gratuitous request', {}, claim('arp-request', true)],
    ['announcement (RFC 5227)', { targetMac: '00:00:00:00:00:00' }, claim('arp-request', true)],
    ['gratuitous reply', { opcode: 2 }, claim('arp-reply', true)],
    ['reply to all', { opcode: 2, targetIp: '10.0.0.9' }, claim('arp-reply', true)],
    [
      'reply to one',
      { opcode: 2, targetIp: '10.0.0.9', dstMac: '02:00:00:00:00:09' },
      claim('arp-reply', false),
    ],
    ['padded', { padTo: 60 }, claim('arp-request', true)],
    ['sent by another MAC', { srcMac: '02:00:00:00:00:77' }, claim('arp-request', true, '02:00:00:00:00:77')],
    ['request', { targetIp: '10.0.0.9' }, { type: 'address-talk', family: 'ipv4' }],
    ['probe', { senderIp: '0.0.0.0', targetIp: '10.0.0.100' }, { type: 'address-talk', family: 'ipv4' }],
    ['reply from 0.0.0.0', { opcode: 2, senderIp: '0.0.0.0' }, { type: 'address-talk', family: 'ipv4' }],
    ['unknown opcode', { opcode: 9 }, { type: 'address-talk', family: 'ipv4' }],
  ])('%s', (_name, spec, packet) => {
    expect(decode(arpFrame(spec)).packet).toEqual(packet);
  });

  it('leaves other hardware and protocols alone', () => {
    const frame = arpFrame();
    frame.set(be16(32), 14); // InfiniBand
    expect(decode(frame).packet).toEqual({ type: 'other', problems: [] });
  });

  function claim(form: 'arp-request' | 'arp-reply', gratuitous: boolean, srcMac = MAC): Packet {
    const problems: Problem[] = srcMac === MAC ? [] : ['sender-mac-differs'];
    return {
      type: 'claim',
      mac: MAC,
      srcMac,
      family: 'ipv4',
      address: '10.0.0.100',
      form,
      gratuitous,
      problems,
    };
  }
});

describe('neighbour discovery', () => {
  const talk: Packet = { type: 'address-talk', family: 'ipv6' };
  it.each<[string, Parameters<typeof neighbourFrame>[0], object]>([
    [
      'unsolicited',
      {},
      { type: 'claim', mac: '02:00:00:00:00:01', address: 'fe80::100', form: 'na', problems: [] },
    ],
    ['solicited', { flags: 0x60, dst: 'fe80::9' }, talk],
    ['solicitation', { type: 135 }, talk],
    [
      'without an option',
      { mac: null, srcMac: '02:00:00:00:00:05' },
      { type: 'claim', mac: '02:00:00:00:00:05' },
    ],
    [
      'sent by another MAC',
      { srcMac: '02:00:00:00:00:05' },
      { mac: '02:00:00:00:00:01', problems: ['sender-mac-differs'] },
    ],
    ['forwarded', { hopLimit: 254 }, { type: 'other', problems: ['bad-hop-limit'] }],
    ['bad checksum', { checksum: 'bad' }, { type: 'other', problems: ['bad-checksum'] }],
    ['multicast target', { target: 'ff02::5', src: 'fe80::1' }, { type: 'other', problems: [] }],
    ['other ICMPv6', { type: 134 }, { type: 'other', problems: [] }],
  ])('%s', (_name, spec, packet) => {
    expect(decode(neighbourFrame(spec)).packet).toMatchObject(packet);
  });
});

describe('link headers', () => {
  const ip = advertFrame({ ipId: 3 }).slice(14);

  it.each<[string, readonly number[], readonly number[]]>([
    ['802.1Q', [100], [100]],
    ['802.1ad', [100, 200], [100, 200]],
    ['priority tag', [0], []],
    ['priority bits', [0xe064], [100]],
    ['four deep', [1, 2, 3, 4], [1, 2, 3, 4]],
  ])('%s', (_name, vlans, expected) => {
    expect(decode(advertFrame({ vlans }))).toMatchObject({
      vlans: expected,
      packet: { type: 'advert', valid: true },
    });
    expect(decode(arpFrame({ vlans }))).toMatchObject({ vlans: expected, packet: { type: 'claim' } });
    expect(decode(trafficFrame({ vlans }))).toMatchObject({ vlans: expected, packet: { type: 'other' } });
  });

  it('cooked captures give the MAC where there is one', () => {
    const sll = join(be16(2), be16(1), be16(6), macBytes('02:00:00:00:00:01'), be16(0), be16(0x0800), ip);
    expect(decode(sll, 113)).toMatchObject({ ipId: 3, packet: { srcMac: '02:00:00:00:00:01', valid: true } });
    const noAddress = join(be16(2), be16(1), be16(0), new Uint8Array(8), be16(0x0800), ip);
    expect(decode(noAddress, 113)).toMatchObject({ packet: { type: 'advert', srcMac: '' } });
    const sll2 = join(
      be16(0x0800),
      be16(0),
      new Uint8Array(4),
      be16(1),
      byteArray(2, 6),
      macBytes('02:00:00:00:00:01'),
      be16(0),
      ip,
    );
    expect(decode(sll2, 276)).toMatchObject({ packet: { type: 'advert', srcMac: '02:00:00:00:00:01' } });
    const arp = arpFrame({ opcode: 2, targetIp: '10.0.0.9' }).slice(14);
    const broadcast = join(
      be16(1),
      be16(1),
      be16(6),
      macBytes('02:00:00:00:00:01'),
      be16(0),
      be16(0x0806),
      arp,
    );
    expect(decode(broadcast, 113).packet).toMatchObject({ type: 'claim', gratuitous: true });
  });

  it('raw IP and loopback', () => {
    for (const linkType of [101, 12, 14, 228]) {
      expect(decode(ip, linkType)).toMatchObject({ ipId: 3, packet: { type: 'advert', srcMac: '' } });
    }
    const ip6 = advertFrame({ src: 'fe80::1' }).slice(14);
    for (const linkType of [101, 229])
      expect(decode(ip6, linkType)).toMatchObject({ packet: { family: 'ipv6' } });
    expect(decode(join(byteArray(2, 0, 0, 0), ip), 0).packet.type).toBe('advert');
    expect(decode(join(byteArray(0, 0, 0, 2), ip), 108).packet.type).toBe('advert');
    for (const family of [10, 24, 28, 30]) {
      expect(decode(join(byteArray(family, 0, 0, 0), ip6), 0).packet.type).toBe('advert');
    }
    expect(decode(join(byteArray(7, 0, 0, 0), ip), 0).packet.type).toBe('other');
  });

  it('802.3 with LLC, unknown types and unknown link types are other', () => {
    const other = { vlans: [], ipId: null, packet: { type: 'other', problems: [] } };
    expect(decode(ethernet(0x0026, join(byteArray(0xaa, 0xaa, 3, 0, 0, 0, 8, 0), ip)))).toEqual(other);
    expect(decode(ethernet(0x88cc, ip))).toEqual(other);
    expect(decode(ip, 105)).toEqual(other);
    expect(decode(new Uint8Array(0))).toEqual(other);
    expect(addressBytes('::').length).toBe(16);
  });
});
