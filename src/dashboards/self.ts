/** vipwatch itself: whether it sees, whether it keeps up, and whether what it knows arrives. */
import { choice, dashboard } from './frame.ts';
import { band } from './layout.ts';
import { BAD, GOOD, MILLISECONDS, NONE_IS_GOOD, ODD, SEVERITIES } from './looks.ts';
import { column, stat, table, thresholds, timeSeries } from './panels.ts';
import { OWN_EVENTS, ofKind, where } from './queries.ts';
import { backs } from './questions.ts';

const OF_HOST = where('"host" =~ /^($host)$/');
const BY_PART = 'GROUP BY time($__interval), "host", "part" fill(none)';
const PART = '$tag_host $tag_part';

const delayNow = stat({
  title: 'Delay now',
  description: backs(
    'How far what each capture has told is behind the present, of the last two minutes. Without a number vipwatch does not run, or does not reach InfluxDB.',
  ),
  timeFrom: '2m',
  queries: [
    {
      query: `SELECT last("delay_ms") FROM "vipwatch" WHERE ${OF_HOST} GROUP BY "host", "part"`,
      alias: PART,
    },
  ],
  config: {
    ...MILLISECONDS,
    color: { mode: 'thresholds' },
    thresholds: thresholds(GOOD, [1_000, ODD], [10_000, BAD]),
    noValue: 'no data: is vipwatch running?',
  },
  options: { textMode: 'value_and_name' },
});

const waitingNow = stat({
  title: 'Waiting now',
  description: backs(
    'Events that wait to be told, by what they are to be told to. More than a moment: it is down or slow, and nothing is lost.',
  ),
  timeFrom: '2m',
  queries: [
    { query: `SELECT last("waiting") FROM "vipwatch" WHERE ${OF_HOST} GROUP BY "host", "part"`, alias: PART },
  ],
  config: {
    color: { mode: 'thresholds' },
    thresholds: thresholds(GOOD, [100, ODD], [10_000, BAD]),
    decimals: 0,
    noValue: '0',
  },
  options: { textMode: 'value_and_name' },
});

const troubles = stat({
  title: 'Times that it could not see or tell',
  description: backs(
    'Captures that were down, cut off or dropped frames, and sinks that failed, in the time that is looked at.',
  ),
  queries: [
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${OWN_EVENTS} AND ${ofKind('capture-degraded')} AND "phase" = 'begin'`,
      alias: 'could not see',
    },
    {
      query: `SELECT count("seq") FROM "timeline" WHERE ${OWN_EVENTS} AND ${ofKind('sink-failing')} AND "phase" = 'begin'`,
      alias: 'could not tell',
    },
  ],
  config: NONE_IS_GOOD,
  options: { textMode: 'value_and_name' },
});

const events = table({
  title: 'What it says of itself',
  description: backs(
    'Starts and stops, blindness from begin to end, and sinks that failed. While it was blind, silence proved nothing.',
  ),
  queries: [
    {
      query: `SELECT "severity", "summary", "phase", "duration_ms", "subject" FROM "timeline" WHERE ${OWN_EVENTS} ORDER BY time DESC LIMIT 100`,
    },
  ],
  config: { noValue: '' },
  overrides: [
    column('Time', { unit: 'dateTimeAsIso' }, 170),
    column('severity', { mappings: [SEVERITIES], custom: { cellOptions: { type: 'color-text' } } }, 80),
    column('summary', { displayName: 'what happened', custom: { minWidth: 320 } }),
    column('phase', {}, 70),
    column('duration_ms', { ...MILLISECONDS, displayName: 'lasted' }, 90),
  ],
});

const captured = rate(
  'Frames captured',
  'captured',
  'By capture. A flat line at 0 on a live segment: the capture is deaf, or its filter is wrong.',
);
const dropped = rate(
  'Frames dropped',
  'dropped',
  'The kernel had no room for them: more than a few, and what is said of silence is worth less.',
);
const written = rate('Written', 'written', 'Events and samples a second, by what they were written to.');

const delay = timeSeries({
  title: 'Delay',
  description: backs('How far what each capture has told was behind the present, at most.'),
  interval: '30s',
  queries: [{ query: `SELECT max("delay_ms") FROM "vipwatch" WHERE ${OF_HOST} ${BY_PART}`, alias: PART }],
  config: { unit: 'ms', min: 0 },
});

const waiting = timeSeries({
  title: 'Waiting',
  description: backs(
    'Events that wait to be told. A hill is an outage of what they are told to; it ends at 0, as nothing is lost.',
  ),
  interval: '30s',
  queries: [{ query: `SELECT max("waiting") FROM "vipwatch" WHERE ${OF_HOST} ${BY_PART}`, alias: PART }],
  config: { decimals: 0, min: 0 },
});

export const SELF = dashboard({
  uid: 'vipwatch-self',
  title: 'vipwatch itself',
  description: 'Whether vipwatch sees, keeps up, and reaches those that it tells.',
  from: 'now-6h',
  variables: [choice('host', 'Host', 'SHOW TAG VALUES FROM "vipwatch" WITH KEY = "host"', 1)],
  annotations: [],
  bands: [
    band(4, delayNow),
    band(4, waitingNow),
    band(4, troubles),
    band(9, events),
    band(7, captured, dropped),
    band(7, delay, waiting),
    band(7, written),
  ],
});

function rate(title: string, field: string, how: string) {
  return timeSeries({
    title,
    description: backs(how),
    interval: '30s',
    queries: [
      {
        query: `SELECT non_negative_derivative(last("${field}"), 1s) FROM "vipwatch" WHERE ${OF_HOST} ${BY_PART}`,
        alias: PART,
      },
    ],
    config: { unit: 'cps', min: 0 },
  });
}
