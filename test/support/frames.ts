/**
 * Builds frames for tests, byte by byte and independently of the decoders: layer by layer, or whole ones of
 * each kind with sensible defaults. Checksums are right unless asked otherwise.
 */

export type Bytes = Uint8Array<ArrayBuffer>;

export interface AdvertSpec {
  version?: number;
  type?: number;
  vrid?: number;
  priority?: number;
  intervalMs?: number;
  authType?: number;
  /** v2 auth data, NUL padded to 8 bytes */
  password?: string;
  vips?: readonly string[];
  /** stated count of addresses, where it is to lie */
  count?: number;
  src?: string;
  dst?: string;
  srcMac?: string;
  dstMac?: string;
  ttl?: number;
  ipId?: number;
  vlans?: readonly number[];
  checksum?: 'ok' | 'message-only' | 'old-unicast' | 'bad';
  ah?: boolean;
  /** keepalived 2.4's trailer */
  hmac?: boolean;
  /** bytes after the message, inside the IP packet, outside the checksum */
  trailing?: Bytes;
  /** the frame is padded with zeros to this length (Ethernet: 60) */
  padTo?: number;
}

/** A whole advert frame; the family follows `src`. Version 3 over IPv4 by default. */
export function advertFrame(spec: AdvertSpec = {}): Bytes {
  const isIpv6 = (spec.src ?? '').includes(':');
  const src = spec.src ?? '10.0.0.1';
  const dst = spec.dst ?? (isIpv6 ? 'ff02::12' : '224.0.0.18');
  let payload: Bytes = vrrpMessage(spec, src, dst);
  if (spec.hmac) payload = join(payload, hmacTrailer());
  if (spec.trailing) payload = join(payload, spec.trailing);
  let protocol = 112;
  if (spec.ah) {
    payload = join(
      byteArray(112, 4, 0, 0),
      be32(0x0a000001),
      be32(1),
      new Uint8Array(12).fill(0xab),
      payload,
    );
    protocol = 51;
  }
  const ip = isIpv6
    ? ipv6Packet({ src, dst, hopLimit: spec.ttl ?? 255, next: protocol, payload })
    : ipv4Packet({ src, dst, ttl: spec.ttl ?? 255, id: spec.ipId ?? 1, protocol, payload });
  return ethernetFrame({
    srcMac: spec.srcMac ?? '02:00:00:00:00:01',
    dstMac: spec.dstMac ?? (isIpv6 ? '33:33:00:00:00:12' : '01:00:5e:00:00:12'),
    vlans: spec.vlans ?? [],
    type: isIpv6 ? 0x86dd : 0x0800,
    payload: ip,
    padTo: spec.padTo ?? 0,
  });
}

export function vrrpMessage(spec: AdvertSpec, src: string, dst: string): Bytes {
  const version = spec.version ?? 3;
  const isIpv6 = src.includes(':');
  const vips = spec.vips ?? [isIpv6 ? 'fe80::100' : '10.0.0.100'];
  const interval = spec.intervalMs ?? 1000;
  const timing =
    version === 2
      ? byteArray(spec.authType ?? 0, Math.round(interval / 1000))
      : be16(Math.round(interval / 10) & 0xfff);
  const message = join(
    byteArray(
      (version << 4) | (spec.type ?? 1),
      spec.vrid ?? 51,
      spec.priority ?? 100,
      spec.count ?? vips.length,
    ),
    timing,
    be16(0),
    ...vips.map(addressBytes),
    version === 2 && !isIpv6 ? passwordBytes(spec.password ?? '') : new Uint8Array(0),
  );
  const withPseudo = version !== 2 || isIpv6;
  const kind = spec.checksum ?? 'ok';
  const pseudoDst = kind === 'old-unicast' ? '224.0.0.18' : dst;
  const usePseudo = withPseudo && kind !== 'message-only';
  const sum = internetChecksum(
    usePseudo ? join(pseudoHeader(src, pseudoDst, 112, message.length), message) : message,
  );
  message.set(be16(kind === 'bad' ? sum ^ 0x5555 : sum), 6);
  return message;
}

export interface ArpSpec {
  opcode?: number;
  senderMac?: string;
  senderIp?: string;
  targetMac?: string;
  targetIp?: string;
  srcMac?: string;
  dstMac?: string;
  vlans?: readonly number[];
  padTo?: number;
}

