/**
 * Who was heard once: adverts that belong to no virtual router that exists. Nothing is said of them, and nothing
 * is concluded; what was heard is kept as it was, so that all of it can be told with its true times once one of the
 * sources is heard again. Light, because a forger can send fifty thousand of them a second.
 *
 * Limits: so many candidates as the observer allows, and 131,072 addresses in all of their frames together (the oldest
 * candidate goes first); eight frames of each (the first seven and the latest), eight sources and 64 VIPs to recognise it
 * by, and claims kept for 16 candidates of one VIP.
 */
import type { AdvertObservation, ClaimObservation } from '../observation.ts';
import { type Instant, MS, SECOND } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import type { Sight } from './sight.ts';
import type { Slot } from './slots.ts';
import { ECHO_WITHIN_US, sameMeaning } from './speaker.ts';

const FRAMES_MAX = 8;
/** beside those of the first advert */
const SOURCES_MAX = 8;
const VIPS_MAX = 64;
const CANDIDATES_OF_VIP_MAX = 16;
/** Of one advert there may be 255. All of them, with the index by VIP, take some 10 MB. */
export const ADDRESSES_MAX = 131_072;

/** Most are heard once and forgotten: whatever else they may need is made when it is needed. */
export interface Candidate {
  readonly slot: Slot;
  readonly first: AdvertObservation;
  more: Later | null;
  gone: boolean;
}

interface Later {
  /** adverts and claims of its VIPs after the first advert, in the order of hearing */
  readonly heard: (AdvertObservation | ClaimObservation)[];
  /** by what it is known beside the first advert's source and VIPs */
  readonly sources: string[];
  readonly vips: string[];
}

/** The candidates of one VRID on one segment. */
export class SlotCandidates {
  size = 0;
  /** the latest advert of any, whose it was, and the latest of any other: they reject each other's */
  #lastAt = Number.NEGATIVE_INFINITY;
  #lastBy: Candidate | null = null;
  #lastOtherAt = Number.NEGATIVE_INFINITY;

  /** `candidate` spoke; null: something that all of them reject */
  heard(candidate: Candidate | null, at: Instant): void {
    if (this.#lastBy !== candidate) {
      this.#lastOtherAt = this.#lastAt;
      this.#lastBy = candidate;
    }
    this.#lastAt = at;
  }

  /** The latest advert of its VRID that this one's speakers reject. */
  rejectedAt(candidate: Candidate): number {
    return this.#lastBy === candidate ? this.#lastOtherAt : this.#lastAt;
  }
}

export class Candidates {
  readonly #emptied: (slot: Slot) => void;
  readonly #bySource = new Index();
  readonly #byVip = new Index();
  /** oldest first, from `#head` on; those that are gone are passed over */
  #queue: Candidate[] = [];
  #head = 0;
  size = 0;
  #addresses = 0;

  /** `emptied` is told of a slot that has no candidate left. */
  constructor(emptied: (slot: Slot) => void) {
    this.#emptied = emptied;
  }

  /** addresses in all frames that are kept */
  get addresses(): number {
    return this.#addresses;
  }

  /** The candidate that an advert belongs to: of the same source, or else with a VIP in common. */
  find(slot: Slot, sight: Sight, advert: Advert, at: Instant): Candidate | null {
    const found = this.ofSource(slot, sight, advert, at);
    if (found !== null) return found;
    for (const vip of advert.vips) {
      const candidate = this.#fresh(this.#byVip.find(vip, slot), sight, at);
      if (candidate !== null) return candidate;
    }
    return null;
  }

  ofSource(slot: Slot, sight: Sight, advert: Advert, at: Instant): Candidate | null {
    return this.#fresh(this.#bySource.find(advert.src, slot), sight, at);
  }

