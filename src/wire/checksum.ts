/**
 * The Internet checksum (RFC 1071) and the pseudo-headers that go into it.
 *
 * Verified, never computed to compare: a message with its own checksum field in it sums to all ones.
 */
import { u8, u16 } from './bytes.ts';
import type { IpPacket } from './ip-packet.ts';

/** Sums 16 bit words on top of `sum`, not folded. An odd last byte counts as if a zero followed: RFC 1071 section 1. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let at = start;
  for (; at + 1 < end; at += 2) total += u16(bytes, at);
  if (at < end) total += u8(bytes, at) << 8;
  return total;
}

/** Whether a sum that includes the checksum field says "unharmed". */
export function isIntact(sum: number): boolean {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded === 0xffff;
}

/**
 *  IPv4 (RFC 793 section 3.1)                      IPv6 (RFC 8200 section 8.1)
 *  source, destination, 0, protocol, length 16 bit  source, destination, length 32 bit, 0, next header
 *
 * Both add up to the same: the addresses, the protocol and the upper layer's length.
 */
export function pseudoHeaderSum(ip: IpPacket, protocol: number, length: number): number {
  const size = ip.family === 'ipv4' ? 4 : 16;
  const addresses = sumWords(
    ip.bytes,
    ip.dstAt,
    ip.dstAt + size,
    sumWords(ip.bytes, ip.srcAt, ip.srcAt + size),
  );
  return addresses + protocol + (length >>> 16) + (length & 0xffff);
}
