/**
 * Telling a damaged journal from a sound one, and from a file that is none of ours; setting it aside.
 *
 * A write-ahead log survives `kill -9` and power cuts by itself; what is looked for here is what disks, copies and
 * editors do. The check at the start must not keep anybody from watching: up to 64 MB every page is walked through
 * (a third of a second); of a larger file only what tells most for least, its size, its layout and the ends of its tables. A
 * wrong page in the middle of a large file shows when it is read or written, and the journal is set aside then.
 */
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { type Instant, isoTime } from '../time.ts';
import { JournalError } from './journal-error.ts';
import { APPLICATION_ID, recordedSchemaVersion, SCHEMA_VERSION, schemaVersion } from './schema.ts';

const WALKED_BYTES_MAX = 64 * 1024 * 1024;

/** The journal and what SQLite keeps beside it. A log left behind would be taken for the next file's. */
const SUFFIXES = ['', '-wal', '-shm', '-journal'];

/** Nothing has been written to it yet, or its first transaction was cut off. */
export function isNew(db: Database, path: string): boolean {
  if (Number(db.pragma('page_count', { simple: true })) === 0) {
    // SQLite takes the stump of a page for nothing at all.
    if (statSync(path).size > 0) throw damaged(path, 'it is cut off within its first page');
    return true;
  }
  return db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined && schemaVersion(db) === 0;
}

/** Throws where a file that is not new is not what it should be. `isWhole`: the log holds nothing of it. */
export function checkSound(db: Database, path: string, isWhole: boolean): void {
  if (Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID)
    throw damaged(path, 'its application id is not ours');
  const version = schemaVersion(db);
  if (version !== recordedSchemaVersion(db)) throw damaged(path, 'its schema version is contradictory');
  if (version > SCHEMA_VERSION) {
    throw new JournalError(
      'newer',
      `${path}: was written by a later version of vipwatch (layout ${version}, this one knows up to ${SCHEMA_VERSION}). Run that version, or give another path; nothing was changed.`,
    );
  }
  const pageCount = Number(db.pragma('page_count', { simple: true }));
  const bytes = pageCount * Number(db.pragma('page_size', { simple: true }));
  const { size } = statSync(path);
  if (isWhole && size < bytes) throw damaged(path, `it is cut off: ${size} bytes of ${bytes}`);
  if (bytes > WALKED_BYTES_MAX) return;
  const verdict = db.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw damaged(path, String(verdict).replaceAll('\n', ' '));
}

function damaged(path: string, why: string): JournalError {
  return new JournalError('damaged', `${path}: is damaged: ${why}`);
}

/**
 * Whether what stands at `path`, and cannot be read as a journal, was one. Somebody's text file or another
 * program's database given by mistake must not be moved away: it bears none of our marks.
 */
export function wasOurs(path: string, writerWasHere: boolean): boolean {
  if (writerWasHere) return true;
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  try {
    readSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
  return header.readUInt32BE(68) === APPLICATION_ID;
}

/** Answers the new name. */
export function setAside(path: string, now: Instant): string {
  const name = `${path}.damaged-${isoTime(now).slice(0, 19).replace(/[-:]/g, '')}Z`;
  let target = name;
  for (let i = 2; existsSync(target); i++) target = `${name}-${i}`;
  for (const suffix of SUFFIXES) if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  return target;
}
