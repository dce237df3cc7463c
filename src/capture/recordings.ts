/**
 * Recordings as observations (`vipwatch replay`) or frames (`vipwatch decode`).
 *
 * Several files are merged by time, each in its own order; observations are put in order within a second
 * (`TimeOrder`). A file that is cut off or corrupt gives what it holds and a problem that says where it broke.
 * Never holds a file in memory, never judges what it decodes (`FrameIntake`).
 */
import { setImmediate } from 'node:timers/promises';
import type { Observation, Segment } from '../observation.ts';
import type { Instant } from '../time.ts';
import { AdvertMemo } from '../wire/advert-memo.ts';
import { ByteWindow } from '../wire/byte-window.ts';
import { type CaptureReader, openCapture } from '../wire/capture-reader.ts';
import { isKnownLinkType, LINKTYPE_ETHERNET } from '../wire/link.ts';
import type { Frame } from '../wire/packet.ts';
import { FrameIntake } from './frame-intake.ts';
import { looksLike, openRecording, type RecordingSource, unusable } from './recording-source.ts';
import { Segments } from './segments.ts';
import { type AdvertTaker, TimeOrder } from './time-order.ts';

export interface RecordingOptions {
  /** name of the segment that all files are of; VLANs append theirs. Default `replay` */
  readonly segment?: string;
  /** adverts, claims, CARP and thinned traffic, in order of time */
  readonly onObservation?: (observation: Observation) => void;
  /** asked before `onObservation` is, of adverts: true for one that needs no further look */
  readonly onAdvert?: AdvertTaker;
  /** every frame, with its time as recorded, in the order of the files */
  readonly onFrame?: (at: Instant, segment: Segment, frame: Frame) => void;
  /** at most ten times a second; `total` is null where a size is not known beforehand */
  readonly onProgress?: (bytesRead: number, total: number | null) => void;
}

export interface RecordingResult {
  readonly frames: number;
  readonly adverts: number;
  readonly claims: number;
  /** frames more than a second older than what came before them: taken at the current time */
  readonly late: number;
  /** frames that the recorder itself says it lost (pcapng) */
  readonly dropped: number;
  /** earliest and latest time taken; null without a frame */
  readonly firstAt: Instant | null;
  readonly lastAt: Instant | null;
  /** read from the files, as they lie on disk */
  readonly bytes: number;
  readonly problems: readonly RecordingProblem[];
}

export interface RecordingProblem {
  readonly file: string;
  /** into the unpacked recording, or into the gzip file where that is what is damaged */
  readonly offset: number;
  readonly message: string;
}

/** Throws for a file that cannot be opened or is no recording, before the first callback. `-` is standard input. */
export async function readRecordings(
  paths: readonly string[],
  options: RecordingOptions,
): Promise<RecordingResult> {
  if (paths.filter((path) => path === '-').length > 1)
    throw new Error('-: standard input can be read only once');
  const sources: RecordingSource[] = [];
  try {
    const lanes: Lane[] = [];
    for (const path of paths) {
      const lane = await openLane(path);
      lanes.push(lane);
      sources.push(lane.source);
    }
    const walk = new Walk(options);
    const progress = new Progress(sources, options.onProgress);
    const [first] = lanes;
    if (first !== undefined && lanes.length === 1) await walkAlone(first, walk, progress);
    else await walkMerged(lanes, walk, progress);
    progress.report();
    return walk.result(sources);
  } finally {
    for (const source of sources) source.close();
  }
}

/** One file on its way through. */
interface Lane {
  readonly source: RecordingSource;
  readonly window: ByteWindow;
  readonly reader: CaptureReader;
  readonly memo: AdvertMemo;
}

async function openLane(path: string): Promise<Lane> {
  const window = new ByteWindow(WINDOW_BYTES);
  const source = await openRecording(path, window);
  const reader = openCapture(window);
  if (reader === null) {
    source.close();
    throw unusable(source.name, looksLike(window));
  }
  return { source, window, reader, memo: new AdvertMemo() };
}

async function walkAlone(lane: Lane, walk: Walk, progress: Progress): Promise<void> {
  do {
    walk.takeAll(lane);
  } while (await refill(lane, walk, progress));
}

/**
 * Always the file whose next frame is the oldest; of equal ones the first given. Takes out of `open` what is
 * through: there may be a hundred rotated files.
 */
async function walkMerged(open: Lane[], walk: Walk, progress: Progress): Promise<void> {
  for (const lane of [...open]) {
    if (!(await advance(lane, walk, progress))) open.splice(open.indexOf(lane), 1);
  }
  for (;;) {
    let oldest = open[0];
    if (oldest === undefined) return;
    for (const lane of open) if (lane.reader.at < oldest.reader.at) oldest = lane;
    walk.take(oldest);
    if (!oldest.reader.next() && !(await advance(oldest, walk, progress)))
      open.splice(open.indexOf(oldest), 1);
  }
}

