/** A way to ask one target, poll after poll. */
export interface Source<T> {
  /** Rejects with whatever `failureOf` understands, soon after `signal` aborts too. One question at a time. */
  ask(signal: AbortSignal): Promise<T>;
  /** Lets go of what is kept between questions. */
  close(): void;
}
