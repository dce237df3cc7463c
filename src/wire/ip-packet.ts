/**
 * What the link and IP layers hand upwards: positions in the captured bytes, nothing copied, no text made.
 *
 * Two ends matter. What the *capture* holds (the snap length may have cut it: nobody's fault) and what was on
 * the *wire* (an IP packet longer than its frame is a broken packet).
 */
import type { Family, Other, Problem } from './packet.ts';

/** A frame behind its link header and VLAN tags. */
export interface LinkFrame {
  readonly bytes: Uint8Array;
  /** first byte of the network header */
  readonly at: number;
  readonly etherType: number;
  readonly vlans: readonly number[];
  /** position of the 6 byte source address; -1 where the link type has none */
  readonly srcMacAt: number;
  readonly toBroadcast: boolean;
  readonly capturedEnd: number;
  readonly wireEnd: number;
}

/** An IPv4 or IPv6 packet, its options and extension headers behind it. */
export interface IpPacket {
  readonly bytes: Uint8Array;
  readonly link: LinkFrame;
  readonly family: Family;
  readonly srcAt: number;
  readonly dstAt: number;
  readonly hopLimit: number;
  /** IPv4 identification */
  readonly id: number | null;
  readonly protocol: number;
  /** inside an IPsec authentication header */
  readonly ah: boolean;
  /** the upper layer's bytes: `start` to `end`, of which those before `capturedEnd` were kept */
  readonly start: number;
  readonly end: number;
  readonly capturedEnd: number;
  /** the end by the IP header's count, which lies behind `end` in a truncated packet */
  readonly statedEnd: number;
  /** `truncated`, `cut-by-capture` */
  readonly problems: readonly Problem[];
}

export const PROTOCOL_AH = 51;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_VRRP = 112;

export function isIpPacket(result: IpPacket | Other): result is IpPacket {
  return !('type' in result);
}

/** Whether a header that ends at `end` is there; the problem that says why not. */
export function missingBytes(link: LinkFrame, end: number): Problem | null {
  if (end > link.wireEnd) return 'truncated';
  return end > link.capturedEnd ? 'cut-by-capture' : null;
}

/** What the upper layer has of a packet that ends at `end` by its own count. */
export function extentOf(
  link: LinkFrame,
  statedEnd: number,
): Pick<IpPacket, 'end' | 'capturedEnd' | 'statedEnd' | 'problems'> {
  const problems: Problem[] = [];
  if (statedEnd > link.wireEnd) problems.push('truncated');
  const end = Math.min(statedEnd, link.wireEnd);
  if (end > link.capturedEnd) problems.push('cut-by-capture');
  return { end, capturedEnd: Math.min(end, link.capturedEnd), statedEnd, problems };
}

export const OTHER: Other = Object.freeze({ type: 'other', problems: Object.freeze([]) });

export function otherWith(problem: Problem): Other {
  return { type: 'other', problems: [problem] };
}
