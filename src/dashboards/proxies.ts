/** Proxies and services: whether what a VIP stands for answers, and which backends and servers are behind it. */
import { eventTable } from './event-table.ts';
import { CLUSTER_MARKS, choice, dashboard } from './frame.ts';
import { band } from './layout.ts';
import { BAD, GOOD, MILLISECONDS, NONE_IS_GOOD, ODD, PROXY_STATES, UP } from './looks.ts';
import { barGauge, column, hidden, stat, stateTimeline, table, thresholds, timeSeries } from './panels.ts';
import { CHOSEN_CLUSTER_EVENTS, CHOSEN_PROBES, CHOSEN_VIP_PROBES, chosenRows, ofKind } from './queries.ts';
import { answers } from './questions.ts';

const BACKEND = '$tag_proxy on $tag_node';
const BY_BACKEND = 'GROUP BY time($__interval), "node", "server", "proxy" fill(none)';
const BY_PROBE = 'GROUP BY time($__interval), "vip", "probe", "node" fill(none)';
const PROBE = '$tag_vip $tag_node';

const BLACKOUTS = `FROM "timeline" WHERE ${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('vip-dark')}`;

const stateNow = stat({
  title: 'Services and backends now',
  description: answers(
    5,
    'Each service, as its probe through the VIP found it, then each backend, as HAProxy has it. Of the last two minutes only: a proxy that does not answer is not here, and the events say so.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("up") FROM "probe" WHERE ${CHOSEN_VIP_PROBES} GROUP BY "vip", "probe"`,
      alias: '$tag_vip',
    },
    {
      query: `SELECT last("up") FROM "haproxy" WHERE ${chosenRows('backend')} GROUP BY "node", "server", "proxy"`,
      alias: BACKEND,
    },
  ],
  config: {
    mappings: [UP],
    color: { mode: 'thresholds' },
    thresholds: thresholds(BAD),
    noValue: 'no data: is anything polled or probed?',
  },
  options: { textMode: 'value_and_name' },
});

const serversNow = table({
  title: 'Servers now',
  description: answers(
    5,
    'Every server of the last two minutes: its state in HAProxy’s words, the last check and what it said, sessions and queue. "no check": whether it works is not known.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("status") AS "state", last("check_status") AS "check", last("last_chk") AS "it said", last("scur") AS "sessions", last("qcur") AS "queued" FROM "haproxy" WHERE ${chosenRows('server')} GROUP BY "proxy", "sv", "node"`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    hidden('Time'),
    column('proxy', { displayName: 'backend' }),
    column('sv', { displayName: 'server' }),
    column('state', { mappings: [...PROXY_STATES], custom: { cellOptions: { type: 'color-text' } } }),
  ],
});

const blackoutCount = stat({
  title: 'Blackouts',
  description: answers(
    3,
    'How often the service did not answer through its VIP, in the time that is looked at.',
  ),
  queries: [{ query: `SELECT count("seq") ${BLACKOUTS} AND "phase" = 'begin'`, alias: 'blackouts' }],
  config: NONE_IS_GOOD,
});

const longestBlackout = stat({
  title: 'Longest blackout',
  description: answers(
    3,
    'Measured by probes, from the first one that failed to the first one that did not: as fine as they are apart. One that lasts is not in it yet.',
  ),
  queries: [{ query: `SELECT max("duration_ms") ${BLACKOUTS} AND "phase" = 'end'`, alias: 'longest' }],
  config: {
    ...MILLISECONDS,
    color: { mode: 'thresholds' },
    thresholds: thresholds(GOOD, [1_000, ODD], [5_000, BAD]),
    noValue: 'none',
  },
});

const deadServices = stat({
  title: 'VIP on a dead service',
  description: answers(
    5,
    'How often a node held the VIP while its own service or proxy was dead. It was not fit to serve, and keepalived did not know.',
  ),
  queries: [
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('vip-on-dead-service')} AND "phase" = 'begin'`,
      alias: 'times',
    },
  ],
  config: NONE_IS_GOOD,
});

const serversLost = stat({
  title: 'Servers that went down',
  description: answers(
    6,
    'How often a check took a server out: the last one of a backend takes all clients with it.',
  ),
  queries: [
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('server-down')} AND "phase" = 'begin'`,
      alias: 'servers',
    },
  ],
  config: NONE_IS_GOOD,
});

const services = stateTimeline({
  title: 'Services, through the VIP and at each node',
  description: answers(
    5,
    'One row for what clients get, by VIP, then one a node that is asked directly: which of them could have served. Samples are taken at every change and every 30 s.',
  ),
  interval: '1s',
  queries: [{ query: `SELECT last("up") FROM "probe" WHERE ${CHOSEN_PROBES} ${BY_PROBE}`, alias: PROBE }],
  config: { mappings: [UP], color: { mode: 'thresholds' }, thresholds: thresholds(BAD) },
});

const backends = stateTimeline({
  title: 'Backends',
  description: answers(
    5,
    'One row a backend and node. Red: no server is left that it may use, so every client fails. Two nodes that differ: after a failover clients meet the other one. While a proxy does not answer, its rows stay as they were.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("up") FROM "haproxy" WHERE ${chosenRows('backend')} ${BY_BACKEND}`,
      alias: BACKEND,
    },
  ],
  config: { mappings: [UP], color: { mode: 'thresholds' }, thresholds: thresholds(BAD) },
});

