/**
 * ARP over Ethernet for IPv4 (RFC 826, RFC 5227). Any other hardware or protocol is left alone.
 *
 *   0       2       4    5    6       8            14         18           24         28
 *  +-------+-------+----+----+-------+------------+----------+------------+----------+
 *  | htype | ptype |hlen|plen| opcode| sender MAC | sender IP| target MAC | target IP|
 *  +-------+-------+----+----+-------+------------+----------+------------+----------+
 */
import { ipv4Text, isZero, macText, sameBytes, u8, u16, u32 } from './bytes.ts';
import { type LinkFrame, missingBytes, OTHER, otherWith } from './ip-packet.ts';
import type { AddressTalk, Claim, Other } from './packet.ts';

export function decodeArp(link: LinkFrame): Claim | AddressTalk | Other {
  const { bytes, at } = link;
  const missing = missingBytes(link, at + 28);
  if (missing !== null) return otherWith(missing);
  const isEthernetIpv4 =
    u16(bytes, at) === HTYPE_ETHERNET &&
    u16(bytes, at + 2) === 0x0800 &&
    u8(bytes, at + 4) === 6 &&
    u8(bytes, at + 5) === 4;
  if (!isEthernetIpv4) return OTHER;

  const opcode = u16(bytes, at + 6);
  if (opcode !== REQUEST && opcode !== REPLY) return ADDRESS_TALK;
  if (isZero(bytes, at + 14, at + 18)) return ADDRESS_TALK; // a probe: RFC 5227 section 2.1.1
  const ownAddress = u32(bytes, at + 14) === u32(bytes, at + 24); // RFC 5227 section 2.3: an announcement
  if (opcode === REQUEST && !ownAddress) return ADDRESS_TALK;

  const differs = link.srcMacAt >= 0 && !sameBytes(bytes, at + 8, link.srcMacAt, 6);
  return {
    type: 'claim',
    mac: macText(bytes, at + 8),
    srcMac: link.srcMacAt >= 0 ? macText(bytes, link.srcMacAt) : '',
    family: 'ipv4',
    address: ipv4Text(bytes, at + 14),
    form: opcode === REPLY ? 'arp-reply' : 'arp-request',
    gratuitous: ownAddress || link.toBroadcast,
    problems: differs ? ['sender-mac-differs'] : [],
  };
}

const HTYPE_ETHERNET = 1;
const REQUEST = 1;
const REPLY = 2;
const ADDRESS_TALK: AddressTalk = Object.freeze({ type: 'address-talk', family: 'ipv4' });
