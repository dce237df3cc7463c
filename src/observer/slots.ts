/**
 * Virtual routers by what stands in the header of their adverts: segment, family, VRID and destination group.
 * Those of one slot hear each other, be they one virtual router, colliding ones, or candidates.
 */
import type { Segment } from '../observation.ts';
import type { Advert, Family } from '../wire/packet.ts';
import { SlotCandidates } from './candidates.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** What tells one slot from another. */
export interface Place {
  readonly segment: Segment;
  readonly family: Family;
  readonly vrid: number;
  /** the destination group where it is not the standard one, else '' */
  readonly group: string;
}

/** It, by its names. */
interface NamedPlace extends Omit<Place, 'segment'> {
  readonly segment: Pick<Segment, 'name'>;
}

export interface Slot extends Place {
  readonly key: string;
  readonly routers: VirtualRouter[];
  readonly candidates: SlotCandidates;
}

export class Slots {
  readonly #slots = new Map<string, Slot>();

  find(place: NamedPlace): Slot | undefined {
    return this.#slots.get(keyOf(place));
  }

  /** Of an advert: made where there is none yet. */
  of(segment: Segment, advert: Advert): Slot {
    const place = placeOf(segment, advert);
    const key = keyOf(place);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { ...place, key, routers: [], candidates: new SlotCandidates() };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  dropIfEmpty(slot: Slot): void {
    if (slot.routers.length === 0 && slot.candidates.size === 0) this.#slots.delete(slot.key);
  }

  /** Every virtual router, those included of which nothing is said yet. */
  *routers(): Iterable<VirtualRouter> {
    for (const slot of this.#slots.values()) yield* slot.routers;
  }

  /** Every virtual router that exists. */
  *existing(): Iterable<VirtualRouter> {
    for (const router of this.routers()) if (router.exists) yield router;
  }
}

/** Where an advert belongs: group '' for the standard ones and for unicast. */
export function placeOf(segment: Segment, { family, vrid, dst }: Advert): Place {
  const multicast = family === 'ipv4' ? Number.parseInt(dst, 10) >= 224 : dst.startsWith('ff');
  return { segment, family, vrid, group: multicast && !STANDARD_GROUPS.has(dst) ? dst : '' };
}

/** Of the only virtual router there, or the one that keeps the plain form. */
export function plainSubject({ segment, family, vrid, group }: Place): string {
  return `vr:${segment.name}/${family}/${vrid}${group === '' ? '' : `@${group}`}`;
}

const STANDARD_GROUPS = new Set(['224.0.0.18', 'ff02::12']);

function keyOf({ segment, family, vrid, group }: NamedPlace): string {
  return `${segment.name}|${family}|${vrid}|${group}`;
}
