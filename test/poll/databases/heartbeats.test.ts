/** The table does not say whether its times are local or in UTC: what is made of that. */
import { describe, expect, it } from 'vitest';
import { type HeartbeatClock, heartbeatsOf, secondsOf } from '../../../src/poll/databases/heartbeats.ts';
import { Oddities, type Row } from '../../../src/poll/databases/rows.ts';

const NOW_UTC = '2026-11-26 09:00:00.000000';
/** of a server in UTC+1, or west of it */
const EAST = '2026-11-26 10:00:00.000000';
const WEST = '2026-11-26 04:00:00.000000';

function read(times: readonly string[], nowLocal: string, known: HeartbeatClock | null = null) {
  const oddities = new Oddities();
  const rows = times.map(
    (ts, i): Row =>
      new Map([
        ['server_id', `${i + 1}`],
        ['ts', ts],
        ['now_local', nowLocal],
        ['now_utc', NOW_UTC],
      ]),
  );
  const { rows: found, clock } = heartbeatsOf(rows, known, oddities);
  return { ages: found?.map(({ ageS }) => ageS) ?? null, clock, oddities: oddities.list };
}

describe('which clock', () => {
  it.each([
    ['local time, east', '2026-11-26T09:59:59.500000', EAST, 'local'],
    ['UTC, east', '2026-11-26T08:59:59.500000', EAST, 'utc'],
    ['local time, west', '2026-11-26T03:59:59.500000', WEST, 'local'],
    ['UTC, west', '2026-11-26T08:59:59.500000', WEST, 'utc'],
    ['a server in UTC', '2026-11-26T08:59:59.500000', NOW_UTC, null],
  ])('%s', (_name, ts, nowLocal, clock) => {
    expect(read([ts], nowLocal)).toEqual({ ages: [0.5], clock, oddities: [] });
  });

  it('the own row of a replica is fresh, and decides for the row of its source', () => {
    const times = ['2026-11-26T09:00:00', '2026-11-26T09:59:59'];
    expect(read(times, EAST)).toEqual({ ages: [3_600, 1], clock: 'local', oddities: [] });
  });

  it('once decided, an hour of lag does not look like the other clock', () => {
    expect(read(['2026-11-26T09:00:00'], EAST, 'local')).toEqual({
      ages: [3_600],
      clock: 'local',
      oddities: [],
    });
  });

  it('a decision that turns out impossible is made anew', () => {
    expect(read(['2026-11-26T09:59:59'], EAST, 'utc')).toEqual({ ages: [1], clock: 'local', oddities: [] });
  });

  it('when nothing is fresh, the younger age is told, and nothing decided', () => {
    expect(read(['2026-11-26T07:00:00'], EAST)).toEqual({ ages: [7_200], clock: null, oddities: [] });
  });

  it('times in the future by both clocks are no ages', () => {
    const { ages, oddities } = read(['2026-11-26T12:00:00'], EAST);
    expect(ages).toBeNull();
    expect(oddities).toEqual([expect.stringContaining('in the future')]);
  });

  it('clocks a little apart make an age a little below 0', () => {
    expect(read(['2026-11-26T10:00:00.250000'], EAST).ages).toEqual([-0.25]);
  });
});

describe('rows', () => {
  it('none is none', () => expect(read([], EAST).ages).toEqual([]));

  it('one that makes no sense loses itself alone', () => {
    expect(read(['yesterday', '2026-11-26T09:59:59'], EAST)).toEqual({
      ages: [1],
      clock: 'local',
      oddities: ["heartbeat: ts 'yesterday' is no time"],
    });
  });

  it('but when none makes sense, nothing is known', () => {
    expect(read(['yesterday'], EAST).ages).toBeNull();
  });
});

describe('times', () => {
  it.each([
    '',
    'x',
    '0000-00-00 00:00:00.000000',
    '2026-13-01 00:00:00',
    '2026-11-26',
    '2026-11-26 10:00:00Z',
  ])('%j is none', (text) => expect(secondsOf(text)).toBeNull());
});
