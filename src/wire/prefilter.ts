/**
 * Tells from a few bytes of an Ethernet frame that `decodeFrame` would find nothing in it: a `packet` of plain
 * `other`. On a busy segment that is all but one frame in thousands, at a few nanoseconds each.
 *
 * May only ever err towards `MATTERS`: a test holds it against `decodeFrame`.
 */
import { u8, u16 } from './bytes.ts';
import { PROTOCOL_AH, PROTOCOL_ICMPV6, PROTOCOL_VRRP } from './ip-packet.ts';
import { isExtensionHeader } from './ipv6.ts';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './link.ts';

/** The frame must be decoded. */
export const MATTERS = -1;

/** `MATTERS`, or the VLAN (0: none) on which nothing of interest was heard. */
export function uninterestingVlan(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SHORTEST) return MATTERS;
  const type = u16(bytes, start + 12);
  if (type === ETHERTYPE_IPV4) return matters4(u8(bytes, start + 23)) ? MATTERS : 0;
  if (type === ETHERTYPE_ARP) return MATTERS;
  if (type === ETHERTYPE_IPV6) return matters6(bytes, start + 14, end) ? MATTERS : 0;
  if (type !== 0x8100) return type < 0x0600 ? 0 : MATTERS; // 802.3; rare types are not worth a list here

  const vlan = u16(bytes, start + 14) & 0x0fff;
  const inner = u16(bytes, start + 16);
  if (inner === ETHERTYPE_IPV4) return matters4(u8(bytes, start + 27)) ? MATTERS : vlan;
  if (inner === ETHERTYPE_IPV6) return matters6(bytes, start + 18, end) ? MATTERS : vlan;
  return MATTERS;
}

function matters4(protocol: number): boolean {
  return protocol === PROTOCOL_VRRP || protocol === PROTOCOL_AH;
}

function matters6(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + 40 >= end) return true;
  const next = u8(bytes, at + 6);
  if (next === PROTOCOL_ICMPV6) return u8(bytes, at + 40) === 135 || u8(bytes, at + 40) === 136;
  return next === PROTOCOL_VRRP || isExtensionHeader(next);
}

/** Ethernet, one tag, the IPv4 header up to its protocol */
const SHORTEST = 28;