/** keepalived's gratuitous ARP by default. */
export function arpFrame(spec: ArpSpec = {}): Bytes {
  const senderMac = spec.senderMac ?? '02:00:00:00:00:01';
  const senderIp = spec.senderIp ?? '10.0.0.100';
  const payload = join(
    be16(1),
    be16(0x0800),
    byteArray(6, 4),
    be16(spec.opcode ?? 1),
    macBytes(senderMac),
    addressBytes(senderIp),
    macBytes(spec.targetMac ?? 'ff:ff:ff:ff:ff:ff'),
    addressBytes(spec.targetIp ?? senderIp),
  );
  return ethernetFrame({
    srcMac: spec.srcMac ?? senderMac,
    dstMac: spec.dstMac ?? 'ff:ff:ff:ff:ff:ff',
    vlans: spec.vlans ?? [],
    type: 0x0806,
    payload,
    padTo: spec.padTo ?? 0,
  });
}

export interface NeighbourSpec {
  type?: number;
  target?: string;
  /** target link-layer option; null: none */
  mac?: string | null;
  flags?: number;
  src?: string;
  dst?: string;
  srcMac?: string;
  hopLimit?: number;
  vlans?: readonly number[];
  checksum?: 'ok' | 'bad';
}

/** keepalived's unsolicited neighbour advertisement by default. */
export function neighbourFrame(spec: NeighbourSpec = {}): Bytes {
  const target = spec.target ?? 'fe80::100';
  const mac = spec.mac === undefined ? '02:00:00:00:00:01' : spec.mac;
  const src = spec.src ?? target;
  const dst = spec.dst ?? 'ff02::1';
  const message = join(
    byteArray(spec.type ?? 136, 0, 0, 0, spec.flags ?? 0x20, 0, 0, 0),
    addressBytes(target),
    mac === null ? new Uint8Array(0) : join(byteArray(2, 1), macBytes(mac)),
  );
  const sum = internetChecksum(join(pseudoHeader(src, dst, 58, message.length), message));
  message.set(be16(spec.checksum === 'bad' ? sum ^ 0x5555 : sum), 2);
  return ethernetFrame({
    srcMac: spec.srcMac ?? mac ?? '02:00:00:00:00:01',
    dstMac: '33:33:00:00:00:01',
    vlans: spec.vlans ?? [],
    type: 0x86dd,
    payload: ipv6Packet({ src, dst, hopLimit: spec.hopLimit ?? 255, next: 58, payload: message }),
    padTo: 0,
  });
}

/** A CARP advertisement as OpenBSD and FreeBSD send it. */
export function carpFrame(spec: { vhid?: number; advSkew?: number; src?: string; ttl?: number } = {}): Bytes {
  const vhid = spec.vhid ?? 51;
  const message = join(
    byteArray(0x21, vhid, spec.advSkew ?? 0, 7, 0, 1),
    be16(0),
    new Uint8Array(8).fill(0x11),
    new Uint8Array(20).fill(0x22),
  );
  message.set(be16(internetChecksum(message)), 6);
  const src = spec.src ?? '10.0.0.3';
  return ethernetFrame({
    srcMac: `00:00:5e:00:01:${vhid.toString(16).padStart(2, '0')}`,
    dstMac: '01:00:5e:00:00:12',
    vlans: [],
    type: 0x0800,
    payload: ipv4Packet({
      src,
      dst: '224.0.0.18',
      ttl: spec.ttl ?? 255,
      id: 0,
      protocol: 112,
      payload: message,
    }),
    padTo: 0,
  });
}

/** An ordinary TCP or UDP frame. */
export function trafficFrame(
  spec: { length?: number; protocol?: number; vlans?: readonly number[] } = {},
): Bytes {
  const payload = new Uint8Array((spec.length ?? 60) - 34).fill(0x5a);
  return ethernetFrame({
    srcMac: '02:00:00:00:00:aa',
    dstMac: '02:00:00:00:00:bb',
    vlans: spec.vlans ?? [],
    type: 0x0800,
    payload: ipv4Packet({
      src: '10.0.0.20',
      dst: '10.0.0.21',
      ttl: 64,
      id: 7,
      protocol: spec.protocol ?? 6,
      payload,
    }),
    padTo: 0,
  });
}

