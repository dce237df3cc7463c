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
  at: number;
  readonly owner: DeadlineOwner;
}

export class Deadlines {
  /** the earliest deadline, Infinity without one */
  next = Number.POSITIVE_INFINITY;
  readonly #heap: Entry[] = [];

  /** Makes sure that `owner` is asked at `at` at the latest. */
  ensure(owner: DeadlineOwner, at: number): void {
    if (at >= owner.scheduledAt || at === Number.POSITIVE_INFINITY) return;
    owner.scheduledAt = at;
    this.#heap.push({ at, owner });
    this.#rise(this.#heap.length - 1);
    this.next = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Asks the owner of the earliest deadline. */
  fire(): void {
    const entry = this.#heap[0];
    if (entry === undefined) return;
    const { at, owner } = entry;
    if (owner.scheduledAt !== at) {
      this.#removeFirst(); // superseded by an earlier entry that was asked since
    } else {
      owner.scheduledAt = Number.POSITIVE_INFINITY;
      this.#ask(entry, owner.due(at as Instant));
    }
    this.next = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** The entry serves again where it can: most owners only name a later instant. */
  #ask(entry: Entry, again: number): void {
    const { owner } = entry;
    if (this.#heap[0] !== entry) {
      this.ensure(owner, again); // somebody due at the same instant came in before: superseded, dropped later
    } else if (again < owner.scheduledAt) {
      owner.scheduledAt = again;
      entry.at = again;
      this.#sink(entry);
    } else {
      this.#removeFirst(); // nothing more to ask, or the owner has made sure of an earlier instant itself
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
  }

  #rise(place: number): void {
    const heap = this.#heap;
    const entry = heap[place];
    if (entry === undefined) return;
    let i = place;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  /** Puts an entry in the first place, and where it belongs from there. */
  #sink(entry: Entry): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      if (left === undefined) break;
      const right = heap[2 * i + 2];
      const rightFirst = right !== undefined && before(right, left);
      const below = rightFirst ? right : left;
      if (!before(below, entry)) break;
      heap[i] = below;
      i = rightFirst ? 2 * i + 2 : 2 * i + 1;
    }
    heap[i] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.owner.ordinal < b.owner.ordinal);
}
