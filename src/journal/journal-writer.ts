/**
 * The journal for a process that must never wait for a disk: a worker thread writes, here is what has been said and
 * is not known to be durable.
 *
 * - One batch is under way at a time; what arrives meanwhile is the next. Events leave at once, samples within a
 *   second, a mere sign of life every five. A commit thus carries as many events as the disk is slow.
 * - What fails is said again every second, in the same order: disk full, read-only or failing, a file that is damaged or
 *   that another process keeps locked, and also a worker that died, which is started anew. It never ends the process: an
 *   observer that cannot write can still tell. The journal knows events by their ids, so that saying them again doubles none.
 * - While it fails, or hangs for 5 s, events are told all the same, with the `seq` that they will have and
 *   `isDurable` false. Up to 10,000 events and 20,000 samples wait; then the oldest samples go, and events are
 *   neither told nor kept but counted as lost.
 */
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import type { Instant } from '../time.ts';
import type { EventQuery, JournalledEvent } from '../timeline/journalled-event.ts';
import type { AlertsKept, AlertsStep } from './alert-tables.ts';
import type { JournalOptions, PreviousRun, SetAside, Stream } from './journal.ts';
import type {
  EventPage,
  ExcerptAsked,
  IncidentStory,
  JournalledIncident,
  JournalledSample,
  OrdinalEvent,
  Position,
} from './journal-queries.ts';
import { WorkerLine } from './worker-line.ts';
import type { Appended, Batch, Opened, RequestName, Requests } from './worker-protocol.ts';

const WAITING_EVENTS_MAX = 10_000;
const WAITING_SAMPLES_MAX = 20_000;
const BATCH_EVENTS_MAX = 1_000;
const BATCH_SAMPLES_MAX = 5_000;
const SAMPLES_WITHIN_MS = 1_000;
const ALIVE_WITHIN_MS = 5_000;
const RETRY_AFTER_MS = 1_000;
const HANGS_AFTER_MS = 5_000;
const STOP_WITHIN_MS = 900;

export interface JournalTrouble {
  readonly failing: boolean;
  readonly error: string | null;
  /** events that are told but not durable */
  readonly waiting: number;
  /** events that were neither, since the trouble began */
  readonly lost: number;
}

type CommittedListener = (events: readonly JournalledEvent[], isDurable: boolean) => void;
type TroubleListener = (trouble: JournalTrouble) => void;
type SetAsideListener = (aside: SetAside) => void;

export class JournalWriter {
  readonly previousRun: PreviousRun;
  readonly setAside: SetAside | null;
  readonly #path: string;
  readonly #options: JournalOptions;
  #line: WorkerLine;
  #reviving: Promise<WorkerLine> | null = null;
  readonly #committed = new Set<CommittedListener>();
  readonly #written = new Set<() => void>();
  readonly #troubled = new Set<TroubleListener>();
  readonly #replaced = new Set<SetAsideListener>();

  /** what the worker has been given, in flight or failed */
  #batch: Batch | null = null;
  #isInFlight = false;
  #events: TimelineEvent[] = [];
  #samples: Sample[] = [];
  #aliveAt: Instant | null = null;
  /** the latest that is durable, and the latest that was told */
  #lastSeq: number;
  #toldSeq: number;
  #error: string | null = null;
  #lost = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerMs = Number.POSITIVE_INFINITY;
  #stopped: Promise<void> | null = null;
  #whenIdle: (() => void) | null = null;

  /** Rejects with the `JournalError` that `Journal.open` throws. */
  static async open(path: string, options: JournalOptions = {}): Promise<JournalWriter> {
    const told = { setAside: (_aside: SetAside) => {} };
    const line = new WorkerLine(path, options, (aside) => told.setAside(aside));
    try {
      const writer = new JournalWriter(path, options, line, await line.ask('open', { lastSeq: 0 }));
      told.setAside = (aside) => writer.#tellSetAside(aside);
      return writer;
    } catch (error) {
      await line.end();
      throw error;
    }
  }

  private constructor(path: string, options: JournalOptions, line: WorkerLine, opened: Opened) {
    this.#path = path;
    this.#options = options;
    this.#line = line;
    this.previousRun = opened.previousRun;
    this.setAside = opened.setAside;
    this.#lastSeq = opened.lastSeq;
    this.#toldSeq = opened.lastSeq;
  }

  /** Events in order of `seq`, once each, as soon as they are durable, or cannot be made so. */
  onCommitted(listener: CommittedListener): void {
    this.#committed.add(listener);
  }

