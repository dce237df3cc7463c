/**
 * The journal's one writer: an SQLite file in which events are durable before anybody acts on them.
 *
 * Synchronous: it waits for the disk at every append. Where nobody may wait it runs in a worker (`JournalWriter`).
 *
 * - Write-ahead log, `synchronous=FULL`: an append that returned survives `kill -9` and a power cut. Readers never
 *   block it, nor it them.
 * - An append is one transaction: its events, its samples, the incidents that they belong to, the sign of life. One
 *   that failed has changed nothing and may be repeated; so may one of which nobody knows, as an event whose id is
 *   there already is not entered again.
 * - Bounded: events by age (30 days) and number (a million), samples by age (3 days) and number (two million).
 *   Events of an incident go together, and not while a condition of theirs is open. `prune` takes small steps.
 *   Freed pages are used again; what a storm of events took beyond that is given back to the system
 *   (`auto_vacuum=INCREMENTAL`), for a file that only ever grows ends as a full disk.
 * - A damaged file is set aside under another name, and a new one begins with the next `seq`, if that can still be
 *   read. Never a crash loop, never a deleted file.
 * - On the way out the log is merged into the file, so that it can be read where nothing can be written.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database, { type Statement } from 'better-sqlite3';
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import { type Instant, instantFromUs, MS, plusUs } from '../time.ts';
import {
  type FoldState,
  type Incident,
  IncidentFold,
  LEADS_MAX,
  type Lead,
  type OpenCondition,
  routersByVip,
} from '../timeline/incidents.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import { AlertTables } from './alert-tables.ts';
import { checkSound, isNew, setAside, wasOurs } from './damage.ts';
import { errorCodeOf, JournalError, journalErrorFrom } from './journal-error.ts';
import { type IncidentRow, incidentFromRow, JournalQueries } from './journal-queries.ts';
import { EVENT_COLUMNS, type EventRow, eventFromRow, eventValues, fieldValues, seriesName } from './rows.ts';
import { APPLICATION_ID, migrate } from './schema.ts';
import { WriterLock } from './writer-lock.ts';

export interface JournalOptions {
  readonly retentionMs?: number;
  readonly samplesMs?: number;
  readonly eventsMax?: number;
  readonly samplesMax?: number;
}

/** What is known of the run before this one. */
export interface PreviousRun {
  readonly kind: 'none' | 'stopped' | 'killed';
  /** its last sign of life */
  readonly until: Instant | null;
}

/** What the caller knows of the file from having it open before. */
export interface KnownBefore {
  /** if another file must begin, it goes on after this */
  readonly lastSeq: number;
  /** it must: this is what was found wrong with it */
  readonly damage: string | null;
}

const NOTHING_KNOWN: KnownBefore = { lastSeq: 0, damage: null };

/** What a reader's cursor counts. */
export type Stream = 'events' | 'samples';

export interface SetAside {
  /** where the damaged file is now */
  readonly path: string;
  readonly reason: string;
}

const DAY_MS = 86_400_000;
const DEFAULTS: Required<JournalOptions> = {
  retentionMs: 30 * DAY_MS,
  samplesMs: 3 * DAY_MS,
  eventsMax: 1_000_000,
  samplesMax: 2_000_000,
};

/** For so long a lock of another process (a backup, `sqlite3` in somebody's shell) is waited for. */
const OPENED_WITHIN_MS = 5_000;
/** Short: who writes may say it again, and must be able to stop. */
const WRITTEN_WITHIN_MS = 200;
/** Rows removed in one step: a few milliseconds. */
const PRUNED_ROWS = 500;
/** Pages given back to the system in one step, once more than a quarter of the file is free. */
const VACUUMED_PAGES = 64;
/** So many of the latest events are looked through for what may have led to an incident, and for who listed a VIP. */
const RECENT_EVENTS = 10_000;

export class Journal {
  /** a damaged file that stood in the way, and is now elsewhere */
  readonly setAside: SetAside | null;
  readonly queries: JournalQueries;
  readonly alerts: AlertTables;
  readonly previousRun: PreviousRun;
  readonly #db: Database.Database;
  readonly #lock: WriterLock;
  readonly #limits: Required<JournalOptions>;
  readonly #statements: Statements;
  /** What memory knows of the tables; read anew after a failed append. */
  #known: Known;
  #isKnown = true;

  /** Creates what is missing. Throws a `JournalError` where there can be no journal, `locked` where one is written. */
  static open(path: string, options: JournalOptions = {}, known: KnownBefore = NOTHING_KNOWN): Journal {
    makePlace(path);
    const lock = WriterLock.take(path);
    try {
      return openSound(path, lock, options, known);
    } catch (error) {
      const fault = journalErrorFrom(error, path);
      if (fault instanceof JournalError && fault.code === 'not-a-journal') lock.withdraw();
      else lock.release();
      throw fault;
    }
  }

