/** Colours and words that mean the same on all dashboards. */
import type { FieldConfig, ValueMapping } from './grafana-types.ts';
import { thresholds, words } from './panels.ts';

export const GOOD = 'green';
export const BAD = 'red';
export const WORSE = 'dark-red';
export const ODD = 'orange';
export const PLAIN = 'blue';

/** `state_code` of `vrrp` and `vip`. */
export const STATES: ValueMapping = words({
  0: ['nobody', BAD],
  1: ['held', GOOD],
  2: ['dark', ODD],
  3: ['SPLIT', WORSE],
});

/** `up` of `haproxy` and `probe`. */
export const UP: ValueMapping = words({ 0: ['DOWN', BAD], 1: ['up', GOOD] });

/** `status` of `haproxy`, in HAProxy's words: `UP 1/3` is about to go down, or just back. */
export const PROXY_STATES: readonly ValueMapping[] = [
  beginning('(UP|OPEN)(?! )', GOOD),
  beginning('UP \\d', ODD),
  beginning('(DOWN|STOP|FULL)', BAD),
  beginning('(MAINT|DRAIN|NOLB|PAUSED|WAITING)', PLAIN),
  beginning('no check', 'yellow'),
];

/** `state_code` of `replication`. */
export const REPLICATION_STATES: ValueMapping = words({
  0: ['BROKEN', BAD],
  1: ['behind, or not known', ODD],
  2: ['replicates', GOOD],
});

/** `io_state` and `sql_state` of `replication`. */
export const THREAD_STATES: ValueMapping = {
  type: 'value',
  options: {
    yes: { text: 'runs', color: GOOD, index: 0 },
    connecting: { text: 'connects', color: ODD, index: 1 },
    no: { text: 'STOPPED', color: BAD, index: 2 },
  },
};

/** `lag_source` of `replication`, the best first. */
export const LAG_SOURCES: ValueMapping = {
  type: 'value',
  options: {
    heartbeat: { text: 'heartbeat', color: GOOD, index: 0 },
    applier: { text: 'applier', color: 'dark-green', index: 1 },
    gtid: { text: 'gtid', color: PLAIN, index: 2 },
    position: { text: 'position', color: 'purple', index: 3 },
    server: { text: 'server', color: 'yellow', index: 4 },
  },
};

/** `read_only` of `replication`: neither is good or bad by itself. */
export const READ_ONLY: ValueMapping = either(['read-only', PLAIN], ['writable', 'purple']);

/** `primary` of `galera`. */
export const QUORUM: ValueMapping = either(['quorum', GOOD], ['NO QUORUM', BAD]);

/** `state_code` of `galera`, by Galera's own numbers. */
export const GALERA_STATES: ValueMapping = words({
  1: ['joining', ODD],
  2: ['donor or desynced', PLAIN],
  3: ['joined', ODD],
  4: ['synced', GOOD],
});

/** Of what is true or false. */
function either(
  [yes, yesColor]: readonly [text: string, color: string],
  [no, noColor]: readonly [text: string, color: string],
): ValueMapping {
  return {
    type: 'value',
    options: {
      true: { text: yes, color: yesColor, index: 0 },
      false: { text: no, color: noColor, index: 1 },
    },
  };
}

function beginning(words: string, color: string): ValueMapping {
  return { type: 'regex', options: { pattern: `/^(${words}.*)$/`, result: { text: '$1', color } } };
}

const HOLDER_COLORS = [
  'blue',
  'purple',
  'yellow',
  'semi-dark-orange',
  'super-light-blue',
  'super-light-purple',
  'dark-yellow',
  'light-blue',
] as const;

/**
 * Names of holders. Grafana colours text by its series, not by what it says, and the names are not known here; so the
 * last character decides: hosta and hostb, .201 and .202 differ. Green and red stay with states.
 */
export const HOLDERS: readonly ValueMapping[] = [
  { type: 'special', options: { match: 'empty', result: { text: 'nobody', color: BAD, index: 0 } } },
  ...HOLDER_COLORS.map(
    (color, i): ValueMapping => ({
      type: 'regex',
      options: {
        pattern: `/^(.*[${lastCharacters(i)}])$/i`,
        result: { text: '$1', color, index: i + 1 },
      },
    }),
  ),
];

function lastCharacters(which: number): string {
  return [...'0123456789abcdefghijklmnopqrstuvwxyz']
    .filter((_, i) => (i < 10 ? i : i - 10) % HOLDER_COLORS.length === which)
    .join('');
}

export const SEVERITIES: ValueMapping = {
  type: 'value',
  options: {
    critical: { text: 'critical', color: BAD, index: 0 },
    warning: { text: 'warning', color: ODD, index: 1 },
    info: { text: 'info', color: PLAIN, index: 2 },
  },
};

/** A number that should be 0. */
export const NONE_IS_GOOD = {
  color: { mode: 'thresholds' },
  thresholds: thresholds(GOOD, [1, BAD]),
  noValue: '0',
} as const satisfies FieldConfig<'stat'>;

export const MILLISECONDS = { unit: 'ms', decimals: 1 } as const satisfies FieldConfig<'table'>;
