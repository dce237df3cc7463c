/**
 * Alerts as they live: takes the journal's events as they are committed, lets the dispatch decide, makes that durable,
 * and hands it to the receivers. Waits for nothing that others wait for.
 *
 *     events → dispatch → state, cursor and outbox in one transaction → each receiver's own queue
 *
 * - A kill at any moment loses nothing and tells nothing twice, but what was under way to a receiver, which comes again
 *   with the same id.
 * - Where the journal cannot be written, or hangs, people are told all the same; what could not be kept is kept later.
 * - At its first start on a journal it begins with what comes; of what was before it tells only what is still open.
 */
import { type Instant, instantFromUs, MS } from '../time.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import type { ReportedIncident } from '../timeline/report.ts';
import { type Draft, notificationOf } from './compose.ts';
import type { Silence } from './configuration.ts';
import { Dispatch, type DispatchRecord, type DispatchSettings } from './dispatch.ts';
import type { Notification, Receiver, StoryMaterial } from './notification.ts';
import { type Delivery, Outbox, type OutboxTiming } from './outbox.ts';
import { STORY_FIRST, STORY_LAST } from './story.ts';

/** The journal, as far as alerts need it. */
export interface AlertStore {
  kept(): Promise<{
    readonly cursor: number | null;
    readonly state: readonly DispatchRecord[];
    readonly outbox: readonly { readonly id: string; readonly notification: string }[];
  }>;
  /** One transaction; said again it changes nothing more. What is queued under a known id takes its place. */
  keep(step: Step): Promise<void>;
  eventsAfter(seq: number, limit: number): Promise<readonly JournalledEvent[]>;
  openConditions(): Promise<readonly JournalledEvent[]>;
  excerpt(asked: {
    readonly incident: number;
    readonly throughSeq: number;
    readonly first: number;
    readonly last: number;
  }): Promise<{ readonly incident: ReportedIncident; readonly events: readonly JournalledEvent[] } | null>;
}

export interface Step {
  readonly cursor: number;
  readonly state: readonly DispatchRecord[];
  readonly queued: readonly { readonly id: string; readonly notification: string }[];
  readonly settled: readonly string[];
}

export interface AlertServiceOptions {
  readonly store: AlertStore;
  readonly receivers: readonly Receiver[];
  readonly settings: Omit<DispatchSettings, 'start' | 'receivers'>;
  /** the last event that was durable when this run began */
  readonly lastSeq: number;
  /** a receiver cannot be told, or can again; also that it can, the first time in this run */
  readonly onReceiver: (delivery: Delivery) => void;
  readonly onRemark: (text: string) => void;
  readonly now?: () => Instant;
  readonly timing?: OutboxTiming;
}

const PAGE_EVENTS = 500;
const KEEP_WITHIN_MS = 2_000;
const KEEP_AGAIN_MS = 1_000;
const STOP_WITHIN_MS = 400;
/** Beyond that they are read from the journal again. */
const WAITING_EVENTS_MAX = 20_000;
const TIMER_MAX_MS = 3_600_000;

