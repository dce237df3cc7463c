/** One worker and the requests that it has not answered. Once dead it stays dead, and everything it owed is refused. */
import { Worker } from 'node:worker_threads';
import type { JournalOptions, SetAside } from './journal.ts';
import { JournalError } from './journal-error.ts';
import type { Reply, Request, RequestName, Requests, WorkerData } from './worker-protocol.ts';

/** A page of an answer is a few megabytes at most; V8 would else take what the machine has. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };

interface Owed {
  readonly answer: (value: unknown) => void;
  readonly refuse: (error: Error) => void;
}

export class WorkerLine {
  readonly #worker: Worker;
  readonly #owed = new Map<number, Owed>();
  #next = 1;
  #death: Error | null = null;
  #whenNothingOwed: (() => void) | null = null;

  constructor(path: string, options: JournalOptions, onSetAside: (aside: SetAside) => void) {
    const workerData: WorkerData = { path, options };
    this.#worker = new Worker(new URL('./journal-worker.js', import.meta.url), {
      workerData,
      resourceLimits: LIMITS,
      name: 'vipwatch-journal',
      execArgv: [], // what the process was started with is not meant for it
    });
    this.#worker.on('message', (reply: Reply) => {
      if (reply.number === null) onSetAside(reply.setAside);
      else this.#take(reply);
    });
    this.#worker.on('error', (error: Error) =>
      this.#dies(new Error(`the journal's thread died: ${error.message}`, { cause: error })),
    );
    this.#worker.on('exit', (status) => this.#dies(new Error(`the journal's thread ended (${status})`)));
  }

  get isDead(): boolean {
    return this.#death !== null;
  }

  ask<Name extends RequestName>(
    name: Name,
    takes: Requests[Name]['takes'],
  ): Promise<Requests[Name]['answers']> {
    return new Promise((resolve, refuse) => {
      if (this.#death !== null) {
        refuse(this.#death);
        return;
      }
      const request: Request<Name> = { number: this.#next++, name, takes };
      this.#owed.set(request.number, {
        answer: (value) => resolve(value as Requests[Name]['answers']),
        refuse,
      });
      this.#worker.postMessage(request);
    });
  }

  /** Once it has answered all that it owes: a thread that is ended within SQLite can take the process with it (SIGABRT). */
  async end(): Promise<void> {
    this.#worker.unref();
    await new Promise<void>((resolve) => {
      this.#whenNothingOwed = resolve;
      this.#settle();
    });
    await this.#worker.terminate();
  }

  #settle(): void {
    if (this.#owed.size === 0) this.#whenNothingOwed?.();
  }

  #take(reply: Exclude<Reply, { number: null }>): void {
    const owed = this.#owed.get(reply.number);
    this.#owed.delete(reply.number);
    if ('answer' in reply) owed?.answer(reply.answer);
    else
      owed?.refuse(
        reply.code === null ? new Error(reply.message) : new JournalError(reply.code, reply.message),
      );
    this.#settle();
  }

  #dies(why: Error): void {
    this.#death ??= why;
    for (const { refuse } of this.#owed.values()) refuse(this.#death);
    this.#owed.clear();
    this.#settle();
  }
}
