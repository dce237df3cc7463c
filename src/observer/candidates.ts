/**
 * Who was heard once: adverts that belong to no virtual router that exists. Nothing is said of them, and nothing
 * is concluded; what was heard is kept as it was, so that all of it can be told with its true times once one of the
 * sources is heard again. Light, because a forger can send fifty thousand of them a second.
 *
 * Limits: so many candidates as the observer allows (the oldest goes first), eight frames of each (the first seven
 * and the latest), eight sources and 64 VIPs to recognise it by, and claims kept for 16 candidates of one VIP.
 */
import type { AdvertObservation, ClaimObservation } from '../observation.ts';
import { type Instant, MS, SECOND } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import type { Slot } from './observer.ts';
import type { Sight } from './sight.ts';
import { ECHO_WITHIN_US, sameMeaning } from './speaker.ts';

const FRAMES_MAX = 8;
const SOURCES_MAX = 8;
const VIPS_MAX = 64;
const CANDIDATES_OF_VIP_MAX = 16;

export interface Candidate {
  readonly slot: Slot;
  readonly firstAt: Instant;
  /** adverts and claims of its VIPs, in the order of hearing */
  readonly heard: (AdvertObservation | ClaimObservation)[];
  readonly sources: string[];
  readonly vips: string[];
  gone: boolean;
}

/** The candidates of one VRID on one segment. */
export class SlotCandidates {
  readonly bySource = new Map<string, Candidate>();
  readonly byVip = new Map<string, Candidate>();
  /** the latest advert of any, whose it was, and the latest of any other: they reject each other's */
  lastAt = Number.NEGATIVE_INFINITY;
  lastBy: Candidate | null = null;
  lastOtherAt = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.bySource.size;
  }

  /** `candidate` spoke; null: something that all of them reject */
  heard(candidate: Candidate | null, at: Instant): void {
    if (this.lastBy !== candidate) {
      this.lastOtherAt = this.lastAt;
      this.lastBy = candidate;
    }
    this.lastAt = at;
  }

  /** The latest advert of its VRID that this one's speakers reject. */
  rejectedAt(candidate: Candidate): number {
    return this.lastBy === candidate ? this.lastOtherAt : this.lastAt;
  }
}

export class Candidates {
  readonly #emptied: (slot: Slot) => void;
  /** by VIP, on whichever segment; an array only where there are several */
  readonly #ofVip = new Map<string, Candidate | Candidate[]>();
  /** oldest first, from `#head` on; those that are gone are passed over */
  #queue: Candidate[] = [];
  #head = 0;
  size = 0;

  /** `emptied` is told of a slot that has no candidate left. */
  constructor(emptied: (slot: Slot) => void) {
    this.#emptied = emptied;
  }

  /** The candidate that an advert belongs to: of the same source, or else with a VIP in common. */
  find(slot: Slot, sight: Sight, advert: Advert, at: Instant): Candidate | null {
    const found = this.ofSource(slot, sight, advert, at);
    if (found !== null) return found;
    for (const vip of advert.vips) {
      const candidate = this.#fresh(slot.candidates.byVip.get(vip), sight, at);
      if (candidate !== null) return candidate;
    }
    return null;
  }

  ofSource(slot: Slot, sight: Sight, advert: Advert, at: Instant): Candidate | null {
    return this.#fresh(slot.candidates.bySource.get(advert.src), sight, at);
  }

