/**
 * What a database answers to a poll, in words. One letter is a node: server a has server id 1, uuid …000a.
 *
 *   ro                       read-only                    fail=timeout       no answer: refused, timeout, blind …
 *   mariadb                  the flavour                  uptime=100         at the first poll; grows
 *   source=b                 replicates from b; with io=yes|no|connecting, sql=…, each with `:errno`, lag=0 (or null),
 *                            delay=, applier=, received=log.1:100, applied=log.1:90
 *   channel=x                that channel's name; `replica`: none, and that is known (`denied`: may not be asked)
 *   gtid=a:1-100,b:1-7       what it has; `a:1-100+5`: 5 more at each poll. MariaDB: 0-a-100, and slavepos=
 *   binlog=log.1:100+50      its own binary log
 *   hb=a:0.4                 age of a's heartbeat; `a:0.4+5` ages by 5 s at each poll; `-:0.4`: nobody knows whose
 *   galera=Primary/3/4/7/u   status, size, local state, configuration id, cluster uuid; paused=MS+GROWTH
 *   ndb=3/4                  data nodes ready, and all; nodes=1:STARTED,2:STARTING configured=1,2,3,4 own=50
 */
import type { DatabaseObservation, PollFailure } from '../../src/observation.ts';
import type {
  BinlogPosition,
  ChannelReading,
  DatabaseReading,
  GaleraReading,
  NdbReading,
  ReplicaThread,
} from '../../src/reading/database.ts';
import { type Instant, MS, plusUs, SECOND } from '../../src/time.ts';

interface Asked {
  readonly at: Instant;
  /** its place in a series */
  readonly poll: number;
  readonly node: string;
  readonly cluster: string;
}

type Words = ReadonlyMap<string, string>;

const ANSWERS_AFTER_US = 5 * MS;
const PORT = 3306;

export function databaseObservation(
  { at, poll, node, cluster }: Asked,
  words: readonly string[],
): DatabaseObservation {
  const said: Words = new Map(
    words.map((word) => {
      const [key = '', ...value] = word.split('=');
      return [key, value.join('=').replace(/(\d+(?:\.\d+)?)\+(\d+)/g, (_, n, by) => grown(n, by, poll))];
    }),
  );
  const reason = said.get('fail') as PollFailure['reason'] | undefined;
  return {
    kind: 'database',
    at: plusUs(at, reason === 'timeout' ? SECOND : ANSWERS_AFTER_US),
    askedAt: at,
    cluster,
    node: `host-${node}`,
    index: 0,
    reading: reason === undefined ? reading(node, said, poll, words) : null,
    failure: reason === undefined ? null : { reason, error: `connect: ${reason}` },
  };
}

function reading(node: string, said: Words, poll: number, words: readonly string[]): DatabaseReading {
  const mariadb = said.has('mariadb');
  const every = Number(said.get('every') ?? 5_000) / 1_000;
  const uptime = words.find((word) => word.startsWith('uptime='))?.split('=')[1];
  const gtid = said.get('gtid');
  return {
    flavour: mariadb ? 'mariadb' : 'mysql',
    version: mariadb ? '10.11.6-MariaDB' : '8.0.36',
    serverId: BigInt(numberOf(node)),
    serverUuid: mariadb ? null : uuidOf(node),
    hostName: `host-${node}`,
    uptimeS: uptime === undefined ? null : Number(uptime) + poll * every,
    readOnly: said.has('ro'),
    channels: said.has('denied') ? null : said.has('source') ? [channel(said, mariadb)] : [],
    gtid:
      gtid === undefined
        ? null
        : {
            executed: mariadb ? domains(gtid) : sets(gtid),
            applied: mariadb ? domains(said.get('slavepos') ?? '') : '',
            current: '',
          },
    binlog: position(said.get('binlog')),
    heartbeats: said.has('hb') ? heartbeats(said.get('hb') ?? '') : null,
    galera: said.has('galera') ? galera(said) : null,
    ndb: said.has('ndb') ? ndb(said) : null,
    denied: said.has('denied') ? ['GRANT REPLICATION CLIENT'] : [],
    oddities: [],
  };
}

