/**
 * The InfluxDB sink as the daemon sees it: starts its thread, passes on what it says, moves its cursors, and starts
 * another one where it died: it keeps nothing that the journal does not have.
 */
import { Worker } from 'node:worker_threads';
import type { JournalWriter } from '../journal/journal-writer.ts';
import { BackOff } from '../sinks/back-off.ts';
import type { InfluxSettings } from '../sinks/influx-settings.ts';
import type { SinkTrouble } from '../sinks/refusals.ts';
import type { FromThread, ThreadData, ToThread } from './influx-link.ts';

/** Batches are 4 MB at most, two at a time; V8 would else take what the machine has. */
const LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16, stackSizeMb: 1 };
const STOP_WITHIN_MS = 700;

export interface InfluxHostOptions {
  readonly journal: JournalWriter;
  readonly journalPath: string;
  readonly settings: InfluxSettings;
  readonly onTrouble: (trouble: SinkTrouble) => void;
  readonly onRemark: (text: string) => void;
}

export class InfluxHost {
  readonly #options: InfluxHostOptions;
  readonly #backOff = new BackOff(Math.random);
  readonly #forget: () => void;
  #thread: Worker;
  #restart: NodeJS.Timeout | null = null;
  /** of threads before this one */
  #writtenBefore = 0;
  #written = 0;
  #eventsWritten = 0;
  #isStopping = false;

  constructor(options: InfluxHostOptions) {
    this.#options = options;
    this.#thread = this.#start();
    this.#forget = options.journal.onWritten(() => this.#say({ kind: 'wake' }));
  }

  /** Points written since the start, and events that wait. */
  get figures(): { readonly written: number; readonly waiting: number } {
    const waiting = Math.max(0, this.#options.journal.lastSeq - this.#eventsWritten);
    return { written: this.#writtenBefore + this.#written, waiting };
  }

  /** Another file has taken the place of the journal: the thread reads the old one. */
  journalReplaced(): void {
    void this.#thread.terminate();
  }

  /** Under a second. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#forget();
    if (this.#restart !== null) clearTimeout(this.#restart);
    const ended = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.#say({ kind: 'stop' });
    const late = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    if (this.#thread.threadId !== -1) await Promise.race([ended, late]);
    await this.#thread.terminate();
  }

  #start(): Worker {
    const { journalPath, settings, onRemark } = this.#options;
    const workerData: ThreadData = { journalPath, settings };
    const thread = new Worker(new URL('./influx-thread.js', import.meta.url), {
      workerData,
      resourceLimits: LIMITS,
      name: 'vipwatch-influx',
      execArgv: [], // what the process was started with is not meant for it
    });
    thread.on('message', (message: FromThread) => this.#take(message));
    thread.on('error', (error: Error) =>
      onRemark(`influx: its thread died and is started again: ${error.message}`),
    );
    thread.on('exit', () => {
      if (this.#isStopping) return;
      this.#writtenBefore += this.#written;
      this.#written = 0;
      this.#restart = setTimeout(() => {
        this.#thread = this.#start();
      }, this.#backOff.next());
    });
    return thread;
  }

  #take(message: FromThread): void {
    switch (message.kind) {
      case 'progress':
        ({ written: this.#written, eventsWritten: this.#eventsWritten } = message);
        this.#backOff.reset();
        break;
      case 'trouble':
        this.#options.onTrouble(message.trouble);
        break;
      case 'remark':
        this.#options.onRemark(message.text);
        break;
      case 'cursor':
      case 'advance':
        this.#moveCursor(message).then(
          (seq) => this.#say({ kind: 'answer', number: message.number, seq }),
          (error: unknown) => {
            const why = error instanceof Error ? error.message : String(error);
            this.#say({ kind: 'refusal', number: message.number, error: why });
          },
        );
    }
  }

  async #moveCursor(message: Extract<FromThread, { number: number }>): Promise<number> {
    const { journal } = this.#options;
    const { kind, reader, stream } = message;
    if (kind === 'cursor') return journal.cursor(reader, stream);
    await journal.advance(reader, message.seq, stream);
    return message.seq;
  }

  #say(message: ToThread): void {
    this.#thread.postMessage(message);
  }
}
