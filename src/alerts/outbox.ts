/**
 * What waits to be delivered: a queue a receiver, in order, one at a time, so that a receiver that is down or slow
 * delays nobody else. Tries again ever more rarely, for three days; then, and where the receiver says never, gives up
 * and says so.
 *
 * At most 500 wait for one receiver. An update or a repeat that still waits goes when a newer word on its thread comes:
 * whoever comes back need not read how it went on, only how it stands.
 */
import type { Draft } from './compose.ts';
import type { Delivered, Notification, Receiver } from './notification.ts';

export interface OutboxTiming {
  readonly firstMs: number;
  readonly mostMs: number;
  readonly giveUpMs: number;
  /** a receiver that cannot be told for so long is in trouble */
  readonly troubleAfterMs: number;
}

export const OUTBOX_TIMING: OutboxTiming = {
  firstMs: 5_000,
  mostMs: 3_600_000,
  giveUpMs: 3 * 86_400_000,
  troubleAfterMs: 60_000,
};

/** How a receiver does. */
export interface Delivery {
  readonly receiver: string;
  readonly failing: boolean;
  readonly error: string | null;
  readonly waiting: number;
}

export interface OutboxOptions {
  readonly receivers: readonly Receiver[];
  readonly compose: (draft: Draft) => Promise<Notification>;
  /** some of its recipients need no further attempt: to be kept, as it is to be tried again */
  readonly onProgress: (draft: Draft) => void;
  /** delivered, or given up */
  readonly onSettled: (id: string) => void;
  /** in trouble, or well again; also that it is well when it first takes something in this run */
  readonly onDelivery: (delivery: Delivery) => void;
  readonly onRemark: (text: string) => void;
  readonly timing?: OutboxTiming;
}

const WAITING_MAX = 500;
/** Whoever asks for a longer pause is asked again after a day. */
const ASKED_MAX_MS = 86_400_000;

interface Waiting {
  readonly draft: Draft;
  readonly since: number;
}

