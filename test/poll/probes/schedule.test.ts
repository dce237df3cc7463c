import { describe, expect, it } from 'vitest';
import type { Observation, ProbeObservation } from '../../../src/observation.ts';
import type { Finding } from '../../../src/poll/probes/finding.ts';
import { type Loop, ProbeSchedule } from '../../../src/poll/probes/schedule.ts';
import type { ProbeTarget } from '../../../src/poll/settings.ts';
import { instantFromUs, MS } from '../../../src/time.ts';
import { Loopback } from './loopback.ts';

const TARGET: ProbeTarget = {
  cluster: 'orders-db',
  router: 0,
  node: null,
  label: 'tcp://10.0.0.1:80',
  host: '10.0.0.1',
  port: 80,
  everyMs: 100,
  timeoutMs: 1_000,
  how: { kind: 'tcp' },
};
const GOOD: Finding = { failure: null, latencyMs: 5, answeredBy: 'a' };
const CLOSED: Finding = { failure: { reason: 'closed', error: 'x' }, latencyMs: null, answeredBy: null };
const REFUSED: Finding = { failure: { reason: 'refused', error: 'x' }, latencyMs: null, answeredBy: null };

/** A clock that tests turn, and probes that they answer. */
class Bench implements Loop {
  readonly told: ProbeObservation[] = [];
  readonly schedule: ProbeSchedule;
  /** those out, by when they began */
  readonly out = new Map<number, (finding: Finding) => void>();
  readonly begun: number[] = [];
  mostOut = 0;
  /** done in the first turn of I/O after a stall */
  waitingIo = () => {};
  #ms = 0;
  #due: { readonly atMs: number; readonly callback: () => void } | null = null;

