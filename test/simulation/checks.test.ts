/**
 * The checks themselves: a timeline that is bent in a way that matters must not pass. Each lie is told wherever it
 * can be, over some seeds whose true timeline passes, and must be found out in most of them (not in all: what is
 * left out may have been nobody's business, such as a failover amid a flood of faults).
 */
import { describe, expect, it } from 'vitest';
import type { EventKind, TimelineEvent } from '../../src/events.ts';
import { MS, plusUs, SECOND } from '../../src/time.ts';
import { judge, observe } from './judge.ts';
import { PASSWORDS } from './profile.ts';
import { EPOCH, type Run, simulate } from './world.ts';

/** A timeline with one lie in it; null where this timeline offers no occasion. */
type Lie = (events: readonly TimelineEvent[], run: Run) => readonly TimelineEvent[] | null;

interface Row {
  readonly lie: string;
  readonly tell: Lie;
  /** part of the name of a check that must find it out */
  readonly foundBy: string;
  /** the least share of the timelines that offer an occasion */
  readonly share: number;
}

const ROWS: readonly Row[] = [
  { lie: 'a failover left out', tell: without('failover'), foundBy: 'master', share: 0.9 },
  { lie: 'a failover made up', tell: madeUpFailover, foundBy: 'honest: failover', share: 1 },
  {
    lie: 'from and to exchanged',
    tell: change('failover', (e) => ({
      ...e,
      details: { ...e.details, from: e.details.to, to: e.details.from },
    })),
    foundBy: 'honest: failover',
    share: 1,
  },
  {
    lie: 'a failover dated later',
    tell: change('failover', (e) => ({ ...e, time: plusUs(e.time, 3) })),
    foundBy: 'honest: failover is dated an advert',
    share: 0.9,
  },
  {
    lie: 'graceful called silence',
    tell: changeWhere(isGraceful, (e) => ({ ...e, details: { ...e.details, cause: 'silence' } })),
    foundBy: 'complete: cause',
    share: 0.9,
  },
  {
    lie: 'silence called graceful',
    tell: changeWhere(isSilence, (e) => ({ ...e, details: { ...e.details, cause: 'graceful' } })),
    foundBy: 'honest: graceful',
    share: 0.9,
  },
  {
    lie: 'preemption called a priority drop',
    tell: changeWhere(isPreemption, (e) => ({ ...e, details: { ...e.details, cause: 'priority-drop' } })),
    foundBy: 'complete: cause',
    share: 0.9,
  },
  {
    lie: 'all split-brains left out',
    tell: withoutAll('split-brain'),
    foundBy: 'complete: split-brain',
    share: 0.3, // most are too short for four adverts of each side
  },
  { lie: 'a split-brain made up', tell: madeUpSplitBrain, foundBy: 'split', share: 1 },
  {
    lie: 'the end of the last split-brain left out',
    tell: lastEnd('split-brain'),
    foundBy: 'heals',
    share: 1,
  },
  { lie: 'the end of the last loss left out', tell: lastEnd('master-lost'), foundBy: 'heals', share: 1 },
  {
    lie: 'all losses left out',
    tell: withoutAll('master-lost'),
    foundBy: 'complete: master-lost',
    share: 0.3, // many are told a moment before somebody speaks
  },
  { lie: 'a loss made up', tell: madeUpLoss, foundBy: 'honest: master-lost', share: 1 },
  { lie: 'an ip-conflict made up', tell: madeUpConflict, foundBy: 'ip-conflict', share: 1 },
  {
    lie: 'known before it was known before',
    tell: change('failover', (e) => ({ ...e, detectedAt: plusUs(e.detectedAt, -60 * SECOND) })),
    foundBy: 'form: ',
    share: 1,
  },
  {
    lie: 'an id twice',
    tell: (events) => (events.length < 2 ? null : events.map((e) => ({ ...e, id: events[0]?.id ?? '' }))),
    foundBy: 'form: ids',
    share: 1,
  },
  {
    lie: 'an end before its begin',
    tell: changeWhere(isEnd, (e) => ({ ...e, time: plusUs(e.time, -3_600 * SECOND) })),
    foundBy: 'form: no end',
    share: 1,
  },
  {
    lie: 'an end of nothing',
    tell: changeWhere(isEnd, (e) => ({ ...e, beginId: 'none' })),
    foundBy: 'form: an end has its begin',
    share: 1,
  },
  {
    lie: 'a password told',
    tell: change('failover', (e) => ({ ...e, summary: `${e.summary} (${PASSWORDS[0]})` })),
    foundBy: 'form: no secrets',
    share: 1,
  },
];

