/** Failover timeline: who held each VIP, when it moved and why, and for how long clients can have felt it. */
import { dashboard, EVENT_MARKS, ROUTER_VARIABLES } from './frame.ts';
import { band } from './layout.ts';
import { BAD, GOOD, HOLDERS, MILLISECONDS, NONE_IS_GOOD, ODD, PLAIN, SEVERITIES, STATES } from './looks.ts';
import { barGauge, column, hidden, stat, stateTimeline, table, thresholds } from './panels.ts';
import {
  CHOSEN_EVENTS,
  CHOSEN_ROUTER_EVENTS,
  CHOSEN_ROUTERS,
  CHOSEN_VIPS,
  ofKind,
  ROUTER_NAME,
} from './queries.ts';
import { answers } from './questions.ts';

const CAUSES = ['graceful', 'silence', 'priority-drop', 'preemption', 'claim-only'] as const;

const FAILOVERS = `FROM "timeline" WHERE ${CHOSEN_ROUTER_EVENTS} AND ${ofKind('failover')}`;

/** Milliseconds of the range that is looked at. */
const RANGE_MS = '($__to - $__from)';

const stateNow = stat({
  title: 'State now',
  description: answers(
    1,
    'Each VIP: held, nobody, SPLIT (two nodes hold it). Of the last two minutes only: where nothing has been written since, it says so instead of showing what once was.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("state_code") FROM "vip" WHERE ${CHOSEN_VIPS} GROUP BY "segment", "address"`,
      alias: '$tag_address',
    },
  ],
  config: {
    mappings: [STATES],
    color: { mode: 'thresholds' },
    thresholds: thresholds(BAD),
    noValue: 'no data: is vipwatch running?',
  },
  options: { textMode: 'value_and_name' },
});

const holdersNow = table({
  title: 'Holders now',
  description: answers(1, 'Who holds each VIP, by node where the configuration names it, else by address.'),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("holder") AS "holder", last("state_code") AS "state", last("mac") AS "MAC" FROM "vip" WHERE ${CHOSEN_VIPS} GROUP BY "address", "segment"`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    hidden('Time'),
    column('address', { displayName: 'VIP' }),
    column('holder', { mappings: [...HOLDERS], custom: { cellOptions: { type: 'color-text' } } }),
    column('state', { mappings: [STATES], custom: { cellOptions: { type: 'color-text' } } }),
  ],
});

const failoverCount = stat({
  title: 'Failovers',
  description: answers(2, 'How often the holder changed in the time that is looked at.'),
  queries: [{ query: `SELECT count("seq") ${FAILOVERS}`, alias: 'failovers' }],
  config: { color: { mode: 'thresholds' }, thresholds: thresholds(GOOD, [1, ODD]), noValue: '0' },
});

const longestDark = stat({
  title: 'Longest dark time',
  description: answers(
    3,
    'The longest that clients can have felt of a failover, as far as adverts and claims tell: from the last sign of the old holder to the claim of the new one.',
  ),
  queries: [{ query: `SELECT max("dark_ms_max") ${FAILOVERS}`, alias: 'longest' }],
  config: {
    ...MILLISECONDS,
    color: { mode: 'thresholds' },
    thresholds: thresholds(GOOD, [1_000, ODD], [5_000, BAD]),
    noValue: 'none',
  },
});

const splitCount = stat({
  title: 'Split-brains',
  description: answers(
    4,
    'How often two nodes held a virtual router at once, though they must have heard each other.',
  ),
  queries: [
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_ROUTER_EVENTS} AND ${ofKind('split-brain')} AND "phase" = 'begin'`,
      alias: 'split-brains',
    },
  ],
  config: NONE_IS_GOOD,
});

const nobodyCount = stat({
  title: 'Nobody held it',
  description: answers(
    3,
    'How often a virtual router had no master past its silence limit, and nobody took over.',
  ),
  queries: [
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${CHOSEN_ROUTER_EVENTS} AND ${ofKind('master-lost')} AND "phase" = 'begin'`,
      alias: 'times',
    },
  ],
  config: NONE_IS_GOOD,
});

const holders = stateTimeline({
  title: 'Who held each VIP',
  description: answers(
    1,
    'One row a VIP, by holder. The colour follows the last character of the name and means nothing else; red is nobody. What is shorter than a pixel shows in the marks and the table of events.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("holder") FROM "vip" WHERE ${CHOSEN_VIPS} GROUP BY time($__interval), "segment", "address" fill(none)`,
      alias: '$tag_address',
    },
  ],
  config: { mappings: [...HOLDERS], color: { mode: 'fixed', fixedColor: PLAIN } },
});

const states = stateTimeline({
  title: 'State of each virtual router',
  description: answers(
    4,
    'Dark red is a split-brain from begin to end, red is nobody, green is held by one.',
  ),
  interval: '1s',
  queries: [
    {
      query: `SELECT last("state_code") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} GROUP BY time($__interval), "segment", "family", "vrid" fill(none)`,
      alias: ROUTER_NAME,
    },
  ],
  config: { mappings: [STATES], color: { mode: 'thresholds' }, thresholds: thresholds(GOOD) },
});

