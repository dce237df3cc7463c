/** Databases: whether replicas follow, how far behind they are and who says so, Galera, NDB, and what a takeover would lose. */
import { eventTable } from './event-table.ts';
import { CLUSTER_MARKS, choice, dashboard } from './frame.ts';
import { band } from './layout.ts';
import {
  BAD,
  GALERA_STATES,
  GOOD,
  HOLDERS,
  LAG_SOURCES,
  MILLISECONDS,
  NONE_IS_GOOD,
  ODD,
  PLAIN,
  QUORUM,
  READ_ONLY,
  REPLICATION_STATES,
  THREAD_STATES,
} from './looks.ts';
import { column, hidden, stat, stateTimeline, table, thresholds, timeSeries } from './panels.ts';
import { CHOSEN_CLUSTER_EVENTS, CHOSEN_CLUSTER_VIPS, CHOSEN_DATABASES, ofKind } from './queries.ts';
import { answers } from './questions.ts';

const CHANNEL = '$tag_node $tag_channel';
const BY_CHANNEL = 'GROUP BY time($__interval), "node", "channel" fill(none)';
const BY_NODE = 'GROUP BY time($__interval), "node" fill(none)';
const BY_VIP = 'GROUP BY time($__interval), "address" fill(none)';

const NOT_REPLICATING = `FROM "timeline" WHERE ${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('replication-broken')}`;

const stateNow = stat({
  title: 'Replication now',
  description: answers(
    5,
    'Each channel of each replica: red does not replicate, orange is behind or nobody can tell. Of the last two minutes only: a server that does not answer is not here, and the events say so.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("state_code") FROM "replication" WHERE ${CHOSEN_DATABASES} GROUP BY "node", "channel"`,
      alias: CHANNEL,
    },
  ],
  config: {
    mappings: [REPLICATION_STATES],
    color: { mode: 'thresholds' },
    thresholds: thresholds(BAD),
    noValue: 'no data: is a replica polled?',
  },
  options: { textMode: 'value_and_name' },
});

const replicasNow = table({
  title: 'Replicas now',
  description: answers(
    5,
    'Every channel of the last two minutes. "Missing" are transactions that its source has and it has not: at risk while it is so. "Lag by" says who knows: a heartbeat is the truth, the server alone says 0 while its source hangs.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("lag_s") AS "lag", last("lag_source") AS "lag by", last("gtid_gap") AS "missing", last("io_state") AS "receiver", last("sql_state") AS "applier", last("read_only") AS "writes" FROM "replication" WHERE ${CHOSEN_DATABASES} GROUP BY "node", "channel", "engine"`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    hidden('Time'),
    column('lag', { unit: 's', decimals: 1 }),
    column('receiver', { mappings: [THREAD_STATES], custom: { cellOptions: { type: 'color-text' } } }),
    column('applier', { mappings: [THREAD_STATES], custom: { cellOptions: { type: 'color-text' } } }),
    column('writes', { mappings: [READ_ONLY] }),
  ],
});

const lossyTakeovers = counted(
  'Takeovers that lacked something',
  5,
  'failover-to-lagging-replica',
  'How often a node took the VIP over without all that its source had: not there for clients, perhaps lost.',
);

const readOnlyHolders = counted(
  'VIP on a read-only database',
  5,
  'vip-on-read-only',
  'How often the VIP’s holder took no writes: clients that write failed, and keepalived did not know.',
);

const doubleWrites = counted(
  'Writes on two nodes',
  4,
  'dual-writes',
  'How often a node that does not hold the VIP was written to while the holder was, too: the two differ from there on.',
);

const longestBreak = stat({
  title: 'Longest without replication',
  description: answers(
    6,
    'From the poll that first found a thread stopped to the one that found both running. One that lasts is not in it yet.',
  ),
  queries: [{ query: `SELECT max("duration_ms") ${NOT_REPLICATING} AND "phase" = 'end'`, alias: 'longest' }],
  config: {
    ...MILLISECONDS,
    color: { mode: 'thresholds' },
    thresholds: thresholds(GOOD, [10_000, ODD], [300_000, BAD]),
    noValue: 'none',
  },
});

