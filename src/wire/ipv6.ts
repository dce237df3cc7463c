/**
 * IPv6 (RFC 8200) and the extension headers in front of the upper layer.
 *
 *   0 version, traffic class, flow label   4 payload length   6 next header   7 hop limit   8 source   24 destination
 *
 * Limits: 16 extension headers. A routing header is skipped; one with segments left would change the
 * pseudo-header's destination, and no VRRP speaker sends one. Jumbograms are not followed.
 */
import { ahLength } from './ah.ts';
import { u8, u16 } from './bytes.ts';
import {
  extentOf,
  type IpPacket,
  type LinkFrame,
  OTHER,
  otherWith,
  PROTOCOL_AH,
  PROTOCOL_ICMPV6,
  PROTOCOL_VRRP,
} from './ip-packet.ts';
import type { Other } from './packet.ts';

export function decodeIpv6(link: LinkFrame): IpPacket | Other {
  const { bytes, at } = link;
  if (at + 40 > link.capturedEnd || u8(bytes, at) >> 4 !== 6) return OTHER;
  const extent = extentOf(link, at + 40 + u16(bytes, at + 4));

  let protocol = u8(bytes, at + 6);
  let start = at + 40;
  let ah = false;
  for (let headers = 0; isExtensionHeader(protocol); headers++) {
    if (headers === EXTENSION_HEADERS_MAX) return OTHER;
    if (start + 8 > extent.end) return otherWith('truncated'); // the shortest extension header: section 4
    if (start + 8 > extent.capturedEnd) return otherWith('cut-by-capture');
    const next = u8(bytes, start);
    let length = (u8(bytes, start + 1) + 1) * 8;
    if (protocol === FRAGMENT) {
      length = 8;
      // Offset 0 with nothing to follow is an "atomic" fragment, a whole packet: RFC 6946.
      if ((u16(bytes, start + 2) & 0xfff9) !== 0) return isUpperLayer(next) ? otherWith('fragment') : OTHER;
    } else if (protocol === PROTOCOL_AH) {
      length = ahLength(bytes, start);
      ah = true;
    }
    if (start + length > extent.end) return otherWith('truncated');
    if (start + length > extent.capturedEnd) return otherWith('cut-by-capture');
    protocol = next;
    start += length;
  }
  if (!isUpperLayer(protocol)) return OTHER;
  return {
    bytes,
    link,
    family: 'ipv6',
    srcAt: at + 8,
    dstAt: at + 24,
    hopLimit: u8(bytes, at + 7),
    id: null,
    protocol,
    ah,
    start,
    ...extent,
  };
}

/** Whether the chain goes on behind a header of this number. */
export function isExtensionHeader(protocol: number): boolean {
  return (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === FRAGMENT ||
    protocol === DESTINATION_OPTIONS ||
    protocol === PROTOCOL_AH
  );
}

function isUpperLayer(protocol: number): boolean {
  return protocol === PROTOCOL_VRRP || protocol === PROTOCOL_ICMPV6;
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const EXTENSION_HEADERS_MAX = 16;
