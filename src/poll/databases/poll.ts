/**
 * One poll: which statements are asked in which order, and what becomes of their refusals.
 *
 * Whatever a statement's fate, the reading goes on: what is denied is named with its grant, what makes no sense is an
 * oddity. Order: first what works in any state of a server, last what may hang. At most nine round trips, on a server of
 * the usual kind four to six.
 */
import type { BinlogPosition, DatabaseReading, GtidReading, NdbReading } from '../../reading/database.ts';
import type { DatabaseTarget } from '../settings.ts';
import { binlogOf } from './binlog.ts';
import { channelsOf, oneLine, WORKERS, withApplierLag } from './channels.ts';
import { galeraOf, WSREP_STATUS } from './galera.ts';
import {
  binlogDenied,
  binlogStatements,
  channelStatements,
  channelsDenied,
  isDenied,
  selectDenied,
} from './grants.ts';
import { type HeartbeatClock, heartbeatStatements, heartbeatsOf, quotedName } from './heartbeats.ts';
import { type Identity, isAtLeast, POLLED_SHOW, polledSelect } from './identity.ts';
import { NDB_CONFIGURED, NDB_NODES, NDB_STATUS, ndbConfiguredOf, ndbCountsOf, ndbNodesOf } from './ndb.ts';
import { Cells, Oddities, type Query, type Row, StatementError, valuesByName } from './rows.ts';

/** What is learnt of a target, and holds for the polls to come. */
export class Memory {
  /** of several ways to ask, the one that this release understands: its place in the list */
  channelWay = 0;
  binlogWay = 0;
  /** asking where the binary log is was refused, and is not repeated: what is missing, in words */
  binlogDenied: string | null = null;
  heartbeatWay = 0;
  heartbeatClock: HeartbeatClock | null = null;
  /** monotonic milliseconds; before them ndbinfo is left alone, since it hung */
  ndbinfoFromMs = 0;

  /** Another server, or another release of it, may be at the other end. */
  forgetWays(): void {
    this.channelWay = 0;
    this.binlogWay = 0;
    this.binlogDenied = null;
    this.heartbeatWay = 0;
  }
}

export interface Asked {
  readonly target: DatabaseTarget;
  readonly identity: Identity;
  readonly memory: Memory;
  readonly query: Query;
  /** like `query`, but gives up soon, and then ends the connection: null */
  readonly queryBriefly: (sql: string) => Promise<readonly Row[] | null>;
  readonly nowMs: number;
}

const SYNTAX_ERROR = 1064;
const UNKNOWN_COLUMN = 1054;
const NDBINFO_PAUSE_MS = 60_000;

export async function pollDatabase(asked: Asked): Promise<DatabaseReading> {
  const { identity } = asked;
  const notes: Notes = { denied: new Set(), oddities: new Oddities() };
  const channels = await readChannels(asked, notes);
  const variables = new Cells(await polledVariables(asked), notes.oddities);
  const gtid = gtidOf(variables);
  const binlog = variables.flag('log_bin') === true ? await readBinlog(asked, notes) : null;
  // With GTIDs places in the binary log are hardly needed: then nobody has to grant anything for them.
  if (!gtid?.executed && asked.memory.binlogDenied !== null) notes.denied.add(asked.memory.binlogDenied);
  const maintenanceMode = variables.raw('pxc_maint_mode');
  const galera =
    variables.flag('wsrep_on') === true
      ? await attempt(asked.query, WSREP_STATUS, notes, (rows) =>
          galeraOf(valuesByName(rows), maintenanceMode, notes.oddities),
        )
      : null;
  const uptimeS = await attempt(asked.query, UPTIME, notes, (rows) =>
    new Cells(valuesByName(rows), notes.oddities).count('uptime'),
  );
  const workers =
    identity.flavour !== 'mariadb' && isAtLeast(identity, 8, 0) && channels !== null && channels.length > 0
      ? await attempt(asked.query, WORKERS, notes, (rows) => rows, 'performance_schema.*')
      : null;
  const heartbeats = await readHeartbeats(asked, notes);
  const ndb = await readNdb(asked, notes);
  return {
    flavour: identity.flavour,
    version: identity.version,
    serverId: variables.whole('server_id'),
    serverUuid: identity.serverUuid,
    hostName: identity.hostName,
    uptimeS,
    readOnly: readOnlyOf(variables),
    channels:
      channels !== null && workers !== null
        ? withApplierLag(channels, workers, oneLine(variables.text('gtid_executed')), notes.oddities)
        : channels,
    gtid,
    binlog,
    heartbeats,
    galera,
    ndb,
    denied: [...notes.denied],
    oddities: notes.oddities.list,
  };
}

const UPTIME = "SHOW GLOBAL STATUS LIKE 'Uptime'";

interface Notes {
  readonly denied: Set<string>;
  readonly oddities: Oddities;
}

/** Null where it was refused. `grantOn`: what the account must be allowed to select from. */
async function attempt<T>(
  query: Query,
  sql: string,
  notes: Notes,
  understand: (rows: readonly Row[]) => T,
  grantOn?: string,
): Promise<T | null> {
  try {
    return understand(await query(sql));
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    if (isDenied(error.errno)) {
      notes.denied.add(grantOn === undefined ? `${sql} is denied` : selectDenied(grantOn));
    } else notes.oddities.add(refusal(sql, error));
    return null;
  }
}