  /** Something more can be read, events or samples. */
  onWritten(listener: () => void): () => void {
    this.#written.add(listener);
    return () => this.#written.delete(listener);
  }

  /** Called when writing begins to fail, when the first event is lost, and when all is well again. */
  onTrouble(listener: TroubleListener): void {
    this.#troubled.add(listener);
  }

  /** A journal found damaged while in use was set aside; `setAside` says it of the one found at the start. */
  onSetAside(listener: SetAsideListener): void {
    this.#replaced.add(listener);
  }

  /** the last event that is durable */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  get trouble(): JournalTrouble {
    const waiting = this.#events.length + (this.#batch?.events.length ?? 0);
    return { failing: this.#error !== null, error: this.#error, waiting, lost: this.#lost };
  }

  /**
   * Returns at once. `aliveAt`: all that happened until then has been told; with nothing else it is a mere sign of
   * life.
   */
  append(events: readonly TimelineEvent[], samples: readonly Sample[], aliveAt: Instant): void {
    if (this.#stopped !== null) throw new Error('the journal has been stopped');
    this.#aliveAt = aliveAt;
    for (const sample of samples) this.#samples.push(sample);
    if (this.#samples.length > WAITING_SAMPLES_MAX)
      this.#samples.splice(0, this.#samples.length - WAITING_SAMPLES_MAX);
    if (events.length > 0) this.#take(events);
    if (this.#error !== null) return;
    if (this.#events.length > 0) this.#send();
    else this.#sendWithin(this.#samples.length > 0 ? SAMPLES_WITHIN_MS : ALIVE_WITHIN_MS);
  }

  #take(events: readonly TimelineEvent[]): void {
    const room = Math.max(0, WAITING_EVENTS_MAX - this.trouble.waiting);
    const taken = events.slice(0, room);
    this.#events.push(...taken);
    if (this.#error !== null) this.#tellProvisionally();
    if (taken.length === events.length) return;
    const wasWhole = this.#lost === 0;
    this.#lost += events.length - taken.length;
    if (wasWhole)
      this.#fails(this.#error ?? `more than ${WAITING_EVENTS_MAX} events wait for the disk`, true);
  }

  /** Long answers come in pages, between which the worker writes. */
  async *query(query: EventQuery): AsyncGenerator<JournalledEvent> {
    let from: Position | null = null;
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    do {
      const page: EventPage = await this.#ask('page', { query: { ...query, limit: left }, from });
      yield* page.events;
      left -= page.events.length;
      from = page.next;
    } while (from !== null && left > 0);
  }

  eventsAfter(seq: number, limit: number): Promise<readonly JournalledEvent[]> {
    return this.#ask('eventsAfter', { seq, limit });
  }

  ordinalEventsAfter(seq: number, limit: number): Promise<readonly OrdinalEvent[]> {
    return this.#ask('ordinalEventsAfter', { seq, limit });
  }

  samplesAfter(seq: number, limit: number): Promise<readonly JournalledSample[]> {
    return this.#ask('samplesAfter', { seq, limit });
  }

  lastSamples(): Promise<readonly Sample[]> {
    return this.#ask('lastSamples', null);
  }

  openConditions(): Promise<readonly JournalledEvent[]> {
    return this.#ask('openConditions', null);
  }

  incidents(limit: number): Promise<readonly JournalledIncident[]> {
    return this.#ask('incidents', { limit });
  }

  incident(which: number | 'last'): Promise<IncidentStory | null> {
    return this.#ask('incident', { which });
  }

  cursor(reader: string, stream: Stream = 'events'): Promise<number> {
    return this.#ask('cursor', { reader, stream });
  }

  async advance(reader: string, seq: number, stream: Stream = 'events'): Promise<void> {
    await this.#ask('advance', { reader, seq, stream });
  }

  alertsKept(): Promise<AlertsKept> {
    return this.#ask('alertsKept', null);
  }

  async keepAlerts(step: AlertsStep): Promise<void> {
    await this.#ask('keepAlerts', step);
  }

  excerpt(asked: ExcerptAsked): Promise<IncidentStory | null> {
    return this.#ask('excerpt', asked);
  }

  /** Makes durable what waits, notes a proper end, and lets go of the file. Under a second, whatever the disk does. */
  stop(at: Instant): Promise<void> {
    this.#stopped ??= this.#stop(at);
    return this.#stopped;
  }

  async #stop(at: Instant): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    const flushed = new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
    this.#send();
    await Promise.race([flushed, late]);
    await Promise.race([this.#line.ask('stop', { at }).catch(() => {}), late]);
    this.#clearTimer();
    await Promise.race([this.#line.end(), late]);
    const { waiting } = this.trouble;
    if (waiting === 0) return;
    this.#lost += waiting;
    this.#batch = null;
    this.#events = [];
    this.#fails(this.#error ?? 'the disk did not answer in time', true);
  }

  #send(): void {
    this.#clearTimer();
    if (this.#isInFlight) return;
    this.#batch ??= this.#nextBatch();
    const batch = this.#batch;
    if (batch === null) {
      this.#whenIdle?.();
      return;
    }
    this.#isInFlight = true;
    const hangs = setTimeout(
      () => this.#fails(`the disk has not answered for ${HANGS_AFTER_MS / 1_000} s`),
      HANGS_AFTER_MS,
    );
    this.#ask('append', batch).then(
      (appended) => {
        clearTimeout(hangs);
        this.#isInFlight = false;
        this.#batch = null;
        this.#isDurable(batch, appended);
      },
      (error: unknown) => {
        clearTimeout(hangs);
        this.#isInFlight = false;
        this.#fails(error instanceof Error ? error.message : String(error));
        if (this.#stopped === null) this.#sendWithin(RETRY_AFTER_MS);
        else this.#whenIdle?.();
      },
    );
  }

  #nextBatch(): Batch | null {
    if (this.#aliveAt === null) return null;
    const events = this.#events.splice(0, BATCH_EVENTS_MAX);
    const samples = this.#samples.splice(0, BATCH_SAMPLES_MAX);
    const batch = { events, samples, aliveAt: this.#aliveAt };
    this.#aliveAt = this.#events.length + this.#samples.length > 0 ? batch.aliveAt : null;
    return batch;
  }

  #isDurable(batch: Batch, appended: readonly Appended[]): void {
    const untold: JournalledEvent[] = [];
    for (const [index, event] of batch.events.entries()) {
      const known = appended[index];
      if (known === undefined) continue;
      this.#lastSeq = Math.max(this.#lastSeq, known.seq);
      if (known.seq > this.#toldSeq) untold.push({ ...known, event });
    }
    this.#tell(untold, true);
    if (batch.events.length + batch.samples.length > 0) for (const listener of this.#written) listener();
    if (this.#events.length === 0 && this.#error !== null) {
      this.#error = null;
      for (const listener of this.#troubled) listener(this.trouble);
      this.#lost = 0;
    }
    if (this.#events.length + this.#samples.length > 0 || this.#stopped !== null) this.#send();
    else if (this.#aliveAt !== null) this.#sendWithin(ALIVE_WITHIN_MS);
  }

  #fails(error: string, isNews = this.#error === null): void {
    this.#error = error;
    if (isNews) for (const listener of this.#troubled) listener(this.trouble);
    this.#tellProvisionally();
  }

  /** With the numbers that they will have: nobody else writes, and the order stands. */
  #tellProvisionally(): void {
    const untold: JournalledEvent[] = [];
    let seq = this.#lastSeq;
    for (const events of [this.#batch?.events ?? [], this.#events]) {
      for (const event of events) {
        seq++;
        if (seq > this.#toldSeq) untold.push({ seq, event, incident: null });
      }
    }
    this.#tell(untold, false);
  }

  #tell(events: readonly JournalledEvent[], isDurable: boolean): void {
    const last = events.at(-1);
    if (last === undefined) return;
    this.#toldSeq = last.seq;
    for (const listener of this.#committed) listener(events, isDurable);
  }

  #tellSetAside(aside: SetAside): void {
    for (const listener of this.#replaced) listener(aside);
  }

  #sendWithin(ms: number): void {
    if (this.#timer !== null && this.#timerMs <= ms) return;
    this.#clearTimer();
    this.#timerMs = ms;
    this.#timer = setTimeout(() => this.#send(), ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #ask<Name extends RequestName>(
    name: Name,
    takes: Requests[Name]['takes'],
  ): Promise<Requests[Name]['answers']> {
    if (this.#line.isDead && this.#stopped === null) {
      this.#reviving ??= this.#revive().finally(() => {
        this.#reviving = null;
      });
      this.#line = await this.#reviving;
    }
    return this.#line.ask(name, takes);
  }

  /** Another worker in the place of one that died. */
  async #revive(): Promise<WorkerLine> {
    const line = new WorkerLine(this.#path, this.#options, (aside) => this.#tellSetAside(aside));
    try {
      const { setAside } = await line.ask('open', { lastSeq: this.#lastSeq });
      if (setAside !== null) this.#tellSetAside(setAside);
      return line;
    } catch (error) {
      await line.end();
      throw error;
    }
  }
}