const channels = stateTimeline({
  title: 'Replication',
  description: answers(
    5,
    'One row a channel. Samples are taken at every change and every 30 s; while a server does not answer, its rows stay as they were.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("state_code") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_CHANNEL}`,
      alias: CHANNEL,
    },
  ],
  config: {
    mappings: [REPLICATION_STATES],
    color: { mode: 'thresholds' },
    thresholds: thresholds(BAD),
  },
});

const lag = timeSeries({
  title: 'Lag',
  description: answers(
    6,
    'How far each replica is behind, by the best source of truth there is. A gap: nobody can tell, which is never drawn as 0.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT max("lag_s") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_CHANNEL}`,
      alias: CHANNEL,
    },
  ],
  config: { unit: 's', decimals: 1 },
});

const missing = timeSeries({
  title: 'Transactions at risk',
  description: answers(
    5,
    'How many transactions each replica lacks of what its source has: what clients would miss if it took over now, and what is lost if the source does not come back.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT max("gtid_gap") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_CHANNEL}`,
      alias: CHANNEL,
    },
  ],
  config: { decimals: 0, min: 0 },
});

const lagSources = stateTimeline({
  title: 'Who tells the lag',
  description: answers(
    6,
    'heartbeat, applier, gtid, position, server: from the best to the least. Where it falls back to a lesser one, the lag above may be worth less.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("lag_source") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_CHANNEL}`,
      alias: CHANNEL,
    },
  ],
  config: { mappings: [LAG_SOURCES], color: { mode: 'fixed', fixedColor: BAD } },
});

const threads = stateTimeline({
  title: 'Threads',
  description: answers(
    6,
    'Two rows a channel: the receiver (io), which fetches, and the applier (sql), which executes. A receiver that connects for long has lost its source.',
  ),
  interval: '1s',
  queries: [
    ['io_state', 'receiver'],
    ['sql_state', 'applier'],
  ].map(([field, what]) => ({
    query: `SELECT last("${field}") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_CHANNEL}`,
    alias: `${CHANNEL}: ${what}`,
  })),
  config: { mappings: [THREAD_STATES], color: { mode: 'fixed', fixedColor: BAD } },
});

const writable = stateTimeline({
  title: 'Read-only, and who holds the VIP',
  description: answers(
    5,
    'One row a VIP with its holder, then one a replica: the holder must be writable, the others had better not be. A server that replicates from nobody is not here.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("holder") FROM "vip" WHERE ${CHOSEN_CLUSTER_VIPS} ${BY_VIP}`,
      alias: '$tag_address',
    },
    {
      query: `SELECT last("read_only") FROM "replication" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
      alias: '$tag_node',
    },
  ],
  config: { mappings: [READ_ONLY, ...HOLDERS], color: { mode: 'fixed', fixedColor: PLAIN } },
});

const galera = stateTimeline({
  title: 'Galera',
  description: answers(
    4,
    'Two rows a node: what it does, and whether its component has a quorum. A donor serves; a node without a quorum takes no writes. Two components with a quorum are a split-brain, and the events say so.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("state_code") FROM "galera" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
      alias: '$tag_node',
    },
    {
      query: `SELECT last("primary") FROM "galera" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
      alias: '$tag_node: quorum',
    },
  ],
  config: {
    mappings: [GALERA_STATES, QUORUM],
    color: { mode: 'thresholds' },
    thresholds: thresholds(ODD),
  },
});

const galeraSize = timeSeries({
  title: 'Members of the Galera component',
  description: answers(
    6,
    'As each node counts them. Nodes that differ see different components; with fewer than half of them the rest stops, too.',
  ),
  interval: '30s',
  queries: [
    { query: `SELECT min("size") FROM "galera" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`, alias: '$tag_node' },
  ],
  config: { decimals: 0, min: 0 },
});

