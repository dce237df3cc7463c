/**
 * The thread that waits for the disk: answers requests one after another, on a `Journal` of its own.
 *
 * Keeps nothing that the writer does not have too, so that it may die at any moment: the writer starts another and
 * says again what was not answered.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Instant } from '../time.ts';
import { Journal } from './journal.ts';
import { JournalError, journalErrorFrom } from './journal-error.ts';
import type { Reply, Request, RequestName, Requests, WorkerData } from './worker-protocol.ts';

const PRUNE_EVERY_MS = 60_000;

const { path, options }: WorkerData = workerData;
let journal: Journal | null = null;
let aliveAt: Instant | null = null;
let lastSeq = 0;

type Handlers = {
  readonly [Name in RequestName]: (takes: Requests[Name]['takes']) => Requests[Name]['answers'];
};

const handlers: Handlers = {
  open: (known) => {
    lastSeq = known.lastSeq;
    const { previousRun, setAside, queries } = opened();
    lastSeq = queries.lastSeq();
    return { previousRun, setAside, lastSeq };
  },
  append: (batch) => {
    const appended = opened().append(batch.events, batch.samples, batch.aliveAt);
    ({ aliveAt } = batch);
    lastSeq = Math.max(lastSeq, appended.at(-1)?.seq ?? 0);
    return appended.map(({ seq, incident }) => ({ seq, incident }));
  },
  page: ({ query, from }) => opened().queries.page(query, from),
  eventsAfter: ({ seq, limit }) => opened().queries.eventsAfter(seq, limit),
  ordinalEventsAfter: ({ seq, limit }) => opened().queries.ordinalEventsAfter(seq, limit),
  samplesAfter: ({ seq, limit }) => opened().queries.samplesAfter(seq, limit),
  lastSamples: () => opened().queries.lastSamples(),
  openConditions: () => opened().queries.openConditions(),
  incidents: (limits) => opened().queries.incidents(limits),
  incident: ({ which }) => opened().queries.incident(which),
  cursor: ({ reader, stream }) => opened().cursor(reader, stream),
  advance: ({ reader, stream, seq }) => {
    opened().advance(reader, seq, stream);
    return null;
  },
  alertsKept: () => opened().alerts.kept(),
  keepAlerts: (step) => {
    opened().alerts.keep(step);
    return null;
  },
  excerpt: (asked) => opened().queries.excerpt(asked),
  stop: ({ at }) => {
    try {
      opened().markStopped(at);
    } finally {
      journal?.close();
      journal = null;
    }
    return null;
  },
};

parentPort?.on('message', (request: Request) => {
  const { number, name } = request;
  try {
    reply({ number, answer: answerTo(request) });
  } catch (error) {
    const fault = journalErrorFrom(error, path);
    if (fault instanceof JournalError && fault.code === 'damaged' && name !== 'open') replace(fault.message);
    reply(
      fault instanceof JournalError
        ? { number, code: fault.code, message: fault.message }
        : {
            number,
            code: null,
            message: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault),
          },
    );
  }
});

setInterval(pruneAll, PRUNE_EVERY_MS).unref();

function answerTo<Name extends RequestName>({ name, takes }: Request<Name>): Requests[Name]['answers'] {
  return handlers[name](takes);
}

function opened(): Journal {
  journal ??= Journal.open(path, options, { lastSeq, damage: null });
  return journal;
}

/** What was read or written made no sense to SQLite: another file begins, and the writer says it all again. */
function replace(damage: string): void {
  journal?.close();
  journal = null;
  try {
    journal = Journal.open(path, options, { lastSeq, damage });
    if (journal.setAside !== null) reply({ number: null, setAside: journal.setAside });
  } catch {
    // The next request tries again, and says what is the matter.
  }
}

/** In steps, so that what is to be written need not wait. */
function pruneAll(): void {
  if (journal === null || aliveAt === null) return;
  try {
    if (journal.prune(aliveAt)) setImmediate(pruneAll);
  } catch {
    // The same disk fails at the next append, which says so.
  }
}

function reply(message: Reply): void {
  parentPort?.postMessage(message);
}