  #fresh(candidate: Candidate | undefined, sight: Sight, at: Instant): Candidate | null {
    if (candidate === undefined) return null;
    if (!isStale(candidate, sight, at)) return candidate;
    this.remove(candidate);
    return null;
  }

  add(observation: AdvertObservation, slot: Slot): Candidate {
    const candidate: Candidate = {
      slot,
      firstAt: observation.at,
      heard: [],
      sources: [],
      vips: [],
      gone: false,
    };
    this.#queue.push(candidate);
    this.size++;
    this.heard(candidate, observation);
    return candidate;
  }

  /** One more advert of it, which is no copy. */
  heard(candidate: Candidate, observation: AdvertObservation): void {
    const { slot, sources, vips } = candidate;
    const { advert, at } = observation;
    slot.candidates.heard(candidate, at);
    keep(candidate, observation);
    if (!sources.includes(advert.src) && sources.length < SOURCES_MAX) {
      sources.push(advert.src);
      slot.candidates.bySource.set(advert.src, candidate);
    }
    for (const vip of advert.vips) {
      if (vips.length >= VIPS_MAX) break;
      if (slot.candidates.byVip.has(vip)) continue;
      vips.push(vip);
      slot.candidates.byVip.set(vip, candidate);
      const others = this.#ofVip.get(vip);
      if (others === undefined) this.#ofVip.set(vip, candidate);
      else if (!Array.isArray(others)) this.#ofVip.set(vip, [others, candidate]);
      else if (others.length < CANDIDATES_OF_VIP_MAX) others.push(candidate);
    }
  }

  /** A claim of one of their VIPs. */
  claimed(observation: ClaimObservation): void {
    if (this.size === 0) return;
    const found = this.#ofVip.get(observation.claim.address);
    if (found === undefined) return;
    for (const candidate of Array.isArray(found) ? found : [found])
      if (candidate.slot.segment.name === observation.segment.name) keep(candidate, observation);
  }

  /** Forgets the one heard first longest ago. False: there is none. */
  removeOldest(): boolean {
    for (;;) {
      const oldest = this.#queue[this.#head];
      if (oldest === undefined) return false;
      this.#head++;
      if (oldest.gone) continue;
      this.remove(oldest);
      return true;
    }
  }

  remove(candidate: Candidate): void {
    const { slot, sources, vips } = candidate;
    candidate.gone = true;
    this.size--;
    for (const source of sources) slot.candidates.bySource.delete(source);
    for (const vip of vips) {
      slot.candidates.byVip.delete(vip);
      this.#unlearn(vip, candidate);
    }
    this.#compact();
    if (slot.candidates.size === 0) this.#emptied(slot);
  }

  #unlearn(vip: string, candidate: Candidate): void {
    const others = this.#ofVip.get(vip);
    if (others === candidate) this.#ofVip.delete(vip);
    if (!Array.isArray(others)) return;
    const rest = others.filter((other) => other !== candidate);
    if (rest.length === 0) this.#ofVip.delete(vip);
    else this.#ofVip.set(vip, rest);
  }

  #compact(): void {
    if (this.#queue.length < 2 * this.size + 1_024) return;
    this.#queue = this.#queue.slice(this.#head).filter((candidate) => !candidate.gone);
    this.#head = 0;
  }
}

/** The same frame once more, by a mirror port. */
export function isCopy(candidate: Candidate, { advert, at, ipId }: AdvertObservation): boolean {
  if (ipId === null || ipId === 0) return false;
  const from = at - Math.min(ECHO_WITHIN_US, (advert.intervalMs * MS) / 4);
  return candidate.heard.some(
    (other) =>
      other.kind === 'advert' &&
      other.ipId === ipId &&
      other.at >= from &&
      other.advert.src === advert.src &&
      sameMeaning(other.advert, advert),
  );
}

/** When a source was first heard; null if it was not. */
export function firstHeard(candidate: Candidate, source: string): Instant | null {
  for (const other of candidate.heard)
    if (other.kind === 'advert' && other.advert.src === source) return other.at;
  return null;
}

function keep(candidate: Candidate, observation: AdvertObservation | ClaimObservation): void {
  if (candidate.heard.length === FRAMES_MAX) candidate.heard.pop();
  candidate.heard.push(observation);
}

/** Heard once, and not again in time: as if never. */
function isStale({ heard }: Candidate, sight: Sight, at: Instant): boolean {
  return heard.every((observation) => {
    if (observation.kind !== 'advert') return true;
    const { version, intervalMs } = observation.advert;
    const limitUs = 3 * intervalMs * MS + (version === 2 ? SECOND : intervalMs * MS);
    return at - Math.max(observation.at, sight.regainedAt) > limitUs;
  });
}
