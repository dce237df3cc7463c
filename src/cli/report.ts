/** `vipwatch report`: the story of one incident, or the list of them, out of the journal. */
import { instantFromUs, MS } from '../time.ts';
import { headlineOf, reportJson, reportOf } from '../timeline/report.ts';
import { type Output, UsageError } from './output.ts';
import { journalOrUsage, type PlaceOptions, placesOf } from './places.ts';
import { reportLines, reportMarkdown, wallClock } from './report-lines.ts';
import { LOCAL, painter, plural, UTC, wantsColour } from './terminal.ts';

export interface ReportOptions extends PlaceOptions {
  readonly format: 'text' | 'md' | 'json';
  readonly list?: boolean;
  readonly utc?: boolean;
}

const LISTED = 50;

export async function report(which: string, options: ReportOptions, output: Output): Promise<void> {
  if (which !== 'last' && !/^[1-9]\d{0,14}$/.test(which))
    throw new UsageError(`${which}: expected the number of an incident (vipwatch report --list), or last`);
  const journal = journalOrUsage(await placesOf(options, output));
  const clock = options.utc === true ? UTC : LOCAL;
  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  const incidents = journal.incidents({ limit: LISTED });
  if (options.list === true) {
    for (const { id, began, ended, severity, cluster, title, eventCount } of incidents) {
      const when = `${clock.day(began)?.slice(0, 10) ?? ''} ${clock.time(began).slice(0, 8)}`;
      const what = `${cluster === null ? '' : `${cluster}: `}${title}`;
      output.line(
        `${String(id).padStart(4)}  ${when}  ${severity.padEnd(8)}  ${ended === null ? 'not over' : 'over    '}  ${plural(eventCount, 'event')}  ${what}`,
      );
    }
  }
  if (incidents.length === 0) {
    const text = 'No incident yet: nothing worse than a remark has happened since the journal began.';
    if (options.format === 'json') output.line('null');
    else output.line(text);
  } else if (options.list !== true) {
    const found = journal.incident(which === 'last' ? 'last' : Number(which));
    if (found === null)
      throw new UsageError(
        `there is no incident ${which}; vipwatch report --list shows those that there are`,
      );
    const now = journal.aliveAt() ?? instantFromUs(Date.now() * MS);
    const story = reportOf(found.incident, found.events, now);
    const headline = headlineOf(story, wallClock(clock), instantFromUs(Date.now() * MS));
    if (options.format === 'json') output.line(reportJson(story, headline));
    else {
      const lines =
        options.format === 'md'
          ? reportMarkdown(story, headline, clock)
          : reportLines(story, headline, clock, paint);
      for (const line of lines) output.line(line);
    }
  }
  output.flush();
}
