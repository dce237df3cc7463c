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
  /** the adverts remembered, numbered in the order of their first appearance: neighbours in time and memory */
  readonly #adverts: Advert[] = [];
  readonly #vlans: (readonly number[])[] = [];
  /** of each the length of what is before the IP header, the length of all, and 1 for IPv4 */
  readonly #shapes = new Uint8Array(SLOTS * 4);
  /** of each what is compared, as words */
  readonly #words = new Int32Array(SLOTS * WORDS_MAX);
  /** of each who followed it last time: speakers take their turns in the same order every second */
  readonly #followers = new Uint16Array(SLOTS);
  /** by hash: the number of what is remembered, plus 1; 0 for nothing */
  readonly #slots = new Uint16Array(SLOTS);
  #last = 0;
  /** of the array that the caller passes, which is nearly always the same one */
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);
  #way = 0;

  /** As `decodeFrame`. */
  decode(bytes: Uint8Array, start: number, end: number, linkType: number, originalLength: number): Frame {
    const isWhole = linkType === LINKTYPE_ETHERNET && end - start === originalLength;
    if (isWhole) {
      const known = this.recall(bytes, start, end);
      if (known >= 0)
        return { vlans: this.vlans(known), ipId: this.ipId(known, start), packet: this.advert(known) };
    }
    const frame = decodeFrame(bytes, start, end, linkType, originalLength);
    if (isWhole && frame.packet.type === 'advert' && frame.packet.valid)
      this.#remember(start, end, frame.vlans, frame.packet);
    return frame;
  }

  /** The number of the remembered frame that this Ethernet frame, wholly captured, repeats; -1 without one. */
  recall(bytes: Uint8Array, start: number, end: number): number {
    if (bytes !== this.#bytes) this.#look(bytes);
    const follower = this.#followers[this.#last] ?? 0;
    if (!this.#equals(follower, start, end)) return this.#search(start, end);
    this.#last = follower;
    return follower;
  }

  advert(known: number): Advert {
    return this.#adverts[known] as Advert;
  }

  vlans(known: number): readonly number[] {
    return this.#vlans[known] ?? [];
  }

  /** The IPv4 identification of the frame at `start`, which was recalled last; null over IPv6. */
  ipId(known: number, start: number): number | null {
    const isIpv4 = this.#shapes[4 * known + 2] === 1;
    return isIpv4 ? this.#view.getUint16(start + (this.#shapes[4 * known] ?? 0) + 4) : null;
  }

  #search(start: number, end: number): number {
    const ipAt = plainAdvertAt(this.#view, start, end);
    if (ipAt === 0) return -1;
    const slot = slotOf(this.#view, start, ipAt);
    let known = (this.#slots[slot] ?? 0) - 1;
    if (known < 0 || !this.#equals(known, start, end)) {
      known = (this.#slots[slot ^ 1] ?? 0) - 1;
      if (known < 0 || !this.#equals(known, start, end)) return -1;
    }
    this.#followers[this.#last] = known;
    this.#last = known;
    return known;
  }

  /**
   * Compares all that an advert's meaning depends on: from the source MAC to the end of the IP packet, less
   * identification and header checksum. (All of those lengths are even, and the length itself is among what is
   * compared: the last word may overlap the one before it.)
   */
  #equals(known: number, start: number, end: number): boolean {
    const shapes = this.#shapes;
    const last = start + (shapes[4 * known + 1] ?? 0) - 4;
    if (last + 4 > end || last < start) return false;
    const view = this.#view;
    const words = this.#words;
    let word = known * WORDS_MAX;
    let at = start + 6;
    if (shapes[4 * known + 2] === 1) {
      const ipAt = start + (shapes[4 * known] ?? 0);
      for (; at < ipAt + 4; at += 4) if (words[word++] !== view.getInt32(at, true)) return false;
      if (words[word++] !== view.getInt32(at + 2, true)) return false;
      at = ipAt + 12;
    }
    for (; at < last; at += 4) if (words[word++] !== view.getInt32(at, true)) return false;
    return words[word] === view.getInt32(last, true);
  }

  #remember(start: number, end: number, vlans: readonly number[], advert: Advert): void {
    const view = this.#view;
    const ipAt = plainAdvertAt(view, start, end);
    if (ipAt === 0) return;
    const isIpv4 = view.getUint8(ipAt) === 0x45;
    const ipEnd = isIpv4 ? ipAt + view.getUint16(ipAt + 2) : ipAt + 40 + view.getUint16(ipAt + 4);
    if (ipEnd > end || ipEnd - start > FRAME_MAX) return;
    const known = this.#numberFor(slotOf(view, start, ipAt));
    this.#adverts[known] = advert;
    this.#vlans[known] = vlans;
    this.#shapes.set([ipAt - start, ipEnd - start, isIpv4 ? 1 : 0], 4 * known);
    copyWords(this.#words, known * WORDS_MAX, view, start, ipAt, ipEnd, isIpv4);
    this.#followers[this.#last] = known;
    this.#last = known;
  }

  /** Two places a hash; when both are taken they go by turns. */
  #numberFor(slot: number): number {
    for (const place of [slot, slot ^ 1]) {
      if (this.#slots[place] === 0) {
        this.#slots[place] = this.#adverts.length + 1;
        return this.#adverts.length;
      }
    }
    this.#way ^= 1;
    return (this.#slots[slot ^ this.#way] ?? 0) - 1;
  }

  #look(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** By who speaks for what: source MAC, VLAN if any, source address, and the start of the message with the VRID. */
function slotOf(view: DataView, start: number, ipAt: number): number {
  const isIpv4 = view.getUint8(ipAt) === 0x45;
  const mac = Math.imul(view.getInt32(start + 8, true), 0x9e3779b1);
  const vlan = Math.imul(view.getInt32(ipAt - 4, true), 0xc2b2ae35);
  const source = Math.imul(view.getInt32(ipAt + (isIpv4 ? 12 : 20), true), 0x85ebca6b);
  const message = Math.imul(view.getInt32(ipAt + (isIpv4 ? 20 : 40), true), 0x27d4eb2f);
  return (mac ^ vlan ^ source ^ message) >>> (32 - SLOT_BITS);
}

/** What `#equals` compares. */
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
const FRAME_MAX = 252;
const WORDS_MAX = FRAME_MAX / 4;