/** Runs whose true timeline passes. */
const cases = Array.from({ length: 40 }, (_, i) => simulate(i + 1))
  .map((run) => ({ run, events: observe(run) }))
  .filter(({ run, events }) => judge(run, events).violations.length === 0);

describe('the checks find out', () => {
  it.each(ROWS)('$lie', ({ tell, foundBy, share }) => {
    let told = 0;
    let found = 0;
    for (const { run, events } of cases) {
      const lie = tell(events, run);
      if (lie === null) continue;
      told += 1;
      if (judge(run, lie).violations.some((v) => v.check.includes(foundBy))) found += 1;
    }
    expect(told).toBeGreaterThan(1);
    expect(found / told).toBeGreaterThanOrEqual(share);
  });
});

function isGraceful(event: TimelineEvent): boolean {
  return event.kind === 'failover' && event.details.cause === 'graceful';
}

function isSilence(event: TimelineEvent): boolean {
  return event.kind === 'failover' && event.details.cause === 'silence';
}

function isPreemption(event: TimelineEvent): boolean {
  return event.kind === 'failover' && event.details.cause === 'preemption';
}

function isEnd(event: TimelineEvent): boolean {
  return event.phase === 'end';
}

/** One event changed: the middle one of those that fit. */
function changeWhere(fits: (event: TimelineEvent) => boolean, to: (event: TimelineEvent) => unknown): Lie {
  return (events) => {
    const fitting = events.filter(fits);
    const chosen = fitting[Math.floor(fitting.length / 2)];
    if (chosen === undefined) return null;
    return events.map((event) => (event === chosen ? (to(event) as TimelineEvent) : event));
  };
}

function change<K extends EventKind>(kind: K, to: (event: TimelineEvent & { kind: K }) => unknown): Lie {
  return changeWhere(
    (event) => event.kind === kind,
    (event) => to(event as TimelineEvent & { kind: K }),
  );
}

function without(kind: EventKind): Lie {
  return (events) => {
    const fitting = events.filter((event) => event.kind === kind);
    const chosen = fitting[Math.floor(fitting.length / 2)];
    return chosen === undefined ? null : events.filter((event) => event !== chosen);
  };
}

function withoutAll(kind: EventKind): Lie {
  return (events) => (events.some((e) => e.kind === kind) ? events.filter((e) => e.kind !== kind) : null);
}

function lastEnd(kind: EventKind): Lie {
  return (events) => {
    const last = events.findLast((event) => event.kind === kind && event.phase === 'end');
    return last === undefined ? null : events.filter((event) => event !== last);
  };
}

/** Lies told in the calm at the end, when one router has been master for long and is heard. */
function inTheCalm(events: readonly TimelineEvent[], run: Run, lie: object): readonly TimelineEvent[] | null {
  const last = events.at(-1);
  const advert = run.truth.adverts.at(-10);
  const seen = events.find((event) => event.kind === 'master-seen');
  if (last === undefined || advert === undefined || seen === undefined || run.truth.routers.length < 2)
    return null;
  const time = plusUs(EPOCH, advert.at);
  const late = plusUs(last.detectedAt > time ? last.detectedAt : time, 10 * MS);
  const made = { ...seen, id: 'made-up', phase: 'begin', time: late, detectedAt: late, ...lie };
  return [...events, made as TimelineEvent];
}

function madeUpFailover(events: readonly TimelineEvent[], run: Run): readonly TimelineEvent[] | null {
  const [a, b] = run.truth.routers;
  const details = { from: a?.address, to: b?.address, cause: 'silence', silenceMs: 3_600, fault: false };
  return inTheCalm(events, run, { kind: 'failover', phase: 'instant', details });
}

function madeUpSplitBrain(events: readonly TimelineEvent[], run: Run): readonly TimelineEvent[] | null {
  const [a, b] = run.truth.routers;
  const speakers = [a?.address, b?.address];
  const details = { speakers, winner: a?.address, loser: b?.address, reason: 'deaf', rejects: [], vips: [] };
  return inTheCalm(events, run, { kind: 'split-brain', details });
}

function madeUpLoss(events: readonly TimelineEvent[], run: Run): readonly TimelineEvent[] | null {
  const details = {
    last: run.truth.routers[0]?.address,
    reason: 'silence',
    by: null,
    nothingElseHeard: false,
  };
  return inTheCalm(events, run, { kind: 'master-lost', details });
}

function madeUpConflict(events: readonly TimelineEvent[], run: Run): readonly TimelineEvent[] | null {
  const [a, b] = run.truth.routers;
  const details = { holder: a?.address, holderMac: a?.mac, otherMac: b?.mac };
  return inTheCalm(events, run, { kind: 'ip-conflict', subject: `vip:sim/${a?.vips[0]}`, details });
}
