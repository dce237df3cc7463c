/**
 * The story of an incident, for whoever was woken by it and for whoever asks the next day: one sentence, the
 * facts, the timeline, what to look at, and whether it is over. A pure fold over the incident's events.
 *
 * The sentence comes in two lengths: the gist, which is the worst that happened, for a subject or a lock screen; and the
 * chain of what led to what, for whoever reads the report.
 */
import { type EventOf, eventJson, type TimelineEvent } from '../events.ts';
import { type Instant, isoTime, MS } from '../time.ts';
import { causeChain, type Darkness } from './cause-chain.ts';
import { type Clause, chainSentence, type ToldClause, tellChain, type WallClock } from './clauses.ts';
import type { JournalledEvent } from './journalled-event.ts';
import { type DarkRange, inOrderOfTime, summarize, type TimelineSummary } from './summary.ts';
import { range, seconds, sentenceCase } from './words.ts';

/** What the journal says of an incident. */
export interface ReportedIncident {
  readonly id: number;
  readonly cluster: string | null;
  readonly began: Instant;
  readonly severity: TimelineEvent['severity'];
  /** null as long as it is not over */
  readonly ended: Instant | null;
}

export interface Report {
  readonly incident: number;
  readonly cluster: string | null;
  readonly severity: TimelineEvent['severity'];
  /** the worst that happened, from whom to whom, how long dark: no times, so that it reads the same everywhere */
  readonly gist: string;
  /** what was wrong first, and what came of it; empty where nothing of the incident can be told so */
  readonly chain: readonly Clause[];
  readonly began: Instant;
  /** of its last event; null as long as it is not over */
  readonly ended: Instant | null;
  /** what keeps it from being over, oldest first */
  readonly open: readonly TimelineEvent[];
  readonly vips: readonly string[];
  readonly failovers: readonly EventOf<'failover'>[];
  /** least and most that clients can have felt of all of it; null where nothing was dark */
  readonly darkMs: DarkRange | null;
  /** by probes, not by what adverts and claims tell */
  readonly darkMeasured: boolean;
  readonly splitMs: number;
  /** how much of it the observer could not see */
  readonly blindMs: number;
  readonly summary: TimelineSummary;
  /** by time */
  readonly events: readonly JournalledEvent[];
}

/** `until`: now, or where the journal ends. */
export function reportOf(
  incident: ReportedIncident,
  events: readonly JournalledEvent[],
  until: Instant,
): Report {
  const bySeq = new Map(events.map((each) => [each.event, each]));
  const ordered = inOrderOfTime(events.map(({ event }) => event));
  const end = incident.ended ?? until;
  const summary = summarize(ordered, end);
  const failovers = ordered.filter((event) => event.kind === 'failover');
  const dark = darknessOf(summary);
  const splitMs = summary.virtualRouters.reduce((ms, router) => Math.max(ms, router.splitMs), 0);
  return {
    incident: incident.id,
    cluster: incident.cluster,
    severity: incident.severity,
    gist: gistOf(ordered, summary, dark, splitMs),
    chain: causeChain(ordered, summary.names, dark, end),
    began: incident.began,
    ended: incident.ended,
    open: summary.open,
    vips: [...new Set(ordered.flatMap(({ details }) => details.vips ?? []))],
    failovers,
    darkMs: dark.range,
    darkMeasured: dark.measured,
    splitMs,
    blindMs: ordered.reduce((ms, { details }) => Math.max(ms, details.blindMs ?? 0), 0),
    summary,
    events: ordered.flatMap((event) => bySeq.get(event) ?? []),
  };
}

/** A report's sentence, and the clauses that it is made of, as a reader's clock shows them on the day that is `today`. */
export interface Headline {
  readonly headline: string;
  readonly chain: readonly ToldClause[];
}

export function headlineOf({ gist, chain }: Report, clock: WallClock, today: Instant): Headline {
  const told = tellChain(chain, clock, today);
  return { headline: told.length === 0 ? gist : chainSentence(told), chain: told };
}

/**
 * Machine-readable; times are ISO 8601 in UTC, but for those within the headline and its clauses, which are for people.
 * Events as in `timeline --format jsonl`.
 */
