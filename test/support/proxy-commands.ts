/**
 * Polls of HAProxy in scenario texts: what a proxy's answer says, row by row.
 *
 *   proxy a 4 db/one=UP db/two=DOWN:L4CON,since=3 db/BACKEND=UP pid=10 uptime=500
 *   proxy a:2 4 refused                     the node's second process says nothing, and why
 *
 * A row is PROXY/NAME=STATUS[:CHECK][,since=S][,downs=N][,downtime=S][,failed=N][,sessions=N/LIMIT][,queue=N/LIMIT]
 * [,total=N], with `_` for blanks in a status (`UP_1/3`, `no_check`, `MAINT_(via_db/one)`); `since` is `lastchg`, 1000
 * unless given. A backend without a row of its own is up while any of its servers is. `pid=`, `uptime=`,
 * `connections=N/LIMIT` and `stopping` make a `show info`. Over a span of time `since`, `uptime` and the downtime of what
 * is down go on. `refused=1` counts rows that made no sense, `took=300` is how many milliseconds the answer took.
 */
import type { Observation, PollFailure } from '../../src/observation.ts';
import type {
  ProxyProcess,
  ProxyReading,
  ProxyRow,
  ProxyStatus,
  ProxyStatusWord,
} from '../../src/reading/proxy.ts';
import { type Instant, MS, plusUs } from '../../src/time.ts';

const FAILURES: ReadonlySet<string> = new Set([
  'refused',
  'timeout',
  'unreachable',
  'closed',
  'denied',
  'answer',
  'tls',
  'blind',
] satisfies PollFailure['reason'][]);

const WORDS: readonly ProxyStatusWord[] = [
  'UP',
  'DOWN',
  'NOLB',
  'DRAIN',
  'MAINT',
  'no check',
  'OPEN',
  'STOP',
  'PAUSED',
];

const COLUMNS = ['pxname', 'svname', 'status', 'type', 'scur', 'slim', 'chkdown', 'check_status', 'lastchg'];

/** `elapsedS`: since the first poll of the span. */
export function proxyPoll(
  process: string,
  askedAt: Instant,
  elapsedS: number,
  words: readonly string[],
  cluster: string,
): Observation {
  const [node = '', place = '1'] = process.split(':');
  const settings = new Map(words.filter((word) => !isRow(word)).map((word) => pair(word, '=')));
  const why = words.find((word) => FAILURES.has(word)) as PollFailure['reason'] | undefined;
  const poll = {
    kind: 'proxy',
    at: plusUs(askedAt, Number(settings.get('took') ?? 0) * MS),
    askedAt,
    cluster,
    node: `host-${node}`,
    index: Number(place) - 1,
  } as const;
  if (why !== undefined) return { ...poll, reading: null, failure: { reason: why, error: `${why} by test` } };
  return { ...poll, reading: readingOf(words, settings, elapsedS), failure: null };
}

function readingOf(
  words: readonly string[],
  settings: ReadonlyMap<string, string>,
  elapsedS: number,
): ProxyReading {
  const given = words.filter(isRow).map((word) => rowOf(word, elapsedS));
  const backends = new Set(given.filter(({ type }) => type === 'server').map(({ proxy }) => proxy));
  const missing = [...backends].filter(
    (name) => !given.some(({ type, proxy }) => type === 'backend' && proxy === name),
  );
  const refusedRows = Number(settings.get('refused') ?? 0);
  return {
    columns: COLUMNS,
    rows: [...given, ...missing.map((name) => backendOf(name, given))],
    process: processOf(words, settings, elapsedS),
    refusedRows,
    refusal: refusedRows > 0 ? 'a row that makes no sense' : null,
  };
}

function processOf(
  words: readonly string[],
  settings: ReadonlyMap<string, string>,
  elapsedS: number,
): ProxyProcess | null {
  const stopping = words.includes('stopping');
  if (!['pid', 'uptime', 'connections'].some((name) => settings.has(name)) && !stopping) return null;
  const uptimeS = numberOf(settings.get('uptime'));
  const [connections, connectionLimit] = ofLimit(settings.get('connections'));
  return {
    release: '2.6.12',
    pid: numberOf(settings.get('pid')),
    uptimeS: uptimeS === null ? null : uptimeS + elapsedS,
    stopping,
    connections,
    connectionLimit,
  };
}

function rowOf(word: string, elapsedS: number): ProxyRow {
  const [path, said] = pair(word, '=');
  const [proxy, name] = pair(path, '/');
  const [first = '', ...attributes] = said.split(',');
  const [status, check] = pair(first.replaceAll('_', ' '), ':');
  const given = new Map(attributes.map((attribute) => pair(attribute, '=')));
  const [sessions, sessionLimit] = ofLimit(given.get('sessions'));
  const [queue, queueLimit] = ofLimit(given.get('queue'));
  const type = name === 'FRONTEND' ? 'frontend' : name === 'BACKEND' ? 'backend' : 'server';
  const goesOn = status.startsWith('DOWN') ? elapsedS : 0;
  const row = {
    type,
    proxy,
    name,
    status: statusOf(status),
    sessions,
    sessionLimit,
    queue,
    queueLimit,
    sessionsTotal: numberOf(given.get('total')) ?? 0,
    downs: type === 'frontend' ? null : Number(given.get('downs') ?? 0),
    checkFailures: type === 'server' ? (numberOf(given.get('failed')) ?? null) : null,
    downtimeS: type === 'frontend' ? null : Number(given.get('downtime') ?? 0) + goesOn,
    lastChangeS: type === 'frontend' ? null : Math.floor(Number(given.get('since') ?? 1_000) + elapsedS),
    checkStatus: check,
    checkText: check.endsWith('CON') ? 'Connection refused' : '',
  } as const;
  return {
    ...row,
    weight: 1,
    active: 1,
    backup: 0,
    bytesIn: 0,
    bytesOut: 0,
    checkCode: null,
    cells: [
      proxy,
      name,
      status,
      String(['frontend', 'backend', 'server'].indexOf(type)),
      String(row.sessions ?? ''),
      String(row.sessionLimit ?? ''),
      String(row.downs ?? ''),
      check === '' ? '' : `* ${check}`,
      String(row.lastChangeS ?? ''),
    ],
  };
}

function backendOf(name: string, rows: readonly ProxyRow[]): ProxyRow {
  const servers = rows.filter(({ type, proxy }) => type === 'server' && proxy === name);
  if (servers.some(({ status }) => /^(UP|NOLB|no check)/.test(status.raw)))
    return rowOf(`${name}/BACKEND=UP`, 0);
  return rowOf(`${name}/BACKEND=DOWN,since=${Math.min(...servers.map((row) => row.lastChangeS ?? 0))}`, 0);
}

function statusOf(raw: string): ProxyStatus {
  const [, word = '', done, needed, why] = /^([A-Za-z ]+?)(?: (\d+)\/(\d+))?(?: \((.*)\))?$/.exec(raw) ?? [];
  return {
    word: WORDS.find((known) => known === word) ?? 'unknown',
    raw,
    health: done === undefined ? null : [Number(done), Number(needed)],
    why: why ?? null,
  };
}

function isRow(word: string): boolean {
  return /^[^=]+\/[^=]+=/.test(word);
}

/** What stands before the first separator, and after it; '' where there is none. */
function pair(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function ofLimit(text: string | undefined): readonly [number | null, number | null] {
  const [used, limit] = pair(text ?? '', '/');
  return [numberOf(used), numberOf(limit)];
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text);
}
