/**
 * The pump: what live captures tell, as one stream in order of time.
 *
 * Late frames come before the clock. Each capture's frames are held until its next tick, which is a watermark: time
 * passes for the observer up to the oldest watermark of all captures that see, never by a timer of ours. So a main
 * process that was stalled first takes in all that waits in its sockets, and a capture that hangs stops time until
 * it is declared blind.
 *
 * Blindness is an input too, at the moment from which on nothing was seen: a capture without a link or a process,
 * frames that the kernel dropped, a machine that stood still, a clock that was set.
 *
 * No clock of its own, no I/O: readings and messages come from outside.
 */
import type { Observation } from '../observation.ts';
import { type Instant, MS, SECOND } from '../time.ts';
import { AdvertMemo } from '../wire/advert-memo.ts';
import type { CaptureListener, CaptureSight, CaptureTick } from './capture-listener.ts';
import { FrameIntake } from './frame-intake.ts';
import { Segments } from './segments.ts';
import { StreamClock } from './stream-clock.ts';
import { type AdvertTaker, TimeOrder } from './time-order.ts';

export interface PumpTarget {
  observe(observation: Observation): void;
  /** asked first, of adverts: true for one that needs no further look */
  heardAgain: AdvertTaker;
}

export interface Clocks {
  /** CLOCK_MONOTONIC */
  monotonicUs(): number;
  wallUs(): number;
}

export interface CaptureState {
  readonly capture: string;
  readonly seeing: boolean;
  readonly reason: string;
  /** since when it sees, or does not */
  readonly since: Instant;
  /** frames, since it was opened */
  readonly received: number;
  readonly dropped: number;
  /** the last tick, in stream time: how far it has come */
  readonly upTo: Instant | null;
}

/** A gap of this length between two beats of ours, or two ticks of a capture, is a stall. */
const STALL_US = SECOND;
/** After frames were dropped, sight is regained when none was for so long. */
const UNDROPPED_US = SECOND;
/** Frames of one round may be a little out of order (several queues of one card). */
const DISORDER_US = SECOND;
const STALLS_MAX = 8;
/** Clocks are read again, a few times, when so much passed from one to the other. */
const TOGETHER_US = MS;
const ATTEMPTS_MAX = 5;

interface Lane {
  readonly capture: string;
  readonly order: TimeOrder;
  readonly memo: AdvertMemo;
  readonly intake: FrameIntake;
  /** the capture process says that it sees */
  seeing: boolean;
  reason: string;
  since: Instant;
  /** everything up to here was told; null before the first word */
  watermark: Instant | null;
  tick: CaptureTick | null;
  /** we know better, until then at the least: frames were dropped */
  blindUntil: number | null;
}

export class Pump implements CaptureListener {
  readonly #target: PumpTarget;
  readonly #clocks: Clocks;
  readonly #clock = new StreamClock();
  readonly #lanes = new Map<string, Lane>();
  readonly #told: TimeOrder;
  /** when this process itself stood still, by the monotonic clock */
  readonly #stalls: { readonly from: number; readonly until: number }[] = [];
  #beatUs: number;
  #now: Instant;

  constructor(captures: readonly string[], target: PumpTarget, clocks: Clocks) {
    this.#target = target;
    this.#clocks = clocks;
    this.#beatUs = clocks.monotonicUs();
    this.#clock.read(this.#beatUs, clocks.wallUs());
    this.#now = this.#clock.now();
    this.#told = new TimeOrder((observation) => target.observe(observation), null, 'until-released');
    for (const capture of captures) this.#lanes.set(capture, this.#newLane(capture));
  }

  /** How far time has come for the observer, in stream time. */
  get now(): Instant {
    return this.#now;
  }

  /** Now, in stream time: what a poll is to be dated by. Lies ahead of `now` by what captures have not told yet. */
  present(): Instant {
    this.#readClocks();
    return this.#clock.now();
  }

  /** Takes in what no capture says (polls, probes). It waits, in order with the frames, until time has come to it. */
  tell(observation: Observation): void {
    this.#told.push({ ...observation, at: this.#told.admit(observation.at) });
  }

  /** What the wall clock showed then. */
  wallOf(at: Instant): Instant {
    return this.#clock.wallOf(at);
  }

