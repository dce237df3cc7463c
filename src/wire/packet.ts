/**
 * What a captured frame says, as plain immutable values: the vocabulary of `src/wire`.
 *
 * Decoding is total: it never throws, keeps whatever could be read and names each oddity as a `Problem`.
 * Units are normalised here, once: intervals are milliseconds whatever the version counted in.
 */

export type Family = 'ipv4' | 'ipv6';

/** How a VRRP checksum was found to be right; RFC 5798 left room for several over IPv4. */
export type Checksum =
  /** v2 (message only), v3 over IPv4 with the pseudo-header of RFC 5798, v3 over IPv6 */
  | 'ok'
  /** v3 over IPv4 without a pseudo-header: RFC 9568 section 5.2.8, keepalived's `v3_checksum_as_v2` */
  | 'ok-message-only'
  /** v3 over IPv4, unicast, pseudo-header with 224.0.0.18: keepalived's `old_unicast_checksum` */
  | 'ok-old-unicast'
  /** no known variant matches */
  | 'bad'
  /** the capture does not hold the whole message */
  | 'unverifiable';

/** Named findings. Those of `INVALIDATING` make an advert one that every receiver drops. */
export type Problem =
  | 'ttl-not-255'
  | 'bad-checksum'
  | 'bad-length'
  | 'unknown-version'
  | 'unknown-type'
  | 'bad-vrid'
  | 'bad-interval'
  | 'unknown-auth-type'
  /** the IP packet is shorter than its own headers and counts say */
  | 'truncated'
  /** the capture's snap length cut the frame: nobody's fault but the recorder's */
  | 'cut-by-capture'
  | 'fragment'
  | 'reserved-bits'
  /** bytes after the addresses that are neither auth data, padding nor a known trailer */
  | 'trailing-bytes'
  /** the MAC inside ARP or the neighbour advertisement is not the one that sent the frame */
  | 'sender-mac-differs'
  | 'bad-hop-limit';

/** Problems for which RFC 9568 section 7.1 (RFC 3768 section 7.1) tells a receiver to discard the advert. */
export const INVALIDATING: ReadonlySet<Problem> = new Set<Problem>([
  'ttl-not-255',
  'bad-checksum',
  'bad-length',
  'unknown-version',
  'unknown-type',
  'bad-vrid',
  'bad-interval',
  'unknown-auth-type',
  'truncated',
]);

/**
 * A VRRP advertisement. Everything but its time and its IPv4 identification: what stays equal from one of a
 * speaker's adverts to the next, so that equal adverts can be one object.
 */
export interface Advert {
  readonly type: 'advert';
  readonly srcMac: string;
  readonly family: Family;
  readonly src: string;
  readonly dst: string;
  readonly ttl: number;
  /** the carrier was an IPsec authentication header (keepalived's `auth_type AH`) */
  readonly ah: boolean;
  /** 2 or 3; any other number survives as it is, with `unknown-version` */
  readonly version: number;
  readonly vrid: number;
  readonly priority: number;
  readonly intervalMs: number;
  /** v2 only: 0 none, 1 simple text, 2 AH, others as they are; null in v3 */
  readonly authType: number | null;
  /** v2 type 1: the password's bytes as hex. A secret: compared, never printed. Null otherwise */
  readonly authData: string | null;
  /** keepalived 2.4's HMAC trailer follows the message */
  readonly hmac: boolean;
  readonly vips: readonly string[];
  readonly checksum: Checksum;
  readonly problems: readonly Problem[];
  /** no problem is invalidating: real routers obey it */
  readonly valid: boolean;
}

/** A frame that says "this address is at this MAC". */
export interface Claim {
  readonly type: 'claim';
  /** the MAC that the claim names (ARP sender hardware address, target link-layer option) */
  readonly mac: string;
  /** the frame's own source */
  readonly srcMac: string;
  readonly family: Family;
  readonly address: string;
  readonly form: 'arp-request' | 'arp-reply' | 'na';
  /** told to everybody, unasked: sender = target (ARP), or unsolicited (NA) */
  readonly gratuitous: boolean;
  readonly problems: readonly Problem[];
}

/** A CARP advertisement (IP protocol 112 as well, section 1.9 of OpenBSD's carp(4) look-alike). */
export interface Carp {
  readonly type: 'carp';
  readonly srcMac: string;
  readonly family: Family;
  readonly src: string;
  readonly vhid: number;
  readonly advSkew: number;
  readonly problems: readonly Problem[];
}

/** An ARP or neighbour discovery frame that claims nothing: requests, probes, solicited answers. */
export interface AddressTalk {
  readonly type: 'address-talk';
  readonly family: Family;
}

/** Anything else: evidence that the capture works. */
export interface Other {
  readonly type: 'other';
  readonly problems: readonly Problem[];
}

export type Packet = Advert | Claim | Carp | AddressTalk | Other;

export interface Frame {
  /** 802.1Q/802.1ad tags, outermost first; empty on an untagged frame */
  readonly vlans: readonly number[];
  /** IPv4 identification of an advert's carrier; null for anything else */
  readonly ipId: number | null;
  readonly packet: Packet;
}

/** 00:00:5e:00:01:VRID or 00:00:5e:00:02:VRID (RFC 9568 section 7.3): names a virtual router, never a node. */
export function isVirtualRouterMac(mac: string): boolean {
  return mac.startsWith('00:00:5e:00:01:') || mac.startsWith('00:00:5e:00:02:');
}
