/**
 * The journal's layout, and how it came to be: one entry a version, applied in order, each in one transaction.
 *
 * A released entry never changes. What a later version must keep, so that an earlier one can refuse it politely:
 * `application_id`, `user_version`, and the row `schema` of `meta` that says the same number. (Two places, so that
 * one wrong byte is not taken for a version of the future.)
 *
 * - `seq` counts events +1 each for ever, also past those that retention removed; the same for samples.
 * - Tables are STRICT: a walk through a damaged file then also finds values of a wrong type.
 * - Times are microseconds since the epoch. `details` is the event's JSON.
 * - A sample's measurement, tags and field names stand once, in `series`; the sample itself is a JSON list of
 *   values in their order. `series.last` is the latest sample's `seq`.
 * - `open_conditions` holds the begins that have no end, which spares a search through all of `events`.
 * - `alert_state` is what the dispatch of alerts knows, by name; `alert_outbox` what is to be delivered, in order;
 *   both as JSON of theirs. How far it has read stands in `cursors`.
 * - Indices: `id`, by which an event is never entered twice; `time`, by which people ask; the begin of an `end`,
 *   for windows of time; the events of an incident. Everything else is filtered while reading.
 */
import type { Database } from 'better-sqlite3';

/** `vipw` */
export const APPLICATION_ID = 0x76697077;

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    time INTEGER NOT NULL,
    detected_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    severity TEXT NOT NULL,
    cluster TEXT,
    subject TEXT NOT NULL,
    summary TEXT NOT NULL,
    details TEXT NOT NULL,
    begin_id TEXT,
    about TEXT
  ) STRICT;
  CREATE INDEX events_time ON events (time);
  CREATE INDEX events_end ON events (begin_id) WHERE begin_id IS NOT NULL;
  CREATE TABLE open_conditions (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,
    cluster TEXT,
    began INTEGER NOT NULL,
    last INTEGER NOT NULL,
    quiet_until INTEGER NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL
  ) STRICT;
  CREATE TABLE incident_events (seq INTEGER PRIMARY KEY, incident INTEGER NOT NULL) STRICT;
  CREATE INDEX incident_events_incident ON incident_events (incident);
  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE samples (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    series INTEGER NOT NULL,
    field_values TEXT NOT NULL
  ) STRICT;
  CREATE TABLE cursors (
    reader TEXT NOT NULL,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (reader, stream)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE alert_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE alert_outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    notification TEXT NOT NULL
  ) STRICT;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the layout up to `migrations`; a new file is the oldest version of all. */
export function migrate(db: Database, migrations: readonly string[] = MIGRATIONS): void {
  for (let version = schemaVersion(db); version < migrations.length; version++) {
    const sql = migrations[version] ?? '';
    db.transaction(() => {
      db.exec(sql);
      db.prepare("INSERT OR REPLACE INTO meta VALUES ('schema', ?)").run(version + 1);
      db.pragma(`user_version = ${version + 1}`);
    }).immediate();
  }
}

export function schemaVersion(db: Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** The version as the `meta` table has it; throws where there is none. */
export function recordedSchemaVersion(db: Database): number {
  return db.prepare<[], number>("SELECT value FROM meta WHERE name = 'schema'").pluck().get() ?? 0;
}
