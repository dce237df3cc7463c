/** Time that passes when it is told to, for loops. */
import type { LoopSurroundings } from '../../src/poll/loop.ts';

export class FakeTime implements LoopSurroundings {
  #nowMs = 1_000;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];
  /** what the dice show */
  fraction = 0;
  /** what has arrived and waits to be read, if anything */
  io: (() => void)[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** One piece of what waits is read in each round. */
  afterIo(): Promise<void> {
    this.io.shift()?.();
    return Promise.resolve();
  }

  random(): number {
    return this.fraction;
  }

  /** Timers come when they are due, and what follows from each comes before the next. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settled();
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#run(next);
    }
    this.#nowMs = untilMs;
  }

  /** This process does not run for so long: then all timers that are due come at once, late. */
  async stall(ms: number): Promise<void> {
    await settled();
    this.#nowMs += ms;
    await this.pass(0);
  }

  get timers(): number {
    return this.#timers.length;
  }

  #next() {
    return [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
  }

  #run(timer: { readonly call: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.call();
  }
}

/** All promises that can go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
