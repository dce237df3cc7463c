/** What the writer and its worker say to each other: plain data, each request answered by its number. */
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import type { Instant } from '../time.ts';
import type { EventQuery, JournalledEvent } from '../timeline/journalled-event.ts';
import type { AlertsKept, AlertsStep } from './alert-tables.ts';
import type { JournalOptions, PreviousRun, SetAside, Stream } from './journal.ts';
import type { JournalErrorCode } from './journal-error.ts';
import type {
  EventPage,
  ExcerptAsked,
  IncidentStory,
  JournalledIncident,
  JournalledSample,
  OrdinalEvent,
  Position,
} from './journal-queries.ts';

export interface WorkerData {
  readonly path: string;
  readonly options: JournalOptions;
}

/** Each request by its name: what it takes, what it answers. */
export interface Requests {
  /** a file that must begin anew goes on after `lastSeq` */
  open: { takes: { lastSeq: number }; answers: Opened };
  append: { takes: Batch; answers: readonly Appended[] };
  page: { takes: { query: EventQuery; from: Position | null }; answers: EventPage };
  eventsAfter: { takes: { seq: number; limit: number }; answers: readonly JournalledEvent[] };
  ordinalEventsAfter: { takes: { seq: number; limit: number }; answers: readonly OrdinalEvent[] };
  samplesAfter: { takes: { seq: number; limit: number }; answers: readonly JournalledSample[] };
  lastSamples: { takes: null; answers: readonly Sample[] };
  openConditions: { takes: null; answers: readonly JournalledEvent[] };
  incidents: { takes: { limit: number }; answers: readonly JournalledIncident[] };
  incident: { takes: { which: number | 'last' }; answers: IncidentStory | null };
  cursor: { takes: { reader: string; stream: Stream }; answers: number };
  advance: { takes: { reader: string; stream: Stream; seq: number }; answers: null };
  alertsKept: { takes: null; answers: AlertsKept };
  keepAlerts: { takes: AlertsStep; answers: null };
  /** of an incident, its first and its last events up to `throughSeq` */
  excerpt: { takes: ExcerptAsked; answers: IncidentStory | null };
  stop: { takes: { at: Instant }; answers: null };
}

export type RequestName = keyof Requests;

export interface Opened {
  readonly previousRun: PreviousRun;
  readonly setAside: SetAside | null;
  readonly lastSeq: number;
}

export interface Batch {
  readonly events: readonly TimelineEvent[];
  readonly samples: readonly Sample[];
  readonly aliveAt: Instant;
}

/** One for each event of the batch, in its order. */
export interface Appended {
  readonly seq: number;
  readonly incident: number | null;
}

export interface Request<Name extends RequestName = RequestName> {
  readonly number: number;
  readonly name: Name;
  readonly takes: Requests[Name]['takes'];
}

export type Reply =
  | { readonly number: number; readonly answer: unknown }
  | { readonly number: number; readonly code: JournalErrorCode | null; readonly message: string }
  /** not asked for: a journal found damaged while in use was replaced */
  | { readonly number: null; readonly setAside: SetAside };