function refusal(sql: string, { errno, message }: StatementError): string {
  return `${sql.slice(0, STATEMENT_SHOWN)}: ${message} (${errno})`;
}

const STATEMENT_SHOWN = 60;

async function polledVariables({ query, identity }: Asked): Promise<Row> {
  try {
    const [row] = await query(polledSelect(identity));
    return row ?? new Map();
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
    return valuesByName(await query(POLLED_SHOW));
  }
}

async function readChannels({ identity, memory, query }: Asked, notes: Notes) {
  const ways = channelStatements(identity);
  for (; ; memory.channelWay++) {
    const sql = ways[memory.channelWay] ?? '';
    const isLast = memory.channelWay >= ways.length - 1;
    try {
      return channelsOf(await query(sql), notes.oddities);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      if (error.errno === SYNTAX_ERROR && !isLast) continue;
      if (isDenied(error.errno)) notes.denied.add(channelsDenied(sql, identity));
      else notes.oddities.add(refusal(sql, error));
      return null;
    }
  }
}

async function readBinlog({ identity, memory, query }: Asked, notes: Notes): Promise<BinlogPosition | null> {
  const ways = binlogStatements(identity);
  for (; memory.binlogDenied === null; memory.binlogWay++) {
    const sql = ways[memory.binlogWay] ?? '';
    const isLast = memory.binlogWay >= ways.length - 1;
    try {
      return binlogOf(await query(sql), notes.oddities);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      if (error.errno === SYNTAX_ERROR && !isLast) continue;
      if (!isDenied(error.errno)) {
        notes.oddities.add(refusal(sql, error));
        return null;
      }
      memory.binlogDenied = binlogDenied(sql, identity);
    }
  }
  return null;
}

async function readHeartbeats({ target: { heartbeat }, memory, query }: Asked, notes: Notes) {
  if (heartbeat === null) return null;
  const name = `${quotedName(heartbeat.schema)}.${quotedName(heartbeat.table)}`;
  const ways = heartbeatStatements(heartbeat);
  for (; ; memory.heartbeatWay++) {
    const sql = ways[memory.heartbeatWay] ?? '';
    const isLast = memory.heartbeatWay >= ways.length - 1;
    try {
      const { rows, clock } = heartbeatsOf(await query(sql), memory.heartbeatClock, notes.oddities);
      memory.heartbeatClock = clock;
      return rows;
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      if ((error.errno === SYNTAX_ERROR || error.errno === UNKNOWN_COLUMN) && !isLast) continue;
      if (isDenied(error.errno)) notes.denied.add(selectDenied(name));
      else notes.oddities.add(`heartbeat table ${name}: ${error.message} (${error.errno})`);
      return null;
    }
  }
}

async function readNdb(asked: Asked, notes: Notes): Promise<NdbReading | null> {
  const { identity, memory, query, nowMs } = asked;
  if (!identity.variables.has('ndb_connectstring')) return null;
  const counts = await attempt(query, NDB_STATUS, notes, (rows) =>
    ndbCountsOf(valuesByName(rows), notes.oddities),
  );
  if (counts === null) return null;
  const unread: NdbReading = { ...counts, nodes: null, configured: null };
  // Without a connection or a data node that is ready it would hang or fail.
  if (!counts.ownNodeId || counts.ready === 0 || nowMs < memory.ndbinfoFromMs) return unread;
  let hung = false;
  const briefly: Query = async (sql) => {
    const rows = hung ? null : await asked.queryBriefly(sql);
    if (rows !== null) return rows;
    hung = true;
    return [];
  };
  const configured = await attempt(
    briefly,
    NDB_CONFIGURED,
    notes,
    (rows) => ndbConfiguredOf(rows, notes.oddities),
    'ndbinfo.*',
  );
  const nodes = await attempt(
    briefly,
    NDB_NODES,
    notes,
    (rows) => ndbNodesOf(rows, notes.oddities),
    'ndbinfo.*',
  );
  if (!hung) return { ...counts, nodes, configured };
  memory.ndbinfoFromMs = nowMs + NDBINFO_PAUSE_MS;
  notes.oddities.add(`ndbinfo does not answer; it is left alone for ${NDBINFO_PAUSE_MS / 1_000} s`);
  return unread;
}

/** Null where there are none, and where MySQL gives none to what is written: those of old times then stand still. */
function gtidOf(variables: Cells): GtidReading | null {
  const executed = variables.raw('gtid_executed', 'gtid_binlog_state');
  if (executed === null && variables.raw('gtid_slave_pos') === null) return null;
  if (variables.text('gtid_mode').toUpperCase().startsWith('OFF')) return null;
  return {
    executed: oneLine(executed ?? ''),
    applied: oneLine(variables.text('gtid_slave_pos')),
    current: oneLine(variables.text('gtid_current_pos')),
  };
}

/** Also where it is read-only for all but a few accounts. */
function readOnlyOf(variables: Cells): boolean | null {
  const names = ['read_only', 'super_read_only', 'offline_mode'] as const;
  const values = names.map((name) => variables.raw(name)?.toUpperCase() ?? null);
  if (values.every((value) => value === null)) return null;
  // MariaDB 12 knows kinds of ON.
  return values.some((value) => value !== null && !OFF.has(value));
}

const OFF: ReadonlySet<string> = new Set(['OFF', '0', '']);
