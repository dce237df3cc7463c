import { describe, expect, it } from 'vitest';
import { PollError } from '../../src/poll/failure.ts';
import { Loop, type PollResult } from '../../src/poll/loop.ts';
import { FakeTime } from './fake-time.ts';

interface Asked {
  readonly atMs: number;
  readonly signal: AbortSignal;
  answer(text: string): void;
  fail(error: unknown): void;
}

/** A target that answers when it is told to, or by itself. */
class World {
  readonly time = new FakeTime();
  readonly asked: Asked[] = [];
  readonly told: { readonly atMs: number; readonly what: string }[] = [];
  /** null: it hangs until it is aborted */
  byItself: ((asked: Asked) => void) | null = (asked) => asked.answer('ok');
  inFlight = 0;
  mostInFlight = 0;
  readonly loop: Loop<string>;

  constructor({ everyMs = 1_000, timeoutMs = 1_000 } = {}) {
    this.loop = new Loop<string>(
      {
        everyMs,
        timeoutMs,
        ask: (signal) => this.#ask(signal),
        tell: (result) => this.told.push({ atMs: this.time.now() - 1_000, what: wordsOf(result) }),
      },
      this.time,
    );
  }

  get askedAtMs(): number[] {
    return this.asked.map(({ atMs }) => atMs);
  }

  get intervals(): number[] {
    return this.askedAtMs.slice(1).map((at, i) => at - (this.askedAtMs[i] ?? 0));
  }

  get words(): string[] {
    return this.told.map(({ what }) => what);
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('nothing was asked');
    return last;
  }

  failing(reason: 'refused' | 'unreachable' | 'answer' | 'denied'): void {
    this.byItself = (asked) => asked.fail(new PollError(reason, 'x'));
  }

  #ask(signal: AbortSignal): Promise<string> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    return new Promise<string>((resolve, reject) => {
      const asked = { atMs: this.time.now() - 1_000, signal, answer: resolve, fail: reject };
      this.asked.push(asked);
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      this.byItself?.(asked);
    }).finally(() => this.inFlight--);
  }
}

function wordsOf({ value, failure }: PollResult<string>): string {
  return failure === null ? value : failure.reason;
}

describe('intervals', () => {
  it('begin at a random point of the first, and do not drift by what polls take', async () => {
    const world = new World();
    world.time.fraction = 0.3;
    world.byItself = (asked) => void world.time.after(170, () => asked.answer('ok'));
    world.loop.start();
    await world.time.pass(5_000);
    expect(world.askedAtMs).toEqual([300, 1_300, 2_300, 3_300, 4_300]);
    expect(world.words).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(world.told[0]?.atMs).toBe(470);
  });

  it('are left out where a poll takes longer, never two at once', async () => {
    const world = new World({ timeoutMs: 5_000 });
    world.byItself = (asked) => void world.time.after(2_500, () => asked.answer('ok'));
    world.loop.start();
    await world.time.pass(9_000);
    expect(world.askedAtMs).toEqual([0, 3_000, 6_000, 9_000]);
    expect(world.mostInFlight).toBe(1);
  });

  it('go on as they were after a stall, without polls to make up for it', async () => {
    const world = new World();
    world.loop.start();
    await world.time.pass(1_500);
    await world.time.stall(20_200);
    await world.time.pass(2_300);
    expect(world.askedAtMs).toEqual([0, 1_000, 21_700, 22_000, 23_000, 24_000]);
  });

  it('hold where the timeout is as long as they are', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    await world.time.pass(2_500);
    expect(world.askedAtMs).toEqual([0, 1_000, 2_000]);
    expect(world.told).toEqual([
      { atMs: 1_000, what: 'timeout' },
      { atMs: 2_000, what: 'timeout' },
    ]);
  });
});

describe('a timeout', () => {
  it('is told at its time, aborts, and the next poll waits until that has settled', async () => {
    const world = new World({ timeoutMs: 400 });
    let letGo = () => {};
    const loop = new Loop<string>(
      {
        everyMs: 1_000,
        timeoutMs: 400,
        ask: (signal) => {
          world.inFlight++;
          return new Promise((_, reject) => {
            letGo = () => reject(new Error('gone'));
            signal.addEventListener('abort', () => world.told.push({ atMs: 0, what: 'aborted' }));
          });
        },
        tell: (result) => world.told.push({ atMs: world.time.now() - 1_000, what: wordsOf(result) }),
      },
      world.time,
    );
    loop.start();
    await world.time.pass(5_500);
    expect(world.told).toEqual([
      { atMs: 400, what: 'timeout' },
      { atMs: 0, what: 'aborted' },
    ]);
    expect(world.inFlight).toBe(1);
    letGo();
    await world.time.pass(500);
    expect(world.inFlight).toBe(2);
  });

  it('does not abort what has answered', async () => {
    const world = new World({ timeoutMs: 400 });
    world.loop.start();
    await world.time.pass(900);
    expect(world.last.signal.aborted).toBe(false);
  });
});

