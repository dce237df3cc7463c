/** Real capture processes on a real interface, and everything that can happen to both. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LiveCapture } from '../../../src/capture/live/live-capture.ts';
import { DirectLink, Recorder } from './captures.ts';
import { advert, canMakeSegments, TestSegment, tagged } from './segment.ts';

const root = new URL('../../..', import.meta.url).pathname;

beforeAll(() => {
  execFileSync('sh', [`${root}/scripts/build.sh`, '--if-stale'], { stdio: 'inherit' });
}, 120_000);

describe.skipIf(!canMakeSegments())('a live capture', () => {
  let segment: TestSegment;
  let link: DirectLink;
  let recorder: Recorder;
  let capture: LiveCapture;

  beforeEach(() => {
    segment = new TestSegment();
    link = new DirectLink(segment);
    recorder = new Recorder();
    capture = new LiveCapture({ interfaces: ['va0'], join: true, link, remark: () => {} });
  });
  afterEach(async () => {
    await capture.stop();
    link.remove();
    await segment.remove();
  });

  async function startSeeing(): Promise<void> {
    segment.addCable();
    await capture.start(recorder);
    await untilSight('seeing: started');
  }

  const untilSight = (sight: string, after = 0) =>
    recorder.until(() => recorder.sights.slice(after).includes(sight));

  /** An advert that is sent now arrives. */
  async function hears(ipId: number): Promise<void> {
    const frame = advert(ipId);
    await segment.inject(frame);
    await recorder.until(() => recorder.frames(frame).length > 0);
  }

  it('tells a frame with its bytes and the kernel’s time, then a tick that is later', async () => {
    await startSeeing();
    const before = Date.now() * 1000;
    await hears(1);
    const after = Date.now() * 1000 + 1000;
    const [frame] = recorder.frames(advert(1));
    expect(frame?.wallUs).toBeGreaterThanOrEqual(before);
    expect(frame?.wallUs).toBeLessThanOrEqual(after);
    expect(frame?.linkType).toBe(1);
    await recorder.until(() => (recorder.lastTick?.wallUs ?? 0) > (frame?.wallUs ?? Infinity));
    expect(recorder.lastTick?.dropped).toBe(0);
  });

  it('tells each frame of a burst with its own bytes, and none later than the tick after it', async () => {
    await startSeeing();
    await hears(0);
    const burst = Array.from({ length: 100 }, (_, i) => advert(i + 1));
    for (const frame of burst) segment.injectWithoutWaiting(frame);
    await recorder.until(() => recorder.frames(advert(100)).length > 0);
    expect(burst.map((frame) => recorder.frames(frame).length)).toEqual(burst.map(() => 1));
    expectFramesBeforeLaterTicks();
  });

  it('tells tagged and doubly tagged frames with their tags', async () => {
    await startSeeing();
    const single = tagged(advert(2), 100);
    const double = tagged(tagged(advert(3), 100), 7, 0x88a8);
    await segment.inject(single);
    await segment.inject(double);
    await recorder.until(() => recorder.frames(single).length > 0 && recorder.frames(double).length > 0);
  });

  it('joins the groups of VRRP on its interface', async () => {
    await startSeeing();
    await recorder.until(() => segment.read('/proc/net/igmp').includes('120000E0'));
    await recorder.until(() => /va0\s+ff020{26}12 /.test(segment.read('/proc/net/igmp6')));
  });

  it('joins nothing where it was told to stay silent', async () => {
    capture = new LiveCapture({ interfaces: ['va0'], join: false, link, remark: () => {} });
    await startSeeing();
    // More than enough rounds to look after the interface.
    await recorder.until(() => recorder.heard.filter(({ what }) => what === 'tick').length > 20);
    expect(segment.read('/proc/net/igmp')).not.toContain('120000E0');
  });

  it('loses sight with the link and regains it, every time', async () => {
    await startSeeing();
    await hears(1);
    for (let flap = 0; flap < 3; flap++) {
      const before = recorder.sights.length;
      segment.ip('link', 'set', flap === 1 ? 'vb0' : 'va0', 'down');
      await untilSight('blind: link-down', before);
      segment.ip('link', 'set', flap === 1 ? 'vb0' : 'va0', 'up');
      await untilSight('seeing: resumed', before);
      await segment.forgetInjector();
      await hears(10 + flap);
    }
  });

  it('notices a flap that is over before anybody looks', async () => {
    await startSeeing();
    segment.ip('link', 'set', 'va0', 'down');
    segment.ip('link', 'set', 'va0', 'up');
    await untilSight('seeing: resumed');
    expect(recorder.sights).toEqual(['seeing: started', 'blind: link-down', 'seeing: resumed']);
    await segment.forgetInjector();
    await hears(2);
  });

  it('waits for an interface that does not exist, and opens it when it comes', async () => {
    await capture.start(recorder);
    await untilSight('blind: no-such-interface');
    segment.addCable();
    await untilSight('seeing: started');
    await hears(1);
  });

  it('survives an interface that is deleted and made anew', async () => {
    await startSeeing();
    segment.ip('link', 'delete', 'va0');
    await untilSight('blind: no-such-interface');
    segment.addCable();
    await untilSight('seeing: resumed');
    await segment.forgetInjector();
    await hears(1);
  });

  it('does not follow an interface that was renamed, and takes it back under its name', async () => {
    await startSeeing();
    segment.ip('link', 'set', 'va0', 'down');
    segment.ip('link', 'set', 'va0', 'name', 'other0');
    segment.ip('link', 'set', 'other0', 'up');
    await untilSight('blind: no-such-interface');
    segment.ip('link', 'set', 'other0', 'down');
    segment.ip('link', 'set', 'other0', 'name', 'va0');
    segment.ip('link', 'set', 'va0', 'up');
    await untilSight('seeing: resumed');
    await segment.forgetInjector();
    await hears(1);
  });

  it('replaces a capture process that crashed; its counters go on', async () => {
    await startSeeing();
    await hears(1);
    await recorder.until(() => (recorder.lastTick?.received ?? 0) > 0);
    const before = recorder.lastTick?.received ?? Infinity;
    link.signal('va0', 'SIGKILL');
    await untilSight('seeing: resumed');
    expect(recorder.sights).toEqual(['seeing: started', 'blind: capture-crashed', 'seeing: resumed']);
    await hears(2);
    await recorder.until(() => (recorder.lastTick?.received ?? 0) > before);
  });

  it('kills and replaces a capture process that hangs', async () => {
    await startSeeing();
    link.signal('va0', 'SIGSTOP');
    await untilSight('seeing: resumed');
    expect(recorder.sights).toEqual(['seeing: started', 'blind: capture-hung', 'seeing: resumed']);
    await hears(1);
  });

  it('ignores what a terminal sends to the whole group', async () => {
    await startSeeing();
    for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) link.signal('va0', signal);
    await hears(1);
    expect(recorder.sights).toEqual(['seeing: started']);
  });

  it('after a stall of main tells the frames before any later tick, and blames nobody', async () => {
    await startSeeing();
    await hears(1);
    const late = advert(2);
    segment.injectWithoutWaiting(late, 500);
    standStill(3000);
    const resumedAt = Date.now() * 1000;
    await recorder.until(() => (recorder.lastTick?.wallUs ?? 0) > resumedAt);
    expect(recorder.sights).toEqual(['seeing: started']);
    expect(recorder.frames(late)).toHaveLength(500);
    expectFramesBeforeLaterTicks();
  });

  it('after a stall of the capture tells what waited in the ring before any later tick', async () => {
    await startSeeing();
    await hears(1);
    await stopProcess(link.pid('va0'));
    await segment.inject(advert(2), 3000);
    link.signal('va0', 'SIGCONT');
    await recorder.until(() => recorder.frames(advert(2)).length === 3000);
    await recorder.until(() => recorder.heard.at(-1)?.what === 'tick');
    expect(recorder.lastTick?.dropped).toBe(0);
    expectFramesBeforeLaterTicks();
  });

  it('counts what the ring could not hold', async () => {
    await startSeeing();
    await hears(1);
    await stopProcess(link.pid('va0'));
    await segment.inject(advert(2), 30_000);
    link.signal('va0', 'SIGCONT');
    await recorder.until(() => (recorder.lastTick?.dropped ?? 0) > 0);
    const dropped = recorder.lastTick?.dropped ?? 0;
    const together = recorder.frames(advert(2)).length + dropped;
    // The kernel's own neighbour discovery may be among the lost.
    expect(together).toBeGreaterThanOrEqual(30_000);
    expect(together).toBeLessThan(30_100);
  });

  it('ends its capture processes when it stops', async () => {
    await startSeeing();
    const ended = new Promise<void>((resolve) => link.onExit(() => resolve()));
    await capture.stop();
    await ended;
  });

  function expectFramesBeforeLaterTicks(): void {
    let tickUs = 0;
    for (const one of recorder.heard) {
      if (one.what === 'tick') tickUs = one.tick.wallUs;
      if (one.what === 'frame') expect(one.wallUs).toBeGreaterThanOrEqual(tickUs);
    }
  }
});

/** Blocks this whole process, as a stalled main process would be. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function stopProcess(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error('no such process');
  process.kill(pid, 'SIGSTOP');
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
