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

export class Deadlines {
  /** the earliest deadline, Infinity without one */
  next = Number.POSITIVE_INFINITY;
  #asked: { readonly owner: DeadlineOwner; readonly at: number } | null = null;
  /** the heap, as two arrays: instants beside each other are compared without a look at their owners */
  #ats = new Float64Array(64);
  readonly #owners: DeadlineOwner[] = [];

  /** Makes sure that `owner` is asked at `at` at the latest. */
  ensure(owner: DeadlineOwner, at: number): void {
    if (at >= owner.scheduledAt || at === Number.POSITIVE_INFINITY) return;
    // whoever is being asked cannot want to be asked at the same instant again: time would stand still
    const asked = this.#asked;
    if (asked !== null && asked.owner === owner && at <= asked.at) {
      this.ensure(owner, asked.at + 1);
      return;
    }
    owner.scheduledAt = at;
    const place = this.#owners.length;
    if (place === this.#ats.length) this.#makeRoom();
    this.#owners.push(owner);
    this.#rise(place, at, owner);
    this.next = this.#ats[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Asks the owner of the earliest deadline. */
  fire(): void {
    const owner = this.#owners[0];
    if (owner === undefined) return;
    const at = this.next;
    if (owner.scheduledAt !== at) {
      this.#removeFirst(); // superseded by an earlier entry that was asked since
    } else {
      owner.scheduledAt = Number.POSITIVE_INFINITY;
      this.#asked = { owner, at };
      const again = owner.due(at as Instant);
      this.#asked = null;
      if (this.#owners[0] !== owner || this.next !== at) {
        this.ensure(owner, again); // somebody due at the same instant came in before: superseded, dropped later
      } else if (again < owner.scheduledAt) {
        owner.scheduledAt = again;
        this.#sink(again, owner); // the entry serves again: most owners only name a later instant
      } else {
        this.#removeFirst(); // nothing more to ask, or the owner has made sure of an earlier instant itself
      }
    }
    this.next = this.#owners.length > 0 ? (this.#ats[0] ?? 0) : Number.POSITIVE_INFINITY;
  }

  #removeFirst(): void {
    const place = this.#owners.length - 1;
    const owner = this.#owners.pop();
    if (owner !== undefined && place > 0) this.#sink(this.#ats[place] ?? 0, owner);
  }

  #makeRoom(): void {
    const ats = new Float64Array(2 * this.#ats.length);
    ats.set(this.#ats);
    this.#ats = ats;
  }

  /** Puts an entry in a last place, and where it belongs from there. */
  #rise(last: number, at: number, owner: DeadlineOwner): void {
    const ats = this.#ats;
    const owners = this.#owners;
    let place = last;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = ats[parent] ?? 0;
      if (above < at || (above === at && !this.#precedes(owner, parent))) break;
      ats[place] = above;
      owners[place] = owners[parent] ?? owner;
      place = parent;
    }
    ats[place] = at;
    owners[place] = owner;
  }

  /** Puts an entry in the first place, and where it belongs from there. */
  #sink(at: number, owner: DeadlineOwner): void {
    const ats = this.#ats;
    const owners = this.#owners;
    const count = owners.length;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= count) break;
      let next = ats[below] ?? 0;
      if (below + 1 < count) {
        const right = ats[below + 1] ?? 0;
        if (right < next || (right === next && this.#precedes(owners[below + 1], below))) {
          below++;
          next = right;
        }
      }
      if (next > at || (next === at && this.#precedes(owner, below))) break;
      ats[place] = next;
      owners[place] = owners[below] ?? owner;
      place = below;
    }
    ats[place] = at;
    owners[place] = owner;
  }

  /** Of two due at the same instant. */
  #precedes(owner: DeadlineOwner | undefined, place: number): boolean {
    return (owner?.ordinal ?? 0) <= (this.#owners[place]?.ordinal ?? 0);
  }
}