export function reportJson(report: Report, { headline, chain }: Headline): string {
  const { summary, events, failovers, open } = report;
  const json = ({ seq, event }: JournalledEvent): unknown => JSON.parse(eventJson(event, seq));
  return JSON.stringify({
    incident: report.incident,
    cluster: report.cluster,
    severity: report.severity,
    headline,
    chain: chain.map(({ time, clause, eventIds }) => {
      return { time: time === null ? null : isoTime(time), clause, eventIds };
    }),
    gist: report.gist,
    began: isoTime(report.began),
    ended: report.ended === null ? null : isoTime(report.ended),
    over: report.ended !== null,
    vips: report.vips,
    failovers: failovers.length,
    darkMs: report.darkMs,
    darkMeasured: report.darkMeasured,
    splitMs: report.splitMs,
    blindMs: report.blindMs,
    open: open.map((event) => event.id),
    whatToCheck: summary.problems.map(({ event, count, open: isOpen, lastedMs, advice }) => {
      return { kind: event.kind, subject: event.subject, count, open: isOpen, lastedMs, advice };
    }),
    events: events.map(json),
  });
}

function darknessOf({ virtualRouters, darkVips, open }: TimelineSummary): Darkness {
  const known = [
    ...virtualRouters.map(({ darkMs, darkMeasured }) => ({ range: darkMs, measured: darkMeasured })),
    ...darkVips.map(({ darkMs }) => ({ range: [darkMs, darkMs] as const, measured: true })),
  ];
  const range = known.reduce<DarkRange | null>((most, { range: each }) => {
    if (each === null || most === null) return most ?? each;
    return [Math.max(most[0], each[0]), Math.max(most[1], each[1])];
  }, null);
  const same = (other: DarkRange | null) => other?.[0] === range?.[0] && other?.[1] === range?.[1];
  return {
    range,
    measured: known.some((each) => each.measured && same(each.range)),
    open: darkVips.some((vip) => vip.open) || (darkVips.length === 0 && open.some(isLoss)),
  };
}

function isLoss({ kind }: TimelineEvent): boolean {
  return kind === 'master-lost';
}

/** The worst first; of equal ones the first that happened. */
const WEIGHT: Readonly<Partial<Record<TimelineEvent['kind'], number>>> = {
  'split-brain': 6,
  flapping: 5,
  'vip-on-dead-service': 4.5,
  'ip-conflict': 4,
  failover: 3,
  'master-lost': 3,
  'vip-dark': 1,
};

function gistOf(
  ordered: readonly TimelineEvent[],
  summary: TimelineSummary,
  dark: Darkness,
  splitMs: number,
): string {
  const main = ordered
    .filter((event) => event.phase !== 'end')
    .reduce<TimelineEvent | null>(
      (best, event) => (best === null || weightOf(event) > weightOf(best) ? event : best),
      null,
    );
  if (main === null) return 'What began earlier ended.';
  const failovers = ordered.filter((event) => event.kind === 'failover').length;
  const more = failovers - (main.kind === 'failover' ? 1 : 0);
  const beginsWithName = [...summary.names.values()].some((name) => main.summary.startsWith(`${name} `));
  const parts = [beginsWithName ? main.summary : sentenceCase(main.summary)];
  if (main.kind === 'split-brain') {
    const open = summary.open.some((event) => event.kind === 'split-brain');
    const end = ordered.findLast((event) => event.kind === 'split-brain' && event.phase === 'end');
    const survivor = end?.kind === 'split-brain' ? end.details.survivor : undefined;
    const name = survivor === undefined ? null : (summary.names.get(survivor) ?? survivor);
    parts.push(
      open
        ? `it lasts for ${seconds(splitMs)} so far`
        : `it lasted ${seconds(splitMs)}${name === null ? '' : `, and ${name} went on`}`,
    );
  }
  if (main.kind === 'master-lost') {
    const end = ordered.find((event) => event.beginId === main.id);
    parts.push(end === undefined ? 'it still is so' : end.summary);
  }
  if (more > 0)
    parts.push(more === 1 ? 'one more failover belongs to it' : `${more} more failovers belong to it`);
  const justBegun = dark.open && (dark.range?.[1] ?? 0) < MS;
  if (dark.range !== null && !justBegun && (dark.measured || main.kind !== 'master-lost')) {
    const text = `${range(dark.range)}${dark.open ? ' so far' : ''}${dark.measured ? ' (measured)' : ''}`;
    parts.push(`clients ${dark.open ? 'have been' : 'were'} in the dark for ${text}`);
  }
  return `${parts.join('; ')}.`;
}

function weightOf(event: TimelineEvent): number {
  const severity = { info: 0, warning: 10, critical: 20 }[event.severity];
  // A failover says more than the loss that it ended, and is but a warning.
  const weight = WEIGHT[event.kind] ?? 0;
  return event.kind === 'failover' ? 24 : severity + weight;
}