const flowControl = timeSeries({
  title: 'Flow control',
  description: answers(
    6,
    'Share of the time that writes were held up, as each node asked for it or felt it. Above 0 for long: the slowest node does not keep up, and all wait.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT max("flow_paused") FROM "galera" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
      alias: '$tag_node',
    },
  ],
  config: { unit: 'percentunit', min: 0, max: 1 },
});

const receiveQueue = timeSeries({
  title: 'Receive queue',
  description: answers(
    6,
    'Transactions that wait to be applied, on average since the node began: what grows ends in flow control.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT max("recv_queue_avg") FROM "galera" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
      alias: '$tag_node',
    },
  ],
  config: { decimals: 1, min: 0 },
});

const ndb = timeSeries({
  title: 'Data nodes of NDB',
  description: answers(
    6,
    'Ready, and in all, as each SQL node counts them. Where both of a node group are down, the cluster stops.',
  ),
  interval: '30s',
  queries: [
    ['min("ready")', 'ready'],
    ['max("total")', 'in all'],
  ].map(([select, what]) => ({
    query: `SELECT ${select} FROM "ndb" WHERE ${CHOSEN_DATABASES} ${BY_NODE}`,
    alias: `$tag_node: ${what}`,
  })),
  config: { decimals: 0, min: 0 },
});

const takeovers = eventTable(
  'Nodes that took over, and what was known of them',
  answers(
    5,
    'With each failover: whether the new holder’s database was writable and how far it was behind, then what it lacked.',
  ),
  `${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('takeover-fitness', 'failover-to-lagging-replica')}`,
);

const troubles = eventTable(
  'Events of databases',
  answers(
    5,
    'The latest 100, newest first: what did not answer, did not replicate, was behind, without a quorum, or written to twice.',
  ),
  `${CHOSEN_CLUSTER_EVENTS} AND ${ofKind(
    'database-unreachable',
    'replication-broken',
    'replication-lag',
    'errant-transactions',
    'failover-to-lagging-replica',
    'vip-on-read-only',
    'dual-writes',
    'galera-split',
    'galera-not-primary',
    'galera-size',
    'galera-flow-control',
    'ndb-node-down',
  )}`,
);

export const REPLICAS = dashboard({
  uid: 'vipwatch-replicas',
  title: 'Replicas',
  description:
    'Whether the databases behind each VIP replicate, how far behind they are, and what a takeover would lose.',
  from: 'now-6h',
  variables: [
    choice('cluster', 'Cluster', 'SHOW TAG VALUES FROM /^(replication|galera|ndb)$/ WITH KEY = "cluster"', 1),
    choice(
      'node',
      'Node',
      'SHOW TAG VALUES FROM /^(replication|galera|ndb)$/ WITH KEY = "node" WHERE "cluster" =~ /^($cluster)$/',
      1,
    ),
  ],
  annotations: CLUSTER_MARKS,
  bands: [
    band(5, stateNow),
    band(8, replicasNow),
    band(4, lossyTakeovers, readOnlyHolders, doubleWrites, longestBreak),
    band(7, channels),
    band(8, lag, missing),
    band(7, writable),
    band(8, takeovers),
    band(7, threads, lagSources),
    band(11, troubles),
    band(8, galera, galeraSize),
    band(7, flowControl, receiveQueue),
    band(7, ndb),
  ],
});

function counted(title: string, question: 4 | 5, kind: string, how: string) {
  return stat({
    title,
    description: answers(question, how),
    queries: [
      {
        query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_CLUSTER_EVENTS} AND ${ofKind(kind)} AND "phase" != 'end'`,
        alias: 'times',
      },
    ],
    config: NONE_IS_GOOD,
  });
}
