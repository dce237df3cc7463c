/** An incident's story for a person, as plain text or as Markdown for a ticket. Pure. */
import { MS } from '../time.ts';
import type { WallClock } from '../timeline/clauses.ts';
import type { Headline, Report } from '../timeline/report.ts';
import { range } from '../timeline/words.ts';
import { eventLines, labelOf } from './event-lines.ts';
import { wrapped } from './status-lines.ts';
import { type Clock, duration, type Paint } from './terminal.ts';

/** As the times in a sentence are told: no fractions. */
export function wallClock(clock: Clock): WallClock {
  return { date: (at) => clock.day(at)?.slice(0, 10) ?? '', time: (at) => clock.time(at).slice(0, 8) };
}

export function* reportLines(
  report: Report,
  { headline }: Headline,
  clock: Clock,
  paint: Paint,
): Generator<string> {
  for (const line of wrapped(headline, '')) yield paint(line, 'bold');
  yield '';
  for (const [label, text] of facts(report, clock)) yield `  ${label.padEnd(10)}  ${text}`;
  yield '';
  for (const line of eventLines(
    report.events.map(({ event }) => event),
    clock,
    paint,
  ))
    yield line;
  const { problems } = report.summary;
  if (problems.length > 0) {
    yield '';
    yield paint('What to check', 'bold');
    for (const advice of new Set(problems.map((problem) => problem.advice)))
      yield* wrapped(advice, '  - ', '    ');
  }
  yield '';
  yield paint(outcome(report, clock), report.ended === null ? 'red' : 'green', 'bold');
}

export function* reportMarkdown(report: Report, { headline }: Headline, clock: Clock): Generator<string> {
  yield `# Incident ${report.incident}`;
  yield '';
  yield headline;
  yield '';
  for (const [label, text] of facts(report, clock)) yield `- **${label}**: ${text}`;
  yield '';
  yield '## Timeline';
  yield '';
  yield '| time | | subject | what |';
  yield '| --- | --- | --- | --- |';
  let day: string | null = null;
  for (const { event } of report.events) {
    const itsDay = clock.day(event.time);
    if (itsDay !== null && itsDay !== day) yield `| **${itsDay}** | | | |`;
    day = itsDay;
    yield `| ${clock.time(event.time)} | ${labelOf(event).label.trim()} | \`${event.subject}\` | ${event.summary.replaceAll('|', '\\|')} |`;
  }
  const { problems } = report.summary;
  if (problems.length > 0) {
    yield '';
    yield '## What to check';
    yield '';
    for (const advice of new Set(problems.map((problem) => problem.advice))) yield `- ${advice}`;
  }
  yield '';
  yield outcome(report, clock);
}

function* facts(report: Report, clock: Clock): Generator<readonly [string, string]> {
  const { summary, failovers } = report;
  const named = (address: string) => summary.names.get(address) ?? address;
  yield [
    'incident',
    `${report.incident}${report.cluster === null ? '' : ` of ${report.cluster}`}, ${report.severity}`,
  ];
  if (report.vips.length > 0) yield ['addresses', report.vips.join(', ')];
  const [day = '', zone = ''] = clock.day(report.began)?.split(/ (.*)/) ?? [];
  yield ['began', `${day} ${clock.time(report.began)} ${zone}`.trim()];
  if (report.ended !== null) {
    const lasted = duration((report.ended - report.began) / MS);
    yield ['ended', `${clock.time(report.ended)}, ${lasted} later`];
  }
  for (const { details } of failovers.slice(0, MOVES_MAX))
    yield ['moved', `from ${named(details.from)} to ${named(details.to)}: ${details.cause}`];
  if (failovers.length > MOVES_MAX) yield ['', `and ${failovers.length - MOVES_MAX} more times`];
  const { darkMs, darkMeasured } = report;
  const measured = darkMeasured ? ' (measured)' : '';
  yield [
    'dark',
    darkMs === null ? 'never, as far as adverts and claims tell' : `${range(darkMs)}${measured}`,
  ];
  if (report.splitMs > 0) yield ['split', `two held it at once for ${duration(report.splitMs)}`];
  if (report.blindMs > 0) yield ['not seen', `${duration(report.blindMs)} of it: the observer was blind`];
}

const MOVES_MAX = 5;
const OPEN_MAX = 8;

function outcome(report: Report, clock: Clock): string {
  if (report.ended !== null) return 'It is over.';
  if (report.open.length === 0)
    return 'Nothing of it is open any more; it counts as over when it stays quiet.';
  const told = report.open.slice(0, OPEN_MAX).map(({ kind, subject, time }) => {
    return `${kind} of ${subject} since ${clock.time(time).slice(0, 8)}`;
  });
  const more = report.open.length - told.length;
  return `It is not over: ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
}
