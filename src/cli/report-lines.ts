/** An incident's story for a person, as plain text or as Markdown for a ticket. Pure. */
import { MS } from '../time.ts';
import { type Report, range } from '../timeline/report.ts';
import { eventLines, labelOf } from './event-lines.ts';
import { wrapped } from './status-lines.ts';
import { type Clock, duration, type Paint } from './terminal.ts';

export function* reportLines(report: Report, clock: Clock, paint: Paint): Generator<string> {
  for (const line of wrapped(report.headline, '')) yield paint(line, 'bold');
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
  yield paint(outcome(report), report.ended === null ? 'red' : 'green', 'bold');
}

export function* reportMarkdown(report: Report, clock: Clock): Generator<string> {
  yield `# Incident ${report.incident}`;
  yield '';
  yield report.headline;
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
  yield outcome(report);
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

function outcome(report: Report): string {
  if (report.ended !== null) return 'It is over.';
  if (report.open.length === 0)
    return 'Nothing of it is open any more; it counts as over when it stays quiet.';
  return `It is not over: ${report.open.map((event) => `${event.kind} of ${event.subject}`).join(', ')}.`;
}
