/** `Random` with what a simulated world needs: ranges, subsets, and a generator of its own for each part. */
import { Random } from './random.ts';

export class Dice extends Random {
  readonly #seed: number;

  constructor(seed: number) {
    super(seed);
    this.#seed = seed >>> 0;
  }

  /** Dice of their own for one part of the world, so that one more draw in `routers` does not reshuffle `faults`. */
  fork(part: string): Dice {
    let hash = this.#seed ^ 0x9e3779b9;
    for (const letter of part) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
    return new Dice(hash);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  /** Each item with the given probability: the subset of faults that one run enables. */
  some<Item>(items: readonly Item[], probability: number): Item[] {
    return items.filter(() => this.chance(probability));
  }
}
