/** One answer of a proxy, arranged: rows by what identifies them, backends with their servers. */
import type { ProxyReading, ProxyRow, ProxyStatus } from '../../reading/proxy.ts';
import { type Instant, isoTime, SECOND } from '../../time.ts';

/** More rows of one answer are left out. */
const ROWS_MAX = 20_000;

export interface Backend {
  readonly name: string;
  /** the row BACKEND; null where the answer has none */
  readonly row: ProxyRow | null;
  readonly servers: readonly ProxyRow[];
}

export interface Inventory {
  readonly askedAt: Instant;
  readonly reading: ProxyReading;
  readonly rows: ReadonlyMap<string, ProxyRow>;
  /** by name: those that have a row of their own, or a server */
  readonly backends: ReadonlyMap<string, Backend>;
  /** nothing was lost: what is not there does not exist */
  readonly complete: boolean;
}

/**
 * `unchecked`: nothing checks whether it works. `out`: somebody took it out of service. `unknown`: in words that we do
 * not know; nothing is concluded from it.
 */
export type ServerState = 'up' | 'down' | 'out' | 'unchecked' | 'unknown';

export function inventoryOf(reading: ProxyReading, askedAt: Instant): Inventory {
  const rows = new Map<string, ProxyRow>();
  const backends = new Map<string, { name: string; row: ProxyRow | null; servers: ProxyRow[] }>();
  for (const row of reading.rows.slice(0, ROWS_MAX)) {
    const key = keyOf(row);
    if (rows.has(key)) continue;
    rows.set(key, row);
    if (row.type !== 'backend' && row.type !== 'server') continue;
    let backend = backends.get(row.proxy);
    if (backend === undefined) {
      backend = { name: row.proxy, row: null, servers: [] };
      backends.set(row.proxy, backend);
    }
    if (row.type === 'backend') backend.row = row;
    else backend.servers.push(row);
  }
  const complete = reading.refusedRows === 0 && reading.rows.length <= ROWS_MAX;
  return { askedAt, reading, rows, backends, complete };
}

export function keyOf({ type, proxy, name }: ProxyRow): string {
  return `${type} ${proxy}/${name}`;
}

/** A name that DNS no longer resolves puts a server into `MAINT (resolution)`: nobody took it out. */
export function serverState({ word, why }: ProxyStatus): ServerState {
  switch (word) {
    case 'UP':
    case 'NOLB':
      return 'up';
    case 'DOWN':
      return 'down';
    case 'MAINT':
      return why === 'resolution' ? 'down' : 'out';
    case 'DRAIN':
      return 'out';
    case 'no check':
      return 'unchecked';
    default:
      return 'unknown';
  }
}

/** It is up, but only by servers that nothing checks: whether any of them works is not known. */
export function isUncheckedOnly({ row, servers }: Backend): boolean {
  const states = servers.map((server) => serverState(server.status));
  return row?.status.word === 'UP' && !states.includes('up') && states.includes('unchecked');
}

/**
 * When a row became what it is, by HAProxy's own clock, which counts whole seconds: not before it was last seen
 * otherwise, and not in the future.
 */
export function changedAt({ lastChangeS }: ProxyRow, askedAt: Instant, seenOtherwiseAt: number): Instant {
  const told = lastChangeS === null ? askedAt : askedAt - lastChangeS * SECOND;
  return within(told, Math.max(0, seenOtherwiseAt), askedAt);
}

/** The same as the proxy itself says it, unjudged, as events show it. */
export function changedBySource(row: ProxyRow, askedAt: Instant): string {
  return isoTime(changedAt(row, askedAt, 0));
}

export function within(at: number, from: number, until: number): Instant {
  return Math.trunc(Math.min(Math.max(at, from), until)) as Instant;
}
