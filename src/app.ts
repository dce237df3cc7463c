/**
 * The daemon of `vipwatch observe`: wires captures, pump, observer, journal and control socket together. What starts
 * in which order, and stops in which, stands here and nowhere else.
 *
 *     captures, polls → pump → observer → journal → what was committed is told: terminal, followers, alerts
 *
 * An event is durable before anybody is told of it. Nothing here judges, and nothing here waits for the disk but the
 * start, and a reload, which reads the journal as a start does.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { AlertsConfiguration } from './alerts/configuration.ts';
import { Heartbeat } from './alerts/heartbeat.ts';
import type { Receiver } from './alerts/notification.ts';
import { AlertService, type AlertStore } from './alerts/service.ts';
import { silenceFrom, silenceTold } from './alerts/silence-request.ts';
import type { CaptureListener } from './capture/capture-listener.ts';
import type { CaptureLink } from './capture/live/capture-link.ts';
import { LiveCapture } from './capture/live/live-capture.ts';
import { type CaptureState, Pump, SYSTEM_CLOCKS } from './capture/pump.ts';
import type { Configuration } from './config/read.ts';
import { ControlServer, type SilenceSources } from './control/server.ts';
import type { TimelineEvent } from './events.ts';
import type { AnnotationFeed } from './grafana/annotation-feed.ts';
import { InfluxHost } from './influx/influx-host.ts';
import { JournalReader } from './journal/journal-reader.ts';
import { type JournalTrouble, JournalWriter } from './journal/journal-writer.ts';
import type { Observation } from './observation.ts';
import { Observer } from './observer/observer.ts';
import type { RestoredFacts } from './observer/restoration.ts';
import type { Poller } from './poll/poller.ts';
import type { Sample } from './samples.ts';
import { INFLUX_SINKS } from './sinks/influx-sink.ts';
import type { SinkTrouble } from './sinks/refusals.ts';
import { type Instant, MS, plusUs, SECOND } from './time.ts';
import type { JournalledEvent } from './timeline/journalled-event.ts';
import { ownSamples } from './timeline/own-samples.ts';
import { type StatusDocument, statusDocument } from './timeline/status.ts';

export interface AppOptions {
  readonly configuration: Configuration;
  readonly interfaces: readonly string[];
  readonly join: boolean;
  readonly journalPath: string;
  /** null: no control socket */
  readonly controlPath: string | null;
  readonly release: string;
  readonly link: CaptureLink;
  /** who can be told of what the configuration names */
  readonly receiversOf: (alerts: AlertsConfiguration) => readonly Receiver[];
  /** events in the journal's order, once they are durable, or cannot be made so */
  readonly onTold: (entries: readonly JournalledEvent[]) => void;
  /** a capture sees for the first time */
  readonly onSeeing: (capture: string) => void;
  /** something that the person who runs this should know */
  readonly onRemark: (text: string) => void;
}

type Follower = (entries: readonly JournalledEvent[]) => void;

/** With the supervision of captures, in one awakening. */
const BEAT_MS = 250;
/** How far back the journal is read to know the present, and how many events of it at the most. */
const RESTORED_US = 25 * 3_600 * SECOND;
const RESTORED_MAX = 20_000;
const DAY_US = 24 * 3_600 * SECOND;
const DAY_MAX = 20_000;
const ALIVE_EVERY_US = SECOND;
const OWN_SAMPLES_EVERY_US = 30 * SECOND;
/** A reload waits for events to be durable, and for a failover to be over: that of a master of 1 s takes 5 s. */
const RELOAD_WITHIN_US = 6 * SECOND;
const RELOAD_LOOKS_EVERY_MS = 20;

/** Nothing has changed: what was configured before stays in use. */
export class ReloadRefused extends Error {
  override readonly name = 'ReloadRefused';
}

export class App {
  readonly #options: AppOptions;
  readonly #host = hostname();
  readonly #journal: JournalWriter;
  readonly #pump: Pump;
  readonly #captures: LiveCapture;
  readonly #startedAt: Instant;
  readonly #followers = new Set<Follower>();
  #observer: Observer;
  #control: ControlServer | null = null;
  #alerts: AlertService | null = null;
  #heartbeat: Heartbeat | null = null;
  /** settled once every alert service that was replaced has noted what it knows */
  #retired: Promise<unknown> = Promise.resolve();
  #reloading: Promise<void> = Promise.resolve();
  #influx: InfluxHost | null = null;
  #annotations: AnnotationFeed | null = null;
  #poller: Poller | null = null;
  /** what was asked before that was asked for another configuration */
  #polledFrom: Instant;
  #beat: NodeJS.Timeout | null = null;
  /** the latest knowledge told: a clock that is set back changes nothing about its order */
  #detectedAt = 0;
  #aliveAt = 0;
  #ownSamplesAt = Number.NEGATIVE_INFINITY;
  #lastSeq = 0;
  #stopping: Promise<void> | null = null;

