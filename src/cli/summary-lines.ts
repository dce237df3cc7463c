/** The summary under a replay's timeline, for a person at a terminal. Pure. */
import type { TimelineEvent } from '../events.ts';
import type {
  DarkRange,
  ProblemSummary,
  TimelineSummary,
  VirtualRouterSummary,
} from '../timeline/summary.ts';
import { labelOf } from './event-lines.ts';
import { type Clock, duration, type Paint } from './terminal.ts';

export function* summaryLines(summary: TimelineSummary, clock: Clock, paint: Paint): Generator<string> {
  const named = (address: string) => summary.names.get(address) ?? address;
  for (const router of summary.virtualRouters) {
    yield* virtualRouterLines(router, named, paint);
    yield '';
  }

  if (summary.open.length > 0) {
    yield paint('Still open at the end', 'bold');
    for (const event of summary.open) {
      yield `  ${labelled(event, paint)}  since ${clock.time(event.time).trim()}  ${event.subject}  ${event.summary}`;
    }
    yield '';
  }

  if (summary.problems.length > 0) {
    yield paint('Problems, and what to do', 'bold');
    for (const problem of summary.problems) {
      yield `  ${labelled(problem.event, paint)}  ${problem.event.subject}  ${problem.event.summary}${extent(problem)}`;
      yield `        ${problem.advice}`;
    }
    yield '';
  }
}

function* virtualRouterLines(
  router: VirtualRouterSummary,
  named: (address: string) => string,
  paint: Paint,
): Generator<string> {
  const cluster = router.cluster === null ? '' : `  (${router.cluster})`;
  yield `${paint(router.subject, 'bold')}  ${router.vips.join(', ')}${cluster}`;

  const rows = router.holders.map(({ address, share, heldMs, holdsAtEnd }) => ({
    who: named(address),
    share,
    text: `${duration(heldMs)}${holdsAtEnd ? ', the last' : ''}`,
  }));
  if (router.nobodyMs > 0) {
    const share = router.watchedMs === 0 ? 0 : router.nobodyMs / router.watchedMs;
    rows.push({ who: 'nobody', share, text: duration(router.nobodyMs) });
  }
  const width = rows.reduce((w, { who }) => Math.max(w, who.length), 0);
  for (const [i, { who, share, text }] of rows.entries()) {
    const label = i === 0 ? 'held by' : '';
    yield `  ${label.padEnd(10)}  ${who.padEnd(width)}  ${percent(share).padStart(6)}  ${text}`;
  }
  if (router.splitMs > 0) yield `  ${'split'.padEnd(10)}  two at once for ${duration(router.splitMs)}`;

  const total = [...router.failovers.values()].reduce((a, b) => a + b, 0);
  const causes = [...router.failovers].map(([cause, count]) => `${count} ${cause}`).join(', ');
  yield `  ${'failovers'.padEnd(10)}  ${total === 0 ? 'none' : `${total}: ${causes}`}`;
  yield `  ${'dark'.padEnd(10)}  ${darkness(router)}`;
}

function extent({ count, lastedMs, open }: ProblemSummary): string {
  const facts = [
    ...(count > 1 ? [`${count} times`] : []),
    ...(lastedMs === null ? [] : [`${duration(lastedMs)}${open ? ' so far' : ''}`]),
  ];
  return facts.length === 0 ? '' : ` (${facts.join(', ')})`;
}

function darkness({ darkMs, longestDarkMs, darkMeasured }: VirtualRouterSummary): string {
  if (darkMs === null || longestDarkMs === null) return 'never, as far as adverts tell';
  const [total, longest] = [range(darkMs), range(longestDarkMs)];
  const measured = darkMeasured ? ' (measured)' : '';
  return `${total === longest ? `${total}, once` : `${total} in all, ${longest} at the longest`}${measured}`;
}

function range([least, most]: DarkRange): string {
  const from = duration(least);
  const to = duration(most);
  return from === to ? to : `${from} to ${to}`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value >= 99.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

function labelled(event: TimelineEvent, paint: Paint): string {
  const { label, colours } = labelOf(event);
  return paint(label, ...colours);
}
