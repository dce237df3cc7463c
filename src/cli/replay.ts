/** `vipwatch replay`: recordings in, the timeline out. The observer is the one that watches live segments. */
import { eventJson, type TimelineEvent } from '../events.ts';
import type { Observation } from '../observation.ts';
import type { ObserverConfiguration } from '../observer/configuration.ts';
import { Observer } from '../observer/observer.ts';
import { encodePoint, eventPoint, Ordinals, samplePoint } from '../sinks/line-protocol.ts';
import { instantFromUs } from '../time.ts';
import { inOrderOfTime, summarize } from '../timeline/summary.ts';
import { configurationOf } from './configuration.ts';
import { eventLines } from './event-lines.ts';
import type { Output } from './output.ts';
import { readingLines } from './reading-lines.ts';
import { read } from './recording.ts';
import { summaryLines } from './summary-lines.ts';
import { type Clock, LOCAL, painter, relativeTo, UTC, wantsColour } from './terminal.ts';

export interface ReplayOptions {
  readonly config?: string;
  readonly format: 'text' | 'jsonl' | 'lp';
  readonly segment?: string;
  readonly utc?: boolean;
  readonly relative?: boolean;
}

export async function replay(
  files: readonly string[],
  options: ReplayOptions,
  output: Output,
): Promise<void> {
  const configuration = await configurationOf(options.config, output);
  const observer = new Observer({
    ...(configuration === null ? {} : { configuration: configuration.observer }),
    samples: options.format === 'lp',
  });
  const printer = printerOf(options, observer, output);

  let addressTalk = false;
  const segments = new Set<string>();
  const result = await read(
    files,
    {
      ...(options.segment === undefined ? {} : { segment: options.segment }),
      onAdvert: (at, segment, advert, ipId) => observer.heardAgain(at, segment, advert, ipId),
      onObservation(observation: Observation) {
        if (observation.kind === 'traffic' && observation.addressTalk !== null) addressTalk = true;
        if ('segment' in observation) segments.add(observation.segment.name);
        const events = observer.observe(observation);
        if (events.length > 0) printer.events(events);
      },
    },
    output,
  );
  // Time stands at the last frame, whatever it was: what falls due until then has happened.
  if (result.lastAt !== null) printer.events(observer.observe({ kind: 'clock', at: result.lastAt }));
  printer.end({ ...result, addressTalk: addressTalk || result.claims > 0 });
  output.flush();
  if (configuration !== null) remarkUnseenSegments(configuration.observer, segments, output);
}

/** A virtual router configured on a segment that was not recorded matches nothing, which looks like silence. */
function remarkUnseenSegments(
  { clusters }: ObserverConfiguration,
  seen: ReadonlySet<string>,
  output: Output,
): void {
  if (seen.size === 0) return;
  for (const { segment, vrid } of clusters.flatMap((cluster) => cluster.virtualRouters)) {
    if (segment === null || seen.has(segment)) continue;
    const recorded = [...seen].slice(0, 3).join(', ');
    output.remark(
      `warning: virtual router ${vrid} is configured on ${segment}, but what was recorded is called ${recorded}: try --segment ${segment.split('.')[0] ?? segment}`,
    );
  }
}

/** With what the summary has to know beside the events. */
export type Reading = Awaited<ReturnType<typeof read>> & { readonly addressTalk: boolean };

interface Printer {
  events(events: readonly TimelineEvent[]): void;
  end(reading: Reading): void;
}

function printerOf(options: ReplayOptions, observer: Observer, output: Output): Printer {
  switch (options.format) {
    case 'text':
      return new TextPrinter(options, output);
    case 'jsonl':
      return new JsonPrinter(output);
    case 'lp':
      return new LineProtocolPrinter(observer, output);
  }
}

/** Prints at the end: ends of conditions are often dated before lines that would have been printed already. */
class TextPrinter implements Printer {
  readonly #options: ReplayOptions;
  readonly #output: Output;
  readonly #events: TimelineEvent[] = [];

  constructor(options: ReplayOptions, output: Output) {
    this.#options = options;
    this.#output = output;
  }

  events(events: readonly TimelineEvent[]): void {
    this.#events.push(...events);
  }

  end(reading: Reading): void {
    const clock = this.#clock(reading);
    const paint = painter(wantsColour(this.#output.stdoutIsTerminal, process.env));
    for (const line of eventLines(inOrderOfTime(this.#events), clock, paint)) this.#output.line(line);
    if (this.#events.length > 0) this.#output.line('');
    const summary = summarize(this.#events, reading.lastAt ?? instantFromUs(0));
    for (const line of summaryLines(summary, clock, paint)) this.#output.line(line);
    for (const line of readingLines(reading, clock)) this.#output.line(line);
  }

  #clock(reading: Reading): Clock {
    if (this.#options.relative === true) return relativeTo(reading.firstAt ?? instantFromUs(0));
    return this.#options.utc === true ? UTC : LOCAL;
  }
}

class JsonPrinter implements Printer {
  readonly #output: Output;
  #seq = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  events(events: readonly TimelineEvent[]): void {
    for (const event of events) this.#output.line(eventJson(event, ++this.#seq));
  }

  end(): void {}
}

class LineProtocolPrinter implements Printer {
  readonly #observer: Observer;
  readonly #output: Output;
  readonly #ordinals = new Ordinals();
  #seq = 0;

  constructor(observer: Observer, output: Output) {
    this.#observer = observer;
    this.#output = output;
  }

  events(events: readonly TimelineEvent[]): void {
    for (const event of events) {
      this.#print(encodePoint(eventPoint(event, ++this.#seq, this.#ordinals.take(event.time))));
    }
    this.#samples();
  }

  end(): void {
    this.#samples();
  }

  #samples(): void {
    for (const sample of this.#observer.takeSamples()) this.#print(encodePoint(samplePoint(sample)));
  }

  #print(line: string | null): void {
    if (line !== null) this.#output.line(line);
  }
}
