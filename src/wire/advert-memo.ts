/**
 * A fast `decodeFrame` for adverts: a speaker says the same thing every second.
 *
 * Remembers the last frame of each speaker byte by byte. A frame that equals it, but for the IPv4
 * identification and the header checksum that follows from it, means the same: the same immutable Advert is
 * given out and only the identification is read. Seen from outside it *is* `decodeFrame` (a test holds one
 * against the other), with one promise more: equal adverts of one speaker are, nearly always, one object.
 *
 * Never remembers an invalid advert, a cut frame, IP options or extension headers (AH differs every time).
 * Limits: Ethernet with up to 2 tags, frames of up to 256 bytes, 4,096 of them, a newer one in an older one's
 * place.
 */
import { decodeFrame } from './frame.ts';
import { PROTOCOL_VRRP } from './ip-packet.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, LINKTYPE_ETHERNET } from './link.ts';
import type { Advert, Frame } from './packet.ts';

export class AdvertMemo {
  readonly #known: (Known | null)[] = new Array(SLOTS).fill(null);
  /** what is compared of each remembered frame, as words */
  readonly #words = new Int32Array(SLOTS * WORDS_MAX);
  /** of the array that the caller passes, which is nearly always the same one */
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #way = 0;

  /** As `decodeFrame`. */
  decode(bytes: Uint8Array, start: number, end: number, linkType: number, originalLength: number): Frame {
    const view = this.#viewOf(bytes);
    const isWhole = linkType === LINKTYPE_ETHERNET && end - start === originalLength;
    const ipAt = isWhole ? plainAdvertAt(view, start, end) : 0;
    if (ipAt === 0) return decodeFrame(bytes, start, end, linkType, originalLength);

    const isIpv4 = view.getUint8(ipAt) === 0x45;
    const ipEnd = isIpv4 ? ipAt + view.getUint16(ipAt + 2) : ipAt + 40 + view.getUint16(ipAt + 4);
    if (ipEnd > end || ipEnd - start > FRAME_MAX)
      return decodeFrame(bytes, start, end, linkType, originalLength);

    const first = slotOf(view, start, ipAt, isIpv4);
    let known = this.#known[first];
    if (!known || !holds(this.#words, first * WORDS_MAX, view, start, ipAt, ipEnd, isIpv4)) {
      known = this.#known[first ^ 1];
      if (!known || !holds(this.#words, (first ^ 1) * WORDS_MAX, view, start, ipAt, ipEnd, isIpv4)) {
        const frame = decodeFrame(bytes, start, end, linkType, originalLength);
        if (frame.packet.type === 'advert' && frame.packet.valid) {
          const slot = this.#freeSlot(first);
          this.#known[slot] = { vlans: frame.vlans, advert: frame.packet };
          copyWords(this.#words, slot * WORDS_MAX, view, start, ipAt, ipEnd, isIpv4);
        }
        return frame;
      }
    }
    return { vlans: known.vlans, ipId: isIpv4 ? view.getUint16(ipAt + 4) : null, packet: known.advert };
  }

  /** Two places a hash; when both are taken they go by turns. */
  #freeSlot(first: number): number {
    if (!this.#known[first]) return first;
    if (!this.#known[first ^ 1]) return first ^ 1;
    this.#way ^= 1;
    return first ^ this.#way;
  }

  #viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#view;
  }
}

interface Known {
  readonly vlans: readonly number[];
  readonly advert: Advert;
}

/** By who speaks for what: source MAC, VLAN if any, source address, and the start of the message with the VRID. */
function slotOf(view: DataView, start: number, ipAt: number, isIpv4: boolean): number {
  const mac = Math.imul(view.getInt32(start + 8, true), 0x9e3779b1);
  const vlan = Math.imul(view.getInt32(ipAt - 4, true), 0xc2b2ae35);
  const source = Math.imul(view.getInt32(ipAt + (isIpv4 ? 12 : 20), true), 0x85ebca6b);
  const message = Math.imul(view.getInt32(ipAt + (isIpv4 ? 20 : 40), true), 0x27d4eb2f);
  return (mac ^ vlan ^ source ^ message) >>> (32 - SLOT_BITS);
}

/**
 * What an advert's meaning depends on: from the source MAC to the end of the IP packet, less identification and
 * header checksum. (All of those lengths are even, and the length itself is among what is compared: the last
 * word may overlap the one before it.)
 */
function holds(
  words: Int32Array,
  wordsAt: number,
  view: DataView,
  start: number,
  ipAt: number,
  ipEnd: number,
  isIpv4: boolean,
): boolean {
  let word = wordsAt;
  let at = start + 6;
  if (isIpv4) {
    for (; at < ipAt + 4; at += 4) if (words[word++] !== view.getInt32(at, true)) return false;
    if (words[word++] !== view.getInt32(ipAt + 6, true)) return false;
    at = ipAt + 12;
  }
  for (; at < ipEnd - 4; at += 4) if (words[word++] !== view.getInt32(at, true)) return false;
  return words[word] === view.getInt32(ipEnd - 4, true);
}

function copyWords(
  words: Int32Array,
  wordsAt: number,
  view: DataView,
  start: number,
  ipAt: number,
  ipEnd: number,
  isIpv4: boolean,
): void {
  let word = wordsAt;
  let at = start + 6;
  if (isIpv4) {
    for (; at < ipAt + 4; at += 4) words[word++] = view.getInt32(at, true);
    words[word++] = view.getInt32(ipAt + 6, true);
    at = ipAt + 12;
  }
  for (; at < ipEnd - 4; at += 4) words[word++] = view.getInt32(at, true);
  words[word] = view.getInt32(ipEnd - 4, true);
}

/** Where the IP header starts, if a VRRP header follows it directly; 0 otherwise. */
function plainAdvertAt(view: DataView, start: number, end: number): number {
  let at = start + 14;
  if (at + 28 > end) return 0;
  let type = view.getUint16(start + 12);
  for (let tags = 0; tags < 2 && (type === 0x8100 || type === 0x88a8); tags++) {
    at += 4;
    type = view.getUint16(at - 2);
  }
  if (type === ETHERTYPE_IPV4) {
    const isPlain = at + 28 <= end && view.getUint8(at) === 0x45 && view.getUint8(at + 9) === PROTOCOL_VRRP;
    return isPlain ? at : 0;
  }
  return type === ETHERTYPE_IPV6 && at + 48 <= end && view.getUint8(at + 6) === PROTOCOL_VRRP ? at : 0;
}

const SLOT_BITS = 12;
const SLOTS = 1 << SLOT_BITS;
/** up to the end of the IP packet */
const FRAME_MAX = 256;
const WORDS_MAX = FRAME_MAX / 4;