  constructor(target: Partial<ProbeTarget> = {}) {
    const outside = {
      now: () => instantFromUs(this.#ms * MS),
      tell: (observation: Observation) => {
        if (observation.kind === 'probe') this.told.push(observation);
      },
    };
    const ask = (signal: AbortSignal) =>
      new Promise<Finding | null>((resolve) => {
        const at = this.#ms;
        this.begun.push(at);
        const end = (finding: Finding | null) => {
          this.out.delete(at);
          resolve(finding);
        };
        this.out.set(at, end);
        this.mostOut = Math.max(this.mostOut, this.out.size);
        signal.addEventListener('abort', () => end(null));
      });
    this.schedule = new ProbeSchedule({ ...TARGET, ...target }, outside, ask, this);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  after(ms: number, callback: () => void): () => void {
    const due = { atMs: this.#ms + ms, callback };
    this.#due = due;
    return () => {
      if (this.#due === due) this.#due = null;
    };
  }

  async turn(): Promise<void> {
    this.waitingIo();
    this.waitingIo = () => {};
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  /** Time passes, and every timer fires when it is due. */
  async until(ms: number): Promise<void> {
    for (let due = this.#due; due !== null && due.atMs <= ms; due = this.#due) {
      this.#ms = Math.max(this.#ms, due.atMs);
      this.#due = null;
      due.callback();
      await settled();
    }
    this.#ms = ms;
  }

  /** Time passes, and nothing runs. */
  stallUntil(ms: number): void {
    this.#ms = ms;
  }

  async answer(startedMs: number, finding: Finding = GOOD): Promise<void> {
    this.out.get(startedMs)?.(finding);
    await settled();
  }

  /** `0+1000:timeout`: began at 0, told 1,000 ms later */
  get story(): readonly string[] {
    return this.told.map(({ at, startedAt, failure }) => {
      return `${startedAt / MS}+${(at - startedAt) / MS}:${failure?.reason ?? 'ok'}`;
    });
  }
}

/** All that follows by itself has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a schedule', () => {
  it('begins one probe each interval, the first at once, and never drifts', async () => {
    const bench = new Bench({ everyMs: 300 });
    bench.schedule.start();
    for (let ms = 0; ms <= 3_000; ms += 7) {
      await bench.until(ms);
      for (const startedMs of [...bench.out.keys()]) await bench.answer(startedMs);
    }
    expect(bench.begun).toEqual([0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100, 2_400, 2_700]);
    expect(bench.told).toHaveLength(10);
    expect(bench.told[0]).toEqual({
      kind: 'probe',
      at: 0,
      startedAt: 0,
      cluster: 'orders-db',
      router: 0,
      node: null,
      failure: null,
      latencyMs: 5,
      answeredBy: 'a',
    });
  });

  it('tells results in the order of their beginnings, those that come early when they may', async () => {
    const bench = new Bench();
    bench.schedule.start();
    await bench.until(250);
    await bench.answer(200);
    await bench.answer(100);
    expect(bench.story).toEqual([]);
    await bench.until(270);
    await bench.answer(0, REFUSED);
    expect(bench.story).toEqual(['0+270:refused', '100+170:ok', '200+70:ok']);
  });

  it('goes on while all hang: one begins and one is given up each interval, and few are out', async () => {
    const bench = new Bench();
    bench.schedule.start();
    await bench.until(5_000);
    expect(bench.begun).toHaveLength(51);
    expect(bench.mostOut).toBeLessThanOrEqual(11);
    expect(bench.story).toHaveLength(41);
    expect(new Set(bench.told.map(({ at, startedAt }) => at - startedAt))).toEqual(new Set([1_000 * MS]));
    expect(bench.told.every(({ failure }) => failure?.reason === 'timeout')).toBe(true);
    expect(bench.told[0]?.failure?.error).toBe('no answer within 1000 ms');
  });

  it('has at most 32 out, and leaves out what does not fit', async () => {
    const bench = new Bench({ timeoutMs: 10_000 });
    bench.schedule.start();
    await bench.until(9_999);
    expect(bench.begun).toHaveLength(32);
    await bench.until(10_150);
    expect(bench.begun.slice(31)).toEqual([3_100, 10_100]);
  });

  it('makes up for nothing after a stall', async () => {
    const bench = new Bench();
    bench.schedule.start();
    await bench.answer(0);
    bench.stallUntil(5_030);
    await bench.until(5_210);
    expect(bench.begun).toEqual([0, 5_030, 5_100, 5_200]);
  });
});

describe('a stall of our own', () => {
  it('is no failure of the service: what waited is taken in first, the rest is blind', async () => {
    const bench = new Bench();
    bench.schedule.start();
    await bench.until(150);
    bench.stallUntil(3_000);
    bench.waitingIo = () => bench.out.get(0)?.(GOOD);
    await bench.until(3_000);
    expect(bench.story).toEqual(['0+3000:ok', '100+2900:blind']);
    expect(bench.told[1]?.failure?.error).toContain('stalled');
  });

  it('in the middle of a probe excuses its timeout and a connection that was lost, not a refusal', async () => {
    const bench = new Bench({ everyMs: 200 });
    bench.schedule.start();
    await bench.until(450);
    bench.stallUntil(900);
    await bench.until(901);
    await bench.answer(200, CLOSED);
    await bench.answer(400, REFUSED);
    await bench.until(1_000);
    expect(bench.story).toEqual(['0+1000:blind', '200+800:blind', '400+600:refused']);
  });

  it('excuses nothing that began after it', async () => {
    const bench = new Bench();
    bench.schedule.start();
    bench.stallUntil(2_000);
    await bench.until(3_000);
    expect(bench.story).toEqual(['0+2000:blind', '2000+1000:timeout']);
  });

  it('so short that it is none excuses nothing, but waiting I/O still comes first', async () => {
    const bench = new Bench({ everyMs: 5_000 });
    bench.schedule.start();
    await bench.until(950);
    bench.stallUntil(1_200);
    bench.waitingIo = () => bench.out.get(0)?.(GOOD);
    await bench.until(1_200);
    expect(bench.story).toEqual(['0+1200:ok']);
    await bench.until(5_950);
    bench.stallUntil(6_200);
    await bench.until(6_200);
    expect(bench.story[1]).toBe('5000+1200:timeout');
  });
});

describe('stop', () => {
  it('breaks off what is out, tells nothing more, and resolves when nothing is out', async () => {
    const bench = new Bench();
    bench.schedule.start();
    await bench.until(350);
    expect(bench.out.size).toBe(4);
    await bench.schedule.stop();
    expect(bench.out.size).toBe(0);
    await bench.until(5_000);
    expect(bench.begun).toHaveLength(4);
    expect(bench.told).toEqual([]);
  });

  it('also while it waits for I/O', async () => {
    const bench = new Bench();
    bench.schedule.start();
    bench.stallUntil(3_000);
    let stopped: Promise<void> | null = null;
    bench.waitingIo = () => {
      stopped = bench.schedule.stop();
    };
    await bench.until(3_000);
    await stopped;
    await bench.until(9_000);
    expect(bench.begun).toEqual([0]);
    expect(bench.told).toEqual([]);
  });
});

it('with the real clock and a real server, what is told is what was asked', async () => {
  const server = await Loopback.open((socket) => void socket.end());
  const { host, port } = server.place;
  const told: Observation[] = [];
  await new Promise<void>((resolve) => {
    const outside = {
      now: () => instantFromUs(Date.now() * MS),
      tell: (observation: Observation) => {
        if (told.push(observation) < 5) return;
        void schedule.stop().then(resolve);
      },
    };
    const schedule = new ProbeSchedule({ ...TARGET, host, port }, outside);
    schedule.start();
  });
  await server.close();
  expect(told).toHaveLength(5);
  expect(told.every((observation) => observation.kind === 'probe' && observation.failure === null)).toBe(
    true,
  );
});
