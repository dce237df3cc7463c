import { describe, expect, it } from 'vitest';
import type { DetailsOf, EventKind, EventOf, TimelineEvent } from '../../src/events.ts';
import { instantFromUs, SECOND } from '../../src/time.ts';
import { inOrderOfTime, summarize } from '../../src/timeline/summary.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';
const VIPS = ['10.0.0.100'];
const s = (seconds: number) => instantFromUs(seconds * SECOND);

/** An event of one virtual router at a second; what the case is not about is filled in. */
function event<K extends EventKind>(
  kind: K,
  seconds: number,
  details: DetailsOf<K>,
  more: Partial<EventOf<K>> = {},
): EventOf<K> {
  return {
    id: `${kind}@${seconds}`,
    time: s(seconds),
    detectedAt: s(seconds),
    kind,
    phase: 'instant',
    severity: 'warning',
    cluster: null,
    subject: 'vr:eth0/ipv4/51',
    summary: '',
    details,
    beginId: null,
    about: null,
    ...more,
  };
}

const seen = (seconds: number) =>
  event(
    'master-seen',
    seconds,
    { master: A, priority: 100, intervalMs: 1000, version: 2, vips: VIPS },
    { severity: 'info' },
  );

function failover(
  seconds: number,
  from: string,
  to: string,
  cause: 'silence' | 'preemption',
  silenceMs: number,
) {
  const darkMs = cause === 'silence' ? ([silenceMs - 1000, silenceMs] as const) : ([0, 1] as const);
  return event('failover', seconds, {
    from,
    to,
    cause,
    silenceMs,
    darkMs,
    fromPriority: 100,
    toPriority: 90,
    vips: VIPS,
    claimMs: 0,
    fault: false,
  });
}

function only<T>(items: readonly T[]): T {
  const [item, ...more] = items;
  if (item === undefined || more.length > 0) throw new Error(`one expected, not ${items.length}`);
  return item;
}

describe('who held a virtual router', () => {
  it('is its only master from the first advert to the end', () => {
    const router = only(summarize([seen(10)], s(110)).virtualRouters);
    expect(router.holders).toEqual([{ address: A, heldMs: 100_000, share: 1, holdsAtEnd: true }]);
    expect(router).toMatchObject({ vips: VIPS, nobodyMs: 0, splitMs: 0, darkMs: null, longestDarkMs: null });
  });

  it('is nobody between a last advert and the first of the next', () => {
    const events = [seen(0), failover(50, A, B, 'silence', 4_000), failover(80, B, A, 'preemption', 700)];
    const router = only(summarize(events, s(100)).virtualRouters);
    expect(router.holders).toEqual([
      { address: A, heldMs: 66_000, share: 0.66, holdsAtEnd: true },
      { address: B, heldMs: 30_000, share: 0.3, holdsAtEnd: false },
    ]);
    expect(router.nobodyMs).toBe(4_000);
    expect([...router.failovers]).toEqual([
      ['silence', 1],
      ['preemption', 1],
    ]);
    expect(router.darkMs).toEqual([3_000, 4_001]);
    expect(router.longestDarkMs).toEqual([3_000, 4_000]);
  });

  it('is two at once during a split-brain', () => {
    const details = { speakers: [A, B], winner: A, loser: B, vips: VIPS, reason: 'deaf', rejects: [] };
    const begin = event('split-brain', 20, details, { phase: 'begin', severity: 'critical' });
    const end = event(
      'split-brain',
      30,
      { ...details, survivor: A, durationMs: 10_000 },
      { phase: 'end', severity: 'critical', beginId: begin.id },
    );
    const summary = summarize([seen(0), begin, end], s(100));
    const router = only(summary.virtualRouters);
    expect(router.splitMs).toBe(10_000);
    expect(router.nobodyMs).toBe(0);
    expect(router.holders.map(({ address, share }) => [address, share])).toEqual([
      [A, 1],
      [B, 0.1],
    ]);
    expect(only(summary.problems)).toMatchObject({ event: begin, lastedMs: 10_000, open: false });
    expect(summary.open).toEqual([]);
  });

  it('is nobody while the master is lost, told once where a failover tells it too', () => {
    const details = { last: A, reason: 'silence', by: null, nothingElseHeard: true };
    const begin = event('master-lost', 20, details, { phase: 'begin', severity: 'critical' });
    const end = event('master-lost', 30, { ...details, by: B }, { phase: 'end', beginId: begin.id });
    const router = only(
      summarize([seen(0), begin, end, failover(30, A, B, 'silence', 10_000)], s(40)).virtualRouters,
    );
    expect(router.holders.map(({ address, heldMs }) => [address, heldMs])).toEqual([
      [A, 20_000],
      [B, 10_000],
    ]);
    expect(router.darkMs).toEqual([9_000, 10_000]);
  });
});

