/**
 * What can be asked of a journal, over any connection: the writer's own, or a reader's.
 *
 * Long answers come in pages, each a short transaction of its own: a reader that prints a million lines into a
 * slow terminal would else keep the write-ahead log from being emptied for as long. What is committed meanwhile
 * shows in later pages, what retention removed does not.
 */
import type { Database, Statement } from 'better-sqlite3';
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import type { Instant } from '../time.ts';
import type { Incident } from '../timeline/incidents.ts';
import { type EventQuery, eventFilter, type JournalledEvent } from '../timeline/journalled-event.ts';
import { journalErrorFrom } from './journal-error.ts';
import {
  EVENT_COLUMNS,
  type EventRow,
  eventFromRow,
  SampleReader,
  type SampleRow,
  severityOf,
} from './rows.ts';

/** Rows looked at for one page: a few milliseconds. */
const PAGE_ROWS = 2_000;

const STORY_EVENTS_MAX = 10_000;
const ORDINAL_MAX = 999;

/** Where the next page begins. */
export interface Position {
  readonly seq: number;
  readonly time: number;
}

export interface EventPage {
  readonly events: readonly JournalledEvent[];
  /** null: that was all */
  readonly next: Position | null;
}

export interface JournalledIncident extends Incident {
  /** the time of its last event; null as long as it is not over */
  readonly ended: Instant | null;
  readonly eventCount: number;
}

export interface ExcerptAsked {
  readonly incident: number;
  readonly throughSeq: number;
  readonly first: number;
  readonly last: number;
}

export interface IncidentStory {
  readonly incident: JournalledIncident;
  /** at most its first 10,000; `eventCount` says how many there are */
  readonly events: readonly JournalledEvent[];
}

/** What tells apart events of one microsecond: how many of them, 999 at most, have a lower `seq`. */
export interface OrdinalEvent {
  readonly seq: number;
  readonly ordinal: number;
  readonly event: TimelineEvent;
}

export interface JournalledSample {
  readonly seq: number;
  readonly sample: Sample;
}

export class JournalQueries {
  readonly #db: Database;
  /** by their text: a query for each combination of conditions */
  readonly #statements = new Map<string, Statement<unknown[]>>();
  readonly #reader = new SampleReader();

  constructor(db: Database) {
    this.#db = db;
  }

  *events(query: EventQuery): Iterable<JournalledEvent> {
    let from: Position | null = null;
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    do {
      const page: EventPage = this.page({ ...query, limit: left }, from);
      yield* page.events;
      left -= page.events.length;
      from = page.next;
    } while (from !== null && left > 0);
  }

  page(query: EventQuery, from: Position | null): EventPage {
    const { since, until, order = 'seq', limit = Number.POSITIVE_INFINITY } = query;
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const and = (condition: string, ...bound: (string | number)[]) => {
      conditions.push(condition);
      values.push(...bound);
    };
    if (order === 'time' && from !== null) and('(e.time, e.seq) > (?, ?)', from.time, from.seq);
    const afterSeq = Math.max(query.afterSeq ?? 0, order === 'seq' ? (from?.seq ?? 0) : 0);
    if (afterSeq > 0) and('e.seq > ?', afterSeq);
    if (since !== undefined) {
      and(
        `(e.time >= ? OR (e.phase = 'begin' AND (e.id IN (SELECT id FROM open_conditions)
           OR EXISTS (SELECT 1 FROM events x WHERE x.begin_id = e.id AND x.phase = 'end' AND x.time >= ?))))`,
        since,
        since,
      );
    }
    if (until !== undefined) {
      and(
        `(e.time < ? OR (e.phase = 'end'
           AND EXISTS (SELECT 1 FROM events b WHERE b.id = e.begin_id AND b.time < ?)))`,
        until,
        until,
      );
    }
    const rows = this.#all<EventRow>(
      `${SELECT_EVENTS} ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
       ORDER BY ${order === 'time' ? 'e.time, e.seq' : 'e.seq'} LIMIT ${PAGE_ROWS}`,
      ...values,
    );

