/**
 * One writer a journal. The lock is SQLite's own on an empty file beside the journal: the system drops it with the
 * process, however that dies, so there is nothing stale to judge. Readers never touch it.
 *
 * Who comes second learns the holder's pid from the kernel's list of locks. (Not from the file: to open and close it
 * by other means than SQLite would drop a lock that this same process may hold on it, as POSIX has it.)
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { errorCodeOf, JournalError, journalErrorFrom } from './journal-error.ts';

export class WriterLock {
  /** a writer has been here before: what is at the journal's path is ours, whatever it looks like */
  readonly existedBefore: boolean;
  readonly #path: string;
  readonly #db: Database.Database;

  private constructor(path: string, existedBefore: boolean, db: Database.Database) {
    this.#path = path;
    this.existedBefore = existedBefore;
    this.#db = db;
  }

  /** Throws `locked` at once where another process, or another part of this one, writes. */
  static take(journalPath: string): WriterLock {
    const path = `${journalPath}.lock`;
    const existedBefore = existsSync(path);
    let db: Database.Database | null = null;
    try {
      db = new Database(path, { timeout: 0 });
      db.exec('BEGIN EXCLUSIVE');
      return new WriterLock(path, existedBefore, db);
    } catch (error) {
      db?.close();
      if (/^SQLITE_(BUSY|LOCKED)/.test(errorCodeOf(error))) throw lockedBy(journalPath, path);
      throw journalErrorFrom(error, path);
    }
  }

  release(): void {
    this.#db.close();
  }

  /** There will be no journal here: no trace of one either. */
  withdraw(): void {
    if (!this.existedBefore) rmSync(this.#path, { force: true });
    this.#db.close();
  }
}

function lockedBy(journalPath: string, path: string): JournalError {
  const pid = holderOf(path);
  return new JournalError(
    'locked',
    `${journalPath}: ${pid === null ? 'another process' : `process ${pid}`} writes to this journal. Stop it first, or give another path. To read, use timeline, status or report.`,
  );
}

/** SQLite's lock bytes, by which its locks are told from others on the same inode number of another disk. */
const LOCK_BYTES_AT = 0x40000000;

/** `1: POSIX  ADVISORY  WRITE 12345 fd:00:1837 1073741825 1073741825` */
function holderOf(path: string): string | null {
  try {
    const { ino } = statSync(path);
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, , , access, pid, place = '', from] = line.split(/\s+/);
      if (access !== 'WRITE' || !place.endsWith(`:${ino}`) || Number(from) < LOCK_BYTES_AT) continue;
      if (Number(pid) > 0) return pid ?? null;
    }
  } catch {
    // Not Linux, or a container that hides it: that somebody holds the lock is known anyway.
  }
  return null;
}
