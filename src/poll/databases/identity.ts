/** Which server this is: what stays the same while a connection lasts. */
import type { DatabaseReading } from '../../reading/database.ts';
import { Cells, type Oddities, type Query, valuesByName } from './rows.ts';

export type Flavour = DatabaseReading['flavour'];

export interface Identity {
  readonly flavour: Flavour;
  /** as the server says it, without the `5.5.5-` that MariaDB says for the sake of old replicas */
  readonly version: string;
  /** its numbers: 10, 11, 6 */
  readonly release: readonly [number, number, number];
  readonly serverUuid: string | null;
  readonly hostName: string | null;
  /** those of `ASKED` that the server has */
  readonly variables: ReadonlySet<string>;
}

/** Asked in each poll, where the server has them. */
export const POLLED = [
  'server_id',
  'read_only',
  'super_read_only',
  'offline_mode',
  'log_bin',
  'gtid_mode',
  'gtid_executed',
  'gtid_binlog_state',
  'gtid_slave_pos',
  'gtid_current_pos',
  'wsrep_on',
  'pxc_maint_mode',
] as const;

/** Asked once: facts, and what tells the way to ask. */
const ASKED: readonly string[] = [
  ...POLLED,
  'version',
  'version_comment',
  'server_uuid',
  'hostname',
  'ndb_connectstring',
  'max_statement_time',
  'max_execution_time',
  'wsrep_sync_wait',
  'wsrep_dirty_reads',
];

/** Works everywhere, in a Galera node without a primary component too; what a server has not is left out. */
export const VARIABLES = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${quoted(ASKED)})`;

export async function identify(query: Query, oddities: Oddities): Promise<Identity> {
  const values = valuesByName(await query(VARIABLES));
  const cells = new Cells(values, oddities);
  const version = cells.text('version').replace(/^5\.5\.5-(?=\d)/, '');
  return {
    flavour: flavourOf(version, cells.text('version_comment')),
    version,
    release: releaseOf(version),
    serverUuid: cells.raw('server_uuid') || null,
    hostName: cells.raw('hostname') || null,
    variables: new Set(values.keys()),
  };
}

export function flavourOf(version: string, comment: string): Flavour {
  if (/mariadb/i.test(version) || /mariadb/i.test(comment)) return 'mariadb';
  return /percona/i.test(comment) ? 'percona' : 'mysql';
}

/** 0.0.0 where there is none. */
export function releaseOf(version: string): Identity['release'] {
  const [, major = '0', minor = '0', patch = '0'] =
    /^(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/.exec(version) ?? [];
  return [Number(major), Number(minor), Number(patch)];
}

export function isAtLeast(identity: Identity, major: number, minor: number, patch = 0): boolean {
  const [a, b, c] = identity.release;
  return a !== major ? a > major : b !== minor ? b > minor : c >= patch;
}

/**
 * What is set once in a connection: nothing of ours may wait for a lock, for the cluster or for long; a node without a
 * primary component may still be read.
 */
export function sessionSettings({ variables }: Identity, timeoutMs: number): string {
  const settings = ["sql_mode = ''", 'lock_wait_timeout = 1'];
  if (variables.has('max_statement_time')) settings.push(`max_statement_time = ${timeoutMs / 1_000}`);
  else if (variables.has('max_execution_time')) settings.push(`max_execution_time = ${timeoutMs}`);
  if (variables.has('wsrep_sync_wait')) settings.push('wsrep_sync_wait = 0');
  if (variables.has('wsrep_dirty_reads')) settings.push('wsrep_dirty_reads = 1');
  return `SET SESSION ${settings.join(', ')}`;
}

/** The polled variables in full length; `SHOW VARIABLES` cuts long GTID sets off. */
export function polledSelect({ variables }: Identity): string {
  const names = POLLED.filter((name) => variables.has(name));
  return `SELECT ${names.map((name) => `@@global.${name} AS ${name}`).join(', ')}`;
}

export const POLLED_SHOW = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${quoted(POLLED)})`;

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