export class AlertService {
  readonly #options: AlertServiceOptions;
  readonly #now: () => Instant;
  readonly #outbox: Outbox;
  /** null until what was kept has been read */
  #dispatch: Dispatch | null = null;
  #resumed: Promise<void> | null = null;
  #waiting: JournalledEvent[] = [];
  #isBehind = false;
  #cursor = 0;
  /** what is to be kept with the next step */
  #state = new Map<string, DispatchRecord>();
  #queued: Draft[] = [];
  #settled: string[] = [];
  #turning: Promise<void> | null = null;
  #isFailing = false;
  #timer: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(options: AlertServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => instantFromUs(Date.now() * MS));
    this.#outbox = new Outbox({
      receivers: options.receivers,
      compose: (draft) => this.#compose(draft),
      onProgress: (draft) => {
        this.#queued.push(draft);
        this.#turn();
      },
      onSettled: (id) => {
        this.#settled.push(id);
        this.#turn();
      },
      onDelivery: options.onReceiver,
      onRemark: options.onRemark,
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    });
  }

  /** Goes on where the run before stopped. Rejects where the journal cannot be read. What is taken meanwhile waits. */
  resume(): Promise<void> {
    this.#resumed ??= this.#resume();
    return this.#resumed;
  }

  /** Events that have just been committed, in order of seq; those that are known already are passed over. */
  take(entries: readonly JournalledEvent[]): void {
    if (this.#isStopped) return;
    for (const entry of entries) if (entry.seq > this.#cursor) this.#waiting.push(entry);
    if (this.#waiting.length > WAITING_EVENTS_MAX) {
      this.#waiting = [];
      this.#isBehind = true;
    }
    this.#turn();
  }

  async silence(silence: Silence): Promise<void> {
    await this.resume();
    this.#dispatch?.silence(silence);
    await this.#keptAll();
  }

  /** False: there is no such silence, or it is over. */
  async expireSilence(id: string): Promise<boolean> {
    await this.resume();
    const was = this.#dispatch?.expireSilence(id, this.#now()) ?? false;
    await this.#keptAll();
    return was;
  }

  async silences(): Promise<readonly Silence[]> {
    await this.resume();
    return this.#dispatch?.silences() ?? [];
  }

  /** Whoever asked for something may count on it, unless the journal cannot be written. */
  async #keptAll(): Promise<void> {
    do {
      this.#turn();
      await this.#turning;
    } while (this.#dispatch?.hasChanges === true && !this.#isFailing && !this.#isStopped);
  }

  get isHealthy(): boolean {
    return !this.#isFailing && this.#outbox.isHealthy;
  }

  /** Keeps what it knows, and breaks off what is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of [this.#timer, this.#retry]) if (timer !== null) clearTimeout(timer);
    // A journal that does not answer must not hold up the end: what is not kept comes again.
    const unlessHanging = (work: Promise<void>) => within(STOP_WITHIN_MS, work).catch(() => {});
    await unlessHanging(this.#turning ?? Promise.resolve());
    await this.#outbox.stop();
    for (const record of this.#dispatch?.changes() ?? []) this.#state.set(record.name, record);
    await unlessHanging(this.#keep());
  }

  async #resume(): Promise<void> {
    const { store, lastSeq, onRemark, settings, receivers } = this.#options;
    const { cursor, state, outbox } = await store.kept();
    const names = receivers.map(({ name }) => name);
    const start = { at: this.#now(), seq: lastSeq };
    const dispatch = new Dispatch({ ...settings, receivers: names, start }, state);
    if (cursor === null) {
      for (const entry of await store.openConditions())
        if (entry.seq <= lastSeq) dispatch.take(entry, this.#now());
      this.#cursor = lastSeq;
    } else {
      // Another journal may have begun, which goes on with its numbers.
      this.#cursor = Math.min(cursor, lastSeq);
      await this.#catchUp(dispatch);
      // Not before: what begins meanwhile is open, and must not be taken for over.
      const open = await store.openConditions();
      dispatch.reconcile(new Set(open.map(({ event }) => event.id)), this.#now());
      for (const entry of open) if (entry.seq <= this.#cursor) dispatch.adopt(entry, this.#now());
    }
    for (const { id, notification } of outbox) {
      const draft: Draft = JSON.parse(notification);
      if (this.#outbox.add(draft)) continue;
      onRemark(`an alert for ${draft.receiver}, which is not configured any more, is dropped`);
      this.#settled.push(id);
    }
    this.#dispatch = dispatch;
    this.#turn();
    await this.#turning;
  }

  /** What was committed, and not judged before the run ended. */
  async #catchUp(dispatch: Dispatch): Promise<void> {
    for (;;) {
      const page = await this.#options.store.eventsAfter(this.#cursor, PAGE_EVENTS);
      for (const entry of page) {
        dispatch.take(entry, this.#now());
        this.#cursor = entry.seq;
      }
      if (page.length < PAGE_EVENTS) return;
    }
  }

  /** One step after the other; what comes meanwhile is the next. */
  #turn(): void {
    const dispatch = this.#dispatch;
    if (dispatch === null || this.#turning !== null || this.#isStopped) return;
    this.#turning = this.#step(dispatch).finally(() => {
      this.#turning = null;
      const hasMore =
        dispatch.hasChanges || this.#waiting.length + this.#settled.length + this.#queued.length > 0;
      if (hasMore && !this.#isFailing) this.#turn();
      else this.#wakeAtDue(dispatch);
    });
  }

  async #step(dispatch: Dispatch): Promise<void> {
    if (this.#isBehind) {
      try {
        await this.#catchUp(dispatch);
        this.#isBehind = false;
      } catch {
        this.#isFailing = true;
        this.#tryAgain();
        return;
      }
    }
    const entries = this.#waiting;
    this.#waiting = [];
    const now = this.#now();
    for (const entry of entries) {
      if (entry.seq <= this.#cursor) continue;
      dispatch.take(entry, now);
      this.#cursor = entry.seq;
    }
    const drafts = dispatch.advance(now);
    this.#queued.push(...drafts);
    for (const record of dispatch.changes()) this.#state.set(record.name, record);
    try {
      await this.#keep();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing)
        this.#options.onRemark(
          `what is told cannot be noted in the journal (${error instanceof Error ? error.message : String(error)}); after a restart it may be told again`,
        );
      this.#isFailing = true;
      this.#tryAgain();
    }
    for (const draft of drafts) this.#outbox.add(draft);
    this.#settled.push(...this.#outbox.takeSuperseded());
  }

  #tryAgain(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.#turn();
    }, KEEP_AGAIN_MS);
  }

  async #keep(): Promise<void> {
    const state = this.#state;
    const queued = this.#queued;
    const settled = this.#settled;
    if (state.size + queued.length + settled.length === 0) return;
    this.#state = new Map();
    this.#queued = [];
    this.#settled = [];
    try {
      await within(
        KEEP_WITHIN_MS,
        this.#options.store.keep({
          cursor: this.#cursor,
          state: [...state.values()],
          queued: queued.map((draft) => ({ id: draft.id, notification: JSON.stringify(draft) })),
          settled,
        }),
      );
    } catch (error) {
      // Newer knowledge of the same name stands.
      this.#state = new Map([...state, ...this.#state]);
      this.#queued = [...queued, ...this.#queued];
      this.#settled = [...settled, ...this.#settled];
      throw error;
    }
  }

  #wakeAtDue(dispatch: Dispatch): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const due = dispatch.dueAt();
    if (due === null || this.#isStopped) return;
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(1, (due - this.#now()) / MS));
    this.#timer = setTimeout(() => this.#turn(), waitMs);
  }

  async #compose(draft: Draft): Promise<Notification> {
    const story = draft.incident === null ? null : await this.#storyOf(draft, draft.incident);
    try {
      return notificationOf(draft, story);
    } catch {
      // An event of it makes no sense to the report (a later version wrote it, the disk spoilt it).
      return notificationOf(draft, null);
    }
  }

  /** Without one where the journal does not answer: better a short mail than none. */
  async #storyOf({ throughSeq, at }: Draft, incident: number): Promise<StoryMaterial | null> {
    const asked = { incident, throughSeq, first: STORY_FIRST, last: STORY_LAST };
    try {
      const story = await within(KEEP_WITHIN_MS, this.#options.store.excerpt(asked));
      if (story === null) return null;
      const { id, cluster, began, severity, ended } = story.incident;
      return { incident: { id, cluster, began, severity, ended }, events: story.events, until: at };
    } catch {
      return null;
    }
  }
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
