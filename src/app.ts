/**
 * The daemon of `vipwatch observe`: wires captures, pump, observer, journal and control socket together. What starts
 * in which order, and stops in which, stands here and nowhere else.
 *
 *     captures → pump → observer → journal → what was committed is told
 *
 * An event is durable before anybody is told of it. Nothing here judges, and nothing here waits for the disk.
 */
import { hostname } from 'node:os';
import { type CaptureLink, LiveCapture } from './capture/live/live-capture.ts';
import { Pump, SYSTEM_CLOCKS } from './capture/pump.ts';
import type { Configuration } from './config/read.ts';
import { ControlServer } from './control/server.ts';
import type { TimelineEvent } from './events.ts';
import { JournalReader } from './journal/journal-reader.ts';
import { type JournalTrouble, JournalWriter } from './journal/journal-writer.ts';
import type { Observation } from './observation.ts';
import { Observer } from './observer/observer.ts';
import type { RestoredFacts } from './observer/restoration.ts';
import { type Instant, plusUs, SECOND } from './time.ts';
import type { JournalledEvent } from './timeline/journalled-event.ts';
import { type StatusDocument, statusDocument } from './timeline/status.ts';

export interface AppOptions {
  readonly configuration: Configuration;
  readonly interfaces: readonly string[];
  readonly join: boolean;
  readonly journalPath: string;
  /** null: no control socket */
  readonly controlPath: string | null;
  /** where the captures' socket is made */
  readonly runtimeFolder: string;
  readonly release: string;
  readonly link: CaptureLink;
  /** events in the journal's order, once they are durable */
  readonly onTold: (entries: readonly JournalledEvent[]) => void;
  /** something that the person who runs this should know */
  readonly onRemark: (text: string) => void;
}

const BEAT_MS = 100;
/** How far back the journal is read to know the present: what a restart must not forget. */
const RESTORED_US = 25 * 3_600 * SECOND;
const DAY_US = 24 * 3_600 * SECOND;

export class App {
  readonly #options: AppOptions;
  readonly #journal: JournalWriter;
  readonly #pump: Pump;
  readonly #captures: LiveCapture;
  readonly #startedAt: Instant;
  #observer: Observer;
  #control: ControlServer | null = null;
  #beat: NodeJS.Timeout | null = null;
  #detectedAt = 0;
  #stopping: Promise<void> | null = null;

  /** Resolves once the timeline is being written. Throws a JournalError or ControlSocketError. */
  static async start(options: AppOptions): Promise<App> {
    const { configuration, journalPath } = options;
    const journal = await JournalWriter.open(journalPath, {
      retentionMs: configuration.journal.retentionMs,
      sampleRetentionMs: configuration.journal.samplesMs,
    });
    const app = new App(options, journal);
    try {
      await app.#start();
    } catch (error) {
      await app.stop();
      throw error;
    }
    return app;
  }

