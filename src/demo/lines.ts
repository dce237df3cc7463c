/**
 * Lines that others write, one after the other, to a file or a pipe: kept, and awaited.
 *
 * Nothing here sleeps: a file is looked at when the kernel says that it has changed. Who waits in vain is told what
 * was awaited, and the last lines that came instead.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';

export interface Awaiting {
  /** for the error: `lb2 becomes master` */
  readonly what: string;
  readonly limitMs: number;
  /** lines before this index do not count */
  readonly from?: number;
}

interface Waiter {
  readonly take: (line: string) => boolean;
  readonly fail: (error: Error) => void;
}

const LAST_LINES = 12;

export class Lines {
  readonly name: string;
  readonly all: string[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #listeners: ((line: string) => void)[] = [];
  #ended: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** The first line, from now on or earlier, of which `select` makes something. */
  first<T>(select: (line: string) => T | undefined, awaiting: Awaiting): Promise<T> {
    for (const line of this.all.slice(awaiting.from ?? 0)) {
      const found = select(line);
      if (found !== undefined) return Promise.resolve(found);
    }
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        take: (line) => {
          const found = select(line);
          if (found === undefined) return false;
          done();
          resolve(found);
          return true;
        },
        fail: (error) => {
          done();
          reject(error);
        },
      };
      const vain = (why: string) =>
        waiter.fail(new Error(`${awaiting.what}: ${why}. Last lines of ${this.name}:\n${this.#last()}`));
      const timer = setTimeout(() => vain(`not within ${awaiting.limitMs} ms`), awaiting.limitMs);
      this.#waiters.add(waiter);
      if (this.#ended !== null) vain(this.#ended);
    });
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  /** Each line from now on. */
  onLine(listener: (line: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Takes text as it comes, cut anywhere; one for each channel, so that they do not cut each other's lines. */
  channel(): { push(text: string): void; end(): void } {
    let partial = '';
    return {
      push: (text) => {
        const lines = (partial + text).split('\n');
        partial = lines.pop() ?? '';
        for (const line of lines) this.#add(line);
      },
      end: () => {
        if (partial !== '') this.#add(partial);
        partial = '';
      },
    };
  }

  /** No more lines will come: whoever waits, waits in vain. */
  end(why: string): void {
    this.#ended = why;
    for (const waiter of [...this.#waiters]) {
      waiter.fail(new Error(`${this.name}: ${why}. Its last lines:\n${this.#last()}`));
    }
  }

  #add(line: string): void {
    this.all.push(line);
    for (const listener of this.#listeners) listener(line);
    for (const waiter of [...this.#waiters]) waiter.take(line);
  }

  #last(): string {
    const last = this.all.slice(-LAST_LINES);
    return last.length === 0 ? '  (none)' : last.map((line) => `  ${line}`).join('\n');
  }
}

/** What a process says, on both its channels as they come, until it has ended. */
export function linesOfProcess(name: string, child: ChildProcess): Lines {
  const lines = new Lines(name);
  for (const stream of [child.stdout, child.stderr]) {
    const channel = lines.channel();
    stream?.setEncoding('utf8').on('data', channel.push).once('end', channel.end);
  }
  child.once('close', () => lines.end('it has ended'));
  return lines;
}

/** Follows a file that exists and is only ever appended to. */
export class FollowedFile {
  readonly lines: Lines;
  readonly #channel: ReturnType<Lines['channel']>;
  readonly #descriptor: number;
  readonly #watcher: FSWatcher;
  readonly #decoder = new TextDecoder();
  #at = 0;
  #closed = false;

  constructor(name: string, path: string) {
    this.lines = new Lines(name);
    this.#channel = this.lines.channel();
    this.#descriptor = openSync(path, 'r');
    this.#watcher = watch(path, { persistent: false }, () => this.#read());
    this.#read();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.close();
    closeSync(this.#descriptor);
    this.lines.end('no longer followed');
  }

  #read(): void {
    const length = fstatSync(this.#descriptor).size - this.#at;
    if (length <= 0) return;
    const bytes = new Uint8Array(length);
    const read = readSync(this.#descriptor, bytes, 0, length, this.#at);
    this.#at += read;
    this.#channel.push(this.#decoder.decode(bytes.subarray(0, read), { stream: true }));
  }
}
