/**
 * Frames captured from keepalived 2.2.7, hex as it was on the wire: the decoder against the real thing, field by
 * field. VRID 51, node 10.77.0.1 or fe80::ff:fe00:a, VIPs 10.77.0.100, fe80::77:100 and 2001:db8:77::100.
 */
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/packet.ts';
import { hexBytes } from '../support/frames.ts';

const ADVERT = {
  type: 'advert',
  srcMac: '02:00:00:00:00:0a',
  family: 'ipv4',
  src: '10.77.0.1',
  dst: '224.0.0.18',
  ttl: 255,
  ah: false,
  version: 2,
  vrid: 51,
  priority: 150,
  intervalMs: 1000,
  authType: 0,
  authData: null,
  hmac: false,
  vips: ['10.77.0.100'],
  checksum: 'ok',
  problems: [],
  valid: true,
} as const;

const IPV4 = '01005e00001202000000000a080045c0';

const VECTORS: readonly (readonly [string, string, Frame])[] = [
  [
    'v2 without authentication',
    `${IPV4}002800010000ff70d0440a4d0001e00000122133960100013e190a4d00640000000000000000`,
    { vlans: [], ipId: 1, packet: ADVERT },
  ],
  [
    'v2 resigning: priority 0',
    `${IPV4}002800020000ff70d0430a4d0001e0000012213300010001d4190a4d00640000000000000000`,
    { vlans: [], ipId: 2, packet: { ...ADVERT, priority: 0 } },
  ],
  [
    'v2 with a password of 8 characters',
    `${IPV4}002800010000ff70d0440a4d0001e0000012213396010101cf9a0a4d00647365637265743132`,
    { vlans: [], ipId: 1, packet: { ...ADVERT, authType: 1, authData: '7365637265743132' } },
  ],
  [
    'v2 inside an authentication header',
    `${IPV4}004000010000ff33d0690a4d0001e0000012700400000a4d0001000000013ec2483f6b8b48530167ea602133960102013c190a4d00640000000000000000`,
    { vlans: [], ipId: 1, packet: { ...ADVERT, ah: true, authType: 2 } },
  ],
  [
    'v3 over IPv4, 25 centiseconds',
    `${IPV4}002000010000ff70d04c0a4d0001e000001231339601001943240a4d0064`,
    { vlans: [], ipId: 1, packet: { ...ADVERT, version: 3, intervalMs: 250, authType: null } },
  ],
  [
    'v3 over IPv6',
    '33330000001202000000000a86dd6c026043002870fffe80000000000000000000fffe00000aff0200000000000000000000000000123133960200640c06fe80000000000000000000000077010020010db8007700000000000000000100',
    {
      vlans: [],
      ipId: null,
      packet: {
        ...ADVERT,
        family: 'ipv6',
        src: 'fe80::ff:fe00:a',
        dst: 'ff02::12',
        version: 3,
        authType: null,
        vips: ['fe80::77:100', '2001:db8:77::100'],
      },
    },
  ],
  [
    'gratuitous ARP, request form',
    'ffffffffffff02000000000a0806000108000604000102000000000a0a4d0064ffffffffffff0a4d0064',
    {
      vlans: [],
      ipId: null,
      packet: {
        type: 'claim',
        mac: '02:00:00:00:00:0a',
        srcMac: '02:00:00:00:00:0a',
        family: 'ipv4',
        address: '10.77.0.100',
        form: 'arp-request',
        gratuitous: true,
        problems: [],
      },
    },
  ],
  [
    'unsolicited neighbour advertisement',
    '33330000000102000000000a86dd6000000000203afffe800000000000000000000000770100ff020000000000000000000000000001880054a620000000fe800000000000000000000000770100020102000000000a',
    {
      vlans: [],
      ipId: null,
      packet: {
        type: 'claim',
        mac: '02:00:00:00:00:0a',
        srcMac: '02:00:00:00:00:0a',
        family: 'ipv6',
        address: 'fe80::77:100',
        form: 'na',
        gratuitous: true,
        problems: [],
      },
    },
  ],
];

describe('frames of keepalived 2.2.7', () => {
  it.each(VECTORS)('%s', (_name, hex, expected) => {
    const bytes = hexBytes(hex);
    expect(decodeFrame(bytes, 0, bytes.length, 1, bytes.length)).toEqual(expected);
  });
});