  private constructor(options: AppOptions, journal: JournalWriter) {
    this.#options = options;
    this.#journal = journal;
    this.#pump = new Pump(
      options.interfaces,
      {
        observe: (observation) => this.#observe(observation),
        heardAgain: (at, segment, advert, ipId) => this.#observer.heardAgain(at, segment, advert, ipId),
      },
      SYSTEM_CLOCKS,
    );
    this.#startedAt = this.#pump.now;
    this.#observer = this.#observerFor(options.configuration, journal.previousRun.until);
    this.#captures = new LiveCapture({
      interfaces: options.interfaces,
      join: options.join,
      runtimeFolder: options.runtimeFolder,
      link: options.link,
    });
    journal.onCommitted((entries) => options.onTold(entries));
    journal.onTrouble((trouble) => this.#journalTrouble(trouble));
  }

  async #start(): Promise<void> {
    const { release, controlPath, onRemark } = this.#options;
    const { setAside, previousRun } = this.#journal;
    if (setAside !== null) onRemark(`the journal was damaged and has been set aside as ${setAside}; a new one begins`);
    this.#observe({
      kind: 'run',
      at: this.#pump.now,
      phase: 'started',
      release,
      previous: previousRun.kind,
      previousUntil: previousRun.until,
    });
    if (controlPath !== null) {
      this.#control = await ControlServer.listen(controlPath, {
        status: () => this.status(),
        events: (query) => this.#journal.query(query),
        lastSeq: () => this.#journal.lastSeq,
        follow: (listener) => this.#journal.onCommitted(listener),
      });
    }
    this.#beat = setInterval(() => this.#pump.beat(), BEAT_MS);
    await this.#captures.start(this.#pump);
  }

  /** From the next moment on the observer knows what the new configuration says, and all that it knew. */
  async reload(configuration: Configuration): Promise<void> {
    await this.#journal.flush();
    this.#observer = this.#observerFor(configuration, this.#pump.now);
  }

  async status(): Promise<StatusDocument> {
    const now = this.#pump.now;
    const events: TimelineEvent[] = [];
    for await (const { event } of this.#journal.query({ since: plusUs(now, -DAY_US) })) events.push(event);
    return statusDocument({
      now: this.#pump.wallOf(now),
      host: hostname(),
      release: this.#options.release,
      startedAt: this.#startedAt,
      captures: this.#pump.states(),
      routers: this.#observer.state(),
      events,
    });
  }

  /** Flushes and ends; under 2 s. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#beat !== null) {
      clearInterval(this.#beat);
      this.#beat = null;
      const { release } = this.#options;
      this.#observe({
        kind: 'run',
        at: this.#pump.now,
        phase: 'stopped',
        release,
        previous: 'none',
        previousUntil: null,
      });
    }
    await this.#captures.stop();
    await this.#journal.stop();
    await this.#control?.close();
  }

  #observe(observation: Observation): void {
    const events = this.#observer.observe(observation);
    const samples = observation.kind === 'clock' || events.length > 0 ? this.#observer.takeSamples() : [];
    if (events.length === 0 && samples.length === 0) return;
    this.#journal.append(
      events.map((event) => this.#dated(event)),
      samples.map((sample) => ({ ...sample, time: this.#pump.wallOf(sample.time) })),
    );
  }

  /** Events are made in stream time and dated by the wall clock of their moment; knowledge never goes back. */
  #dated(event: TimelineEvent): TimelineEvent {
    const time = this.#pump.wallOf(event.time);
    this.#detectedAt = Math.max(this.#detectedAt, this.#pump.wallOf(event.detectedAt));
    if (time === event.time && this.#detectedAt === event.detectedAt) return event;
    return { ...event, time, detectedAt: this.#detectedAt as Instant };
  }

  #journalTrouble({ failing, error, waiting }: JournalTrouble): void {
    this.#options.onRemark(
      failing
        ? `the journal cannot be written (${error}); events are kept in memory and told meanwhile`
        : 'the journal is written again',
    );
    this.#observe({ kind: 'sink', at: this.#pump.now, sink: 'journal', failing, error, waiting });
  }

  /** Continues from what the journal says; `until` is the last moment that it speaks of with authority. */
  #observerFor(configuration: Configuration, until: Instant | null): Observer {
    const options = { configuration: configuration.observer, samples: true, name: hostname() };
    const facts = until === null ? null : this.#factsFromJournal(until);
    return facts === null ? new Observer(options) : Observer.restored(options, facts);
  }

  #factsFromJournal(until: Instant): RestoredFacts {
    const now = this.#pump.now;
    const reader = JournalReader.open(this.#options.journalPath);
    try {
      const recent = [...reader.events({ since: plusUs(until, -RESTORED_US) })];
      return { now, until, events: recent.map(({ event }) => event), samples: reader.lastSamples() };
    } finally {
      reader.close();
    }
  }
}