  #fresh(candidate: Candidate | null, sight: Sight, at: Instant): Candidate | null {
    if (candidate === null || !isStale(candidate, sight, at)) return candidate;
    this.remove(candidate);
    return null;
  }

  add(first: AdvertObservation, slot: Slot): void {
    const candidate: Candidate = { slot, first, more: null, gone: false };
    this.#queue.push(candidate);
    this.size++;
    slot.candidates.size++;
    slot.candidates.heard(candidate, first.at);
    this.#bySource.add(first.advert.src, candidate);
    for (const vip of first.advert.vips) this.#byVip.add(vip, candidate);
    this.#addresses += addressesIn(first);
    this.#makeRoom();
  }

  /** One more advert of it, which is no copy. */
  heard(candidate: Candidate, observation: AdvertObservation): void {
    const { slot } = candidate;
    const { advert, at } = observation;
    slot.candidates.heard(candidate, at);
    const { sources, vips } = this.#keep(candidate, observation);
    if (sources.length < SOURCES_MAX && this.#bySource.find(advert.src, slot) === null) {
      sources.push(advert.src);
      this.#bySource.add(advert.src, candidate);
    }
    for (const vip of advert.vips) {
      if (vips.length >= VIPS_MAX || this.#byVip.find(vip, slot) !== null) continue;
      vips.push(vip);
      this.#byVip.add(vip, candidate);
    }
    this.#makeRoom();
  }

  /** A claim, perhaps of one of their VIPs. */
  claimed(observation: ClaimObservation): void {
    if (this.size === 0) return;
    const { claim, segment } = observation;
    for (const candidate of this.#byVip.some(claim.address, CANDIDATES_OF_VIP_MAX))
      if (candidate.slot.segment.name === segment.name) this.#keep(candidate, observation);
    this.#makeRoom();
  }

  #keep(candidate: Candidate, observation: AdvertObservation | ClaimObservation): Later {
    candidate.more ??= { heard: [], sources: [], vips: [] };
    const { heard } = candidate.more;
    const dropped = heard.length === FRAMES_MAX - 1 ? heard.pop() : undefined;
    heard.push(observation);
    this.#addresses += addressesIn(observation) - (dropped === undefined ? 0 : addressesIn(dropped));
    return candidate.more;
  }

  #makeRoom(): void {
    while (this.#addresses > ADDRESSES_MAX && this.removeOldest());
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
    const { slot, first, more } = candidate;
    candidate.gone = true;
    this.size--;
    for (const observation of allHeard(candidate)) this.#addresses -= addressesIn(observation);
    slot.candidates.size--;
    this.#bySource.remove(first.advert.src, candidate);
    for (const vip of first.advert.vips) this.#byVip.remove(vip, candidate);
    for (const source of more?.sources ?? []) this.#bySource.remove(source, candidate);
    for (const vip of more?.vips ?? []) this.#byVip.remove(vip, candidate);
    if (this.#queue.length >= 2 * this.size + 1_024) this.#compact();
    if (slot.candidates.size === 0) this.#emptied(slot);
  }

  #compact(): void {
    this.#queue = this.#queue.slice(this.#head).filter((candidate) => !candidate.gone);
    this.#head = 0;
  }
}

/** Candidates by an address of theirs; in each slot it is one candidate's, so lists are as long as there are slots. */
class Index {
  /** a list only where there are several */
  readonly #of = new Map<string, Candidate | Candidate[]>();

  find(address: string, slot: Slot): Candidate | null {
    const found = this.#of.get(address);
    if (found === undefined) return null;
    if (Array.isArray(found)) return found.find((candidate) => candidate.slot === slot) ?? null;
    return found.slot === slot ? found : null;
  }

  some(address: string, atMost: number): readonly Candidate[] {
    const found = this.#of.get(address);
    if (found === undefined) return NONE;
    return Array.isArray(found) ? found.slice(0, atMost) : [found];
  }

  add(address: string, candidate: Candidate): void {
    const found = this.#of.get(address);
    if (found === undefined) this.#of.set(address, candidate);
    else if (Array.isArray(found)) found.push(candidate);
    else this.#of.set(address, [found, candidate]);
  }

  remove(address: string, candidate: Candidate): void {
    const found = this.#of.get(address);
    if (found === candidate) this.#of.delete(address);
    if (!Array.isArray(found)) return;
    const place = found.indexOf(candidate);
    if (place !== -1) found.splice(place, 1);
    if (found.length === 0) this.#of.delete(address);
  }
}

const NONE: readonly Candidate[] = [];

/** All that was heard of it, in order. */
export function allHeard({ first, more }: Candidate): readonly (AdvertObservation | ClaimObservation)[] {
  return more === null ? [first] : [first, ...more.heard];
}

/** The same frame once more, by a mirror port. */
export function isCopy(candidate: Candidate, { advert, at, ipId }: AdvertObservation): boolean {
  if (ipId === null || ipId === 0) return false;
  const from = at - Math.min(ECHO_WITHIN_US, (advert.intervalMs * MS) / 4);
  return allHeard(candidate).some(
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
  for (const other of allHeard(candidate))
    if (other.kind === 'advert' && other.advert.src === source) return other.at;
  return null;
}

function addressesIn(observation: AdvertObservation | ClaimObservation): number {
  return observation.kind === 'advert' ? observation.advert.vips.length : 1;
}

/** Heard once, and not again in time: as if never. */
function isStale(candidate: Candidate, sight: Sight, at: Instant): boolean {
  return allHeard(candidate).every((observation) => {
    if (observation.kind !== 'advert') return true;
    const { version, intervalMs } = observation.advert;
    const limitUs = 3 * intervalMs * MS + (version === 2 ? SECOND : intervalMs * MS);
    return at - Math.max(observation.at, sight.regainedAt) > limitUs;
  });
}
