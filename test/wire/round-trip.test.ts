/** What the encoder put in comes out: generated packets of every kind, every field. */
import { expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/packet.ts';
import { advertFrame, arpFrame, type Bytes, carpFrame, neighbourFrame } from '../support/frames.ts';
import { forSeeds, fuzzRounds, type Random } from './fuzz.ts';

it('adverts', () => {
  forSeeds(fuzzRounds(1000), (random) => {
    const version = random.pick([2, 3]);
    const isIpv6 = random.chance(0.4);
    const checksums =
      isIpv6 || version === 2 ? (['ok'] as const) : (['ok', 'message-only', 'old-unicast'] as const);
    const checksum = random.pick(checksums);
    const unicast = checksum === 'old-unicast' || random.chance(0.3);
    const authType = version === 2 ? random.int(isIpv6 ? 1 : 3) : null;
    const password = random.pick(['', 'a', 'secret12']);
    const spec = {
      version,
      vrid: 1 + random.int(255),
      priority: random.int(256),
      intervalMs: version === 2 ? 1000 * (1 + random.int(255)) : 10 * (1 + random.int(4095)),
      srcMac: mac(random),
      src: isIpv6 ? `fe80::${hex(random)}` : ipv4(random),
      dst: isIpv6 ? (unicast ? `fe80::${hex(random)}` : 'ff02::12') : unicast ? '10.9.8.7' : '224.0.0.18',
      ttl: unicast ? random.int(256) : 255,
      vips: Array.from({ length: random.int(6) }, () => (isIpv6 ? `2001:db8::${hex(random)}` : ipv4(random))),
      ah: version === 2 && random.chance(0.2),
      hmac: random.chance(0.2),
    };
    const ipId = random.int(65_536);
    const vlans = Array.from({ length: random.int(3) }, () => 1 + random.int(4094));
    const bytes = advertFrame({
      ...spec,
      checksum,
      authType: authType ?? 0,
      password: authType === 1 ? password : '',
      ipId,
      vlans,
      padTo: random.pick([0, 60]),
    });
    // A pseudo-header whose sum is nothing makes the variants equal; the plain one is then the answer.
    const packet = decode(bytes).packet;
    expect(decode(bytes)).toEqual({
      vlans,
      ipId: isIpv6 ? null : ipId,
      packet: {
        type: 'advert',
        family: isIpv6 ? 'ipv6' : 'ipv4',
        ...spec,
        authType,
        authData: authType === 1 ? Buffer.from(password).toString('hex') : null,
        checksum:
          packet.type === 'advert' && packet.checksum === 'ok'
            ? 'ok'
            : checksum === 'ok'
              ? 'ok'
              : `ok-${checksum}`,
        problems: [],
        valid: true,
      },
    });
  });
});

it('claims', () => {
  forSeeds(fuzzRounds(1000), (random) => {
    const senderMac = mac(random);
    const senderIp = ipv4(random);
    const opcode = random.pick([1, 2]);
    expect(decode(arpFrame({ opcode, senderMac, senderIp })).packet).toEqual({
      type: 'claim',
      mac: senderMac,
      srcMac: senderMac,
      family: 'ipv4',
      address: senderIp,
      form: opcode === 1 ? 'arp-request' : 'arp-reply',
      gratuitous: true,
      problems: [],
    });
    const target = `2001:db8::${hex(random)}`;
    expect(decode(neighbourFrame({ target, mac: senderMac })).packet).toEqual({
      type: 'claim',
      mac: senderMac,
      srcMac: senderMac,
      family: 'ipv6',
      address: target,
      form: 'na',
      gratuitous: true,
      problems: [],
    });
  });
});

it('CARP', () => {
  forSeeds(fuzzRounds(300), (random) => {
    const spec = { vhid: 1 + random.int(255), advSkew: random.int(256), src: ipv4(random) };
    expect(decode(carpFrame(spec)).packet).toMatchObject({ type: 'carp', ...spec, problems: [] });
  });
});

function decode(bytes: Bytes): Frame {
  return decodeFrame(bytes, 0, bytes.length, 1, bytes.length);
}

function mac(random: Random): string {
  return `02:00:00:00:${byteHex(random)}:${byteHex(random)}`;
}

function byteHex(random: Random): string {
  return random.int(256).toString(16).padStart(2, '0');
}

function hex(random: Random): string {
  return (1 + random.int(0xffff)).toString(16);
}

function ipv4(random: Random): string {
  return `10.${random.int(256)}.${random.int(256)}.${1 + random.int(254)}`;
}
