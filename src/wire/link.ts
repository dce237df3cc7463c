/**
 * Link headers: Ethernet II with 802.1Q/802.1ad tags, Linux cooked captures, raw IP, BSD loopback.
 *
 * Any other link type, 802.3 with LLC and frames too short for their header say nothing to us.
 * Limits: tags are followed 4 deep.
 */
import { u8, u16, u32 } from './bytes.ts';
import type { LinkFrame } from './ip-packet.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

/** Numbers as in https://www.tcpdump.org/linktypes.html */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW_BSD = 12;
export const LINKTYPE_RAW_OPENBSD = 14;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

export function isKnownLinkType(linkType: number): boolean {
  return KNOWN_LINK_TYPES.has(linkType);
}

/** Null where there is not even a link header. */
export function decodeLink(
  bytes: Uint8Array,
  start: number,
  end: number,
  linkType: number,
  originalLength: number,
): LinkFrame | null {
  const wireEnd = Math.max(end, start + originalLength);
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return decodeEthernet(bytes, start, end, wireEnd);
    case LINKTYPE_LINUX_SLL:
      return decodeCooked(bytes, start, end, wireEnd);
    case LINKTYPE_LINUX_SLL2:
      return decodeCooked2(bytes, start, end, wireEnd);
    case LINKTYPE_RAW:
    case LINKTYPE_RAW_BSD:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
      return end > start ? plain(bytes, start, end, wireEnd, etherTypeByVersion(bytes, start)) : null;
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return decodeLoopback(bytes, start, end, wireEnd);
    default:
      return null;
  }
}

/**
 *   0        6        12     14
 *  +--------+--------+------+---------
 *  |  dst   |  src   | type | payload      type up to 1500 is an 802.3 length: LLC follows
 *  +--------+--------+------+---------
 */
function decodeEthernet(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFrame | null {
  if (end - start < 14) return null;
  const toBroadcast = u16(bytes, start) === 0xffff && u32(bytes, start + 2) === 0xffffffff;
  return untag(bytes, start + 14, u16(bytes, start + 12), start + 6, toBroadcast, end, wireEnd);
}

/**
 * LINUX_SLL: packet type 2, ARPHRD 2, address length 2, address 8, protocol 2.
 * Packet type 1 is "broadcast by somebody else".
 */
function decodeCooked(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFrame | null {
  if (end - start < 16) return null;
  const srcMacAt = u16(bytes, start + 4) === 6 ? start + 6 : -1;
  return untag(bytes, start + 16, u16(bytes, start + 14), srcMacAt, u16(bytes, start) === 1, end, wireEnd);
}

/** LINUX_SLL2: protocol 2, reserved 2, interface index 4, ARPHRD 2, packet type 1, address length 1, address 8. */
function decodeCooked2(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFrame | null {
  if (end - start < 20) return null;
  const srcMacAt = u8(bytes, start + 11) === 6 ? start + 12 : -1;
  return untag(bytes, start + 20, u16(bytes, start), srcMacAt, u8(bytes, start + 10) === 1, end, wireEnd);
}

/** An address family in 4 bytes: NULL in the recording host's byte order, LOOP in the network's. Small numbers: try both. */
function decodeLoopback(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFrame | null {
  if (end - start < 4) return null;
  const family =
    u16(bytes, start) === 0 ? u16(bytes, start + 2) : u8(bytes, start) | (u8(bytes, start + 1) << 8);
  if (family === 2) return plain(bytes, start + 4, end, wireEnd, ETHERTYPE_IPV4);
  // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on macOS.
  const isIpv6 = family === 10 || family === 24 || family === 28 || family === 30;
  return plain(bytes, start + 4, end, wireEnd, isIpv6 ? ETHERTYPE_IPV6 : 0);
}

/**
 * 802.1Q: 16 bits of tag (3 priority, 1 drop eligible, 12 VLAN) before the next type, nested for 802.1ad.
 * VLAN 0 is a priority tag: such a frame belongs to the untagged segment (802.1Q section 9.6).
 */
function untag(
  bytes: Uint8Array,
  payloadAt: number,
  type: number,
  srcMacAt: number,
  toBroadcast: boolean,
  capturedEnd: number,
  wireEnd: number,
): LinkFrame {
  let at = payloadAt;
  let etherType = type;
  let vlans = NO_VLANS;
  for (let tags = 0; tags < TAGS_MAX && isTag(etherType) && at + 4 <= capturedEnd; tags++) {
    const vlan = u16(bytes, at) & 0x0fff;
    if (vlan !== 0) vlans = [...vlans, vlan];
    etherType = u16(bytes, at + 2);
    at += 4;
  }
  return { bytes, at, etherType, vlans, srcMacAt, toBroadcast, capturedEnd, wireEnd };
}

function isTag(etherType: number): boolean {
  return etherType === 0x8100 || etherType === 0x88a8 || etherType === 0x9100;
}

function plain(
  bytes: Uint8Array,
  at: number,
  capturedEnd: number,
  wireEnd: number,
  etherType: number,
): LinkFrame {
  return { bytes, at, etherType, vlans: NO_VLANS, srcMacAt: -1, toBroadcast: false, capturedEnd, wireEnd };
}

function etherTypeByVersion(bytes: Uint8Array, at: number): number {
  const version = u8(bytes, at) >> 4;
  if (version === 4) return ETHERTYPE_IPV4;
  return version === 6 ? ETHERTYPE_IPV6 : 0;
}

const TAGS_MAX = 4;
const NO_VLANS: readonly number[] = Object.freeze([]);
const KNOWN_LINK_TYPES: ReadonlySet<number> = new Set([
  LINKTYPE_NULL,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW_BSD,
  LINKTYPE_RAW_OPENBSD,
  LINKTYPE_RAW,
  LINKTYPE_LOOP,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL2,
]);
