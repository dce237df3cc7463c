/**
 * Reproducible randomness for the wire tests (mulberry32). Every test that uses it names its seed when it fails,
 * and runs longer with VIPWATCH_FUZZ_ROUNDS.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 1, 1 excluded */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** 0 to `below` - 1 */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

/** Rounds of a fuzz test: `usual` in an ordinary run. */
export function fuzzRounds(usual: number): number {
  return Number(process.env.VIPWATCH_FUZZ_ROUNDS ?? usual);
}

/** Runs `body` once a seed and names the seed of a failure. */
export function forSeeds(rounds: number, body: (random: Random, seed: number) => void): void {
  for (let seed = 1; seed <= rounds; seed++) {
    try {
      body(new Random(seed), seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}
