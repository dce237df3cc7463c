import { describe, expect, it } from 'vitest';
import { StreamClock } from '../../src/capture/stream-clock.ts';
import { MS, SECOND } from '../../src/time.ts';

const START = 1_800_000_000 * SECOND;
const HOUR = 3_600 * SECOND;

/** Both clocks, read every 100 ms, from start to `seconds`; the wall clock runs `ppm` fast. */
function run(
  clock: StreamClock,
  from: number,
  seconds: number,
  wall: (monotonicUs: number) => number,
): number[] {
  const steps: number[] = [];
  for (let us = from; us <= from + seconds * SECOND; us += 100 * MS) {
    const step = clock.read(us, Math.floor(wall(us) / MS) * MS);
    if (step !== 0) steps.push(step);
  }
  return steps;
}

describe('stream time', () => {
  it('is wall time while both clocks advance alike, also where NTP slews by 500 ppm', () => {
    const clock = new StreamClock();
    const wall = (us: number) => START + us * 1.0005;
    expect(run(clock, 0, 3_600, wall)).toEqual([]);
    const at = wall(HOUR - 50 * MS);
    expect(clock.streamOf(at, at - SECOND)).toBe(Math.trunc(at));
    expect(clock.wallOf(clock.now())).toBe(clock.now());
  });

  it.each([
    ['forwards', HOUR],
    ['backwards', -HOUR],
    ['forwards by little', 300 * MS],
  ])('goes on when the wall clock is set %s, and remembers by how much', (_, step) => {
    const clock = new StreamClock();
    run(clock, 0, 10, (us) => START + us);
    const [told] = run(clock, 10 * SECOND + 100 * MS, 10, (us) => START + us + step);
    expect(Math.abs((told ?? 0) - step)).toBeLessThan(2 * MS);
    expect(Math.abs(clock.now() - (START + 20.1 * SECOND))).toBeLessThan(2 * MS);
    expect(Math.abs(clock.wallOf(clock.now()) - (START + step + 20.1 * SECOND))).toBeLessThan(2 * MS);
    const earlier = clock.streamOf(START + step + 15 * SECOND, START + 14 * SECOND);
    expect(Math.abs(earlier - (START + 15 * SECOND))).toBeLessThan(2 * MS);
    const beforeTheStep = clock.streamOf(START + 5 * SECOND, START);
    expect(clock.wallOf(beforeTheStep)).toBe(beforeTheStep);
  });

  it('understands stamps of before and after a step that came in one piece', () => {
    const clock = new StreamClock();
    run(clock, 0, 10, (us) => START + us);
    // nothing was read for 10 s; in the middle the clock was set back by an hour
    expect(clock.read(20 * SECOND, START + 20 * SECOND - HOUR)).toBe(-HOUR);
    const from = START + 9 * SECOND;
    expect(clock.streamOf(START + 12 * SECOND, from)).toBe(START + 12 * SECOND);
    expect(clock.streamOf(START + 18 * SECOND - HOUR, from)).toBe(START + 18 * SECOND);
  });

  it('takes a stamp that fits nowhere for the nearest possible time', () => {
    const clock = new StreamClock();
    run(clock, 0, 10, (us) => START + us);
    expect(clock.streamOf(START + 5 * HOUR, START + 9 * SECOND)).toBeLessThanOrEqual(START + 10.1 * SECOND);
    expect(clock.streamOf(0, START + 9 * SECOND)).toBe(START + 9 * SECOND);
  });

  it('does not take a suspended machine for time that passed', () => {
    const clock = new StreamClock();
    run(clock, 0, 10, (us) => START + us);
    // CLOCK_MONOTONIC stood still while the machine slept for an hour
    expect(clock.read(10 * SECOND + 100 * MS, START + 10 * SECOND + 100 * MS + HOUR)).toBe(HOUR);
    expect(clock.now()).toBe(START + 10 * SECOND + 100 * MS);
  });
});
