/**
 * Deadlines as data: a heap of instants at which somebody wants to be asked again.
 *
 * An owner may be asked too early, never too late: moving a deadline later costs nothing (the owner is asked at
 * the old instant, finds nothing due and names the new one), moving it earlier adds an entry. That is what keeps
 * the steady stream of adverts, each of which pushes a silence limit back, free of heap work.
 */
import type { Instant } from '../time.ts';

export interface DeadlineOwner {
  /** decides between owners due at the same instant; unique */
  readonly ordinal: number;
  /** the earliest instant at which this owner stands in the heap; Infinity when it does not */
  scheduledAt: number;
  /** does what is due at `now` and returns the next instant to be asked at (after `now`), or Infinity */
  due(now: Instant): number;
}

interface Entry {
  readonly at: number;
  readonly owner: DeadlineOwner;
}

export class Deadlines {
  readonly #heap: Entry[] = [];

  /** The earliest deadline, Infinity without one. */
  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Makes sure that `owner` is asked at `at` at the latest. */
  ensure(owner: DeadlineOwner, at: number): void {
    if (at >= owner.scheduledAt || at === Number.POSITIVE_INFINITY) return;
    owner.scheduledAt = at;
    this.#push({ at, owner });
  }

  /** Asks the owner of the earliest deadline. */
  fire(): void {
    const entry = this.#pop();
    if (entry === undefined) return;
    const { at, owner } = entry;
    if (owner.scheduledAt !== at) return; // superseded by an earlier entry that was asked since
    owner.scheduledAt = Number.POSITIVE_INFINITY;
    this.ensure(owner, owner.due(at as Instant));
  }

  #before(a: Entry, b: Entry): boolean {
    return a.at < b.at || (a.at === b.at && a.owner.ordinal < b.owner.ordinal);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !this.#before(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      if (left === undefined) break;
      const child = right !== undefined && this.#before(right, left) ? 2 * i + 2 : 2 * i + 1;
      const below = heap[child];
      if (below === undefined || !this.#before(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
