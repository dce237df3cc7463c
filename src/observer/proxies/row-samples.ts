/**
 * Samples of a proxy's rows, named as Telegraf's haproxy input names them: at every change of a row's status, and of
 * all rows every 30 s. Frontends first, then backends, then servers: the first 512.
 */
import type { ProxyRow, ProxyRowType, ProxyStatusWord } from '../../reading/proxy.ts';
import type { FieldValue, Sample } from '../../samples.ts';
import { type Instant, SECOND } from '../../time.ts';
import { type Inventory, keyOf } from './inventory.ts';
import type { WatchedProxy } from './watched.ts';

const EVERY_US = 30 * SECOND;
const ROWS_MAX = 512;
/** Each row is a series, which a database keeps: rows that come and go do not add up without end. */
const SERIES_MAX = 2_048;
const INTEGER_MAX = 2n ** 63n - 1n;

const ORDER: readonly ProxyRowType[] = ['frontend', 'backend', 'server', 'listener'];

const RENAMED: ReadonlyMap<string, string> = new Map([
  ['act', 'active_servers'],
  ['bck', 'backup_servers'],
  ['cli_abrt', 'cli_abort'],
  ['srv_abrt', 'srv_abort'],
  ['hrsp_1xx', 'http_response.1xx'],
  ['hrsp_2xx', 'http_response.2xx'],
  ['hrsp_3xx', 'http_response.3xx'],
  ['hrsp_4xx', 'http_response.4xx'],
  ['hrsp_5xx', 'http_response.5xx'],
  ['hrsp_other', 'http_response.other'],
]);

const TEXTS: ReadonlySet<string> = new Set([
  'status',
  'check_status',
  'last_chk',
  'mode',
  'tracked',
  'agent_status',
  'last_agt',
  'addr',
  'cookie',
]);

/** Tags, and what only spells out another column. */
const LEFT_OUT: ReadonlySet<string> = new Set(['pxname', 'svname', 'type', 'check_desc', 'agent_desc']);

const IN_USE: ReadonlySet<ProxyStatusWord> = new Set<ProxyStatusWord>([
  'UP',
  'NOLB',
  'no check',
  'OPEN',
  'FULL',
  'WAITING',
]);

export class RowSamples {
  readonly #watched: WatchedProxy;
  readonly #add: (sample: Sample) => void;
  readonly #series = new Set<string>();
  #allAt: number = Number.NEGATIVE_INFINITY;

  constructor(watched: WatchedProxy, add: (sample: Sample) => void) {
    this.#watched = watched;
    this.#add = add;
  }

  look(now: Inventory, before: Inventory | null): void {
    const all = now.askedAt - this.#allAt >= EVERY_US;
    if (all) this.#allAt = now.askedAt;
    let left = ROWS_MAX;
    for (const row of inOrder(now)) {
      if (left-- === 0) break;
      if (!all && before?.rows.get(keyOf(row))?.status.raw === row.status.raw) continue;
      if (this.#admits(keyOf(row))) this.#add(this.#sample(row, now.reading.columns, now.askedAt));
    }
  }

  #admits(key: string): boolean {
    if (this.#series.has(key)) return true;
    if (this.#series.size >= SERIES_MAX) return false;
    this.#series.add(key);
    return true;
  }

  #sample(row: ProxyRow, columns: readonly string[], time: Instant): Sample {
    const { cluster, node, proxy } = this.#watched;
    const tags = { cluster, node, server: proxy.target, proxy: row.proxy, sv: row.name, type: row.type };
    return { measurement: 'haproxy', time, tags, fields: fieldsOf(row, columns) };
  }
}

function inOrder({ rows }: Inventory): readonly ProxyRow[] {
  return ORDER.flatMap((type) => [...rows.values()].filter((row) => row.type === type));
}

function fieldsOf(row: ProxyRow, columns: readonly string[]): Readonly<Record<string, FieldValue>> {
  const fields: Record<string, FieldValue> = {};
  for (const [place, column] of columns.entries()) {
    const cell = row.cells[place] ?? '';
    if (cell === '' || LEFT_OUT.has(column)) continue;
    const value = TEXTS.has(column) ? cell : integer(cell);
    if (value !== null) fields[RENAMED.get(column) ?? column] = value;
  }
  if (row.checkStatus !== '') fields.check_status = row.checkStatus; // without the mark of a check that is running
  if (row.status.word !== 'unknown') fields.up = IN_USE.has(row.status.word) ? 1n : 0n;
  return fields;
}

/** Null for anything else: a field never changes its type. */
function integer(cell: string): bigint | null {
  if (!/^-?\d{1,19}$/.test(cell)) return null;
  const value = BigInt(cell);
  return value <= INTEGER_MAX && value >= -INTEGER_MAX ? value : null;
}
