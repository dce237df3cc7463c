/**
 * The table that pt-heartbeat writes: one row per writer, with the time of its last write as text.
 *
 * That time is by the local clock of the machine that writes, or in UTC with `--utc`; the table does not say which. Both
 * ages are reckoned, by the clock of the server that is read: the one that is plausible for the freshest row decides, and
 * it stays decided. Otherwise a replica in UTC+1 that lags by an hour would look up to date for a while.
 */
import type { HeartbeatRow } from '../../reading/database.ts';
import { Cells, type Oddities, type Row } from './rows.ts';

export type HeartbeatClock = 'local' | 'utc';

/** The freshest row of a table in use is younger; time zones differ by 15 minutes or more. */
const FRESH_S = 60;

/**
 * In the order to be tried. Error 1064: MySQL 5.5 has no fractions of seconds. Error 1054: the table of old has a single
 * row, and no `server_id`.
 */
export function heartbeatStatements({ schema, table }: { schema: string; table: string }): readonly string[] {
  const from = `FROM ${quotedName(schema)}.${quotedName(table)} LIMIT 1000`;
  return ['server_id', '0'].flatMap((id) =>
    ['6', ''].map(
      (digits) =>
        `SELECT ${id} AS server_id, ts, NOW(${digits}) AS now_local, UTC_TIMESTAMP(${digits}) AS now_utc ${from}`,
    ),
  );
}

export function quotedName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export interface Heartbeats {
  /** null where the ages make no sense */
  readonly rows: readonly HeartbeatRow[] | null;
  /** what is known of the table now */
  readonly clock: HeartbeatClock | null;
}

interface Candidate {
  readonly serverId: bigint;
  readonly local: number;
  readonly utc: number;
}

export function heartbeatsOf(
  rows: readonly Row[],
  known: HeartbeatClock | null,
  oddities: Oddities,
): Heartbeats {
  const candidates = rows.flatMap((row) => candidateOf(new Cells(row, oddities), oddities) ?? []);
  if (candidates.length === 0) return { rows: rows.length === 0 ? [] : null, clock: known };
  const freshest = {
    local: Math.min(...candidates.map(({ local }) => local)),
    utc: Math.min(...candidates.map(({ utc }) => utc)),
  };
  const by = (clock: HeartbeatClock) =>
    candidates.map((candidate) => ({ serverId: candidate.serverId, ageS: candidate[clock] }));

  if (known !== null && freshest[known] >= -FRESH_S) return { rows: by(known), clock: known };
  const isInUtc = Math.abs(freshest.local - freshest.utc) < 1;
  if (isInUtc && freshest.utc >= -FRESH_S) return { rows: by('utc'), clock: null };
  const fresh = CLOCKS.find((clock) => Math.abs(freshest[clock]) <= FRESH_S);
  if (fresh !== undefined) return { rows: by(fresh), clock: fresh };

  // No row is fresh, so nothing can be decided: the younger age cannot alarm wrongly.
  const possible = CLOCKS.filter((clock) => freshest[clock] >= -FRESH_S);
  const [younger] = possible.sort((a, b) => freshest[a] - freshest[b]);
  if (younger !== undefined) return { rows: by(younger), clock: null };
  oddities.add(
    'heartbeat: its times lie in the future, by local time and in UTC: clocks or time zones differ between writer and server',
  );
  return { rows: null, clock: null };
}

const CLOCKS: readonly HeartbeatClock[] = ['local', 'utc'];

function candidateOf(cells: Cells, oddities: Oddities): Candidate | null {
  const serverId = cells.whole('server_id');
  const text = cells.text('ts');
  const written = secondsOf(text);
  const local = secondsOf(cells.text('now_local'));
  const utc = secondsOf(cells.text('now_utc'));
  if (written === null) oddities.add(`heartbeat: ts '${text}' is no time`);
  if (serverId === null || written === null || local === null || utc === null) return null;
  return { serverId, local: rounded(local - written), utc: rounded(utc - written) };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

/** Of `2026-11-26 10:00:00.123456`, also with a `T`, as if it were UTC; null for anything else, and for year 0. */
export function secondsOf(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return null;
  const [, day = '', time = '', fraction = ''] = match;
  const ms = Date.parse(`${day}T${time}Z`);
  return Number.isNaN(ms) || day.startsWith('0000') ? null : ms / 1_000 + Number(`0.${fraction || '0'}`);
}