    const wanted = eventFilter(query);
    const events: JournalledEvent[] = [];
    for (const row of rows) {
      if (events.length >= limit) break;
      if (wanted({ ...row, severity: severityOf(row) })) events.push(eventFromRow(row));
    }
    const last = rows.at(-1);
    const more = last !== undefined && rows.length === PAGE_ROWS && events.length < limit;
    return { events, next: more ? { seq: last.seq, time: last.time } : null };
  }

  eventsAfter(seq: number, limit: number): readonly JournalledEvent[] {
    return this.#all<EventRow>(`${SELECT_EVENTS} WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, seq, limit).map(
      eventFromRow,
    );
  }

  ordinalEventsAfter(seq: number, limit: number): readonly OrdinalEvent[] {
    return this.#all<EventRow & { readonly ordinal: number }>(
      `SELECT e.seq, ${EVENT_COLUMNS}, NULL AS incident,
         (SELECT count(*) FROM (SELECT 1 FROM events o WHERE o.time = e.time AND o.seq < e.seq
            LIMIT ${ORDINAL_MAX})) AS ordinal
       FROM events e WHERE e.seq > ? ORDER BY e.seq LIMIT ?`,
      seq,
      limit,
    ).map((row) => ({ seq: row.seq, ordinal: row.ordinal, event: eventFromRow(row).event }));
  }

  samplesAfter(seq: number, limit: number): readonly JournalledSample[] {
    return this.#all<SampleRow & { readonly seq: number }>(
      `SELECT p.seq, p.time, p.field_values, s.name FROM samples p JOIN series s ON s.id = p.series
       WHERE p.seq > ? ORDER BY p.seq LIMIT ?`,
      seq,
      limit,
    ).flatMap((row) => {
      const sample = this.#reader.sample(row);
      return sample === null ? [] : [{ seq: row.seq, sample }];
    });
  }

  /** The latest sample of each series: what was known of everything when the journal was last written. */
  lastSamples(): readonly Sample[] {
    return this.#all<SampleRow>(
      `SELECT p.seq, p.time, p.field_values, s.name FROM series s JOIN samples p ON p.seq = s.last ORDER BY p.seq`,
    )
      .map((row) => this.#reader.sample(row))
      .filter((sample) => sample !== null);
  }

  /** The begins that have no end yet, as they became known. */
  openConditions(): readonly JournalledEvent[] {
    return this.#all<EventRow>(
      `${SELECT_EVENTS} WHERE e.seq IN (SELECT seq FROM open_conditions) ORDER BY e.seq`,
    ).map(eventFromRow);
  }

  /** Latest first. */
  incidents({ limit = 100 }: { readonly limit?: number } = {}): readonly JournalledIncident[] {
    return this.#all<IncidentRow>(
      `${SELECT_INCIDENTS} ORDER BY n.id DESC LIMIT ?`,
      this.aliveAt() ?? 0,
      limit,
    ).map(incidentFromRow);
  }

  /** With its events as they became known; null where there is none such. */
  incident(which: number | 'last'): IncidentStory | null {
    const row =
      which === 'last'
        ? this.#get<IncidentRow>(`${SELECT_INCIDENTS} ORDER BY n.id DESC LIMIT 1`, this.aliveAt() ?? 0)
        : this.#get<IncidentRow>(`${SELECT_INCIDENTS} WHERE n.id = ?`, this.aliveAt() ?? 0, which);
    if (row === undefined) return null;
    const events = this.#all<EventRow>(
      `${SELECT_EVENTS} WHERE e.seq IN (SELECT seq FROM incident_events WHERE incident = ?)
       ORDER BY e.seq LIMIT ${STORY_EVENTS_MAX}`,
      row.id,
    );
    return { incident: incidentFromRow(row), events: events.map(eventFromRow) };
  }

  /** The first and the last events of an incident, up to `throughSeq`, as they became known. */
  excerpt({ incident: id, throughSeq, first, last }: ExcerptAsked): IncidentStory | null {
    const incident = this.#get<IncidentRow>(`${SELECT_INCIDENTS} WHERE n.id = ?`, this.aliveAt() ?? 0, id);
    if (incident === undefined) return null;
    const some = (order: 'ASC' | 'DESC', limit: number) =>
      this.#all<EventRow>(
        `${SELECT_EVENTS} WHERE e.seq <= ? AND e.seq IN (SELECT seq FROM incident_events WHERE incident = ?)
         ORDER BY e.seq ${order} LIMIT ?`,
        throughSeq,
        id,
        limit,
      );
    const bySeq = new Map([...some('ASC', first), ...some('DESC', last)].map((row) => [row.seq, row]));
    const rows = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
    return { incident: incidentFromRow(incident), events: rows.map(eventFromRow) };
  }

  lastSeq(): number {
    return this.#last('events', 'seq');
  }

  lastSampleSeq(): number {
    return this.#last('samples', 'seq');
  }

  lastIncident(): number {
    return this.#last('incidents', 'id');
  }

  /** The counter outlives the rows that retention removed; the rows outlive a spoilt counter. */
  #last(table: 'events' | 'samples' | 'incidents', column: 'seq' | 'id'): number {
    const row = this.#get<{ readonly last: number }>(
      `SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${table}'), 0),
                  coalesce((SELECT max(${column}) FROM ${table}), 0)) AS last`,
    );
    return row?.last ?? 0;
  }

  /** The writer's last sign of life. */
  aliveAt(): Instant | null {
    return this.#meta('alive_at');
  }

  /** When the writer stopped properly; null while it runs, and where it was cut off. */
  stoppedAt(): Instant | null {
    return this.#meta('stopped_at');
  }

  #meta(name: string): Instant | null {
    const row = this.#get<{ readonly value: number }>('SELECT value FROM meta WHERE name = ?', name);
    return row === undefined ? null : (row.value as Instant);
  }

  #all<Row>(sql: string, ...values: readonly (string | number)[]): readonly Row[] {
    return this.#ask<Row, readonly Row[]>(sql, (statement) => statement.all(...values));
  }

  #get<Row>(sql: string, ...values: readonly (string | number)[]): Row | undefined {
    return this.#ask<Row, Row | undefined>(sql, (statement) => statement.get(...values));
  }

  #ask<Row, Answer>(sql: string, ask: (statement: Statement<unknown[], Row>) => Answer): Answer {
    try {
      let statement = this.#statements.get(sql);
      if (statement === undefined) {
        statement = this.#db.prepare(sql);
        this.#statements.set(sql, statement);
      }
      return ask(statement as Statement<unknown[], Row>);
    } catch (error) {
      throw journalErrorFrom(error, this.#db.name);
    }
  }
}

