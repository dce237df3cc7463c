/**
 * Asks one target again and again, whatever is asked there: each `everyMs`, never twice at once.
 *
 * The first poll comes at a random point of the first interval, so that targets do not all come together. Intervals are
 * counted from when a poll was due, so they do not drift; those that were missed, as when this process was stalled, are
 * left out and not made up for. After a first failure it is soon asked again; where a target fails again and again, the
 * intervals become longer; not where it refuses, which costs less than an answer, and its return is dated by the poll that
 * first sees it.
 *
 * A poll that got no answer while this process itself did not run proves nothing: it failed as `blind`.
 */
import type { PollFailure } from '../observation.ts';
import { failureOf } from './failure.ts';

export interface Polling<T> {
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Settles soon after `signal` aborts, at a timeout or a stop: the next poll waits for that. */
  ask(signal: AbortSignal): Promise<T>;
  tell(result: PollResult<T>): void;
}

export type PollResult<T> =
  | { readonly value: T; readonly failure: null }
  | { readonly value: null; readonly failure: PollFailure };

/** What tests replace. */
export interface LoopSurroundings {
  /** monotonic milliseconds */
  now(): number;
  /** calls once, after so many milliseconds or later; what comes back calls it off */
  after(ms: number, call: () => void): () => void;
  /** when the input and output that wait now have been processed */
  afterIo(): Promise<void>;
  /** 0 to 1 */
  random(): number;
}

/** Whether a first failure was but a moment's is soon asked, where somebody was there to refuse. */
const SECOND_LOOK_MS = 500;
/** The first failures in a row change nothing, since a condition needs a few; from this one on, each doubles. */
const DOUBLING_FAILURE = 3;
const BACK_OFF_MAX_MS = 30_000;
/** Where something answers, or its machine does, it is asked more often: its return is worth knowing soon. */
const BACK_OFF_MAX_INTERVALS = 4;
const SILENT: ReadonlySet<PollFailure['reason']> = new Set(['timeout', 'unreachable']);
/** A back-off is shortened at random by up to this part of it. */
const BACK_OFF_JITTER = 0.25;

/** Later than that part of an interval, a poll is left out. */
const LATE_PART = 0.1;

/** During a poll a timer comes so often; one that comes so much later than that tells of a stall. */
const TICK_MS = 200;
const STALL_MS = 250;
/** What arrived during a stall may need a few rounds to be read. */
const IO_ROUNDS = 4;

export class Loop<T> {
  readonly #polling: Polling<T>;
  readonly #around: LoopSurroundings;
  #stopped = false;
  #dueMs = 0;
  /** in a row */
  #failures = 0;
  /** the reason of the last of them */
  #lastReason: PollFailure['reason'] | null = null;
  /** calls off the timer of the next poll; null while none is set */
  #callOff: (() => void) | null = null;
  #inFlight: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;

  constructor(polling: Polling<T>, around: LoopSurroundings = REAL) {
    this.#polling = polling;
    this.#around = around;
  }

  start(): void {
    this.#pollAt(this.#around.now() + this.#around.random() * this.#polling.everyMs);
  }

  /** Nothing is told any more from here on. Resolves when nothing is in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff?.();
    this.#callOff = null;
    this.#inFlight?.abort.abort();
    await this.#inFlight?.done;
  }

  #pollAt(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#callOff = this.#around.after(Math.max(0, dueMs - this.#around.now()), () => {
      this.#callOff = null;
      const abort = new AbortController();
      this.#inFlight = { abort, done: this.#poll(abort) };
    });
  }

  async #poll(abort: AbortController): Promise<void> {
    const answer = this.#ask(abort.signal);
    const watch = new Watch(this.#polling.timeoutMs, this.#around);
    let result = await Promise.race([answer, watch.ranOut]);
    for (let round = 0; result === null && watch.stalled && round < IO_ROUNDS; round++)
      result = await Promise.race([answer, this.#around.afterIo().then(() => null)]);
    watch.end();
    if (!this.#stopped) this.#conclude(result ?? this.#noAnswer(), watch.stalled);
    if (result === null) abort.abort();
    await answer;
    this.#inFlight = null;
    if (!this.#stopped) this.#pollAt(this.#nextDueMs());
  }

  async #ask(signal: AbortSignal): Promise<PollResult<T>> {
    try {
      return { value: await this.#polling.ask(signal), failure: null };
    } catch (thrown) {
      return { value: null, failure: failureOf(thrown) };
    }
  }

  #noAnswer(): PollResult<T> {
    const within = `${this.#polling.timeoutMs / 1_000} s`;
    return { value: null, failure: { reason: 'timeout', error: `no complete answer within ${within}` } };
  }

  #conclude(result: PollResult<T>, stalled: boolean): void {
    const { failure } = result;
    if (failure !== null && stalled && (failure.reason === 'timeout' || failure.reason === 'closed')) {
      const error = 'vipwatch itself did not run for a while, and so missed the answer';
      this.#polling.tell({ value: null, failure: { reason: 'blind', error } });
      return;
    }
    if (failure === null) this.#failures = 0;
    else if (failure.reason !== 'blind') {
      this.#failures++;
      this.#lastReason = failure.reason;
    }
    this.#polling.tell(result);
  }

  #nextDueMs(): number {
    const { everyMs } = this.#polling;
    const now = this.#around.now();
    const dueMs = this.#dueMs + this.#intervalMs();
    // A poll whose timeout is its interval ends just after the next is due.
    if (now - dueMs <= LATE_PART * everyMs) return dueMs;
    return this.#dueMs + Math.ceil((now - this.#dueMs) / everyMs) * everyMs;
  }

  #intervalMs(): number {
    const { everyMs } = this.#polling;
    const isSilent = this.#lastReason !== null && SILENT.has(this.#lastReason);
    if (this.#failures === 1 && !isSilent) return Math.min(everyMs, SECOND_LOOK_MS);
    const doublings = this.#failures - DOUBLING_FAILURE + 1;
    if (doublings <= 0 || this.#lastReason === 'refused') return everyMs;
    const few = isSilent ? Number.POSITIVE_INFINITY : BACK_OFF_MAX_INTERVALS * everyMs;
    const longest = Math.max(everyMs, Math.min(few, BACK_OFF_MAX_MS));
    const backOff = Math.min(longest, everyMs * 2 ** doublings);
    return Math.max(everyMs, backOff * (1 - BACK_OFF_JITTER * this.#around.random()));
  }
}

/** Waits for a poll's timeout, and notices when this process does not run meanwhile. */
class Watch {
  stalled = false;
  /** null: the time is over */
  readonly ranOut: Promise<null>;
  readonly #around: LoopSurroundings;
  #callOff: () => void = () => {};

  constructor(timeoutMs: number, around: LoopSurroundings) {
    this.#around = around;
    const deadlineMs = around.now() + timeoutMs;
    this.ranOut = new Promise((resolve) => this.#tick(deadlineMs, () => resolve(null)));
  }

  end(): void {
    this.#callOff();
  }

  #tick(deadlineMs: number, ranOut: () => void): void {
    const now = this.#around.now();
    const dueMs = Math.min(deadlineMs, now + TICK_MS);
    this.#callOff = this.#around.after(dueMs - now, () => {
      const now = this.#around.now();
      if (now - dueMs > STALL_MS) this.stalled = true;
      if (now >= deadlineMs) ranOut();
      else this.#tick(deadlineMs, ranOut);
    });
  }
}

const REAL: LoopSurroundings = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  afterIo: () => new Promise((resolve) => setImmediate(resolve)),
  random: Math.random,
};