function channel(said: Words, mariadb: boolean): ChannelReading {
  const source = said.get('source') ?? '';
  const lag = said.get('lag') ?? '0';
  return {
    name: said.get('channel') ?? '',
    sourceHost: `10.0.0.${numberOf(source)}`,
    sourcePort: PORT,
    sourceServerId: BigInt(numberOf(source)),
    sourceUuid: mariadb ? null : uuidOf(source),
    io: thread(said.get('io')),
    sql: thread(said.get('sql')),
    secondsBehind: lag === 'null' ? null : Number(lag),
    delayS: Number(said.get('delay') ?? 0),
    remainingDelayS: null,
    received: position(said.get('received')),
    applied: position(said.get('applied')),
    receivedGtids: '',
    applierLagS: said.has('applier') ? Number(said.get('applier')) : null,
  };
}

function thread(said = 'yes'): ReplicaThread {
  const [state = 'yes', errno = '0'] = said.split(':');
  return {
    state: state as ReplicaThread['state'],
    errno: Number(errno),
    error: errno === '0' ? '' : `error ${errno}`,
  };
}

function position(said: string | undefined): BinlogPosition | null {
  if (said === undefined) return null;
  const [file = '', at = '0'] = said.split(':');
  return { file, position: BigInt(at) };
}

function heartbeats(said: string): { serverId: bigint; ageS: number }[] {
  return said
    .split(',')
    .filter((row) => row !== '')
    .map((row) => {
      const [node = '', age = '0'] = row.split(':');
      return { serverId: node === '-' ? 0n : BigInt(numberOf(node)), ageS: Number(age) };
    });
}

function galera(said: Words): GaleraReading {
  const [status = '', size = '0', local = '4', configuration = '1', uuid = 'u'] = (
    said.get('galera') ?? ''
  ).split('/');
  return {
    clusterStatus: status,
    size: Number(size),
    localState: Number(local),
    comment: ['', 'Joining', 'Donor/Desynced', 'Joined', 'Synced'][Number(local)] ?? 'Initialized',
    ready: status === 'Primary',
    connected: status !== 'Disconnected',
    clusterUuid: uuid,
    configurationId: BigInt(configuration),
    lastCommitted: null,
    pausedNs: said.has('paused') ? BigInt(said.get('paused') ?? 0) * 1_000_000n : null,
    receiveQueueAverage: 0,
    maintenanceMode: null,
  };
}

function ndb(said: Words): NdbReading {
  const [ready = '0', total = '0'] = (said.get('ndb') ?? '').split('/');
  const nodes = said.get('nodes');
  const configured = said.get('configured');
  return {
    ready: Number(ready),
    total: Number(total),
    ownNodeId: Number(said.get('own') ?? 50),
    connectCount: 1,
    nodes:
      nodes === undefined
        ? null
        : nodes.split(',').map((each) => {
            const [nodeId = '0', status = ''] = each.split(':');
            return { nodeId: Number(nodeId), status };
          }),
    configured: configured === undefined ? null : configured.split(',').map(Number),
  };
}

/** `a:1-100,b:1-7` with the nodes' uuids. */
function sets(said: string): string {
  return said.replace(/(^|,)([a-z]):/g, (_, comma, node) => `${comma}${uuidOf(node)}:`);
}

/** `0-a-100` with the nodes' server ids. */
function domains(said: string): string {
  return said.replace(/-([a-z])-/g, (_, node) => `-${numberOf(node)}-`);
}

function uuidOf(node: string): string {
  return `00000000-0000-0000-0000-00000000000${node}`;
}

function numberOf(node: string): number {
  return node.charCodeAt(0) - 96;
}

function grown(value: string, by: string, poll: number): string {
  return String(Number(value) + Number(by) * poll);
}
