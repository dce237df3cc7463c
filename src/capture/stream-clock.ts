/**
 * Stream time: the time that the observer lives in. It runs like the wall clock, but never steps.
 *
 * Frames carry the kernel's wall clock, and somebody may set that clock, or suspend the machine, at any moment.
 * Both clocks are read together again and again: as long as they advance alike (a clock that is slewed, by NTP's
 * 500 ppm at the most, does), stream time is wall time. When the wall clock jumps against the monotonic one, the jump
 * is left out, and remembered so that events can be dated by the wall clock of their moment.
 *
 * Pure: readings come from outside. Limit: the latest 64 steps are remembered.
 */
import { type Instant, MS, plusUs, SECOND } from '../time.ts';

/** Readings are whole milliseconds, and not quite of the same moment. */
const STEP_MIN_US = 20 * MS;
const SLEW_MAX = 0.001;
const SOON_US = 60 * MS;
const STEPS_MAX = 64;

interface Step {
  /** in stream time */
  readonly at: Instant;
  /** what the wall clock is ahead of stream time from then on */
  readonly shiftUs: number;
}

export class StreamClock {
  readonly #steps: Step[] = [{ at: Number.NEGATIVE_INFINITY as Instant, shiftUs: 0 }];
  #shiftUs = 0;
  #shiftBeforeUs = 0;
  #monotonicUs = Number.NEGATIVE_INFINITY;
  #wallUs = 0;

  /** Takes a reading of both clocks, in the order in which they were taken. Answers by how much the wall clock was set; 0 mostly. */
  read(monotonicUs: number, wallUs: number): number {
    const passedUs = monotonicUs - this.#monotonicUs;
    if (passedUs < 0) return 0;
    const stepUs = passedUs === Number.POSITIVE_INFINITY ? 0 : wallUs - this.#wallUs - passedUs;
    this.#monotonicUs = monotonicUs;
    this.#wallUs = wallUs;
    if (Math.abs(stepUs) < Math.max(STEP_MIN_US, SLEW_MAX * passedUs)) return 0;
    this.#shiftBeforeUs = this.#shiftUs;
    this.#shiftUs += Math.round(stepUs);
    this.#steps.push({ at: this.now(), shiftUs: this.#shiftUs });
    if (this.#steps.length > STEPS_MAX) this.#steps.shift();
    return stepUs;
  }

  /** Whether the latest reading was taken at that time of the wall clock, or so shortly after it that another would tell no more. */
  wasReadSoonAfter(wallUs: number): boolean {
    const ageUs = this.#wallUs - wallUs;
    return ageUs >= 0 && ageUs < SOON_US;
  }

  /** Stream time of the latest reading. */
  now(): Instant {
    return plusUs(this.#wallUs as Instant, -this.#shiftUs);
  }

  /**
   * Stream time of a wall clock reading that was taken between `from` and now: by the clock as it is set now, or
   * as it was set before. One that fits neither is taken for the nearest that does.
   */
  streamOf(wallUs: number, from: number): Instant {
    const until = this.now() + AHEAD_US;
    const at = wallUs - this.#shiftUs;
    if (at >= from && at <= until) return plusUs(at as Instant, 0);
    const before = wallUs - this.#shiftBeforeUs;
    if (before >= from && before <= until) return plusUs(before as Instant, 0);
    return plusUs(Math.min(Math.max(at, from), until) as Instant, 0);
  }

  /** What the wall clock showed at a moment of stream time. */
  wallOf(at: Instant): Instant {
    if (this.#shiftUs === 0 && this.#steps.length === 1) return at;
    const step = this.#steps.findLast((other) => other.at <= at) ?? this.#steps[0];
    return plusUs(at, step?.shiftUs ?? 0);
  }
}

/** A frame's stamp may be this much ahead of the reading that was taken before it. */
const AHEAD_US = SECOND / 10;
