/**
 * The IPsec authentication header (RFC 4302), which keepalived's `auth_type AH` puts before an advert. It is
 * skipped: without the key nobody can check it, and its sequence and digest change with every advert.
 *
 *   0 next header   1 length (32 bit words, less 2)   2 reserved   4 SPI   8 sequence   12 digest
 */
import { u8 } from './bytes.ts';
import { type IpPacket, OTHER, otherWith, PROTOCOL_VRRP } from './ip-packet.ts';
import type { Other } from './packet.ts';

/** The packet behind an AH in IPv4. (In IPv6 it is one of the extension headers.) */
export function unwrapAh(ip: IpPacket): IpPacket | Other {
  if (ip.start + 12 > ip.end) return otherWith('truncated');
  if (ip.start + 12 > ip.capturedEnd) return otherWith('cut-by-capture');
  const protocol = u8(ip.bytes, ip.start);
  if (protocol !== PROTOCOL_VRRP) return OTHER;
  const start = ip.start + ahLength(ip.bytes, ip.start);
  if (start > ip.end) return otherWith('truncated');
  if (start > ip.capturedEnd) return otherWith('cut-by-capture');
  return { ...ip, protocol, ah: true, start };
}

export function ahLength(bytes: Uint8Array, at: number): number {
  return (u8(bytes, at + 1) + 2) * 4; // RFC 4302 section 2.2
}
