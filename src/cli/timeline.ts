/**
 * `vipwatch timeline`: what happened, out of the journal, or out of the daemon where only that may read it.
 *
 * Text is sorted by when things happened, jsonl and csv by `seq`; with `--follow` all come as they become known.
 * `--follow` asks the daemon; where only the journal can be read, it looks there four times a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NumberedEvent } from '../control/client.ts';
import { eventJson, type TimelineEvent } from '../events.ts';
import type { JournalReader } from '../journal/journal-reader.ts';
import { type Instant, instantFromUs, MS } from '../time.ts';
import type { EventQuery } from '../timeline/journalled-event.ts';
import { inOrderOfTime } from '../timeline/summary.ts';
import { CSV_HEAD, csvLine } from './csv.ts';
import { eventLine, eventLines } from './event-lines.ts';
import { type Output, UsageError } from './output.ts';
import { findDaemon, findJournal, type PlaceOptions, type Places, placesOf } from './places.ts';
import { LOCAL, painter, UTC, wantsColour } from './terminal.ts';
import { TIME_FORMS, timeFrom } from './time-argument.ts';

export interface TimelineOptions extends PlaceOptions {
  readonly format: 'text' | 'jsonl' | 'csv';
  readonly since?: string;
  readonly until?: string;
  readonly kind?: readonly TimelineEvent['kind'][];
  readonly subject?: string;
  readonly cluster?: string;
  readonly severity?: TimelineEvent['severity'];
  readonly follow?: boolean;
  readonly utc?: boolean;
}

const POLL_MS = 250;

export async function timeline(options: TimelineOptions, output: Output): Promise<void> {
  const now = instantFromUs(Date.now() * MS);
  const query = queryOf(options, now);
  const places = await placesOf(options, output);
  const printer = printerOf(options, output);
  if (options.follow !== true) {
    for await (const numbered of await past(query, places)) printer.take(numbered);
    printer.end();
    output.flush();
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  for await (const numbered of await following(query, places, stop.signal, output)) {
    printer.follow(numbered);
    output.flush();
  }
}

function queryOf(options: TimelineOptions, now: Instant): EventQuery {
  const { kind, subject, cluster, severity } = options;
  const time = (name: 'since' | 'until') => {
    const text = options[name];
    if (text === undefined) return {};
    const at = timeFrom(text, now, options.utc === true);
    if (at === null) throw new UsageError(`--${name} ${text}: expected ${TIME_FORMS}`);
    return { [name]: at };
  };
  const query: EventQuery = {
    ...time('since'),
    ...time('until'),
    ...(kind === undefined ? {} : { kinds: kind }),
    ...(subject === undefined ? {} : { subject }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(severity === undefined ? {} : { severity }),
  };
  if (query.since !== undefined && query.until !== undefined && query.since >= query.until)
    throw new UsageError(`--since ${options.since} is not before --until ${options.until}`);
  return query;
}

async function past(
  query: EventQuery,
  places: Places,
): Promise<Iterable<NumberedEvent> | AsyncIterable<NumberedEvent>> {
  const journal = findJournal(places.journals);
  if (journal.found !== null) return journal.found.events(query);
  const daemon = await findDaemon(places.sockets);
  if (daemon.found !== null) return daemon.found.events(query);
  throw new UsageError([...journal.why, ...daemon.why].join('\n'));
}

async function following(
  query: EventQuery,
  places: Places,
  signal: AbortSignal,
  output: Output,
): Promise<AsyncIterable<NumberedEvent>> {
  const daemon = await findDaemon(places.sockets);
  if (daemon.found !== null) return daemon.found.follow(query, signal);
  const journal = findJournal(places.journals);
  if (journal.found === null) throw new UsageError([...daemon.why, ...journal.why].join('\n'));
  output.remark('no daemon answers; following the journal itself');
  return polled(journal.found, query, signal);
}

async function* polled(
  journal: JournalReader,
  query: EventQuery,
  signal: AbortSignal,
): AsyncGenerator<NumberedEvent> {
  let cursor = query.since === undefined ? journal.lastSeq() : 0;
  while (!signal.aborted) {
    for (const each of journal.events({ ...query, afterSeq: cursor })) {
      cursor = each.seq;
      yield each;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

interface Printer {
  take(numbered: NumberedEvent): void;
  end(): void;
  /** one that has just become known */
  follow(numbered: NumberedEvent): void;
}

function printerOf(options: TimelineOptions, output: Output): Printer {
  switch (options.format) {
    case 'text':
      return new TextPrinter(options, output);
    case 'jsonl':
      return lines(output, ({ seq, event }) => eventJson(event, seq));
    case 'csv':
      output.line(CSV_HEAD);
      output.flush();
      return lines(output, ({ seq, event }) => csvLine(event, seq));
  }
}

function lines(output: Output, text: (numbered: NumberedEvent) => string): Printer {
  const take = (numbered: NumberedEvent) => output.line(text(numbered));
  return { take, follow: take, end: () => {} };
}

/** Keeps the events, because it sorts them by time. */
class TextPrinter implements Printer {
  readonly #output: Output;
  readonly #clock;
  readonly #paint;
  readonly #events: TimelineEvent[] = [];
  #day: string | null = null;

  constructor(options: TimelineOptions, output: Output) {
    this.#output = output;
    this.#clock = options.utc === true ? UTC : LOCAL;
    this.#paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  }

  take({ event }: NumberedEvent): void {
    this.#events.push(event);
  }

  end(): void {
    for (const line of eventLines(inOrderOfTime(this.#events), this.#clock, this.#paint))
      this.#output.line(line);
    if (this.#events.length === 0) this.#output.remark('nothing of that kind happened');
  }

  follow({ event }: NumberedEvent): void {
    const day = this.#clock.day(event.time);
    if (day !== null && day !== this.#day) this.#output.line(this.#paint(day, 'dim'));
    this.#day = day;
    this.#output.line(eventLine(event, this.#clock, this.#paint));
  }
}