const SELECT_EVENTS = `SELECT e.seq, ${EVENT_COLUMNS}, i.incident
  FROM events e LEFT JOIN incident_events i ON i.seq = e.seq`;

/** Takes the moment that counts as now. */
const SELECT_INCIDENTS = `SELECT n.*,
  (SELECT count(*) FROM incident_events i WHERE i.incident = n.id) AS event_count,
  (n.quiet_until < ? AND NOT EXISTS (SELECT 1 FROM open_conditions o
     JOIN incident_events i ON i.seq = o.seq JOIN events e ON e.seq = o.seq
     WHERE i.incident = n.id AND e.severity <> 'info')) AS is_over
  FROM incidents n`;

export interface IncidentRow {
  readonly id: number;
  readonly scope: string;
  readonly cluster: string | null;
  readonly began: number;
  readonly last: number;
  readonly quiet_until: number;
  readonly severity: string;
  readonly title: string;
  readonly event_count: number;
  readonly is_over: number;
}

export function incidentFromRow(row: IncidentRow): JournalledIncident {
  return {
    id: row.id,
    scope: row.scope,
    cluster: row.cluster,
    began: row.began as Instant,
    last: row.last as Instant,
    quietUntil: row.quiet_until as Instant,
    severity: severityOf(row),
    title: row.title,
    ended: row.is_over === 1 ? (row.last as Instant) : null,
    eventCount: row.event_count,
  };
}