  states(): readonly CaptureState[] {
    return [...this.#lanes.values()].map((lane) => ({
      capture: lane.capture,
      seeing: lane.seeing && lane.blindUntil === null,
      reason: lane.blindUntil === null ? lane.reason : 'frames-dropped',
      since: lane.since,
      received: lane.tick?.received ?? 0,
      dropped: lane.tick?.dropped ?? 0,
      upTo: lane.watermark,
    }));
  }

  /** To be called several times a second by a timer: notices stalls of this process, and lets time pass where no capture sees. */
  beat(): void {
    this.#readClocks();
    const monotonicUs = this.#clocks.monotonicUs();
    if (monotonicUs - this.#beatUs > STALL_US) {
      this.#stalls.push({ from: this.#beatUs, until: monotonicUs });
      if (this.#stalls.length > STALLS_MAX) this.#stalls.shift();
    }
    this.#beatUs = monotonicUs;
    this.#passTime();
  }

  frame(
    capture: string,
    wallUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
  ): void {
    const lane = this.#laneOf(capture);
    // In a flood, reading clocks for each frame would be a good part of the work.
    if (!this.#clock.wasReadSoonAfter(wallUs)) this.#readClocks();
    const at = lane.order.admit(this.#clock.streamOf(wallUs, (lane.watermark ?? this.#now) - DISORDER_US));
    lane.intake.take(at, lane.memo, bytes, start, end, linkType, originalLength);
  }

  tick(capture: string, tick: CaptureTick): void {
    const lane = this.#laneOf(capture);
    this.#readClocks();
    const before = lane.watermark ?? this.#now;
    const at = this.#clock.streamOf(tick.wallUs, before);
    const last = lane.tick;
    if (last !== null && last.received <= tick.received) {
      if (this.#stoodStill(last.monotonicUs, tick.monotonicUs)) {
        this.#tell(lane, before, false, 'machine-stalled', null);
        this.#tell(lane, at, true, 'machine-stalled', null);
      }
      const dropped = tick.dropped - last.dropped;
      if (dropped > 0) {
        if (lane.blindUntil === null) lane.since = before;
        this.#tell(lane, before, false, 'frames-dropped', dropped);
        lane.blindUntil = at + UNDROPPED_US;
      }
    }
    lane.tick = tick;
    lane.watermark = at;
    if (lane.blindUntil !== null && at >= lane.blindUntil) {
      lane.blindUntil = null;
      lane.since = at;
      this.#tell(lane, at, true, 'frames-dropped', null);
    }
    this.#passTime();
  }

  sight(capture: string, { seeing, reason }: CaptureSight): void {
    const lane = this.#laneOf(capture);
    this.#readClocks();
    const now = this.#clock.now();
    const first = lane.watermark === null;
    const changed = lane.seeing !== seeing;
    lane.seeing = seeing;
    lane.reason = reason;
    if (changed || first) lane.since = now;
    lane.tick = null;
    // nothing was seen since the watermark; before the first word there is nothing that anybody could have missed
    if (!seeing && (changed || first)) this.#tell(lane, lane.watermark ?? now, false, reason, null);
    if (seeing) {
      lane.watermark = now;
      lane.blindUntil = null;
      this.#tell(lane, now, true, reason, null);
    } else {
      lane.watermark ??= now;
    }
    this.#passTime();
  }

  #newLane(capture: string): Lane {
    const order = new TimeOrder(
      (observation) => this.#target.observe(observation),
      (at, segment, advert, ipId) => this.#target.heardAgain(at, segment, advert, ipId),
      'until-released',
    );
    return {
      capture,
      order,
      memo: new AdvertMemo(),
      intake: new FrameIntake(new Segments(capture), order),
      seeing: false,
      reason: 'starting',
      since: this.#now,
      watermark: null,
      tick: null,
      blindUntil: null,
    };
  }

  #laneOf(capture: string): Lane {
    const lane = this.#lanes.get(capture);
    if (lane === undefined) throw new Error(`no capture is named ${capture}`);
    return lane;
  }

  #tell(lane: Lane, at: Instant, seeing: boolean, reason: string, dropped: number | null): void {
    const observation: Observation = { kind: 'sight', at, capture: lane.capture, seeing, reason, dropped };
    lane.order.push({ ...observation, at: lane.order.admit(at) });
  }

  #readClocks(): void {
    const reading = readTogether(this.#clocks);
    if (reading === null) return; // the next will do
    const { monotonicUs, wallUs } = reading;
    const stepUs = this.#clock.read(monotonicUs, wallUs);
    if (stepUs === 0) return;
    // Stream time goes on, so nothing would be invented; but who reads the times of events should know, and frames of
    // a machine that was suspended meanwhile are not missing.
    for (const lane of this.#lanes.values()) {
      if (!lane.seeing || lane.watermark === null) continue;
      this.#tell(lane, lane.watermark, false, 'clock-stepped', null);
      this.#tell(lane, this.#clock.now(), true, 'clock-stepped', null);
    }
  }

  /** Whether a gap between two ticks was one of this process too: then the whole machine stood still. */
  #stoodStill(fromUs: number, untilUs: number): boolean {
    if (untilUs - fromUs < STALL_US) return false;
    const own = [...this.#stalls, { from: this.#beatUs, until: this.#clocks.monotonicUs() }];
    return own.some(({ from, until }) => Math.min(until, untilUs) - Math.max(from, fromUs) > STALL_US / 2);
  }

  /** Time passes up to what every capture that sees has told. */
  #passTime(): void {
    let until = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) {
      if (lane.seeing && lane.watermark !== null) until = Math.min(until, lane.watermark);
    }
    if (until === Number.POSITIVE_INFINITY) until = this.#clock.now();
    if (until <= this.#now) return;
    this.#release(until);
    this.#now = until as Instant;
    this.#target.observe({ kind: 'clock', at: this.#now });
  }

  /** Hands on what is held, the oldest of all captures first. */
  #release(until: number): void {
    const orders = [...this.#lanes.values()].map((lane) => lane.order);
    orders.push(this.#told);
    for (;;) {
      let oldest: TimeOrder | null = null;
      let others = until;
      for (const order of orders) {
        if (order.nextAt > until) continue;
        if (oldest === null || order.nextAt < oldest.nextAt) {
          if (oldest !== null) others = Math.min(others, oldest.nextAt);
          oldest = order;
        } else {
          others = Math.min(others, order.nextAt);
        }
      }
      if (oldest === null) return;
      oldest.release(others);
    }
  }
}

/**
 * Both clocks at one moment. A busy machine may interrupt a process between its two readings for tens of milliseconds,
 * and they would look like a clock that was set.
 */
function readTogether(clocks: Clocks): { readonly monotonicUs: number; readonly wallUs: number } | null {
  let monotonicUs = clocks.monotonicUs();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const wallUs = clocks.wallUs();
    const afterUs = clocks.monotonicUs();
    if (afterUs - monotonicUs < TOGETHER_US) return { monotonicUs, wallUs };
    monotonicUs = afterUs;
  }
  return null;
}

/** The clocks of this machine. */
export const SYSTEM_CLOCKS: Clocks = {
  monotonicUs: () => Number(process.hrtime.bigint() / 1_000n),
  wallUs: () => Date.now() * MS,
};
