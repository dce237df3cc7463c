/**
 * `vipwatch alerts explain KIND|EVENT`: which rule it falls under, who is told, when; for an event of the journal also
 * what really comes of it, or why nothing does.
 */
import { RULE_KINDS, type Rule, Rules } from '../alerts/rules.ts';
import { Simulation } from '../alerts/simulation.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import { plusUs, SECOND } from '../time.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import { alertSettingsOf } from './alert-settings.ts';
import { configurationOf } from './configuration.ts';
import { eventLine } from './event-lines.ts';
import { type Output, UsageError } from './output.ts';
import { journalOrUsage, type PlaceOptions, placesWith } from './places.ts';
import { conditions, ruleLines } from './rule-lines.ts';
import { LOCAL, painter, UTC, wantsColour } from './terminal.ts';

export interface ExplainOptions extends PlaceOptions {
  readonly rules?: readonly string[];
  readonly utc?: boolean;
}

/** What came before the event may mute it, what comes after decides when it is told. */
const AROUND_US = 6 * 3_600 * SECOND;

export async function alertsExplain(what: string, options: ExplainOptions, output: Output): Promise<void> {
  const configuration = await configurationOf(options.config, output);
  const settings = alertSettingsOf(configuration, options.rules);
  const { book, receivers } = settings;
  if (RULE_KINDS.includes(what)) {
    const fitting = rulesOfKind(book.rules, what);
    if (fitting.length === 0) output.line(`no rule speaks of ${what}: nobody is told`);
    for (const rule of fitting) for (const line of ruleLines(rule, book, receivers, null)) output.line(line);
    output.flush();
    return;
  }
  const near = RULE_KINDS.filter((kind) => plain(kind).includes(plain(what)));
  if (near.length > 0) throw new UsageError(`no kind is called ${what}; there is ${near.join(', ')}`);
  const journal = journalOrUsage(placesWith(configuration, options));
  try {
    const { event, seq } = findEvent(journal, what);
    const clock = options.utc === true ? UTC : LOCAL;
    output.line(eventLine(event, clock, painter(wantsColour(output.stdoutIsTerminal, process.env))));
    const rule = new Rules(book).ruleFor(event);
    if (rule === null) output.line('no rule fits: nobody is told');
    else for (const line of ruleLines(rule, book, receivers, event.severity)) output.line(line);
    if (event.phase === 'end') output.line('  an end makes no alert; it is the all-clear of its begin');

    const told: string[] = [];
    const simulation = new Simulation(
      {
        ...settings,
        start: null,
        onDecision: ({ at, kind, subject, why }) => {
          if (kind === event.kind && subject === event.subject)
            told.push(`  ${clock.time(at)}  not told: ${why}`);
        },
      },
      ({ at, receiver, status, alerts, headline }) => {
        const alert = alerts.find(({ kind, subject }) => kind === event.kind && subject === event.subject);
        if (alert !== undefined)
          told.push(`  ${clock.time(at)}  ${status} to ${receiver} (${alert.status}): ${headline}`);
      },
    );
    const window = { since: plusUs(event.time, -AROUND_US), until: plusUs(event.time, AROUND_US) };
    for (const each of journal.events(window)) {
      simulation.take(each.event);
      if (each.seq <= seq) told.splice(0, told.length - KEPT_BEFORE);
    }
    simulation.advance(journal.aliveAt() ?? window.until);
    output.line('what these rules make of it, and of its like around it:');
    for (const line of told.length === 0 ? ['  nothing'] : told.slice(0, SHOWN)) output.line(line);
  } finally {
    journal.close();
  }
  output.flush();
}

const KEPT_BEFORE = 3;
const SHOWN = 20;

/** Up to the one that takes all that is left. */
function rulesOfKind(rules: readonly Rule[], kind: string): readonly Rule[] {
  const fitting = rules.filter(({ match }) => match.kinds === null || match.kinds.includes(kind));
  const last = fitting.findIndex(({ match }) => conditions(match) === '');
  return last === -1 ? fitting : fitting.slice(0, last + 1);
}

function findEvent(journal: JournalReader, what: string): JournalledEvent {
  const seq = /^[1-9]\d{0,14}$/.test(what) ? Number(what) : null;
  if (seq !== null) {
    const [found] = journal.eventsAfter(seq - 1, 1);
    if (found?.seq === seq) return found;
  } else {
    for (const each of journal.events({})) if (each.event.id === what) return each;
  }
  throw new UsageError(
    `${what}: is no kind of event (docs/events.md), and no event's id or seq in the journal`,
  );
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z]/g, '') || '?';
}
