/** Segment health: what is about to break. Adverts, misses, mismatches, claims, and whether the capture saw it all. */
import { eventTable } from './event-table.ts';
import { dashboard, EVENT_MARKS, ROUTER_VARIABLES } from './frame.ts';
import { band } from './layout.ts';
import { HOLDERS, NONE_IS_GOOD, STATES } from './looks.ts';
import { column, hidden, stat, table, timeSeries } from './panels.ts';
import { CHOSEN_EVENTS, CHOSEN_ROUTERS, ofKind, ROUTER_NAME, where } from './queries.ts';
import { answers, backs } from './questions.ts';

const BY_ROUTER = 'GROUP BY time($__interval), "segment", "family", "vrid" fill(none)';

const TROUBLES = [
  ['near misses', ofKind('advert-gap')],
  ['repelled takeovers', ofKind('overlap')],
  ['mismatches', `${ofKind('config-mismatch')} AND "phase" = 'begin'`],
  ['missing claims', `${ofKind('garp-missing')} AND "phase" = 'begin'`],
  ['address conflicts', `${ofKind('ip-conflict')} AND "phase" = 'begin'`],
  ['invalid adverts', ofKind('advert-invalid')],
  [
    'collisions, rogues, spoofs',
    `${ofKind('vrid-collision', 'rogue-speaker', 'source-spoofed')} AND "phase" != 'end'`,
  ],
] as const;

const troubles = stat({
  title: 'Signs of trouble',
  description: answers(
    6,
    'How many in the time that is looked at; a kind that is not here did not happen. A green 0: nothing is known to be about to break. The tables below say what each is.',
  ),
  queries: TROUBLES.map(([alias, condition]) => ({
    query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_EVENTS} AND ${condition}`,
    alias,
  })),
  config: NONE_IS_GOOD,
  options: { textMode: 'value_and_name' },
});

const routersNow = table({
  title: 'Virtual routers now',
  description: answers(
    1,
    'Every virtual router of the last two minutes: master, state, priority, interval, and how many speak. More than one that speaks is a takeover or a split-brain.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("master_node") AS "master", last("state_code") AS "state", last("priority") AS "priority", last("speakers") AS "speaking", last("interval_ms") AS "interval" FROM "vrrp" WHERE ${CHOSEN_ROUTERS} GROUP BY "vrid", "segment", "family", "cluster"`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    hidden('Time'),
    column('vrid', { displayName: 'VRID' }),
    column('master', { mappings: [...HOLDERS], custom: { cellOptions: { type: 'color-text' } } }),
    column('state', { mappings: [STATES], custom: { cellOptions: { type: 'color-text' } } }),
    column('interval', { unit: 'ms' }),
  ],
});

const missed = timeSeries({
  title: 'Adverts missed',
  description: answers(
    6,
    'Adverts that the master counted and that were not captured. Here and there a few are lost by the network or by the capture (see its drops); three in a row are a failover.',
  ),
  interval: '30s',
  queries: [
    { query: `SELECT sum("missed") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} ${BY_ROUTER}`, alias: ROUTER_NAME },
  ],
  config: { decimals: 0, min: 0, custom: { drawStyle: 'bars', fillOpacity: 80 } },
});

const jitter = timeSeries({
  title: 'Jitter of adverts',
  description: answers(
    6,
    'The most that an advert of the master came late or early. What grows towards the interval is a master that is starved of processor time, or a network that queues.',
  ),
  interval: '30s',
  queries: [
    { query: `SELECT max("jitter_ms") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} ${BY_ROUTER}`, alias: ROUTER_NAME },
  ],
  config: { unit: 'ms', min: 0 },
});

const interval = timeSeries({
  title: 'Advert interval',
  description: answers(
    6,
    'As the master advertises it. In VRRPv2 all speakers must agree on it; a step is a reload.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT last("interval_ms") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} ${BY_ROUTER}`,
      alias: ROUTER_NAME,
    },
  ],
  config: { unit: 'ms', min: 0 },
});

const priority = timeSeries({
  title: 'Priority of the master',
  description: answers(
    6,
    'A step down is a tracked check that failed: the next step may be a failover. One that goes up and down is a check that flaps.',
  ),
  interval: '30s',
  queries: [
    { query: `SELECT min("priority") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} ${BY_ROUTER}`, alias: ROUTER_NAME },
  ],
  config: { min: 0, max: 255, decimals: 0 },
});

const nearMisses = eventTable(
  'Near misses',
  answers(
    6,
    'The master was late for its advert and nobody took over, or a backup took over for a moment and was repelled.',
  ),
  `${CHOSEN_EVENTS} AND ${ofKind('advert-gap', 'overlap', 'flapping')}`,
);

const mismatches = eventTable(
  'Configurations that differ or changed',
  answers(
    6,
    'Speakers that disagree (some reject each other: a split-brain in waiting), reloads, invalid adverts, strangers.',
  ),
  `${CHOSEN_EVENTS} AND ${ofKind(
    'config-mismatch',
    'config-changed',
    'advert-invalid',
    'vrid-collision',
    'rogue-speaker',
    'source-spoofed',
    'priority-change',
  )}`,
);

const claims = eventTable(
  'Claims of addresses',
  answers(
    6,
    'Which MAC said that an address is its own. Claims that never came, or came from the wrong one, leave hosts with a stale ARP entry.',
  ),
  `${CHOSEN_EVENTS} AND ${ofKind('vip-moved', 'garp-missing', 'ip-conflict')}`,
);

const vrids = table({
  title: 'VRIDs in use',
  description: answers(
    6,
    'All that were heard in the time that is looked at, with their last master and addresses: a new pair needs a VRID that is not here.',
  ),
  queries: [
    {
      query: `SELECT last("master") AS "last master", last("vips") AS "addresses", last("version") AS "VRRP" FROM "vrrp" WHERE ${CHOSEN_ROUTERS} GROUP BY "vrid", "segment", "family"`,
    },
  ],
  config: { noValue: '' },
  overrides: [hidden('Time'), column('vrid', { displayName: 'VRID' }, 120), column('VRRP', {}, 80)],
});

const drops = timeSeries({
  title: 'Frames that the capture dropped',
  description: backs(
    'What was dropped here was not lost by the network. Where this is not 0, silence proves less.',
  ),
  interval: '30s',
  queries: [
    {
      query: `SELECT non_negative_difference(last("dropped")) FROM "vipwatch" WHERE ${where()} GROUP BY time($__interval), "host", "part" fill(none)`,
      alias: '$tag_host $tag_part',
    },
  ],
  config: { decimals: 0, min: 0, custom: { drawStyle: 'bars', fillOpacity: 80 } },
});

export const SEGMENT = dashboard({
  uid: 'vipwatch-segment',
  title: 'Segment health',
  description:
    'What is about to break: late and lost adverts, mismatched configurations, claims that never came.',
  from: 'now-6h',
  variables: ROUTER_VARIABLES,
  annotations: EVENT_MARKS,
  bands: [
    band(5, troubles),
    band(8, routersNow),
    band(7, missed, jitter),
    band(7, interval, priority),
    band(8, nearMisses),
    band(9, mismatches),
    band(8, claims),
    band(7, vrids, drops),
  ],
});
