/**
 * VRRP advertisements, version 2 (RFC 3768, authentication RFC 2338) and 3 (RFC 5798, RFC 9568).
 *
 *        version 2                                     version 3
 *   0    version 2, type 1                             version 3, type 1
 *   1    VRID                                          VRID
 *   2    priority                                      priority
 *   3    count of addresses                            count of addresses
 *   4    auth type                                     4 bits reserved, 12 bits interval in centiseconds
 *   5    interval in seconds                             (lower 8 bits)
 *   6    checksum                                      checksum
 *   8    count x 4 bytes                               count x 4 (IPv4) or 16 bytes (IPv6)
 *   end  8 bytes of auth data                          -
 *
 * keepalived also sends version 2 over IPv6 (16 byte addresses, no auth data), and since 2.4 may add a trailer
 * of 28 bytes (HMAC) that neither checksum nor pseudo-header covers. The IP length decides what was sent.
 *
 * Total: whatever could be read is told, beside the problems found. Nothing here judges a speaker.
 */
import { hexText, ipv4Text, ipv6Text, isZero, macText, u8 } from './bytes.ts';
import { isIntact, pseudoHeaderSum, sumWords } from './checksum.ts';
import { type IpPacket, otherWith, PROTOCOL_VRRP } from './ip-packet.ts';
import { type Advert, type Checksum, INVALIDATING, type Other, type Problem } from './packet.ts';

export function decodeVrrp(ip: IpPacket): Advert | Other {
  const { bytes, start } = ip;
  const sent = ip.end - start;
  const captured = ip.capturedEnd - start;
  if (sent < 2) return otherWith('truncated');
  // A sender that stops short is invalid whatever is missing. A recorder that stops short must not make a
  // priority of 0 (a resignation!) out of a byte it did not keep.
  if (captured < Math.min(sent, FIELDS_END)) return otherWith('cut-by-capture');

  const version = u8(bytes, start) >> 4;
  const vrid = u8(bytes, start + 1);
  const field = (at: number) => (at < captured ? u8(bytes, start + at) : 0);
  const addressSize = ip.family === 'ipv4' ? 4 : 16;
  const addressesEnd = HEADER + (isKnown(version) ? field(3) * addressSize : 0);
  const pduLength = addressesEnd + (version === 2 && ip.family === 'ipv4' ? AUTH_DATA : 0);

  const problems = new Set<Problem>(ip.problems);
  if (sent < pduLength) problems.add('truncated');
  if (isMulticast(ip) && ip.hopLimit !== 255) problems.add('ttl-not-255'); // RFC 9568 section 7.1, RFC 3768 section 7.1
  if (!isKnown(version)) problems.add('unknown-version'); // section 7.1
  if ((u8(bytes, start) & 0x0f) !== ADVERTISEMENT) problems.add('unknown-type'); // section 5.2.2
  if (vrid === 0) problems.add('bad-vrid'); // section 5.2.3
  const interval = intervalMs(version, field(4), field(5));
  if (interval === 0 && isKnown(version) && sent >= FIELDS_END) problems.add('bad-interval'); // section 5.2.7
  if (version === 3 && field(4) >> 4 !== 0) problems.add('reserved-bits'); // section 5.2.6
  const authType = version === 2 ? field(4) : null;
  if (authType !== null && authType > 2) problems.add('unknown-auth-type'); // RFC 3768 section 7.1

  const hmac = hasHmacTrailer(ip, version, pduLength);
  if (isKnown(version) && !hmac && !isZero(bytes, start + pduLength, ip.capturedEnd))
    problems.add('trailing-bytes');
  const checksum = isKnown(version) ? checksumOf(ip, version, Math.min(pduLength, sent)) : 'unverifiable';
  if (checksum === 'bad') problems.add('bad-checksum'); // section 7.1

  return {
    type: 'advert',
    srcMac: ip.link.srcMacAt >= 0 ? macText(bytes, ip.link.srcMacAt) : '',
    family: ip.family,
    src: addressText(ip, ip.srcAt),
    dst: addressText(ip, ip.dstAt),
    ttl: ip.hopLimit,
    ah: ip.ah,
    version,
    vrid,
    priority: field(2),
    intervalMs: interval,
    authType,
    authData: authType === 1 ? password(ip, addressesEnd) : null,
    hmac,
    vips: addresses(ip, Math.min(addressesEnd, captured), addressSize),
    checksum,
    problems: [...problems],
    valid: ![...problems].some((problem) => INVALIDATING.has(problem)),
  };
}

