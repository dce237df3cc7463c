/**
 * Neighbour solicitations and advertisements (RFC 4861 sections 4.3, 4.4): who says "this IPv6 address is at
 * this MAC". Other ICMPv6 is left alone.
 *
 *   0 type   1 code   2 checksum   4 flags R S O   8 target address   24 options (type, length in 8 bytes, ...)
 */
import { ipv6Text, macText, sameBytes, u8 } from './bytes.ts';
import { isIntact, pseudoHeaderSum, sumWords } from './checksum.ts';
import { type IpPacket, OTHER, otherWith, PROTOCOL_ICMPV6 } from './ip-packet.ts';
import type { AddressTalk, Claim, Other, Problem } from './packet.ts';

export function decodeNeighbour(ip: IpPacket): Claim | AddressTalk | Other {
  const { bytes, start } = ip;
  if (ip.capturedEnd <= start) return OTHER;
  const type = u8(bytes, start);
  if (type !== SOLICITATION && type !== ADVERTISEMENT) return OTHER;
  if (ip.hopLimit !== 255) return otherWith('bad-hop-limit'); // RFC 4861 sections 7.1.1, 7.1.2: a router forwarded it
  if (type === SOLICITATION) return ADDRESS_TALK;

  if (ip.end - start < 24) return otherWith('truncated'); // section 7.1.2: 24 or more octets
  if (ip.capturedEnd - start < 24) return otherWith('cut-by-capture');
  const isWhole = ip.capturedEnd === ip.end && !ip.problems.includes('truncated');
  if (isWhole && !hasGoodChecksum(ip)) return otherWith('bad-checksum'); // section 7.1.2
  if ((u8(bytes, start + 4) & FLAG_SOLICITED) !== 0) return ADDRESS_TALK;
  if (u8(bytes, start + 8) === 0xff) return OTHER; // section 7.1.2: the target is not a multicast address

  const optionAt = targetLinkLayerAddress(ip);
  const macAt = optionAt >= 0 ? optionAt : ip.link.srcMacAt;
  if (macAt < 0) return ADDRESS_TALK; // nothing says at which MAC
  const problems: Problem[] = [...ip.problems];
  const { srcMacAt } = ip.link;
  if (srcMacAt >= 0 && !sameBytes(bytes, macAt, srcMacAt, 6)) problems.push('sender-mac-differs');
  return {
    type: 'claim',
    mac: macText(bytes, macAt),
    srcMac: srcMacAt >= 0 ? macText(bytes, srcMacAt) : '',
    family: 'ipv6',
    address: ipv6Text(bytes, start + 8),
    form: 'na',
    gratuitous: true,
    problems,
  };
}

function hasGoodChecksum(ip: IpPacket): boolean {
  const pseudo = pseudoHeaderSum(ip, PROTOCOL_ICMPV6, ip.end - ip.start);
  return isIntact(sumWords(ip.bytes, ip.start, ip.end, pseudo)); // RFC 4443 section 2.3
}

/** Position of the MAC in the option of type 2 (section 4.6.1); -1 without one. */
function targetLinkLayerAddress(ip: IpPacket): number {
  for (let at = ip.start + 24; at + 8 <= ip.capturedEnd; ) {
    const length = u8(ip.bytes, at + 1) * 8;
    if (length === 0) return -1; // section 4.6: would never end
    if (u8(ip.bytes, at) === OPTION_TARGET_LINK_LAYER && length === 8) return at + 2;
    at += length;
  }
  return -1;
}

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const FLAG_SOLICITED = 0x40;
const OPTION_TARGET_LINK_LAYER = 2;
const ADDRESS_TALK: AddressTalk = Object.freeze({ type: 'address-talk', family: 'ipv6' });
