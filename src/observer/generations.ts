/**
 * A bounded map that forgets what was not used for longest, in constant time: two generations, of which the older
 * is dropped when the younger is half full. Holds between half the limit and the limit.
 *
 * Not a `Map` whose first key is deleted: finding that key again costs more with each one deleted before it.
 */
export class Generations<V> {
  readonly #half: number;
  readonly #outlives: (key: string) => boolean;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  /** `outlives`: keys that are never forgotten; the caller bounds them */
  constructor(limit: number, outlives: (key: string) => boolean = () => false) {
    this.#half = Math.ceil(limit / 2);
    this.#outlives = outlives;
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.#place(key, older);
    return older;
  }

  set(key: string, value: V): void {
    this.#place(key, value);
  }

  #place(key: string, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) this.#age();
    this.#young.set(key, value);
  }

  #age(): void {
    const dying = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    for (const [key, value] of dying)
      if (this.#outlives(key) && !this.#old.has(key)) this.#young.set(key, value);
  }
}
