/**
 * What one poll of a HAProxy process says. Plain data: `src/poll` makes it, the observer judges. A number is null where
 * the release has no such column, the row has no such thing, or the cell made no sense.
 */

export interface ProxyReading {
  /** names of the CSV's columns, in its order, for whoever wants more than the fields of a row */
  readonly columns: readonly string[];
  readonly rows: readonly ProxyRow[];
  /** of `show info`; null where only the statistics page could be asked */
  readonly process: ProxyProcess | null;
  /** rows that made no sense: how many, and the first of them in words (null: none) */
  readonly refusedRows: number;
  readonly refusal: string | null;
}

export interface ProxyProcess {
  readonly release: string | null;
  readonly pid: number | null;
  readonly uptimeS: number | null;
  /** an old process that only finishes its connections */
  readonly stopping: boolean;
  readonly connections: number | null;
  readonly connectionLimit: number | null;
}

export type ProxyRowType = 'frontend' | 'backend' | 'server' | 'listener';

export interface ProxyRow {
  readonly type: ProxyRowType;
  /** `pxname` */
  readonly proxy: string;
  /** `svname`: the server's or listener's name, `FRONTEND`, `BACKEND` */
  readonly name: string;
  readonly status: ProxyStatus;
  readonly weight: number | null;
  /** of a server: 1 where it is configured so, even when it is down; of a backend: how many are up */
  readonly active: number | null;
  readonly backup: number | null;
  readonly sessions: number | null;
  readonly sessionLimit: number | null;
  readonly queue: number | null;
  readonly queueLimit: number | null;
  /** since the process began: one that gets smaller tells of a new process */
  readonly sessionsTotal: number | null;
  readonly bytesIn: number | null;
  readonly bytesOut: number | null;
  /** transitions from UP to DOWN, failed checks while UP, seconds of downtime: since the process began */
  readonly downs: number | null;
  readonly checkFailures: number | null;
  readonly downtimeS: number | null;
  /** seconds since it last changed between UP and DOWN, or since the process began */
  readonly lastChangeS: number | null;
  /** `L4OK`, `L7STS` …, without the `* ` of a check that is running; '' where nothing checks it */
  readonly checkStatus: string;
  readonly checkCode: number | null;
  /** what the last check said, in its own words */
  readonly checkText: string;
  /** every cell of the row, by place in `columns` */
  readonly cells: readonly string[];
}

/** The grammar of FRONTEND, BACKEND and server states: a word, perhaps `n/m`, perhaps a reason in parentheses. */
export interface ProxyStatus {
  readonly word: ProxyStatusWord;
  /** as it was written */
  readonly raw: string;
  /** checks passed, and needed: `UP 1/3` is about to go down or just back, `DOWN 1/2` about to come up */
  readonly health: readonly [number, number] | null;
  /** `agent`, `via px/srv`, `resolution` */
  readonly why: string | null;
}

export type ProxyStatusWord =
  | 'UP'
  | 'DOWN'
  | 'NOLB'
  | 'DRAIN'
  | 'MAINT'
  | 'no check'
  | 'OPEN'
  | 'STOP'
  | 'PAUSED'
  | 'FULL'
  | 'WAITING'
  | 'unknown';