export interface EthernetSpec {
  srcMac: string;
  dstMac: string;
  vlans: readonly number[];
  type: number;
  payload: Bytes;
  padTo: number;
  /** of all tags but the innermost; 802.1ad's 0x88a8 by default */
  outerTag?: number;
}

export function ethernetFrame(spec: EthernetSpec): Bytes {
  const tags = spec.vlans.map((vlan, i) =>
    join(be16(i < spec.vlans.length - 1 ? (spec.outerTag ?? 0x88a8) : 0x8100), be16(vlan)),
  );
  const frame = join(macBytes(spec.dstMac), macBytes(spec.srcMac), ...tags, be16(spec.type), spec.payload);
  return frame.length >= spec.padTo ? frame : join(frame, new Uint8Array(spec.padTo - frame.length));
}

export interface Ipv4Spec {
  src: string;
  dst: string;
  ttl: number;
  id: number;
  protocol: number;
  payload: Bytes;
  /** a multiple of 4 bytes */
  options?: Bytes;
  /** flags and offset, the 16 bits */
  fragment?: number;
  /** stated total length, where it is to lie */
  totalLength?: number;
}

export function ipv4Packet(spec: Ipv4Spec): Bytes {
  const options = spec.options ?? new Uint8Array(0);
  const headerLength = 20 + options.length;
  const header = join(
    byteArray(0x40 | (headerLength / 4), 0xc0),
    be16(spec.totalLength ?? headerLength + spec.payload.length),
    be16(spec.id),
    be16(spec.fragment ?? 0),
    byteArray(spec.ttl, spec.protocol),
    be16(0),
    addressBytes(spec.src),
    addressBytes(spec.dst),
    options,
  );
  header.set(be16(internetChecksum(header)), 10);
  return join(header, spec.payload);
}

export interface Ipv6Spec {
  src: string;
  dst: string;
  hopLimit: number;
  next: number;
  payload: Bytes;
  payloadLength?: number;
}

export function ipv6Packet(spec: Ipv6Spec): Bytes {
  return join(
    byteArray(0x6c, 0, 0, 0),
    be16(spec.payloadLength ?? spec.payload.length),
    byteArray(spec.next, spec.hopLimit),
    addressBytes(spec.src),
    addressBytes(spec.dst),
    spec.payload,
  );
}

/** A header in front of the upper layer: hop-by-hop, routing, destination options. `length` is a multiple of 8. */
export function extensionHeader(next: number, length = 8): Bytes {
  const header = new Uint8Array(length);
  header.set([next, length / 8 - 1, 1, length - 4]);
  return header;
}

export function hmacTrailer(): Bytes {
  return join(byteArray(1, 1, 0, 0), be32(1_790_000_000), be16(7), be16(9), new Uint8Array(16).fill(0xee));
}

export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += (bytes[at] ?? 0) * (at % 2 === 0 ? 256 : 1);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

export function pseudoHeader(src: string, dst: string, protocol: number, length: number): Bytes {
  return src.includes(':')
    ? join(addressBytes(src), addressBytes(dst), be32(length), be32(protocol))
    : join(addressBytes(src), addressBytes(dst), byteArray(0, protocol), be16(length));
}

export function addressBytes(address: string): Bytes {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const first = groups(head);
  const last = groups(tail ?? '');
  const zeros = new Array<number>(tail === undefined ? 0 : 8 - first.length - last.length).fill(0);
  return join(...[...first, ...zeros, ...last].map(be16));
}

export function macBytes(mac: string): Bytes {
  return Uint8Array.from(mac.split(':').map((byte) => Number.parseInt(byte, 16)));
}

export function hexBytes(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

export function join(...parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function byteArray(...values: readonly number[]): Bytes {
  return Uint8Array.from(values);
}

export function be16(value: number): Bytes {
  return byteArray(value >> 8, value & 0xff);
}

export function be32(value: number): Bytes {
  return byteArray(value >>> 24, value >>> 16, value >>> 8, value);
}

function passwordBytes(password: string): Bytes {
  const bytes = new Uint8Array(8);
  bytes.set(new TextEncoder().encode(password).subarray(0, 8));
  return bytes;
}
