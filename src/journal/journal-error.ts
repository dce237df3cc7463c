/** What can be wrong with a journal, as a person needs to hear it: the place, what is the matter, what would help. */

export type JournalErrorCode =
  /** another process writes to it */
  | 'locked'
  /** its layout is of a later, or of an earlier version of vipwatch */
  | 'newer'
  | 'older'
  | 'missing'
  | 'not-permitted'
  /** something else is at that path */
  | 'not-a-journal'
  | 'damaged'
  /** no space, a read-only or a failing disk */
  | 'disk';

export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** SQLite's and the system's words for the same thing. */
export function errorCodeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return '';
}

/**
 * The same fault as a `JournalError` about `path`. What SQLite says and is no matter of the disk, of permissions or
 * of locks is damage: it has many names for what a wrong byte can look like. A fault of ours stays as it is.
 */
export function journalErrorFrom(error: unknown, path: string): unknown {
  if (error instanceof JournalError) return error;
  const code = errorCodeOf(error);
  if (!(error instanceof Error) || code === '') return error;
  const [kind, what] = meaningOf(code);
  return new JournalError(kind, `${path}: ${what} (${error.message}, ${code})`, { cause: error });
}

function meaningOf(code: string): readonly [JournalErrorCode, string] {
  if (/^(EACCES|EPERM|SQLITE_PERM|SQLITE_AUTH|SQLITE_CANTOPEN|SQLITE_READONLY)/.test(code))
    return ['not-permitted', 'this user may not open it, or not write to its folder'];
  if (/^(ENOSPC|EDQUOT|SQLITE_FULL)/.test(code)) return ['disk', 'no space left on the disk'];
  if (code === 'EROFS') return ['disk', 'the file system is mounted read-only'];
  if (/^(EIO|EMFILE|ENFILE|SQLITE_IOERR|SQLITE_NOMEM)/.test(code))
    return ['disk', 'cannot be read or written'];
  if (/^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(code)) return ['locked', 'another process keeps it locked'];
  if (code === 'ENOENT') return ['missing', 'there is no such file'];
  if (code.startsWith('SQLITE_')) return ['damaged', 'is damaged'];
  return ['not-a-journal', 'is no place for a journal'];
}
