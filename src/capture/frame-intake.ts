/**
 * Frames in, observations out: what a recording and a live capture do with every frame.
 *
 * Frames that cannot concern us are rejected by a look at a few bytes (`prefilter`), adverts that repeat are
 * recognised (`AdvertMemo`), other traffic is thinned to one in 50 ms of each kind and segment: it only has to
 * show that the capture works. Never judges what it decodes, and never looks at a clock.
 */
import type { Observation, Segment } from '../observation.ts';
import type { Instant } from '../time.ts';
import type { AdvertMemo } from '../wire/advert-memo.ts';
import { LINKTYPE_ETHERNET } from '../wire/link.ts';
import type { Advert, Family, Frame } from '../wire/packet.ts';
import { MATTERS, uninterestingVlan } from '../wire/prefilter.ts';
import type { Segments } from './segments.ts';

/** Where observations go; adverts without being made into objects. */
export interface ObservationTaker {
  push(observation: Observation): void;
  pushAdvert(at: Instant, segment: Segment, advert: Advert, ipId: number | null): void;
}

export class FrameIntake {
  adverts = 0;
  claims = 0;
  readonly #segments: Segments;
  readonly #taker: ObservationTaker;
  readonly #heard = new Map<Segment, Heard>();
  /** of plain untagged and tagged traffic, by VLAN: what the prefilter lets through most often */
  readonly #trafficDue = new Float64Array(4096).fill(Number.NEGATIVE_INFINITY);

  constructor(segments: Segments, taker: ObservationTaker) {
    this.#segments = segments;
    this.#taker = taker;
  }

  /** A frame of `bytes` from `start` to `end`, taken at `at`. The memo is the source's own. */
  take(
    at: Instant,
    memo: AdvertMemo,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
  ): void {
    if (linkType === LINKTYPE_ETHERNET) {
      const vlan = uninterestingVlan(bytes, start, end);
      if (vlan !== MATTERS) {
        if (at >= (this.#trafficDue[vlan] ?? 0)) this.#plainTraffic(at, vlan);
        return;
      }
      if (end - start === originalLength) {
        const known = memo.recall(bytes, start, end);
        if (known >= 0) {
          const vlans = memo.vlans(known);
          const segment = vlans.length === 0 ? this.#segments.base : this.#segments.of(vlans);
          this.adverts++;
          this.#taker.pushAdvert(at, segment, memo.advert(known), memo.ipId(known, start));
          return;
        }
      }
    }
    const frame = memo.decode(bytes, start, end, linkType, originalLength);
    this.takeFrame(at, this.#segments.of(frame.vlans), frame);
  }

  /** A frame that was decoded already. */
  takeFrame(at: Instant, segment: Segment, frame: Frame): void {
    const { packet } = frame;
    switch (packet.type) {
      case 'advert':
        this.adverts++;
        this.#taker.pushAdvert(at, segment, packet, frame.ipId);
        return;
      case 'claim':
        this.claims++;
        this.#taker.push({ kind: 'claim', at, segment, claim: packet });
        return;
      case 'carp':
        this.#taker.push({ kind: 'carp', at, segment, carp: packet });
        return;
      case 'address-talk':
        this.#traffic(at, segment, packet.family);
        return;
      case 'other':
        this.#traffic(at, segment, null);
        return;
    }
  }

  #plainTraffic(at: Instant, vlan: number): void {
    this.#trafficDue[vlan] = at + TRAFFIC_EVERY_US;
    this.#traffic(at, vlan === 0 ? this.#segments.base : this.#segments.of([vlan]), null);
  }

  #traffic(at: Instant, segment: Segment, addressTalk: Family | null): void {
    let heard = this.#heard.get(segment);
    if (heard === undefined) {
      heard = {
        none: Number.NEGATIVE_INFINITY,
        ipv4: Number.NEGATIVE_INFINITY,
        ipv6: Number.NEGATIVE_INFINITY,
      };
      this.#heard.set(segment, heard);
    }
    const kind = addressTalk ?? 'none';
    if (at < heard[kind] + TRAFFIC_EVERY_US) return;
    heard[kind] = at;
    this.#taker.push({ kind: 'traffic', at, segment, addressTalk });
  }
}

interface Heard {
  none: number;
  ipv4: number;
  ipv6: number;
}

const TRAFFIC_EVERY_US = 50_000;
