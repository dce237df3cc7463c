/**
 * The journal's reader that writes to InfluxDB: events and samples, each with a cursor of its own that moves once the
 * server has taken them. Whatever the server does, nothing is lost and nobody waits for it.
 *
 *     journal ─ 5,000 lines ─► write ─► done: cursors advance
 *                                     ├► partly: told, cursors advance
 *                                     ├► halve: each half by itself
 *                                     └► later: the same again, after a pause
 *
 * - Written again after a kill, a point is the same point: tags and timestamp follow from the journal alone. So "at
 *   least once" is once in effect.
 * - Order is that of the journal, events before samples. One request is under way, the next batch is being read.
 * - What is refused for good is told with the server's reason and passed over; it stays in the journal, where its
 *   `seq` finds it. A server that refuses everything refuses for a reason that has nothing to do with the points: after
 *   40 requests without a point taken, it counts as out of order, and all waits.
 */
import type { TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import { BackOff } from './back-off.ts';
import type { Missing, Verdict } from './influx-answer.ts';
import { encodePoint, eventPoint, type Point, samplePoint } from './line-protocol.ts';
import { type Lines, LinesBuilder } from './lines.ts';
import { type JournalPlace, REFUSED, Refusals, type SinkTrouble, type Stream } from './refusals.ts';
import { SeriesCap } from './series-cap.ts';

/** The journal, as far as a sink needs it. */
export interface PointSource {
  /** `ordinal`: how many events of the same time have a lower `seq` */
  ordinalEventsAfter(seq: number, limit: number): Promise<readonly EventEntry[]>;
  samplesAfter(seq: number, limit: number): Promise<readonly SampleEntry[]>;
  cursor(reader: string, stream: Stream): Promise<number>;
  advance(reader: string, seq: number, stream: Stream): Promise<void>;
}

export interface EventEntry {
  readonly seq: number;
  readonly ordinal: number;
  readonly event: TimelineEvent;
}

export interface SampleEntry {
  readonly seq: number;
  readonly sample: Sample;
}

/** The server, as far as a sink needs it. */
export interface PointWriter {
  /** Never throws. */
  write(text: string, lines: number): Promise<Verdict>;
  stop(): void;
}

export interface InfluxSinkOptions {
  readonly source: PointSource;
  readonly writer: PointWriter;
  /** makes what the server lacks; throws where it may not */
  readonly create: (missing: Missing) => Promise<void>;
  /** `written`: points since the start; `eventsWritten`: the last event's `seq` */
  readonly onProgress: (progress: { readonly written: number; readonly eventsWritten: number }) => void;
  readonly onTrouble: (trouble: SinkTrouble) => void;
  readonly onRemark: (text: string) => void;
  /** how many events are durable by now */
  readonly lastSeq: () => number;
  readonly random?: () => number;
}

const READER = 'influx';
/** What it may say of itself: that it takes nothing, that it refused some. */
export const INFLUX_SINKS: readonly string[] = [READER, REFUSED];

const LINES_MAX = 5_000;
const BYTES_MAX = 4 * 1024 * 1024;
/** Rows of the journal at a time. */
const PAGE_ROWS = 500;
/** After the first event of a batch, what else happens goes with it. */
const GATHER_MS = 150;
/** Shorter troubles are nobody's business. */
const TOLD_AFTER_MS = 5_000;
const FRUITLESS_MAX = 40;
const STOP_WITHIN_MS = 300;
const CAP_REMARK =
  'strangers on the segment have made so many series that further ones are left out, and their events go to one';

interface Position {
  readonly events: number;
  readonly samples: number;
}

interface Batch {
  readonly lines: Lines;
  readonly from: Position;
  readonly to: Position;
}

type Halve = Extract<Verdict, { kind: 'halve' }>;
type Later = Extract<Verdict, { kind: 'later' }>;
type Delivery = { readonly kind: 'done' } | Later;

export class InfluxSink {
  readonly #options: InfluxSinkOptions;
  readonly #cap = new SeriesCap();
  readonly #backOff: BackOff;
  readonly #refusals: Refusals;
  #written = 0;
  #eventsWritten = 0;
  /** less, once the server found so many too large */
  #linesMax = LINES_MAX;
  #running: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isWoken = false;
  #isStopped = false;
  /** on the clock of `performance.now` */
  #failingSince: number | null = null;
  #toldAs: 'unknown' | 'well' | 'failing' = 'unknown';
  #isCapTold = false;
  /** In the batch under way: whether any point was taken, requests in vain, and points that may be why. */
  #isAnyTaken = false;
  #fruitless = 0;
  #suspects: { readonly place: JournalPlace; readonly reason: string }[] = [];

  constructor(options: InfluxSinkOptions) {
    this.#options = options;
    this.#backOff = new BackOff(options.random ?? Math.random);
    this.#refusals = new Refusals(options.onTrouble, options.onRemark);
  }

  /** Something is durable that was not. Cheap; to be called at every commit. */
  wake(): void {
    this.#isWoken = true;
    if (this.#running === null && this.#timer === null && !this.#isStopped) this.#runAfter(GATHER_MS);
  }

  /** What the server takes within 300 ms is written; the rest is, at the next start. */
  async stop(): Promise<void> {
    const late = () => new Promise<void>((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    if (this.#failingSince === null) await Promise.race([this.#flush(), late()]);
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#refusals.stop();
    this.#options.writer.stop();
    await Promise.race([this.#running, late()]);
  }

  async #flush(): Promise<void> {
    await this.#running;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#run();
    await this.#running;
  }

  #runAfter(ms: number): void {
    this.#timer = setTimeout(() => this.#run(), ms);
  }

  #run(): void {
    this.#timer = null;
    this.#isWoken = false;
    this.#running = this.#drain().then(
      (pauseMs) => this.#rest(pauseMs),
      // The journal's own trouble, of which it tells itself: its worker died, or its disk cannot be read.
      () => this.#rest(this.#backOff.next()),
    );
  }

  #rest(pauseMs: number | null): void {
    this.#running = null;
    if (this.#isStopped) return;
    if (pauseMs !== null) this.#runAfter(pauseMs);
    else if (this.#isWoken) this.#runAfter(GATHER_MS);
  }

  /** Until all is written (null), or the server wants a pause. */
  async #drain(): Promise<number | null> {
    const { source } = this.#options;
    // Read anew each time: another file may have taken the place of a damaged one.
    const from = {
      events: await source.cursor(READER, 'events'),
      samples: await source.cursor(READER, 'samples'),
    };
    this.#eventsWritten = from.events;
    let batch = await this.#gather(from);
    while (batch.to !== batch.from && !this.#isStopped) {
      const next = this.#gather(batch.to);
      next.catch(() => {}); // it is awaited below, or not wanted any more
      const startedAt = performance.now();
      const delivery = await this.#deliver(batch.lines);
      if (delivery.kind === 'later') return this.#pause(delivery, startedAt);
      await this.#isDelivered(batch);
      batch = await next;
    }
    return null;
  }

  async #gather(from: Position): Promise<Batch> {
    const { source } = this.#options;
    const lines = new LinesBuilder();
    const add = (stream: Stream, seq: number, point: Point) => {
      const admitted = this.#cap.admit(point);
      const text = admitted === null ? null : encodePoint(admitted);
      if (text !== null) lines.add(text, { stream, seq });
    };
    const room = () => (lines.length >= BYTES_MAX ? 0 : Math.min(PAGE_ROWS, this.#linesMax - lines.count));

    let { events, samples } = from;
    while (room() > 0) {
      const page = await source.ordinalEventsAfter(events, room());
      for (const { seq, ordinal, event } of page) add('events', seq, eventPoint(event, seq, ordinal));
      lines.endPage();
      this.#tellGap('events', events, page[0]?.seq);
      events = page.at(-1)?.seq ?? events;
      if (page.length === 0) break;
    }
    while (room() > 0) {
      const page = await source.samplesAfter(samples, room());
      for (const { seq, sample } of page) add('samples', seq, samplePoint(sample));
      lines.endPage();
      this.#tellGap('samples', samples, page[0]?.seq);
      samples = page.at(-1)?.seq ?? samples;
      if (page.length === 0) break;
    }
    const isEmpty = events === from.events && samples === from.samples;
    if (this.#cap.isReached && !this.#isCapTold) {
      this.#isCapTold = true;
      this.#options.onRemark(`influx: ${CAP_REMARK}`);
    }
    return { lines: lines.build(), from, to: isEmpty ? from : { events, samples } };
  }

  async #deliver(lines: Lines): Promise<Delivery> {
    this.#isAnyTaken = false;
    this.#fruitless = 0;
    this.#suspects = [];
    const delivery = await this.#write(lines);
    const [first] = this.#suspects;
    if (delivery.kind === 'later' || first === undefined) return delivery;
    if (!this.#isAnyTaken) return wantsPerson(first.reason);
    for (const { place, reason } of this.#suspects) this.#refusals.tell([place], 1, reason);
    return DONE;
  }

  async #write(lines: Lines, mayCreate = true): Promise<Delivery> {
    if (lines.count === 0) return DONE;
    const verdict = await this.#options.writer.write(lines.text, lines.count);
    switch (verdict.kind) {
      case 'done':
        this.#areTaken(lines.count);
        return DONE;
      case 'partly':
        this.#areTaken(Math.max(0, lines.count - verdict.refused));
        this.#refusals.tell(lines.places, verdict.refused, verdict.reason);
        return DONE;
      case 'halve':
        return this.#writeHalves(lines, verdict);
      case 'later':
        if (verdict.missing === undefined || !mayCreate) return verdict;
        return this.#create(verdict, verdict.missing, lines);
    }
  }

  #areTaken(count: number): void {
    this.#written += count;
    this.#isAnyTaken = true;
  }

  async #writeHalves(lines: Lines, verdict: Halve): Promise<Delivery> {
    const { reason, isCertain, isTooLarge } = verdict;
    this.#fruitless++;
    if (!isCertain && !this.#isAnyTaken && this.#fruitless >= FRUITLESS_MAX) return wantsPerson(reason);
    if (lines.count === 1) {
      if (isCertain) this.#refusals.tell(lines.places, 1, reason);
      else this.#suspects.push(...lines.places.map((place) => ({ place, reason })));
      return DONE;
    }
    const [first, second] = lines.halves();
    if (isTooLarge) this.#linesMax = Math.min(this.#linesMax, first.count);
    const delivery = await this.#write(first);
    return delivery.kind === 'later' ? delivery : this.#write(second);
  }

  async #create(verdict: Later, missing: Missing, lines: Lines): Promise<Delivery> {
    try {
      await this.#options.create(missing);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ...verdict, reason: `${verdict.reason} (vipwatch could not: ${why})` };
    }
    this.#options.onRemark(`influx: there was no ${missing}, so it has been created`);
    return this.#write(lines, false);
  }

  async #isDelivered({ from, to }: Batch): Promise<void> {
    const { source, onProgress, onTrouble, onRemark } = this.#options;
    if (to.events > from.events) await source.advance(READER, to.events, 'events');
    if (to.samples > from.samples) await source.advance(READER, to.samples, 'samples');
    this.#eventsWritten = to.events;
    onProgress({ written: this.#written, eventsWritten: to.events });
    this.#backOff.reset();
    this.#failingSince = null;
    if (this.#toldAs === 'well') return;
    if (this.#toldAs === 'failing') onRemark('influx takes points again');
    this.#toldAs = 'well';
    // Also where this run told of no trouble: the one before may have.
    onTrouble({ sink: READER, failing: false, error: null, waiting: this.#waiting() });
  }

  #pause({ reason, needsPerson, afterMs }: Later, startedAt: number): number {
    if (this.#isStopped) return 0;
    this.#failingSince ??= startedAt;
    const isLong = performance.now() - this.#failingSince >= TOLD_AFTER_MS;
    if (this.#toldAs !== 'failing' && (needsPerson || isLong)) {
      this.#toldAs = 'failing';
      this.#options.onRemark(`influx takes nothing (${reason}); the journal keeps it, to be written later`);
      this.#options.onTrouble({
        sink: READER,
        failing: true,
        error: reason,
        waiting: this.#waiting(),
      });
    }
    return Math.max(this.#backOff.next(), afterMs ?? 0);
  }

  #waiting(): number {
    return Math.max(0, this.#options.lastSeq() - this.#eventsWritten);
  }

  /** Retention was faster than the server. */
  #tellGap(stream: Stream, after: number, first: number | undefined): void {
    if (after === 0 || first === undefined || first === after + 1) return;
    this.#options.onRemark(
      `influx: ${stream} ${after + 1} to ${first - 1} left the journal by age before they could be written`,
    );
  }
}

const DONE: Delivery = { kind: 'done' };

function wantsPerson(reason: string): Later {
  return { kind: 'later', reason, needsPerson: true, afterMs: null };
}