describe('our own stalls', () => {
  it('a timeout is blind, and changes no interval', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    for (let i = 0; i < 6; i++) {
      await world.time.pass(200);
      await world.time.stall(5_000);
    }
    expect(new Set(world.words)).toEqual(new Set(['blind']));
    expect(world.words.length).toBeGreaterThan(3);
    world.byItself = (asked) => asked.answer('ok');
    await world.time.pass(3_000);
    expect(world.words.slice(-2)).toEqual(['ok', 'ok']);
  });

  it('in the middle of a poll counts too, though the timeout comes in time', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    await world.time.pass(50);
    await world.time.stall(600);
    await world.time.pass(400);
    expect(world.told[0]).toEqual({ atMs: 1_000, what: 'blind' });
  });

  it('an answer that waits to be read is an answer, also in a few pieces', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    await world.time.pass(50);
    const { last } = world;
    world.time.io = [() => {}, () => last.answer('late, but there')];
    await world.time.stall(30_000);
    expect(world.words).toEqual(['late, but there']);
  });

  it('a connection that the other end gave up meanwhile is blind, one that is refused is not', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    for (const reason of ['closed', 'refused'] as const) {
      await world.time.pass(50);
      const { last } = world;
      world.time.io = [() => last.fail(new PollError(reason, 'x'))];
      await world.time.stall(30_000);
      await world.time.pass(1_000 - 50);
    }
    expect(world.words[0]).toBe('blind');
    expect(world.words).toContain('refused');
  });

  it('short delays are none: a hanging target is seen', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    await world.time.pass(50);
    await world.time.stall(240);
    await world.time.pass(710);
    expect(world.words).toEqual(['timeout']);
  });
});

describe('back-off', () => {
  it('of a target that is unreachable: two failures at the usual interval, then double, 30 s at most', async () => {
    const world = new World();
    world.failing('unreachable');
    world.loop.start();
    await world.time.pass(150_000);
    expect(world.intervals).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('is shortened at random by a quarter at most', async () => {
    const world = new World();
    world.failing('unreachable');
    world.loop.start();
    await world.time.pass(60_000);
    world.time.fraction = 0.999_999;
    const before = world.asked.length;
    await world.time.pass(90_000);
    for (const interval of world.intervals.slice(before)) {
      expect(interval).toBeGreaterThanOrEqual(22_500);
      expect(interval).toBeLessThan(22_501);
    }
  });

  it.each(['denied', 'answer'] as const)(
    'of one where something answers (%s): asked again soon, then four intervals at most',
    async (reason) => {
      const world = new World();
      world.failing(reason);
      world.loop.start();
      await world.time.pass(23_000);
      expect(world.intervals).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000]);
    },
  );

  it('is none where nobody listens: who starts it again wants the true time of its return', async () => {
    const world = new World();
    world.failing('refused');
    world.loop.start();
    await world.time.pass(30_500);
    const [first, ...later] = world.intervals;
    expect(first).toBe(500);
    expect(later).toHaveLength(30);
    expect(new Set(later)).toEqual(new Set([1_000]));
  });

  it('ends with the first success', async () => {
    const world = new World();
    world.failing('unreachable');
    world.loop.start();
    await world.time.pass(20_000);
    world.byItself = (asked) => asked.answer('ok');
    const before = world.asked.length;
    await world.time.pass(20_000);
    expect(world.intervals.slice(before).every((interval) => interval === 1_000)).toBe(true);
    world.failing('unreachable');
    const again = world.asked.length;
    await world.time.pass(5_000);
    expect(world.intervals.slice(again - 1)).toEqual([1_000, 1_000, 1_000, 2_000]);
  });

  it('never makes a long interval shorter', async () => {
    const world = new World({ everyMs: 60_000 });
    world.failing('unreachable');
    world.time.fraction = 0;
    world.loop.start();
    await world.time.pass(1);
    world.time.fraction = 0.999;
    await world.time.pass(600_000);
    expect(new Set(world.intervals)).toEqual(new Set([60_000]));
  });
});

describe('a stop', () => {
  it('aborts what is in flight, waits until it has settled, and nothing is told any more', async () => {
    const world = new World();
    world.byItself = null;
    world.loop.start();
    await world.time.pass(50);
    expect(world.inFlight).toBe(1);
    await world.loop.stop();
    expect(world.inFlight).toBe(0);
    await world.time.pass(60_000);
    expect(world.told).toEqual([]);
    expect(world.asked).toHaveLength(1);
    expect(world.time.timers).toBe(0);
  });

  it('between polls leaves no timer', async () => {
    const world = new World();
    world.loop.start();
    await world.time.pass(500);
    await world.loop.stop();
    expect(world.time.timers).toBe(0);
  });

  it('from within what is told is a stop too', async () => {
    const time = new FakeTime();
    let count = 0;
    const loop: Loop<string> = new Loop(
      {
        everyMs: 100,
        timeoutMs: 100,
        ask: async () => 'ok',
        tell: () => {
          count++;
          void loop.stop();
        },
      },
      time,
    );
    loop.start();
    await time.pass(1_000);
    expect(count).toBe(1);
    expect(time.timers).toBe(0);
  });
});

it('what throws at once is a failure like others, and our own fault unless it is known', async () => {
  const time = new FakeTime();
  const told: PollResult<string>[] = [];
  const loop = new Loop<string>(
    {
      everyMs: 1_000,
      timeoutMs: 1_000,
      ask: () => {
        throw new TypeError('no such thing');
      },
      tell: (result) => told.push(result),
    },
    time,
  );
  loop.start();
  await time.pass(10);
  expect(told).toEqual([{ value: null, failure: { reason: 'blind', error: 'no such thing' } }]);
});
