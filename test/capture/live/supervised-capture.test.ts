/** How captures are replaced: by rounds and reports alone, with a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT_AGAIN } from '../../../src/capture/live/protocol.ts';
import { SupervisedCapture } from '../../../src/capture/live/supervised-capture.ts';
import { Recorder } from './captures.ts';

const TICK = { monotonicUs: 0, wallUs: 0, received: 10, dropped: 1 };

describe('a supervised capture', () => {
  let asked: string[];
  let remarks: string[];
  let recorder: Recorder;
  let capture: SupervisedCapture;

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    remarks = [];
    recorder = new Recorder();
    capture = new SupervisedCapture({
      name: 'eth0',
      join: true,
      link: {
        socketPath: '',
        permitted: true,
        start: () => asked.push('start'),
        stop: () => asked.push('stop'),
        onExit: () => {},
      },
      listener: recorder,
      remark: (text) => remarks.push(text),
    });
    capture.start();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function connect(): void {
    expect(capture.connected()).toBe(true);
    capture.sight({ seeing: true, reason: 'started' });
  }

  function rounds(count: number, ticks: boolean): void {
    for (let i = 0; i < count; i++) {
      capture.round();
      if (ticks) capture.tick(TICK);
    }
  }

  const starts = () => asked.filter((what) => what === 'start').length;

  /** How long after the exit it was asked for again. */
  function delayAfter(status: number | null): number {
    const before = starts();
    capture.exited(status);
    for (let ms = 0; ; ms += 100) {
      vi.advanceTimersByTime(ms === 0 ? 0 : 100);
      if (starts() > before) return ms;
    }
  }

  it('is asked for again after a pause that doubles up to 10 s, and begins anew after 10 s of health', () => {
    expect([1, 1, 1, 1, 1, 1, 1, 1].map(delayAfter)).toEqual([
      200, 400, 800, 1600, 3200, 6400, 10_000, 10_000,
    ]);
    connect();
    rounds(40, true);
    capture.disconnected();
    expect(delayAfter(1)).toBe(200);
  });

  it('is asked for again at once when it had lost its link, and that is no failure', () => {
    connect();
    rounds(1, true);
    capture.sight({ seeing: false, reason: 'link-down' });
    capture.disconnected();
    expect(delayAfter(EXIT_AGAIN)).toBe(0);
    expect(recorder.sights).toEqual(['seeing: started', 'blind: link-down']);
  });

  it('gets a pause where it asks for a successor again and again', () => {
    expect([EXIT_AGAIN, EXIT_AGAIN, EXIT_AGAIN].map(delayAfter)).toEqual([200, 200, 200]);
  });

  it('is replaced only after all that it had said was read', () => {
    connect();
    capture.exited(null);
    vi.advanceTimersByTime(60_000);
    expect(starts()).toBe(1);
    capture.tick(TICK);
    capture.disconnected();
    vi.advanceTimersByTime(200);
    expect(starts()).toBe(2);
  });

  it('is hung after 8 rounds without a tick, not before', () => {
    connect();
    rounds(7, false);
    capture.tick(TICK);
    rounds(7, false);
    expect(asked).toEqual(['start']);
    rounds(1, false);
    expect(asked).toEqual(['start', 'stop']);
    expect(recorder.sights).toEqual(['seeing: started', 'blind: capture-hung']);
  });

  it('has longer to start, but not for ever', () => {
    rounds(39, false);
    expect(asked).toEqual(['start']);
    rounds(1, false);
    expect(asked).toEqual(['start', 'stop']);
  });

  it('takes no second connection', () => {
    connect();
    expect(capture.connected()).toBe(false);
  });

  it('counts on over the lives of its processes', () => {
    connect();
    capture.tick(TICK);
    capture.disconnected();
    delayAfter(null);
    connect();
    capture.tick(TICK);
    expect(recorder.lastTick).toMatchObject({ received: 20, dropped: 2 });
    expect(recorder.sights).toEqual(['seeing: started', 'blind: capture-crashed', 'seeing: resumed']);
  });

  it('says once what is wrong, however often it is tried again', () => {
    for (const _ of [1, 2, 3]) {
      capture.connected();
      capture.problem('libpcap is missing');
      capture.sight({ seeing: false, reason: 'capture-not-installed' });
      capture.disconnected();
      delayAfter(1);
    }
    expect(remarks).toEqual(['libpcap is missing']);
    expect(recorder.sights).toEqual(['blind: capture-not-installed']);
  });

  it('is silent once stopped', () => {
    connect();
    capture.stop();
    capture.tick(TICK);
    capture.disconnected();
    capture.exited(null);
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual(['start', 'stop']);
    expect(recorder.heard).toHaveLength(1);
  });
});