  /** For `open`. */
  constructor(
    db: Database.Database,
    lock: WriterLock,
    options: JournalOptions,
    aside: SetAside | null = null,
  ) {
    this.#db = db;
    this.#lock = lock;
    this.#limits = { ...DEFAULTS, ...options };
    this.setAside = aside;
    this.queries = new JournalQueries(db);
    this.alerts = new AlertTables(db);
    this.#statements = prepareStatements(db);
    this.#known = this.#read();
    const stoppedAt = this.queries.stoppedAt();
    const aliveAt = this.queries.aliveAt();
    this.previousRun =
      stoppedAt !== null
        ? { kind: 'stopped', until: stoppedAt }
        : { kind: aliveAt === null ? 'none' : 'killed', until: aliveAt };
  }

  /**
   * Durable once this returns. Events in the order in which they became known; each comes back with its `seq`,
   * also one that was there already. `aliveAt`: all that happened until then has been told.
   */
  append(
    events: readonly TimelineEvent[],
    samples: readonly Sample[],
    aliveAt: Instant,
  ): readonly JournalledEvent[] {
    if (!this.#isKnown) this.#known = this.#read();
    this.#isKnown = false;
    const appended = this.#db
      .transaction(() => {
        const statements = this.#statements;
        const journalled = events.map((event) => this.#enter(event));
        for (const sample of samples) this.#enterSample(sample);
        for (const [id, seq] of this.#known.touchedSeries) statements.touchSeries.run(seq, id);
        statements.setMeta.run('alive_at', aliveAt);
        if (!this.#known.isRunning) statements.deleteMeta.run('stopped_at');
        return journalled;
      })
      .immediate();
    this.#known.isRunning = true;
    this.#known.touchedSeries.clear();
    this.#isKnown = true;
    return appended;
  }

  #enter(event: TimelineEvent): JournalledEvent {
    const statements = this.#statements;
    const present = statements.seqOf.get(event.id);
    if (present !== undefined) return { seq: present.seq, event, incident: present.incident };

    const seq = ++this.#known.lastSeq;
    statements.insertEvent.run(seq, ...eventValues(event));
    if (event.phase === 'begin') statements.insertCondition.run(event.id, seq);
    if (event.phase === 'end' && event.beginId !== null) statements.deleteCondition.run(event.beginId);

    const change = this.#known.incidents.take(event, seq);
    if (change === null) return { seq, event, incident: null };
    const { incident } = change;
    statements.setIncident.run(
      incident.id,
      incident.scope,
      incident.cluster,
      incident.began,
      incident.last,
      incident.quietUntil,
      incident.severity,
      incident.title,
    );
    for (const member of change.seqs) statements.insertMember.run(member, incident.id);
    return { seq, event, incident: incident.id };
  }

  #enterSample(sample: Sample): void {
    const { series, touchedSeries } = this.#known;
    const name = seriesName(sample);
    let id = series.get(name);
    const seq = ++this.#known.lastSampleSeq;
    if (id === undefined) {
      id = Number(this.#statements.insertSeries.run(name, seq).lastInsertRowid);
      series.set(name, id);
    }
    touchedSeries.set(id, seq);
    this.#statements.insertSample.run(seq, sample.time, id, fieldValues(sample));
  }

  /** The run ends as it should: the next one will know. */
  markStopped(at: Instant): void {
    this.#db
      .transaction(() => {
        this.#statements.setMeta.run('alive_at', at);
        this.#statements.setMeta.run('stopped_at', at);
      })
      .immediate();
    this.#known.isRunning = false;
  }

  /** How far a reader has come; 0 where it has never said. */
  cursor(reader: string, stream: Stream = 'events'): number {
    // A cursor that is ahead would skip what comes next.
    return Math.min(this.#statements.cursor.get(reader, stream)?.seq ?? 0, this.#lastOf(stream));
  }

  /** Never goes back. */
  advance(reader: string, seq: number, stream: Stream = 'events'): void {
    if (seq > this.#lastOf(stream)) throw new RangeError(`${reader}: ${stream} have not come to ${seq} yet`);
    this.#statements.advance.run(reader, stream, seq);
  }

  #lastOf(stream: Stream): number {
    return stream === 'events' ? this.queries.lastSeq() : this.queries.lastSampleSeq();
  }

  /** Removes a little of what is too old or too much. True: there is more, call again soon. */
  prune(now: Instant): boolean {
    const removed = this.#db.transaction(() => this.#pruneEvents(now) + this.#pruneSamples(now)).immediate();
    const pages = Number(this.#db.pragma('page_count', { simple: true }));
    const isSparse = Number(this.#db.pragma('freelist_count', { simple: true })) > Math.max(64, pages / 4);
    if (isSparse) this.#db.pragma(`incremental_vacuum(${VACUUMED_PAGES})`);
    return removed >= PRUNED_ROWS || isSparse;
  }

  #pruneEvents(now: Instant): number {
    const statements = this.#statements;
    const seqs = this.#tooOld(now);
    if (seqs.length === 0) seqs.push(...this.#tooMany());
    for (const seq of seqs) {
      const incident = statements.incidentOf.get(seq)?.incident;
      statements.deleteEvent.run(seq);
      statements.deleteConditionAt.run(seq);
      if (incident === undefined) continue;
      statements.deleteMember.run(seq);
      statements.deleteIncidentIfEmpty.run(incident, incident);
    }
    return seqs.length;
  }

  #tooOld(now: Instant): number[] {
    const before = plusUs(now, -this.#limits.retentionMs * MS);
    const seqs: number[] = [];
    for (const { seq, detected_at, spared } of this.#statements.eventsByAge.iterate(before)) {
      if (detected_at >= before || seqs.length === PRUNED_ROWS) break;
      if (spared === 0) seqs.push(seq);
    }
    return seqs;
  }

  /** Past the number that the file may hold nothing is spared. */
  #tooMany(): readonly number[] {
    const statements = this.#statements;
    const { eventsMax } = this.#limits;
    const first = statements.firstEvent.get()?.seq ?? 0;
    if (this.#known.lastSeq - first < eventsMax) return []; // spares the counting, nearly always
    const excess = (statements.countEvents.get()?.count ?? 0) - eventsMax;
    return statements.oldestEvents.all(Math.max(0, Math.min(excess, PRUNED_ROWS))).map(({ seq }) => seq);
  }

  #pruneSamples(now: Instant): number {
    const { samplesMs, samplesMax } = this.#limits;
    const statements = this.#statements;
    // They are in order of time but for a few; a row that is too young stops the step, and goes with a later one.
    const { first = null, last = null } = statements.sampleRange.get() ?? {};
    if (first === null || last === null) return 0;
    const before = plusUs(now, -samplesMs * MS);
    const excess = last - first + 1 - samplesMax;
    let until = first - 1;
    for (const { seq, time } of statements.oldestSamples.all(PRUNED_ROWS)) {
      if (time >= before && seq - first >= excess) break;
      until = seq;
    }
    const removed = statements.deleteSamples.run(until).changes;
    if (removed > 0) {
      for (const { id, name } of statements.emptySeries.all(until)) {
        statements.deleteSeries.run(id);
        this.#known.series.delete(name);
      }
    }
    return removed;
  }

  /** Merges the log into the file, in a form that can be read where nothing can be written, and lets go of it. */
  close(): void {
    try {
      this.#db.pragma('busy_timeout = 0');
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
      this.#db.pragma('journal_mode = DELETE');
    } catch {
      // A reader has it open, or the disk is full: the log stays beside it, nothing is lost.
    }
    this.#db.close();
    this.#lock.release();
  }

  #read(): Known {
    const series = this.#db.prepare<[], { id: number; name: string }>('SELECT id, name FROM series').all();
    const lastSeq = this.queries.lastSeq();
    return {
      lastSeq,
      lastSampleSeq: this.queries.lastSampleSeq(),
      series: new Map(series.map(({ id, name }) => [name, id])),
      touchedSeries: new Map(),
      incidents: new IncidentFold(this.#foldState(this.queries.lastIncident() + 1, lastSeq)),
      isRunning: this.queries.stoppedAt() === null,
    };
  }

  /** What the incidents' fold knew after the last event, from the tables alone. */
  #foldState(nextId: number, lastSeq: number): FoldState {
    const db = this.#db;
    const conditions = db
      .prepare<[], { id: string; severity: string; incident: number }>(
        `SELECT o.id, e.severity, i.incident FROM open_conditions o
         JOIN events e ON e.seq = o.seq JOIN incident_events i ON i.seq = o.seq ORDER BY o.seq`,
      )
      .all()
      .map(
        ({ id, severity, incident }): OpenCondition => ({
          beginId: id,
          severity: severity === 'critical' || severity === 'warning' ? severity : 'info',
          incident,
        }),
      );
    const incidents = db
      .prepare<[], IncidentRow>(
        `SELECT n.*, 0 AS event_count, 0 AS is_over FROM incidents n
         WHERE id IN (SELECT max(id) FROM incidents GROUP BY scope)
            OR id IN (SELECT i.incident FROM open_conditions o JOIN incident_events i ON i.seq = o.seq)
         ORDER BY id`,
      )
      .all()
      .map((row): Incident => incidentFromRow(row));
    const recent = lastSeq - RECENT_EVENTS;
    const leads = db
      .prepare<[number, number], EventRow>(
        `SELECT e.seq, ${EVENT_COLUMNS}, NULL AS incident FROM events e
         WHERE e.seq > ? AND NOT EXISTS (SELECT 1 FROM incident_events i WHERE i.seq = e.seq)
         ORDER BY e.seq DESC LIMIT ?`,
      )
      .all(recent, LEADS_MAX)
      .reverse()
      .map((row): Lead => ({ ...eventFromRow(row).event, seq: row.seq }));
    const listing = db
      .prepare<[number], EventRow>(
        `SELECT e.seq, ${EVENT_COLUMNS}, NULL AS incident FROM events e
         WHERE e.seq > ? AND subject LIKE 'vr:%' AND details LIKE '%"vips"%' ORDER BY e.seq`,
      )
      .all(recent);
    const routers = new Map<string, string>();
    for (const row of listing) {
      for (const [vip, router] of routersByVip(eventFromRow(row).event)) {
        routers.delete(vip);
        routers.set(vip, router);
      }
    }
    return { nextId, incidents, conditions, leads, routers: [...routers] };
  }
}

/** What memory knows of the tables, so that an append need not ask. */
interface Known {
  lastSeq: number;
  lastSampleSeq: number;
  readonly series: Map<string, number>;
  /** the latest sample of each series that this append adds to */
  readonly touchedSeries: Map<number, number>;
  readonly incidents: IncidentFold;
  /** the tables do not say that the run has stopped */
  isRunning: boolean;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(db: Database.Database) {
  const run = <Values extends unknown[]>(sql: string): Statement<Values> => db.prepare<Values>(sql);
  const get = <Values extends unknown[], Row>(sql: string): Statement<Values, Row> =>
    db.prepare<Values, Row>(sql);
  return {
    seqOf: get<[string], { seq: number; incident: number | null }>(
      `SELECT e.seq, i.incident FROM events e LEFT JOIN incident_events i ON i.seq = e.seq WHERE e.id = ?`,
    ),
    insertEvent: run<[number, ...(string | number | null)[]]>(
      `INSERT INTO events (seq, ${EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertCondition: run<[string, number]>('INSERT OR REPLACE INTO open_conditions VALUES (?, ?)'),
    deleteCondition: run<[string]>('DELETE FROM open_conditions WHERE id = ?'),
    deleteConditionAt: run<[number]>('DELETE FROM open_conditions WHERE seq = ?'),
    setIncident: run<(string | number | null)[]>(
      'INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    insertMember: run<[number, number]>('INSERT OR REPLACE INTO incident_events VALUES (?, ?)'),
    insertSeries: run<[string, number]>('INSERT INTO series (name, last) VALUES (?, ?)'),
    touchSeries: run<[number, number]>('UPDATE series SET last = ? WHERE id = ?'),
    insertSample: run<[number, number, number, string]>('INSERT INTO samples VALUES (?, ?, ?, ?)'),
    setMeta: run<[string, number]>('INSERT OR REPLACE INTO meta VALUES (?, ?)'),
    deleteMeta: run<[string]>('DELETE FROM meta WHERE name = ?'),
    cursor: get<[string, string], { seq: number }>('SELECT seq FROM cursors WHERE reader = ? AND stream = ?'),
    advance: run<[string, string, number]>(
      'INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)',
    ),
    eventsByAge: get<[number], { seq: number; detected_at: number; spared: number }>(
      `SELECT e.seq, e.detected_at,
         e.seq IN (SELECT seq FROM open_conditions) OR (n.id IS NOT NULL AND (n.quiet_until >= ?
           OR n.id IN (SELECT o.incident FROM open_conditions c JOIN incident_events o ON o.seq = c.seq)))
         AS spared
       FROM events e
       LEFT JOIN incident_events i ON i.seq = e.seq LEFT JOIN incidents n ON n.id = i.incident
       ORDER BY e.seq`,
    ),
    oldestEvents: get<[number], { seq: number }>('SELECT seq FROM events ORDER BY seq LIMIT ?'),
    firstEvent: get<[], { seq: number }>('SELECT min(seq) AS seq FROM events'),
    countEvents: get<[], { count: number }>('SELECT count(*) AS count FROM events'),
    incidentOf: get<[number], { incident: number }>('SELECT incident FROM incident_events WHERE seq = ?'),
    deleteEvent: run<[number]>('DELETE FROM events WHERE seq = ?'),
    deleteMember: run<[number]>('DELETE FROM incident_events WHERE seq = ?'),
    deleteIncidentIfEmpty: run<[number, number]>(
      'DELETE FROM incidents WHERE id = ? AND NOT EXISTS (SELECT 1 FROM incident_events WHERE incident = ?)',
    ),
    sampleRange: get<[], { first: number | null; last: number | null }>(
      'SELECT (SELECT min(seq) FROM samples) AS first, (SELECT max(seq) FROM samples) AS last',
    ),
    oldestSamples: get<[number], { seq: number; time: number }>(
      'SELECT seq, time FROM samples ORDER BY seq LIMIT ?',
    ),
    deleteSamples: run<[number]>('DELETE FROM samples WHERE seq <= ?'),
    emptySeries: get<[number], { id: number; name: string }>('SELECT id, name FROM series WHERE last <= ?'),
    deleteSeries: run<[number]>('DELETE FROM series WHERE id = ?'),
  };
}

/** The folder and the file, for the group to read. Whatever stands in the way is said before SQLite can be cryptic. */
function makePlace(path: string): void {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    if (existsSync(path) && !statSync(path).isFile())
      throw new JournalError(
        'not-a-journal',
        `${path}: is a ${statSync(path).isDirectory() ? 'folder' : 'special file'}; give the path of a file, such as ${path.replace(/\/$/, '')}/journal.db`,
      );
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    for (const suffix of ['', '-wal', '-shm', '-journal', '.lock'])
      if (existsSync(path + suffix)) accessSync(path + suffix, constants.R_OK | constants.W_OK);
    if (!existsSync(path)) {
      closeSync(openSync(path, 'a', 0o640));
      chmodSync(path, 0o640); // whatever the umask is
    }
  } catch (error) {
    throw journalErrorFrom(error, path);
  }
}

function openSound(path: string, lock: WriterLock, options: JournalOptions, known: KnownBefore): Journal {
  let damage = known.damage;
  try {
    if (damage === null) return openChecked(path, lock, options, null, known.lastSeq);
  } catch (error) {
    const fault = journalErrorFrom(error, path);
    // Permissions have been checked: who is now refused to write reads a wrong byte of the header.
    const isDamage =
      (fault instanceof JournalError && fault.code === 'damaged') || errorCodeOf(error) === 'SQLITE_READONLY';
    if (!isDamage || !(fault instanceof Error)) throw fault;
    if (!wasOurs(path, lock.existedBefore)) {
      throw new JournalError(
        'not-a-journal',
        `${path}: is something else than a journal of vipwatch, and is left alone. Give another path.`,
        { cause: error },
      );
    }
    damage = fault.message;
  }
  const lastSeq = Math.max(known.lastSeq, lastSeqOf(path));
  const aside = { path: setAside(path, instantFromUs(Date.now() * MS)), reason: damage };
  makePlace(path);
  return openChecked(path, lock, options, aside, lastSeq);
}

function openChecked(
  path: string,
  lock: WriterLock,
  options: JournalOptions,
  aside: SetAside | null,
  lastSeq: number,
): Journal {
  const db = new Database(path, { timeout: OPENED_WITHIN_MS });
  try {
    const begins = isNew(db, path);
    if (begins) {
      db.pragma('auto_vacuum = INCREMENTAL');
      db.pragma(`application_id = ${APPLICATION_ID}`);
    }
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('cache_size = -2000');
    // What the log holds goes into the file first: then the file's size can be compared with what it should be.
    const isBusy = db.pragma('wal_checkpoint(TRUNCATE)', { simple: true });
    if (!begins) checkSound(db, path, isBusy === 0);
    migrate(db);
    if (begins && lastSeq > 0) db.prepare("INSERT INTO sqlite_sequence VALUES ('events', ?)").run(lastSeq);
    db.pragma(`busy_timeout = ${WRITTEN_WITHIN_MS}`);
    return new Journal(db, lock, options, aside);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Of a damaged file: what can still be read of its counter. */
function lastSeqOf(path: string): number {
  try {
    const db = new Database(path, { readonly: true });
    try {
      const seq = new JournalQueries(db).lastSeq();
      return Number.isSafeInteger(seq) ? seq : 0;
    } finally {
      db.close();
    }
  } catch {
    return 0;
  }
}