interface Line {
  readonly receiver: Receiver;
  readonly queue: Waiting[];
  /** set while its first is being delivered, or waits to be tried again */
  isBusy: boolean;
  attempts: number;
  failingSince: number | null;
  isInTrouble: boolean;
  /** that it does well has been said in this run: trouble of an earlier one may still stand in the journal */
  isKnownWell: boolean;
  isDisabled: boolean;
  retry: NodeJS.Timeout | null;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #timing: OutboxTiming;
  readonly #lines: ReadonlyMap<string, Line>;
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #superseded: string[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#timing = options.timing ?? OUTBOX_TIMING;
    this.#lines = new Map(
      options.receivers.map((receiver): [string, Line] => [
        receiver.name,
        {
          receiver,
          queue: [],
          isBusy: false,
          attempts: 0,
          failingSince: null,
          isInTrouble: false,
          isKnownWell: false,
          isDisabled: false,
          retry: null,
        },
      ]),
    );
  }

  /** False: there is no such receiver. */
  add(draft: Draft): boolean {
    const line = this.#lines.get(draft.receiver);
    if (line === undefined) return false;
    if (line.isDisabled) {
      this.#superseded.push(draft.id);
      return true;
    }
    this.#supersede(line, draft);
    line.queue.push({ draft, since: Date.now() });
    if (line.queue.length > WAITING_MAX) {
      const [gone] = line.queue.splice(line.isBusy ? 1 : 0, 1);
      if (gone !== undefined) this.#superseded.push(gone.draft.id);
    }
    this.#next(line);
    return true;
  }

  /** Ids of those that will not be delivered, as a newer word took their place. */
  takeSuperseded(): readonly string[] {
    const ids = this.#superseded;
    this.#superseded = [];
    return ids;
  }

  get isHealthy(): boolean {
    return [...this.#lines.values()].every(({ isInTrouble, isDisabled }) => !isInTrouble && !isDisabled);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const { retry } of this.#lines.values()) if (retry !== null) clearTimeout(retry);
    await Promise.all(this.#underWay);
  }

  #supersede({ queue, isBusy }: Line, draft: Draft): void {
    for (let i = queue.length - 1; i >= (isBusy ? 1 : 0); i--) {
      const waiting = queue[i]?.draft;
      if (waiting?.thread !== draft.thread) continue;
      if (waiting.status !== 'update' && waiting.status !== 'repeat') continue;
      queue.splice(i, 1);
      this.#superseded.push(waiting.id);
    }
  }

  #next(line: Line): void {
    const [first] = line.queue;
    if (line.isBusy || first === undefined || this.#abort.signal.aborted) return;
    line.isBusy = true;
    const attempt = this.#deliver(line, first).finally(() => this.#underWay.delete(attempt));
    this.#underWay.add(attempt);
  }

  async #deliver(line: Line, waiting: Waiting): Promise<void> {
    const { signal } = this.#abort;
    let delivered: Delivered;
    try {
      const notification = await this.#options.compose(waiting.draft);
      delivered = await line.receiver.deliver(notification, signal, waiting.draft.settled);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      delivered = { outcome: 'later', afterMs: null, reason };
    }
    // What was broken off is not known to have failed; it is still in the journal.
    if (signal.aborted && delivered.outcome !== 'done') return;
    this.#judge(line, waiting, delivered);
  }

  #judge(line: Line, { draft, since }: Waiting, delivered: Delivered): void {
    const { receiver } = line;
    if (delivered.outcome === 'later' && Date.now() - since < this.#timing.giveUpMs) {
      if (delivered.settled !== undefined) {
        const progressed = { ...draft, settled: delivered.settled };
        line.queue[0] = { draft: progressed, since };
        this.#options.onProgress(progressed);
      }
      line.attempts++;
      line.failingSince ??= Date.now();
      if (Date.now() - line.failingSince >= this.#timing.troubleAfterMs)
        this.#trouble(line, delivered.reason);
      line.retry = setTimeout(
        () => {
          line.retry = null;
          line.isBusy = false;
          this.#next(line);
        },
        this.#pauseMs(line.attempts, delivered.afterMs),
      );
      return;
    }
    line.queue.shift();
    line.isBusy = false;
    line.attempts = 0;
    if (delivered.outcome === 'done') {
      for (const refused of delivered.refused ?? [])
        this.#options.onRemark(`${receiver.name}: an alert (${draft.id}) was not taken: ${refused}`);
      line.failingSince = null;
      if (line.isInTrouble || !line.isKnownWell) {
        line.isInTrouble = false;
        line.isKnownWell = true;
        this.#options.onDelivery({
          receiver: receiver.name,
          failing: false,
          error: null,
          waiting: line.queue.length,
        });
      }
    } else {
      this.#options.onRemark(
        `${receiver.name}: an alert (${draft.id}) could not be told: ${delivered.reason}`,
      );
      // One message that is not taken says nothing of the next.
      if (delivered.outcome === 'later') this.#trouble(line, delivered.reason);
      else if (delivered.disable) this.#disable(line, delivered.reason);
    }
    this.#options.onSettled(draft.id);
    this.#next(line);
  }

  #disable(line: Line, reason: string): void {
    line.isDisabled = true;
    this.#trouble(line, reason);
    this.#superseded.push(...line.queue.splice(0).map(({ draft }) => draft.id));
    this.#options.onRemark(
      `${line.receiver.name} is told nothing more until vipwatch starts anew: ${reason}`,
    );
  }

  #trouble(line: Line, error: string): void {
    if (line.isInTrouble) return;
    line.isInTrouble = true;
    const { queue, receiver } = line;
    this.#options.onDelivery({ receiver: receiver.name, failing: true, error, waiting: queue.length });
  }

  /** What the receiver asks for, else twice as long each time; half of it up to chance, so that not all come at once. */
  #pauseMs(attempts: number, askedMs: number | null): number {
    const { firstMs, mostMs } = this.#timing;
    if (askedMs !== null) return Math.min(ASKED_MAX_MS, Math.max(askedMs, firstMs / 5));
    const most = Math.min(mostMs, firstMs * 2 ** Math.min(attempts - 1, 30));
    return most * (0.5 + Math.random() / 2);
  }
}
