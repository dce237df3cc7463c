/** A sink on a journal, in the test's own thread, with what it told and promises of how far it has come. */
import type { Journal } from '../../src/journal/journal.ts';
import { InfluxDatabase } from '../../src/sinks/influx-database.ts';
import type { InfluxSettings } from '../../src/sinks/influx-settings.ts';
import { InfluxSink, type PointSource } from '../../src/sinks/influx-sink.ts';
import { InfluxWriter } from '../../src/sinks/influx-writer.ts';
import type { SinkTrouble } from '../../src/sinks/refusals.ts';

export class SinkRun {
  readonly troubles: SinkTrouble[] = [];
  readonly remarks: string[] = [];
  readonly sink: InfluxSink;
  readonly #journal: Journal;
  #changed = () => {};

  constructor(
    journal: Journal,
    settings: InfluxSettings,
    more: { timeoutMs?: number; source?: Partial<PointSource> } = {},
  ) {
    this.#journal = journal;
    const database = new InfluxDatabase(settings);
    this.sink = new InfluxSink({
      source: { ...sourceOf(journal), ...more.source },
      writer: new InfluxWriter(settings, more.timeoutMs ?? 10_000),
      create: (missing) => database.create(missing),
      lastSeq: () => journal.queries.lastSeq(),
      onProgress: () => this.#changed(),
      onTrouble: (trouble) => {
        this.troubles.push(trouble);
        this.#changed();
      },
      onRemark: (remark) => {
        this.remarks.push(remark);
        this.#changed();
      },
      // no longer than half of what it might be
      random: () => 0,
    });
  }

  /** All that the journal holds has been taken, or refused for good. */
  readonly caughtUp = async (): Promise<void> => {
    this.sink.wake();
    await this.until(
      () =>
        this.#journal.cursor('influx', 'events') === this.#journal.queries.lastSeq() &&
        this.#journal.cursor('influx', 'samples') === this.#journal.queries.lastSampleSeq(),
    );
  };

  readonly until = async (holds: () => boolean): Promise<void> => {
    while (!holds())
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
  };
}

export function sourceOf(journal: Journal): PointSource {
  return {
    ordinalEventsAfter: async (seq, limit) => journal.queries.ordinalEventsAfter(seq, limit),
    samplesAfter: async (seq, limit) => journal.queries.samplesAfter(seq, limit),
    cursor: async (reader, stream) => journal.cursor(reader, stream),
    advance: async (reader, seq, stream) => journal.advance(reader, seq, stream),
  };
}