const servers = stateTimeline({
  title: 'Servers',
  description: answers(
    6,
    'One row a server and node, in HAProxy’s words. Orange is on its way down or up, blue was taken out by somebody, yellow is not checked at all.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("status") FROM "haproxy" WHERE ${chosenRows('server')} GROUP BY time($__interval), "node", "server", "proxy", "sv" fill(none)`,
      alias: '$tag_proxy/$tag_sv on $tag_node',
    },
  ],
  config: { mappings: [...PROXY_STATES], color: { mode: 'fixed', fixedColor: BAD } },
});

const latency = timeSeries({
  title: 'Latency of the service',
  description: answers(
    6,
    'How long the slowest sampled probe took until it was answered, connection included; samples are 30 s apart. What grows is about to time out.',
  ),
  interval: '30s',
  queries: [
    { query: `SELECT max("latency_ms") FROM "probe" WHERE ${CHOSEN_PROBES} ${BY_PROBE}`, alias: PROBE },
  ],
  config: { unit: 'ms', min: 0 },
});

const sessions = counted(
  'Sessions',
  'max("scur")',
  'frontend',
  'Of each frontend, as of each sample. At its limit HAProxy lets clients wait; all on one node is as it should be.',
);

const queued = counted(
  'Queued',
  'max("qcur")',
  'backend',
  'Requests that wait for a free server. Above 0 for long: the servers are too slow, or too few are left.',
);

const failures = timeSeries({
  title: 'Errors',
  description: answers(
    6,
    'Of each backend since the sample before: connections to servers that failed, answers that were broken off, and answers of status 5xx.',
  ),
  interval: '30s',
  queries: [
    ['econ', 'no connection'],
    ['eresp', 'broken off'],
    ['http_response.5xx', '5xx'],
  ].map(([field, what]) => ({
    query: `SELECT non_negative_difference(last("${field}")) FROM "haproxy" WHERE ${chosenRows('backend')} ${BY_BACKEND}`,
    alias: `${BACKEND}: ${what}`,
  })),
  config: { decimals: 0, min: 0, custom: { drawStyle: 'bars', fillOpacity: 80 } },
});

const darkness = barGauge({
  title: 'Dark time of each VIP',
  description: answers(
    3,
    'All blackouts that ended in the time that is looked at, as measured. A VIP that is not here was never dark, or is not probed.',
  ),
  queries: [
    {
      query: `SELECT sum("duration_ms") ${BLACKOUTS} AND "phase" = 'end' GROUP BY "subject"`,
      alias: '$tag_subject',
    },
  ],
  config: { ...MILLISECONDS, color: { mode: 'fixed', fixedColor: BAD }, min: 0, noValue: 'none' },
});

const drift = eventTable(
  'Where proxies of one cluster differ',
  answers(
    5,
    'Backends or servers that one knows and the other does not, or holds for down: after a failover clients meet the other one.',
  ),
  `${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('proxy-drift')}`,
);

const troubles = eventTable(
  'Events of services and proxies',
  answers(5, 'The latest 100, newest first: what was dark, dead, down, taken out, full, or restarted.'),
  `${CHOSEN_CLUSTER_EVENTS} AND ${ofKind(
    'vip-dark',
    'vip-on-dead-service',
    'backend-down',
    'server-down',
    'server-maint',
    'proxy-unreachable',
    'proxy-saturated',
    'proxy-restarted',
  )}`,
);

export const PROXIES = dashboard({
  uid: 'vipwatch-proxies',
  title: 'Proxies and services',
  description: 'Whether what each VIP stands for answers, for how long it did not, and what is behind it.',
  from: 'now-6h',
  variables: [
    choice('cluster', 'Cluster', 'SHOW TAG VALUES FROM /^(haproxy|probe)$/ WITH KEY = "cluster"', 1),
    choice(
      'node',
      'Node',
      'SHOW TAG VALUES FROM "haproxy" WITH KEY = "node" WHERE "cluster" =~ /^($cluster)$/',
      1,
    ),
    choice(
      'proxy',
      'Proxy',
      'SHOW TAG VALUES FROM "haproxy" WITH KEY = "proxy" WHERE "cluster" =~ /^($cluster)$/ AND "node" =~ /^($node)$/',
      1,
    ),
  ],
  annotations: CLUSTER_MARKS,
  bands: [
    band(5, stateNow),
    band(8, serversNow),
    band(4, blackoutCount, longestBlackout, deadServices, serversLost),
    band(6, services),
    band(7, backends),
    band(9, servers),
    band(11, troubles),
    band(7, latency, failures),
    band(7, sessions, queued),
    band(7, darkness, drift),
  ],
});

function counted(title: string, select: string, type: 'frontend' | 'backend', how: string) {
  return timeSeries({
    title,
    description: answers(6, how),
    interval: '30s',
    queries: [
      { query: `SELECT ${select} FROM "haproxy" WHERE ${chosenRows(type)} ${BY_BACKEND}`, alias: BACKEND },
    ],
    config: { decimals: 0, min: 0 },
  });
}
