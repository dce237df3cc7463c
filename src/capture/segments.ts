/**
 * Segment objects by VLAN tags: one object for `replay`, one for `replay.100`, whoever asks.
 *
 * Limit: 4,096 segments a capture (tags can be forged); the rest share one named `BASE.other`.
 */
import type { Segment } from '../observation.ts';

export class Segments {
  readonly base: Segment;
  readonly #tagged = new Map<number, Segment>();
  #other: Segment | null = null;

  constructor(baseName: string) {
    this.base = { name: baseName, capture: baseName };
  }

  /** `vlans` as in a Frame: outermost first, 1 to 4094 each, at most 4. */
  of(vlans: readonly number[]): Segment {
    if (vlans.length === 0) return this.base;
    let key = 0;
    for (const vlan of vlans) key = key * 4096 + vlan;
    return this.#tagged.get(key) ?? this.#add(key, vlans);
  }

  #add(key: number, vlans: readonly number[]): Segment {
    const capture = this.base.capture;
    if (this.#tagged.size + 1 >= SEGMENTS_MAX) {
      this.#other ??= { name: `${capture}.other`, capture };
      return this.#other;
    }
    const segment = { name: `${capture}.${vlans.join('.')}`, capture };
    this.#tagged.set(key, segment);
    return segment;
  }
}

const SEGMENTS_MAX = 4096;