const events = table({
  title: 'Events',
  description: answers(
    2,
    'The latest 200, newest first: what happened, why, how long the old holder had been silent, and how long clients can have felt it.',
  ),
  queries: [
    {
      query: `SELECT "severity", "summary", "cause", "silence_ms", "dark_ms_max", "duration_ms", "kind", "phase", "subject" FROM "timeline" WHERE ${CHOSEN_EVENTS} ORDER BY time DESC LIMIT 200`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    column('Time', { unit: 'dateTimeAsIso' }, 170),
    column('severity', { mappings: [SEVERITIES], custom: { cellOptions: { type: 'color-text' } } }, 80),
    column('summary', { displayName: 'what happened', custom: { minWidth: 320 } }),
    column('cause', {}, 100),
    column('silence_ms', { ...MILLISECONDS, displayName: 'silent' }, 90),
    column('dark_ms_max', { ...MILLISECONDS, displayName: 'dark, at most' }, 110),
    column('duration_ms', { ...MILLISECONDS, displayName: 'lasted' }, 90),
    column('kind', {}, 130),
    column('phase', {}, 70),
  ],
});

const causes = barGauge({
  title: 'Failovers by cause',
  description: answers(
    2,
    'graceful: the old holder said goodbye. silence: it was heard no more. priority-drop: a tracked check lowered its priority. preemption: a better one came. claim-only: seen by its claims alone.',
  ),
  queries: CAUSES.map((cause) => ({
    query: `SELECT count("seq") ${FAILOVERS} AND "cause" = '${cause}'`,
    alias: cause,
  })),
  config: { color: { mode: 'fixed', fixedColor: ODD }, min: 0, decimals: 0, noValue: 'none' },
});

const darkness = barGauge({
  title: 'Dark time of each virtual router',
  description: answers(
    3,
    'All failovers of the time that is looked at, at most, and all times that nobody held it. A virtual router that is not here was never dark.',
  ),
  queries: [
    {
      query: `SELECT sum("dark_ms_max") ${FAILOVERS} GROUP BY "subject"`,
      alias: '$tag_subject: moving',
    },
    {
      query: `SELECT sum("duration_ms") FROM "timeline" WHERE ${CHOSEN_ROUTER_EVENTS} AND ${ofKind('master-lost')} AND "phase" = 'end' GROUP BY "subject"`,
      alias: '$tag_subject: nobody',
    },
  ],
  config: { ...MILLISECONDS, color: { mode: 'fixed', fixedColor: BAD }, min: 0, noValue: 'none' },
});

const availability = barGauge({
  title: 'Availability',
  description: answers(
    3,
    'The part of the time that is looked at in which the VIPs of each virtual router were not dark: one, less the dark time of its failovers (at most) and the times that nobody held it. What was not written is not counted as dark.',
  ),
  queries: [
    // 1 for each virtual router. What was dark follows, below 0 and under the same name; Grafana adds them up.
    {
      query: `SELECT count("state_code") / count("state_code") FROM "vrrp" WHERE ${CHOSEN_ROUTERS} GROUP BY "segment", "family", "vrid"`,
      alias: ROUTER_NAME,
    },
    {
      query: `SELECT sum("dark_ms_max") / -${RANGE_MS} ${FAILOVERS} GROUP BY "subject"`,
      alias: '$tag_subject',
    },
    {
      query: `SELECT sum("duration_ms") / -${RANGE_MS} FROM "timeline" WHERE ${CHOSEN_ROUTER_EVENTS} AND ${ofKind('master-lost')} AND "phase" = 'end' GROUP BY "subject"`,
      alias: '$tag_subject',
    },
  ],
  transformations: [
    { id: 'reduce', options: { mode: 'seriesToRows', reducers: ['max'] } },
    {
      id: 'groupBy',
      options: {
        fields: {
          Field: { operation: 'groupby', aggregations: [] },
          Max: { operation: 'aggregate', aggregations: ['sum'] },
        },
      },
    },
  ],
  config: {
    unit: 'percentunit',
    decimals: 3,
    min: 0,
    max: 1,
    color: { mode: 'thresholds' },
    thresholds: thresholds(BAD, [0.99, ODD], [0.999, GOOD]),
  },
  options: { reduceOptions: { calcs: [], fields: '', values: true, limit: 100 } },
});

export const TIMELINE = dashboard({
  uid: 'vipwatch-timeline',
  title: 'Failover timeline',
  description: 'Who held each virtual IP, when and why it moved, and for how long it was dark.',
  from: 'now-6h',
  variables: ROUTER_VARIABLES,
  annotations: EVENT_MARKS,
  bands: [
    band(4, stateNow),
    band(6, holdersNow),
    band(4, failoverCount, longestDark, splitCount, nobodyCount),
    band(8, holders),
    band(7, states),
    band(12, events),
    band(8, availability, darkness, causes),
  ],
});