describe('what is still open', () => {
  it('is what began and did not end, and lasts until the end of the stretch', () => {
    const begin = event(
      'master-lost',
      20,
      { last: A, reason: 'silence', by: null, nothingElseHeard: false },
      { phase: 'begin', severity: 'critical' },
    );
    const summary = summarize([seen(0), begin], s(50));
    expect(summary.open).toEqual([begin]);
    expect(only(summary.problems)).toMatchObject({ open: true, lastedMs: 30_000 });
    expect(only(summary.virtualRouters)).toMatchObject({ nobodyMs: 30_000, darkMs: [30_000, 30_000] });
  });
});

describe('problems', () => {
  const overlap = (seconds: number) =>
    event('overlap', seconds, { holder: A, claimant: B, vips: VIPS, overlapMs: 1 });

  it('of one kind and subject are one, with a count, worst first', () => {
    const begin = event(
      'flapping',
      9,
      { failovers: 4, windowS: 300 },
      { phase: 'begin', severity: 'critical' },
    );
    const { problems } = summarize([seen(0), overlap(1), overlap(2), overlap(3), begin], s(10));
    expect(problems.map(({ event: { kind }, count }) => [kind, count])).toEqual([
      ['flapping', 1],
      ['overlap', 3],
    ]);
  });

  it('count what a repeated event stands for', () => {
    const invalid = event('advert-invalid', 1, { reason: 'bad-checksum', source: A, count: 40 });
    expect(only(summarize([invalid], s(10)).problems).count).toBe(40);
  });

  it('are none where everything is at somebody’s will', () => {
    expect(summarize([seen(0), failover(5, A, B, 'preemption', 500)], s(10)).problems).toEqual([]);
  });
});

it('node names stand beside addresses in the details', () => {
  const named = failover(5, A, B, 'silence', 500);
  const details = { ...named.details, fromNode: 'h1', toNode: 'h2' };
  expect([...summarize([{ ...named, details }], s(10)).names]).toEqual([
    [A, 'h1'],
    [B, 'h2'],
  ]);
});

it('events are put in order of time; those of one time stay as they were known', () => {
  const events: readonly TimelineEvent[] = [seen(5), failover(3, A, B, 'silence', 1), seen(3)];
  expect(inOrderOfTime(events).map(({ id }) => id)).toEqual(['failover@3', 'master-seen@3', 'master-seen@5']);
});

describe('dark time that a probe measured', () => {
  const dark = (from: number, until: number, subject = 'vip:eth0/10.0.0.100') => {
    const begin = event(
      'vip-dark',
      from,
      { probe: 'http://10.0.0.100/', error: 'refused' },
      { phase: 'begin', subject, severity: 'critical' },
    );
    const end = event(
      'vip-dark',
      until,
      { probe: 'http://10.0.0.100/', error: 'refused', durationMs: (until - from) * 1000 },
      { phase: 'end', subject, severity: 'critical', beginId: begin.id },
    );
    return [begin, end];
  };

  it('counts instead of what adverts tell of the same failover, and beside what they tell of another', () => {
    const events = [
      seen(0),
      failover(50, A, B, 'silence', 4_000),
      ...dark(46.2, 50.4),
      failover(80, B, A, 'silence', 4_000),
    ];
    const router = only(summarize(events, s(100)).virtualRouters);
    expect(router.darkMs?.map(Math.round)).toEqual([7_200, 8_200]);
    expect(router.darkMeasured).toBe(false);
    const first = only(summarize(events.slice(0, -1), s(70)).virtualRouters);
    expect(first).toMatchObject({ darkMs: [4_200, 4_200], darkMeasured: true });
  });

  it('is all there is where adverts do not say of another failover that it was dark at all', () => {
    const preemption = failover(80, B, A, 'preemption', 0);
    const back = { ...preemption, details: { ...preemption.details, darkMs: [0, 20] as const } };
    const events = [seen(0), failover(50, A, B, 'silence', 4_000), ...dark(46.2, 50.4), back];
    const router = only(summarize(events, s(100)).virtualRouters);
    expect(router).toMatchObject({ darkMs: [4_200, 4_200], darkMeasured: true });
    const unprobed = [seen(0), failover(50, A, B, 'silence', 4_000), back];
    expect(only(summarize(unprobed, s(100)).virtualRouters).darkMs).toEqual([3_000, 4_020]);
  });

  it('is another VIP’s affair where it is another VIP’s', () => {
    const events = [seen(0), failover(50, A, B, 'silence', 4_000), ...dark(46, 51, 'vip:eth0/10.0.0.200')];
    const { virtualRouters, darkVips } = summarize(events, s(100));
    expect(only(virtualRouters)).toMatchObject({ darkMs: [3_000, 4_000], darkMeasured: false });
    expect(darkVips).toEqual([{ subject: 'vip:eth0/10.0.0.200', darkMs: 5_000, open: false }]);
  });

  it('lasts until now while it is open, and since its own begin where that lies before the stretch', () => {
    const [begin, end] = dark(90, 95);
    if (begin === undefined || end === undefined) throw new Error('no events');
    expect(summarize([begin], s(100)).darkVips).toMatchObject([{ darkMs: 10_000, open: true }]);
    expect(summarize([end], s(100)).darkVips).toMatchObject([{ darkMs: 5_000, open: false }]);
  });
});
