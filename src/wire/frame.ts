/**
 * A captured frame becomes a value. The one entrance to the decoders beside it: link, VLAN tags, ARP, IPv4 and
 * IPv6, AH, VRRP, CARP, neighbour discovery.
 *
 * Pure and total: the same bytes give the same frame, no bytes make it throw, and bytes outside `start` to
 * `end` are never looked at (a capture's buffer holds other frames there). What can be read of a broken frame
 * is kept, and each oddity is a named `Problem`. An advert quoted in an ICMP error is not an advert: nothing
 * looks inside ICMP.
 */
import { unwrapAh } from './ah.ts';
import { decodeArp } from './arp.ts';
import { decodeCarp } from './carp.ts';
import {
  type IpPacket,
  isIpPacket,
  type LinkFrame,
  OTHER,
  PROTOCOL_AH,
  PROTOCOL_ICMPV6,
  PROTOCOL_VRRP,
} from './ip-packet.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { decodeLink, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './link.ts';
import { decodeNeighbour } from './neighbour.ts';
import type { Frame, Other, Packet } from './packet.ts';
import { decodeVrrp } from './vrrp.ts';

/**
 * `originalLength` is the frame's length on the wire; less than that between `start` and `end` means that the
 * capture's snap length cut it.
 */
export function decodeFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  linkType: number,
  originalLength: number,
): Frame {
  const link = decodeLink(bytes, start, end, linkType, originalLength);
  if (link === null) return OTHER_FRAME;
  switch (link.etherType) {
    case ETHERTYPE_ARP:
      return { vlans: link.vlans, ipId: null, packet: decodeArp(link) };
    case ETHERTYPE_IPV4:
      return frameOfIp(link, decodeIpv4(link));
    case ETHERTYPE_IPV6:
      return frameOfIp(link, decodeIpv6(link));
    default:
      return link.vlans.length === 0 ? OTHER_FRAME : { vlans: link.vlans, ipId: null, packet: OTHER };
  }
}

function frameOfIp(link: LinkFrame, ip: IpPacket | Other): Frame {
  if (ip === OTHER && link.vlans.length === 0) return OTHER_FRAME;
  const packet = isIpPacket(ip) ? decodeUpperLayer(ip) : ip;
  const ipId = packet.type === 'advert' && isIpPacket(ip) ? ip.id : null;
  return { vlans: link.vlans, ipId, packet };
}

function decodeUpperLayer(ip: IpPacket): Packet {
  switch (ip.protocol) {
    case PROTOCOL_VRRP:
      return decodeCarp(ip) ?? decodeVrrp(ip);
    case PROTOCOL_AH: {
      const inner = unwrapAh(ip);
      return isIpPacket(inner) ? decodeVrrp(inner) : inner;
    }
    case PROTOCOL_ICMPV6:
      return decodeNeighbour(ip);
    default:
      return OTHER;
  }
}

const OTHER_FRAME: Frame = Object.freeze({ vlans: Object.freeze([]), ipId: null, packet: OTHER });
