/**
 * What a live capture tells: frames as the kernel stamped them, how far it has come, and whether it can see.
 *
 * A tick is a watermark: every frame that the kernel stamped up to its `wallUs` has been told before it, because
 * the capture reads the clocks first and then empties the kernel's ring. Time passes for the observer only as far
 * as ticks say so; a capture that hangs thus stops time instead of making silence of its own.
 */

export interface CaptureListener {
  /**
   * One frame, in the order in which the kernel queued them. `bytes` from `start` to `end` are valid during the
   * call only. `wallUs`: the kernel's stamp, microseconds since the epoch by the wall clock of that moment.
   */
  frame(
    capture: string,
    wallUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
  ): void;
  tick(capture: string, tick: CaptureTick): void;
  /** The capture cannot see, or sees (again). Told once at the start, and at every change. */
  sight(capture: string, sight: CaptureSight): void;
}

export interface CaptureTick {
  /** CLOCK_MONOTONIC, the same in all processes of the machine */
  readonly monotonicUs: number;
  /** the wall clock at the same moment; whole milliseconds */
  readonly wallUs: number;
  /** frames delivered and frames lost (kernel ring full, or our own queue), both since the capture was opened */
  readonly received: number;
  readonly dropped: number;
}

export interface CaptureSight {
  readonly seeing: boolean;
  /** `started`, `link-down`, `no-such-interface`, `capture-crashed`, `capture-hung`, `not-permitted`, … */
  readonly reason: string;
}
