/**
 * The built journal and alerts put together as `src/app.ts` does it, with the default rules and without captures:
 * events go in where the observer's would.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Receiver } from '../src/alerts/notification.ts';
import type { Timing } from '../src/alerts/rules.ts';
import type { AlertService } from '../src/alerts/service.ts';
import type { Severity, TimelineEvent } from '../src/events.ts';
import type { JournalWriter } from '../src/journal/journal-writer.ts';
import { type Instant, instantFromUs, MS } from '../src/time.ts';

export interface Telling {
  readonly journal: JournalWriter;
  readonly service: AlertService;
  stop(): Promise<void>;
}

export interface TellingOptions {
  /** where the built code is */
  readonly dist: string;
  /** a folder of the caller's own */
  readonly folder: string;
  readonly receivers: readonly Receiver[];
  /** instead of what the default rules say */
  readonly timing?: Partial<Timing>;
  readonly onRemark: (text: string) => void;
}

export async function startTelling(options: TellingOptions): Promise<Telling> {
  const { dist, folder, receivers, timing, onRemark } = options;
  const { href } = pathToFileURL(dist);
  const built = {
    ...((await import(
      `${href}/journal/journal-writer.js`
    )) as typeof import('../src/journal/journal-writer.ts')),
    ...((await import(`${href}/alerts/service.js`)) as typeof import('../src/alerts/service.ts')),
    ...((await import(`${href}/config/alert-rules.js`)) as typeof import('../src/config/alert-rules.ts')),
  };
  const journal = await built.JournalWriter.open(join(folder, 'journal.db'));
  const book = built.readRuleBook([], null);
  const service = new built.AlertService({
    store: {
      kept: () => journal.alertsKept(),
      keep: (step) => journal.keepAlerts(step),
      eventsAfter: (seq, limit) => journal.eventsAfter(seq, limit),
      openConditions: () => journal.openConditions(),
      excerpt: (asked) => journal.excerpt(asked),
    },
    receivers,
    settings: {
      book: { ...book, timing: { ...book.timing, ...timing } },
      mutesForeign: false,
      maintenance: [],
    },
    lastSeq: journal.lastSeq,
    onReceiver: ({ receiver, failing, error }) => {
      if (failing) onRemark(`${receiver} cannot be told: ${error}`);
    },
    onRemark,
  });
  journal.onCommitted((entries) => service.take(entries));
  await service.resume();
  return {
    journal,
    service,
    async stop() {
      await service.stop();
      await journal.stop(wallNow());
    },
  };
}

export interface MadeEvent {
  readonly id: string;
  readonly kind: TimelineEvent['kind'];
  readonly phase: TimelineEvent['phase'];
  readonly severity: Severity;
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly beginId?: string;
}

/** It happened, and became known, at this moment. */
export function eventNow(made: MadeEvent): TimelineEvent {
  const time = wallNow();
  return { time, detectedAt: time, beginId: null, about: null, ...made } as unknown as TimelineEvent;
}

export function wallNow(): Instant {
  return instantFromUs(Date.now() * MS);
}
