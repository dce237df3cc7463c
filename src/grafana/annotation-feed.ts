/**
 * Brings the journal's events to Grafana as annotations: a reader with a cursor of its own, one event after the other.
 *
 * A Grafana that is down loses nothing and holds nobody up: the cursor stays, and the pause grows up to a minute. What
 * Grafana refuses for good is remarked upon and passed over. The first time, it begins with what comes.
 */
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import type { AnnotationVerdict } from './annotations.ts';

export interface FeedJournal {
  cursor(reader: string): Promise<number>;
  advance(reader: string, seq: number): Promise<void>;
  eventsAfter(seq: number, limit: number): Promise<readonly JournalledEvent[]>;
  readonly lastSeq: number;
}

export interface FeedTrouble {
  readonly failing: boolean;
  readonly error: string | null;
  readonly waiting: number;
}

export interface AnnotationFeedOptions {
  readonly journal: FeedJournal;
  readonly tell: (entry: JournalledEvent, signal: AbortSignal) => Promise<AnnotationVerdict>;
  readonly onTrouble: (trouble: FeedTrouble) => void;
  readonly onRemark: (text: string) => void;
  /** pauses, shortened in tests */
  readonly firstPauseMs?: number;
}

const READER = 'grafana';
const PAGE_EVENTS = 100;
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 60_000;

export class AnnotationFeed {
  readonly #options: AnnotationFeedOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #wake: () => void = () => {};
  #pauseMs: number;
  /** false once it takes events: also that it does is said, for trouble of an earlier run may still be open */
  #isFailing: boolean | null = null;

  constructor(options: AnnotationFeedOptions) {
    this.#options = options;
    this.#pauseMs = options.firstPauseMs ?? FIRST_PAUSE_MS;
    this.#done = this.#run();
  }

  /** Events have been committed. */
  news(): void {
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { journal } = this.#options;
    let cursor: number | null = null;
    while (!this.#stop.signal.aborted) {
      try {
        cursor ??= await this.#begin();
        const page = await journal.eventsAfter(cursor, PAGE_EVENTS);
        if (page.length === 0) await this.#rest(null);
        for (const entry of page) {
          if (!(await this.#tell(entry))) break;
          cursor = entry.seq;
          await journal.advance(READER, cursor);
        }
      } catch (error) {
        await this.#fails(error instanceof Error ? error.message : String(error), null);
      }
    }
  }

  async #begin(): Promise<number> {
    const { journal } = this.#options;
    const kept = await journal.cursor(READER);
    if (kept > 0) return kept;
    await journal.advance(READER, journal.lastSeq);
    return journal.lastSeq;
  }

  /** False: the same again, after a pause that has passed. */
  async #tell(entry: JournalledEvent): Promise<boolean> {
    const { signal } = this.#stop;
    if (signal.aborted) return false;
    const verdict = await this.#options.tell(entry, signal);
    if (verdict.kind === 'later') {
      if (!signal.aborted) await this.#fails(verdict.reason, verdict.afterMs);
      return false;
    }
    if (verdict.kind === 'never')
      this.#options.onRemark(`Grafana did not take event ${entry.seq} as an annotation: ${verdict.reason}`);
    this.#pauseMs = this.#options.firstPauseMs ?? FIRST_PAUSE_MS;
    if (this.#isFailing !== false) {
      this.#isFailing = false;
      this.#options.onTrouble({ failing: false, error: null, waiting: 0 });
    }
    return true;
  }

  async #fails(error: string, afterMs: number | null): Promise<void> {
    if (this.#isFailing !== true) {
      this.#isFailing = true;
      this.#options.onTrouble({ failing: true, error, waiting: 1 });
    }
    await this.#rest(afterMs ?? this.#pauseMs);
    this.#pauseMs = Math.min(PAUSE_MAX_MS, this.#pauseMs * 2);
  }

  /** For so long, or (null) until there is news. */
  #rest(ms: number | null): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = ms === null ? null : setTimeout(resolve, ms);
      this.#wake = () => {
        // News is no reason to ask a Grafana that is down; the end is.
        if (timer !== null && !this.#stop.signal.aborted) return;
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }
}