async function advance(lane: Lane, walk: Walk, progress: Progress): Promise<boolean> {
  do {
    if (lane.reader.next()) return true;
  } while (await refill(lane, walk, progress));
  return false;
}

/** False: nothing more will come of this file. */
async function refill(lane: Lane, walk: Walk, progress: Progress): Promise<boolean> {
  if (lane.reader.fault !== null || lane.window.ended) {
    walk.close(lane);
    return false;
  }
  await lane.source.fill();
  await progress.tick();
  return true;
}

/** What is done with each frame, and what is counted on the way. */
class Walk {
  readonly #onFrame: NonNullable<RecordingOptions['onFrame']> | null;
  readonly #segments: Segments;
  readonly #order: TimeOrder;
  readonly #intake: FrameIntake;
  readonly #problems: RecordingProblem[] = [];
  readonly #unknownLinkTypes = new Set<number>();
  #dropped = 0;
  #frames = 0;

  constructor(options: RecordingOptions) {
    this.#onFrame = options.onFrame ?? null;
    this.#segments = new Segments(options.segment ?? 'replay');
    this.#order = new TimeOrder(options.onObservation ?? (() => {}), options.onAdvert ?? null);
    this.#intake = new FrameIntake(this.#segments, this.#order);
  }

  takeAll(lane: Lane): void {
    while (lane.reader.next()) this.take(lane);
  }

  take(lane: Lane): void {
    const { reader, window } = lane;
    this.#frames++;
    const at = this.#order.admit(reader.at);
    const { start, end, linkType, originalLength } = reader;
    if (linkType !== LINKTYPE_ETHERNET) this.#checkLinkType(lane);
    if (this.#onFrame === null) {
      this.#intake.take(at, lane.memo, window.bytes, start, end, linkType, originalLength);
      return;
    }
    const frame = lane.memo.decode(window.bytes, start, end, linkType, originalLength);
    const segment = this.#segments.of(frame.vlans);
    this.#onFrame(reader.at as Instant, segment, frame);
    this.#intake.takeFrame(at, segment, frame);
  }

  /** The file is through. */
  close({ source, reader }: Lane): void {
    this.#dropped += reader.dropped;
    if (source.problem !== null) this.#problems.push({ file: source.name, ...source.problem });
    if (reader.fault !== null) this.#problems.push({ file: source.name, ...reader.fault });
  }

  result(sources: readonly RecordingSource[]): RecordingResult {
    this.#order.flush();
    return {
      frames: this.#frames,
      adverts: this.#intake.adverts,
      claims: this.#intake.claims,
      late: this.#order.late,
      dropped: this.#dropped,
      firstAt: this.#frames > 0 ? (this.#order.oldest as Instant) : null,
      lastAt: this.#frames > 0 ? (this.#order.newest as Instant) : null,
      bytes: sources.reduce((sum, source) => sum + source.bytesRead, 0),
      problems: this.#problems,
    };
  }

  #checkLinkType({ reader, source }: Lane): void {
    const { linkType } = reader;
    if (isKnownLinkType(linkType) || this.#unknownLinkTypes.has(linkType)) return;
    this.#unknownLinkTypes.add(linkType);
    const message = `frames of link type ${linkType} cannot be decoded`;
    this.#problems.push({ file: source.name, offset: 0, message });
  }
}

class Progress {
  readonly #sources: readonly RecordingSource[];
  readonly #tell: RecordingOptions['onProgress'];
  #nextAt = 0;
  #ticks = 0;

  constructor(sources: readonly RecordingSource[], tell: RecordingOptions['onProgress']) {
    this.#sources = sources;
    this.#tell = tell;
  }

  /** After each piece read. Lets signals and output through now and then. */
  async tick(): Promise<void> {
    if (++this.#ticks % PIECES_AT_A_STRETCH === 0) await setImmediate();
    if (this.#tell === undefined || Date.now() < this.#nextAt) return;
    this.#nextAt = Date.now() + PROGRESS_EVERY_MS;
    this.report();
  }

  report(): void {
    let bytesRead = 0;
    let total: number | null = 0;
    for (const source of this.#sources) {
      bytesRead += source.bytesRead;
      total = total === null || source.size === null ? null : total + source.size;
    }
    this.#tell?.(bytesRead, total);
  }
}

const WINDOW_BYTES = 1024 * 1024;
const PROGRESS_EVERY_MS = 100;
const PIECES_AT_A_STRETCH = 32;
