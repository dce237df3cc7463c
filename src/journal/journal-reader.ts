/**
 * The journal for those who only read: a command beside a running observer, after a crash of one, or on a copy.
 *
 * Never writes, never migrates, never sets anything aside, and needs no permission to write. Works while a writer
 * is active, after a clean stop and after a kill.
 */
import { accessSync, constants, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { JournalError, journalErrorFrom } from './journal-error.ts';
import { JournalQueries } from './journal-queries.ts';
import { APPLICATION_ID, recordedSchemaVersion, SCHEMA_VERSION, schemaVersion } from './schema.ts';

export class JournalReader extends JournalQueries {
  readonly #db: Database.Database;

  /** Throws a `JournalError`: `missing`, `not-permitted`, `not-a-journal`, `newer`, `older`, `damaged`. */
  static open(path: string): JournalReader {
    try {
      if (!statSync(path).isFile())
        throw new JournalError('not-a-journal', `${path}: is not a file; give the path of a journal`);
      accessSync(path, constants.R_OK);
      const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
      try {
        db.pragma('cache_size = -2000');
        checkLayout(db, path);
        return new JournalReader(db);
      } catch (error) {
        db.close();
        throw error;
      }
    } catch (error) {
      throw refusal(error, path);
    }
  }

  private constructor(db: Database.Database) {
    super(db);
    this.#db = db;
  }

  close(): void {
    this.#db.close();
  }
}

function checkLayout(db: Database.Database, path: string): void {
  const version = schemaVersion(db);
  const isOurs = Number(db.pragma('application_id', { simple: true })) === APPLICATION_ID;
  if (!isOurs && version !== 0)
    throw new JournalError('not-a-journal', `${path}: is a database, but no journal of vipwatch`);
  if (version > SCHEMA_VERSION && recordedSchemaVersion(db) === version) {
    throw new JournalError(
      'newer',
      `${path}: was written by a later version of vipwatch (layout ${version}, this one knows up to ${SCHEMA_VERSION}): read it with that version`,
    );
  }
  if (version < SCHEMA_VERSION) {
    throw new JournalError(
      'older',
      version === 0
        ? `${path}: holds nothing yet`
        : `${path}: has the layout of an earlier version of vipwatch: start vipwatch observe once, which brings it up to date`,
    );
  }
}

function refusal(error: unknown, path: string): unknown {
  const fault = journalErrorFrom(error, path);
  if (!(fault instanceof JournalError)) return fault;
  switch (fault.code) {
    case 'missing':
      return new JournalError(
        'missing',
        `${path}: there is no journal. vipwatch observe writes one; --journal names another place.`,
        { cause: error },
      );
    case 'damaged':
      return new JournalError(
        'damaged',
        `${fault.message}. vipwatch observe sets it aside when it starts; sqlite3 FILE .recover may save what is left.`,
        { cause: error },
      );
    default:
      return fault;
  }
}
