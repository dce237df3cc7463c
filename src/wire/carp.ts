/**
 * CARP, OpenBSD's protocol under VRRP's number: recognised so that it is never taken for an advert.
 *
 *   0 version 2, type 1   1 vhid   2 advskew   3 authlen = 7   4 demotion   5 advbase   6 checksum
 *   8 counter   16 SHA-1 HMAC                                                            36 bytes in all
 *
 * The first octet equals VRRPv2's. A VRRPv2 message with 7 addresses has 44 bytes, one of 36 has 5: so a
 * fourth octet of 7 in 36 bytes is exact.
 */
import { ipv4Text, ipv6Text, macText, u8 } from './bytes.ts';
import { isIntact, pseudoHeaderSum, sumWords } from './checksum.ts';
import type { IpPacket } from './ip-packet.ts';
import type { Carp, Problem } from './packet.ts';

/** Null: it is not CARP. */
export function decodeCarp(ip: IpPacket): Carp | null {
  const { bytes, start } = ip;
  if (ip.statedEnd - start !== LENGTH || ip.capturedEnd - start < 4) return null;
  if (u8(bytes, start) !== 0x21 || u8(bytes, start + 3) !== 7) return null;
  const problems: Problem[] = [...ip.problems];
  if (ip.hopLimit !== 255) problems.push('ttl-not-255');
  if (ip.capturedEnd === ip.statedEnd && !hasGoodChecksum(ip)) problems.push('bad-checksum');
  return {
    type: 'carp',
    srcMac: ip.link.srcMacAt >= 0 ? macText(bytes, ip.link.srcMacAt) : '',
    family: ip.family,
    src: ip.family === 'ipv4' ? ipv4Text(bytes, ip.srcAt) : ipv6Text(bytes, ip.srcAt),
    vhid: u8(bytes, start + 1),
    advSkew: u8(bytes, start + 2),
    problems,
  };
}

/** Over IPv4 the message alone; over IPv6 systems differ about the pseudo-header. */
function hasGoodChecksum(ip: IpPacket): boolean {
  const sum = sumWords(ip.bytes, ip.start, ip.end);
  if (isIntact(sum)) return true;
  return ip.family === 'ipv6' && isIntact(sum + pseudoHeaderSum(ip, ip.protocol, LENGTH));
}

const LENGTH = 36;
