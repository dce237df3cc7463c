/**
 * IPv4 (RFC 791). Options are skipped, fragments recognised and left alone; the header checksum is not
 * verified: a packet that was delivered had a good one.
 *
 *   0 version, header length (32 bit words)   1 TOS   2 total length   4 identification
 *   6 flags, fragment offset   8 TTL   9 protocol   10 header checksum   12 source   16 destination   20 options
 */
import { u8, u16 } from './bytes.ts';
import {
  extentOf,
  type IpPacket,
  type LinkFrame,
  missingBytes,
  OTHER,
  otherWith,
  PROTOCOL_AH,
  PROTOCOL_VRRP,
} from './ip-packet.ts';
import type { Other } from './packet.ts';

export function decodeIpv4(link: LinkFrame): IpPacket | Other {
  const { bytes, at } = link;
  // Which protocol comes first: of a packet that would not interest us we say nothing at all.
  if (at + 10 > link.capturedEnd || u8(bytes, at) >> 4 !== 4) return OTHER;
  const protocol = u8(bytes, at + 9);
  if (protocol !== PROTOCOL_VRRP && protocol !== PROTOCOL_AH) return OTHER;

  const headerLength = (u8(bytes, at) & 0x0f) * 4;
  const totalLength = u16(bytes, at + 2);
  if (headerLength < 20 || totalLength < headerLength) return otherWith('bad-length');
  const missing = missingBytes(link, at + headerLength);
  if (missing !== null) return otherWith(missing);
  if ((u16(bytes, at + 6) & MORE_FRAGMENTS_OR_OFFSET) !== 0) return otherWith('fragment');

  // The frame may be longer than the packet (Ethernet pads to 60 bytes): only the total length counts.
  const extent = extentOf(link, at + totalLength);
  return {
    bytes,
    link,
    family: 'ipv4',
    srcAt: at + 12,
    dstAt: at + 16,
    hopLimit: u8(bytes, at + 8),
    id: u16(bytes, at + 4),
    protocol,
    ah: false,
    start: at + headerLength,
    ...extent,
  };
}

const MORE_FRAGMENTS_OR_OFFSET = 0x3fff;