  /** Resolves once the timeline is being written. Throws a JournalError or ControlSocketError. */
  static async start(options: AppOptions): Promise<App> {
    const { retentionMs, samplesMs } = options.configuration.journal;
    const journal = await JournalWriter.open(options.journalPath, { retentionMs, samplesMs });
    let app: App | null = null;
    try {
      app = new App(options, journal);
      await app.#start();
      return app;
    } catch (error) {
      await (app === null ? journal.stop(SYSTEM_CLOCKS.wallUs() as Instant) : app.stop());
      throw error;
    }
  }

  private constructor(options: AppOptions, journal: JournalWriter) {
    this.#options = options;
    this.#journal = journal;
    this.#pump = new Pump(
      options.interfaces,
      {
        observe: (observation) => {
          if (!this.#isOutdated(observation)) this.#observe(observation);
        },
        heardAgain: (at, segment, advert, ipId) => this.#observer.heardAgain(at, segment, advert, ipId),
      },
      SYSTEM_CLOCKS,
    );
    this.#startedAt = this.#pump.now;
    this.#polledFrom = this.#startedAt;
    const until = journal.previousRun.until;
    this.#observer = this.#observerFor(options.configuration, until);
    const { interfaces, join, link, onRemark } = options;
    this.#captures = new LiveCapture({ interfaces, join, link, remark: onRemark });
    journal.onCommitted((entries) => this.#told(entries));
    journal.onTrouble((trouble) => this.#journalTrouble(trouble));
    journal.onSetAside(({ path, reason }) => {
      onRemark(`the journal was damaged (${reason}); it is now ${path}, and a new one has begun`);
      this.#influx?.journalReplaced();
    });
  }

  async #start(): Promise<void> {
    const { release, controlPath, onRemark } = this.#options;
    const { setAside, previousRun } = this.#journal;
    if (setAside !== null)
      onRemark(
        `the journal was damaged (${setAside.reason}); it is now ${setAside.path}, and a new one begins`,
      );
    await this.#startAlerts(this.#options.configuration);
    this.#observe({
      kind: 'run',
      at: this.#pump.now,
      phase: 'started',
      release,
      previous: previousRun.kind,
      previousUntil: previousRun.until,
    });
    await this.#startPoller(this.#options.configuration);
    this.#startInflux(this.#options.configuration);
    await this.#startAnnotations(this.#options.configuration);
    if (controlPath !== null) {
      this.#control = await ControlServer.listen(controlPath, {
        status: () => this.status(),
        events: (query) => this.#journal.query(query),
        lastSeq: () => this.#lastSeq,
        follow: (listener) => {
          this.#followers.add(listener);
          return () => this.#followers.delete(listener);
        },
        silences: () => this.#silences(),
      });
    }
    this.#beat = setInterval(() => this.#pump.beat(), BEAT_MS);
    await this.#captures.start(this.#listener());
  }

  #listener(): CaptureListener {
    const pump = this.#pump;
    const seeing = new Set<string>();
    return {
      frame: (...frame) => pump.frame(...frame),
      tick: (capture, tick) => pump.tick(capture, tick),
      sight: (capture, sight) => {
        pump.sight(capture, sight);
        if (sight.seeing && !seeing.has(capture)) {
          seeing.add(capture);
          this.#options.onSeeing(capture);
        }
      },
    };
  }

  /**
   * From then on the observer knows what the new configuration says, and all that the journal says, as after a
   * restart; only that nothing was missed. What it takes in of captures and journal needs a restart. One reload waits
   * for the other. Rejects with a `ReloadRefused` where the journal does not hold, or does not give, all that was told.
   */
  reload(configuration: Configuration): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload(configuration));
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(configuration: Configuration): Promise<void> {
    await this.#calm();
    if (this.#stopping !== null) return;
    const { failing, error, waiting } = this.#journal.trouble;
    if (failing) throw new ReloadRefused(`a reload needs the journal, which cannot be written (${error})`);
    if (waiting > 0) throw new ReloadRefused(`a reload needs the journal, for which ${waiting} events wait`);
    try {
      this.#observer = this.#observerFor(configuration, this.#pump.now);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ReloadRefused(`a reload needs the journal, which cannot be read (${why})`, { cause: error });
    }
    this.#sayWhoSees();
    await this.#startPoller(configuration);
    await this.#startAlerts(configuration);
    await this.#influx?.stop();
    this.#startInflux(configuration);
    await this.#startAnnotations(configuration);
  }

  /**
   * Waits, within its bound, until a reload loses nothing: what was observed is in the journal, and no silence is under
   * way, whose beginning the journal does not know.
   */
  async #calm(): Promise<void> {
    const until = SYSTEM_CLOCKS.monotonicUs() + RELOAD_WITHIN_US;
    const isCalm = () => this.#journal.trouble.waiting === 0 && !this.#observer.isUnsettled;
    while (!isCalm() && this.#stopping === null && !this.#journal.trouble.failing) {
      if (SYSTEM_CLOCKS.monotonicUs() > until) return;
      await new Promise((resolve) => setTimeout(resolve, RELOAD_LOOKS_EVERY_MS));
    }
  }

  /** Captures tell only what changes, and an observer that goes on from a journal takes each for blind until it does. */
  #sayWhoSees(): void {
    for (const { capture, seeing, reason, upTo } of this.#pump.states()) {
      if (upTo === null) continue; // it has not said a word yet
      this.#observe({ kind: 'sight', at: this.#pump.now, capture, seeing, reason, dropped: null });
    }
  }

  async status(): Promise<StatusDocument> {
    const now = this.#pump.now;
    const wall = (at: Instant) => this.#pump.wallOf(at);
    const events: TimelineEvent[] = [];
    for await (const { event } of this.#journal.query({ since: plusUs(wall(now), -DAY_US), limit: DAY_MAX }))
      events.push(event);
    const open = await this.#journal.openConditions();
    const captures = this.#pump.states();
    const delays = captures.flatMap((capture) => this.#delayMs(capture) ?? []);
    return statusDocument({
      now: wall(now),
      host: this.#host,
      release: this.#options.release,
      startedAt: this.#startedAt,
      captures: captures.map(({ capture, seeing, reason, since, received, dropped }) => ({
        name: capture,
        seeing,
        reason,
        since: wall(since),
        received,
        dropped,
      })),
      routers: this.#observer.state(),
      services: this.#observer.services(),
      proxies: this.#observer.proxies(),
      databases: this.#observer.databases(),
      events,
      open: open.map(({ event }) => event),
      health: {
        delayMs: delays.length === 0 ? null : Math.max(...delays),
        waiting: this.#journal.trouble.waiting,
        lastSeq: this.#lastSeq,
      },
    });
  }

  /** Flushes and ends; under 2 s. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#poller?.stop();
    await this.#captures.stop();
    if (this.#beat !== null) {
      clearInterval(this.#beat);
      const { release } = this.#options;
      const at = this.#pump.now;
      this.#observe({ kind: 'run', at, phase: 'stopped', release, previous: 'none', previousUntil: null });
    }
    this.#retireAlerts();
    await this.#retired;
    await this.#annotations?.stop();
    await this.#influx?.stop();
    await this.#journal.stop(this.#pump.wallOf(this.#pump.now));
    await this.#control?.close();
  }

  #observe(observation: Observation): void {
    const events = this.#observer.observe(observation);
    const isClock = observation.kind === 'clock';
    const samples = isClock || events.length > 0 ? [...this.#observer.takeSamples()] : [];
    if (isClock && observation.at - this.#ownSamplesAt >= OWN_SAMPLES_EVERY_US) {
      this.#ownSamplesAt = observation.at;
      samples.push(...this.#ownSamples(observation.at));
    }
    const isAlive = isClock && observation.at - this.#aliveAt >= ALIVE_EVERY_US;
    if (events.length === 0 && samples.length === 0 && !isAlive) return;
    this.#aliveAt = observation.at;
    this.#journal.append(
      events.map((event) => this.#dated(event)),
      samples.map((sample) => ({ ...sample, time: this.#pump.wallOf(sample.time) })),
      this.#pump.wallOf(observation.at),
    );
  }

  #told(entries: readonly JournalledEvent[]): void {
    this.#lastSeq = entries.at(-1)?.seq ?? this.#lastSeq;
    this.#alerts?.take(entries);
    this.#annotations?.news();
    this.#options.onTold(entries);
    for (const follower of this.#followers) follower(entries);
  }

  // ---- Alerts: the journal's events go in, what cannot be told comes back as an observation.

  /** In place of those that there are. The new service takes events at once, and judges when the old one has ended. */
  async #startAlerts({ alerts, observer }: Configuration): Promise<void> {
    const { receiversOf, onRemark } = this.#options;
    const receivers = alerts === null ? [] : receiversOf(alerts);
    this.#retireAlerts();
    if (alerts === null) return;
    const journal = this.#journal;
    const store: AlertStore = {
      kept: () => journal.alertsKept(),
      keep: (step) => journal.keepAlerts(step),
      eventsAfter: (seq, limit) => journal.eventsAfter(seq, limit),
      openConditions: () => journal.openConditions(),
      excerpt: (asked) => journal.excerpt(asked),
    };
    const service = new AlertService({
      store,
      receivers,
      settings: {
        book: alerts.rules,
        mutesForeign: observer.clusters.length > 0 && !alerts.foreign,
        maintenance: alerts.maintenance,
      },
      lastSeq: journal.lastSeq,
      onReceiver: ({ receiver: sink, failing, error, waiting }) => {
        if (this.#stopping === null)
          this.#observe({ kind: 'sink', at: this.#pump.now, sink, failing, error, waiting });
      },
      onRemark,
    });
    this.#alerts = service;
    await this.#retired;
    if (this.#alerts !== service) return;
    await service.resume();
    if (this.#alerts === service && alerts.heartbeat !== null)
      this.#heartbeat = new Heartbeat(alerts.heartbeat, () => this.#isHealthy(), onRemark);
  }

  #retireAlerts(): void {
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    this.#retired = Promise.all([this.#retired, this.#alerts?.stop()]);
    this.#alerts = null;
  }

  #isHealthy(): boolean {
    return (
      this.#pump.states().every(({ seeing }) => seeing) &&
      !this.#journal.trouble.failing &&
      (this.#alerts?.isHealthy ?? true)
    );
  }

  #silences(): SilenceSources | null {
    const alerts = this.#alerts;
    if (alerts === null) return null;
    const now = () => this.#pump.wallOf(this.#pump.now);
    return {
      list: async () => (await alerts.silences()).map((silence) => silenceTold(silence, now())),
      async add(asked) {
        const silence = silenceFrom(asked, randomBytes(3).toString('hex'), now());
        if (typeof silence === 'string') return silence;
        await alerts.silence(silence);
        return silenceTold(silence, now());
      },
      expire: (id) => alerts.expireSilence(id),
    };
  }

  // ----

  /** Events are made in stream time and dated by the wall clock of their moment; knowledge never goes back. */
  #dated(event: TimelineEvent): TimelineEvent {
    const time = this.#pump.wallOf(event.time);
    this.#detectedAt = Math.max(this.#detectedAt, this.#pump.wallOf(event.detectedAt));
    if (time === event.time && this.#detectedAt === event.detectedAt) return event;
    return { ...event, time, detectedAt: this.#detectedAt as Instant };
  }

  #journalTrouble({ failing, error, waiting, lost }: JournalTrouble): void {
    this.#options.onRemark(
      failing
        ? `the journal cannot be written (${error}); ${lost > 0 ? 'memory is full, and events are lost' : 'events are told all the same, and kept in memory'}`
        : `the journal is written again${lost > 0 ? `; ${lost} events are lost` : ''}`,
    );
    // not from within: what is observed here is appended, and may fail at once
    setImmediate(() => {
      if (this.#stopping === null)
        this.#observe({ kind: 'sink', at: this.#pump.now, sink: 'journal', failing, error, waiting });
    });
  }

  // ---- HAProxy, services and databases: asked, and what comes back is observed, in order with the frames.

  /** In place of the one that there is, whose answers count no more from the call on. */
  async #startPoller({ polls }: Configuration): Promise<void> {
    const before = this.#poller;
    this.#poller = null;
    this.#polledFrom = this.#pump.present();
    await before?.stop();
    if (polls.proxies.length + polls.probes.length + polls.databases.length === 0) return;
    // Loaded where it is needed: clients of HTTP and MySQL are a good part of this process.
    const { Poller } = await import('./poll/poller.ts');
    if (this.#stopping !== null) return;
    const pump = this.#pump;
    this.#poller = new Poller(polls, {
      now: () => pump.present(),
      tell: (observation) => pump.tell(observation),
    });
    this.#poller.start();
  }

  /** It waited in the pump, and speaks of places in a configuration that has been replaced since. */
  #isOutdated(observation: Observation): boolean {
    switch (observation.kind) {
      case 'proxy':
      case 'database':
        return observation.askedAt < this.#polledFrom;
      case 'probe':
        return observation.startedAt < this.#polledFrom;
      default:
        return false;
    }
  }

  // ---- InfluxDB: reads the journal by itself; what it cannot take comes back as an observation.

  #startInflux({ influx: settings }: Configuration): void {
    if (settings === null) {
      // It may have been failing when it was last configured.
      for (const sink of INFLUX_SINKS) this.#sinkTrouble({ sink, failing: false, error: null, waiting: 0 });
      this.#influx = null;
      return;
    }
    this.#influx = new InfluxHost({
      journal: this.#journal,
      journalPath: this.#options.journalPath,
      settings,
      onTrouble: (trouble) => this.#sinkTrouble(trouble),
      onRemark: this.#options.onRemark,
    });
  }

  #sinkTrouble(trouble: SinkTrouble): void {
    if (this.#stopping === null) this.#observe({ kind: 'sink', at: this.#pump.now, ...trouble });
  }

  // ---- Grafana: failovers and conditions as annotations, where that is asked for.

  async #startAnnotations({ grafana: settings }: Configuration): Promise<void> {
    await this.#annotations?.stop();
    this.#annotations = null;
    if (settings?.annotations !== true || settings.credentials === null) {
      this.#sinkTrouble({ sink: 'grafana', failing: false, error: null, waiting: 0 });
      return;
    }
    // Loaded where it is needed: an HTTP client is a fifth of this process.
    const { AnnotationFeed } = await import('./grafana/annotation-feed.ts');
    const { GrafanaAnnotations } = await import('./grafana/annotations.ts');
    const { GrafanaClient } = await import('./grafana/client.ts');
    if (this.#stopping !== null) return;
    const annotations = new GrafanaAnnotations(
      new GrafanaClient({ ...settings, credentials: settings.credentials }),
    );
    this.#annotations = new AnnotationFeed({
      journal: this.#journal,
      tell: (entry, signal) => annotations.tell(entry, signal),
      onTrouble: (trouble) => this.#sinkTrouble({ sink: 'grafana', ...trouble }),
      onRemark: this.#options.onRemark,
    });
  }

  // ---- vipwatch itself

  #ownSamples(at: Instant): readonly Sample[] {
    const influx = this.#influx?.figures;
    return ownSamples({
      host: this.#host,
      time: at,
      captures: this.#pump.states().map((state) => ({ ...state, delayMs: this.#delayMs(state) })),
      outlets: [
        { part: 'journal', waiting: this.#journal.trouble.waiting, written: this.#journal.lastSeq },
        ...(influx === undefined ? [] : [{ part: 'influx', ...influx }]),
      ],
    });
  }

  /** How far what a capture has told is behind the present; null while it cannot see. */
  #delayMs({ seeing, upTo }: CaptureState): number | null {
    if (!seeing || upTo === null) return null;
    return Math.max(0, SYSTEM_CLOCKS.wallUs() - this.#pump.wallOf(upTo)) / MS;
  }

  /** Continues from what the journal says; `until` is the last sign of life that it holds. */
  #observerFor(configuration: Configuration, until: Instant | null): Observer {
    const options = { configuration: configuration.observer, samples: true, name: this.#host };
    return new Observer(until === null ? options : { ...options, restored: this.#factsUntil(until) });
  }

  #factsUntil(until: Instant): RestoredFacts {
    const reader = JournalReader.open(this.#options.journalPath);
    try {
      const bySeq = new Map<number, TimelineEvent>();
      for (const { seq, event } of reader.openConditions()) bySeq.set(seq, event);
      let recent: JournalledEvent[] = [];
      for (const entry of reader.events({ since: plusUs(until, -RESTORED_US) })) {
        recent.push(entry);
        if (recent.length >= 2 * RESTORED_MAX) recent = recent.slice(-RESTORED_MAX);
      }
      for (const { seq, event } of recent.slice(-RESTORED_MAX)) bySeq.set(seq, event);
      return {
        // a clock that was set back since must not put the past into the future
        until: Math.min(until, this.#pump.now) as Instant,
        captures: this.#options.interfaces,
        events: [...bySeq].sort(([a], [b]) => a - b).map(([, event]) => event),
        samples: reader.lastSamples(),
      };
    } finally {
      reader.close();
    }
  }
}
