/**
 * Simulated time: a queue of actions, taken in order of their due time and, at the same microsecond, in the order
 * they were planned. Nothing here sleeps or asks a clock. Times are microseconds since the run began.
 */
export interface Timer {
  readonly due: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

export class Schedule {
  /** A binary heap, the earliest timer at its top. */
  readonly #heap: Timer[] = [];
  #now = 0;
  #planned = 0;

  get now(): number {
    return this.#now;
  }

  after(delay: number, action: () => void): Timer {
    return this.at(this.#now + delay, action);
  }

  at(due: number, action: () => void): Timer {
    if (due < this.#now) throw new Error(`${due} µs is past: it is ${this.#now} µs`);
    this.#planned += 1;
    const timer: Timer = { due: Math.round(due), order: this.#planned, action, cancelled: false };
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Runs what falls due before `end`, then stands at `end`. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.due < end; next = this.#heap[0]) {
      this.#removeFirst();
      if (next.cancelled) continue;
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = end;
  }

  #rise(from: number): void {
    let child = from;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfWrong(parent, child)) return;
      child = parent;
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      const child = this.#isEarlier(right, left) ? right : left;
      if (!this.#swapIfWrong(parent, child)) return;
      parent = child;
    }
  }

  #swapIfWrong(parent: number, child: number): boolean {
    if (!this.#isEarlier(child, parent)) return false;
    const upper = this.#heap[parent];
    const lower = this.#heap[child];
    if (upper === undefined || lower === undefined) return false;
    this.#heap[parent] = lower;
    this.#heap[child] = upper;
    return true;
  }

  #isEarlier(one: number, other: number): boolean {
    const a = this.#heap[one];
    const b = this.#heap[other];
    if (a === undefined || b === undefined) return false;
    return a.due < b.due || (a.due === b.due && a.order < b.order);
  }
}