/** The only place that knows in what each version counts. */
function intervalMs(version: number, high: number, low: number): number {
  if (version === 2) return low * 1000;
  return version === 3 ? (((high & 0x0f) << 8) | low) * 10 : 0;
}

/**
 * Which of the checksums in use (RFC 5798 left open whether IPv4 has a pseudo-header) fits. Bytes after
 * the message are tried as part of it last: for a receiver that goes by the IP length they are.
 */
function checksumOf(ip: IpPacket, version: number, pduLength: number): Checksum {
  const { bytes, start } = ip;
  if (pduLength < HEADER || start + pduLength > ip.capturedEnd) return 'unverifiable';
  const lengths = [pduLength];
  if (ip.capturedEnd === ip.end && ip.end - start > pduLength) lengths.push(ip.end - start);
  for (const length of lengths) {
    const sum = sumWords(bytes, start, start + length);
    const pseudo = pseudoHeaderSum(ip, PROTOCOL_VRRP, length);
    if (version === 2) {
      // RFC 3768 section 5.3.8. Over IPv6 the kernel may have filled in its own, with the pseudo-header.
      if (isIntact(sum) || (ip.family === 'ipv6' && isIntact(sum + pseudo))) return 'ok';
    } else if (isIntact(sum + pseudo)) {
      return 'ok'; // RFC 5798 section 5.2.8
    } else if (ip.family === 'ipv4') {
      if (isIntact(sum)) return 'ok-message-only'; // RFC 9568 section 5.2.8
      const oldPseudo = sumWords(bytes, ip.srcAt, ip.srcAt + 4, GROUP_SUM) + PROTOCOL_VRRP + length;
      if (!isMulticast(ip) && isIntact(sum + oldPseudo)) return 'ok-old-unicast'; // keepalived up to 1.3.6
    }
  }
  return 'bad';
}

/** extension type 1, key id, reserved 2, seconds 4, fraction 2, counter 2, HMAC-SHA256/128 16 */
function hasHmacTrailer(ip: IpPacket, version: number, pduLength: number): boolean {
  const at = ip.start + pduLength;
  if (!isKnown(version) || ip.end - at !== HMAC_TRAILER) return false;
  return at >= ip.capturedEnd || u8(ip.bytes, at) === 1;
}

function addresses(ip: IpPacket, end: number, size: number): readonly string[] {
  const vips: string[] = [];
  for (let at = HEADER; at + size <= end; at += size) vips.push(addressText(ip, ip.start + at));
  return vips;
}

/** RFC 2338 section 5.3.10: up to 8 bytes, the rest NUL. Null where the bytes are not there. */
function password(ip: IpPacket, addressesEnd: number): string | null {
  const at = ip.start + addressesEnd;
  let end = at + AUTH_DATA;
  if (ip.family !== 'ipv4' || end > ip.capturedEnd) return null;
  while (end > at && u8(ip.bytes, end - 1) === 0) end--;
  return hexText(ip.bytes, at, end);
}

function addressText(ip: IpPacket, at: number): string {
  return ip.family === 'ipv4' ? ipv4Text(ip.bytes, at) : ipv6Text(ip.bytes, at);
}

function isMulticast(ip: IpPacket): boolean {
  const first = u8(ip.bytes, ip.dstAt);
  return ip.family === 'ipv4' ? first >= 224 && first < 240 : first === 0xff;
}

function isKnown(version: number): boolean {
  return version === 2 || version === 3;
}

const ADVERTISEMENT = 1;
const HEADER = 8;
/** version to interval: what an advert is worth without */
const FIELDS_END = 6;
const AUTH_DATA = 8;
const HMAC_TRAILER = 28;
/** 224.0.0.18 as two words */
const GROUP_SUM = 0xe000 + 0x0012;
