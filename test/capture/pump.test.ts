/**
 * The pump with the real observer behind it, on a machine whose clocks, captures and stalls the test commands. Each
 * story asks: what does the timeline say, and is it what happened on the wire?
 */
import { describe, expect, it } from 'vitest';
import { Pump } from '../../src/capture/pump.ts';
import type { TimelineEvent } from '../../src/events.ts';
import { Observer } from '../../src/observer/observer.ts';
import { MS, SECOND } from '../../src/time.ts';
import { LINKTYPE_ETHERNET } from '../../src/wire/link.ts';
import { advertFrame, arpFrame } from '../support/frames.ts';

const START = 1_800_000_000 * SECOND;

interface Waiting {
  readonly capture: string;
  readonly wallUs: number;
  readonly bytes: Uint8Array;
}

/** A machine: a kernel that queues frames, captures that fetch them in rounds of 25 ms, and this process. */
class Machine {
  readonly events: TimelineEvent[] = [];
  readonly pump: Pump;
  monotonicUs = 5_000 * SECOND;
  /** what the wall clock is ahead of the monotonic one */
  offsetUs = START - 5_000 * SECOND;
  /** other work comes between this process's next reading of one clock and of the other */
  interruptionUs = 0;
  readonly #observer = new Observer({ name: 'here' });
  readonly #ring: Waiting[] = [];
  readonly #stopped = new Set<string>();
  readonly #received = new Map<string, number>();
  readonly #dropped = new Map<string, number>();
  readonly #ids = new Map<string, number>();
  readonly #speakers: { src: string; priority: number; capture: string; nextUs: number; vrid: number }[] = [];
  /** messages that wait in sockets while this process is stopped */
  #sockets: (() => void)[] = [];
  #mainStopped = false;

  constructor(captures: readonly string[] = ['eth0']) {
    this.pump = new Pump(
      captures,
      {
        observe: (observation) => this.events.push(...this.#observer.observe(observation)),
        heardAgain: (at, segment, advert, ipId) => this.#observer.heardAgain(at, segment, advert, ipId),
      },
      {
        monotonicUs: () => this.monotonicUs,
        wallUs: () => {
          this.monotonicUs += this.interruptionUs;
          this.interruptionUs = 0;
          return this.#wallMs();
        },
      },
    );
    for (const capture of captures) {
      this.pump.sight(capture, { seeing: true, reason: 'started' });
    }
  }

  speak(src: string, priority: number, capture = 'eth0', vrid = 51): void {
    this.#speakers.push({ src, priority, capture, nextUs: this.monotonicUs, vrid });
  }

  hush(src: string): void {
    this.#speakers.splice(
      this.#speakers.findIndex((speaker) => speaker.src === src),
      1,
    );
  }

  stopMain(): void {
    this.#mainStopped = true;
  }

  continueMain(): void {
    this.#mainStopped = false;
    this.pump.beat(); // Node runs overdue timers before it reads sockets
    const waiting = this.#sockets;
    this.#sockets = [];
    for (const message of waiting) message();
  }

  stopCapture(capture: string): void {
    this.#stopped.add(capture);
  }

  continueCapture(capture: string): void {
    this.#stopped.delete(capture);
  }

  drop(capture: string, frames: number): void {
    this.#dropped.set(capture, (this.#dropped.get(capture) ?? 0) + frames);
  }

  /** The machine itself stands still: nothing is received, nobody is served, clocks go on. */
  standStill(seconds: number): void {
    this.monotonicUs += seconds * SECOND;
    for (const speaker of this.#speakers) speaker.nextUs += seconds * SECOND;
  }

  setClock(seconds: number): void {
    this.offsetUs += seconds * SECOND;
  }

  send(capture: string, bytes: Uint8Array): void {
    this.#ring.push({ capture, wallUs: this.monotonicUs + this.offsetUs, bytes });
  }

  run(seconds: number): void {
    const until = this.monotonicUs + seconds * SECOND;
    while (this.monotonicUs < until) {
      this.monotonicUs += 25 * MS;
      for (const speaker of this.#speakers) this.#speak(speaker);
      for (const { capture } of this.pump.states()) if (!this.#stopped.has(capture)) this.#round(capture);
      if (!this.#mainStopped && this.monotonicUs % (100 * MS) === 0) this.pump.beat();
    }
  }

  told(): string[] {
    return this.events.map((event) => {
      const ms = Math.round((event.time - START) / MS);
      return `${(ms / 1_000).toFixed(3)} ${event.kind}${event.phase === 'instant' ? '' : ` ${event.phase}`}: ${event.summary}`;
    });
  }

  kinds(): string[] {
    return this.events.map(({ kind, phase }) => (phase === 'instant' ? kind : `${kind} ${phase}`));
  }

  #speak(speaker: { src: string; priority: number; capture: string; nextUs: number; vrid: number }): void {
    while (speaker.nextUs <= this.monotonicUs) {
      const ipId = (this.#ids.get(speaker.src) ?? 0) + 1;
      this.#ids.set(speaker.src, ipId);
      const { src, priority, vrid } = speaker;
      const srcMac = `02:00:00:00:00:0${src.at(-1)}`;
      const bytes = advertFrame({ src, priority, ipId, srcMac, vrid, vips: [`10.0.0.${vrid}`] });
      this.#ring.push({ capture: speaker.capture, wallUs: speaker.nextUs + this.offsetUs, bytes });
      speaker.nextUs += SECOND;
    }
  }

  #round(capture: string): void {
    const tick = { monotonicUs: this.monotonicUs, wallUs: this.#wallMs() };
    for (let i = 0; i < this.#ring.length; i++) {
      const frame = this.#ring[i];
      if (frame === undefined || frame.capture !== capture) continue;
      this.#ring.splice(i--, 1);
      this.#received.set(capture, (this.#received.get(capture) ?? 0) + 1);
      this.#message(() =>
        this.pump.frame(
          capture,
          frame.wallUs,
          frame.bytes,
          0,
          frame.bytes.length,
          LINKTYPE_ETHERNET,
          frame.bytes.length,
        ),
      );
    }
    const received = this.#received.get(capture) ?? 0;
    const dropped = this.#dropped.get(capture) ?? 0;
    this.#message(() => this.pump.tick(capture, { ...tick, received, dropped }));
  }

  #message(message: () => void): void {
    if (this.#mainStopped) this.#sockets.push(message);
    else message();
  }

  #wallMs(): number {
    return Math.floor((this.monotonicUs + this.offsetUs) / MS) * MS;
  }
}

const MASTER_SEEN = 'master-seen';

describe('time passes', () => {
  it('with ticks, so that a dead master is missed without a frame', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.hush('10.0.0.1');
    machine.run(6);
    expect(machine.kinds()).toEqual([MASTER_SEEN, 'master-lost begin']);
  });

  it('not while the only capture is silent about itself: that it hangs is for others to say', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.stopCapture('eth0');
    machine.run(60);
    expect(machine.kinds()).toEqual([MASTER_SEEN]);
    machine.pump.sight('eth0', { seeing: false, reason: 'capture-hung' });
    machine.run(60);
    expect(machine.told().slice(1)).toEqual([expect.stringMatching(/^5\.000 capture-degraded begin/)]);
    machine.continueCapture('eth0');
    machine.pump.sight('eth0', { seeing: true, reason: 'started' });
    machine.run(10);
    expect(machine.kinds()).toEqual([MASTER_SEEN, 'capture-degraded begin', 'capture-degraded end']);
  });

  it('for all captures alike: what one holds back, another does not overtake', () => {
    const machine = new Machine(['eth0', 'eth1']);
    machine.speak('10.0.0.1', 100, 'eth0', 51);
    machine.speak('10.0.0.3', 100, 'eth1', 52);
    machine.run(5);
    machine.stopCapture('eth0'); // its frames wait in the kernel
    machine.run(1.5);
    machine.continueCapture('eth0');
    machine.run(5);
    expect(machine.kinds()).toEqual([MASTER_SEEN, MASTER_SEEN]);
    const detected = machine.events.map((event) => event.detectedAt);
    expect(detected).toEqual([...detected].sort((a, b) => a - b));
  });
});

describe('a stalled process', () => {
  it('takes in what waited before it looks at the clock: a living master is not missed', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.stopMain();
    machine.run(10);
    machine.continueMain();
    machine.run(5);
    expect(machine.kinds()).toEqual([MASTER_SEEN]);
  });

  it('tells the failover that happened meanwhile, with its true times', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.stopMain();
    machine.run(1);
    machine.hush('10.0.0.1');
    machine.run(3.6);
    machine.speak('10.0.0.2', 90);
    machine.run(5);
    machine.continueMain();
    machine.run(1);
    expect(machine.told().slice(1)).toEqual([
      '9.600 failover: 10.0.0.51 moved from 10.0.0.1 to 10.0.0.2 after 3.6 s of silence',
    ]);
    expect(machine.events[1]?.details).not.toHaveProperty('blindMs');
  });

  it('is not the same as a capture that was stopped alone: the kernel kept its frames', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.stopCapture('eth0');
    machine.run(1.5);
    machine.continueCapture('eth0');
    machine.run(5);
    expect(machine.kinds()).toEqual([MASTER_SEEN]);
  });
});

describe('blindness', () => {
  it('of a machine that stood still: no silence is counted', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.standStill(60);
    machine.pump.beat();
    machine.run(10);
    expect(machine.told().slice(1)).toEqual([
      expect.stringMatching(/^5\.000 capture-degraded begin/),
      expect.stringMatching(/^65\.025 capture-degraded end/),
    ]);
  });

  it('of a kernel that dropped frames: a master silent meanwhile is not lost, until nothing was dropped for a while', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.hush('10.0.0.1');
    for (let i = 0; i < 20; i++) {
      machine.drop('eth0', 100);
      machine.run(0.5);
    }
    expect(machine.kinds()).toEqual([MASTER_SEEN, 'capture-degraded begin']);
    machine.run(8);
    expect(machine.kinds()).toEqual([
      MASTER_SEEN,
      'capture-degraded begin',
      'capture-degraded end',
      'master-lost begin',
    ]);
  });

  it('of one capture says nothing of another', () => {
    const machine = new Machine(['eth0', 'eth1']);
    machine.speak('10.0.0.1', 100, 'eth0', 51);
    machine.speak('10.0.0.3', 100, 'eth1', 52);
    machine.run(5);
    machine.stopCapture('eth0');
    machine.pump.sight('eth0', { seeing: false, reason: 'link-down' });
    machine.hush('10.0.0.3');
    machine.run(8);
    expect(machine.kinds()).toEqual([
      MASTER_SEEN,
      MASTER_SEEN,
      'capture-degraded begin',
      'master-lost begin',
    ]);
    expect(machine.events.at(-1)?.subject).toBe('vr:eth1/ipv4/52');
  });

  it('ends where it is said to end, not with a frame that was still on its way', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.pump.sight('eth0', { seeing: false, reason: 'link-down' });
    machine.run(3);
    machine.send('eth0', arpFrame());
    machine.run(3);
    expect(machine.kinds()).toEqual([MASTER_SEEN, 'capture-degraded begin']);
  });
});

describe('a clock that is set', () => {
  it.each([
    ['forwards by a day', 86_400],
    ['backwards by an hour', -3_600],
  ])('%s invents nothing, and is told', (_, seconds) => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.setClock(seconds);
    machine.run(30);
    expect(machine.kinds()).toEqual([MASTER_SEEN, 'capture-degraded begin', 'capture-degraded end']);
    machine.hush('10.0.0.1');
    machine.run(3.6);
    machine.speak('10.0.0.2', 90);
    machine.run(2);
    const failover = machine.events.at(-1);
    expect(failover).toMatchObject({ kind: 'failover', details: { silenceMs: 3_600 } });
    // in stream time; by the wall clock of that moment it is dated as anybody there would have
    const wall = machine.pump.wallOf(failover?.time ?? (0 as never));
    expect(Math.abs(wall - (START + (38.6 + seconds) * SECOND))).toBeLessThan(2 * MS);
  });

  it('while frames waited: those of before and after are told apart', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    machine.run(5);
    machine.stopMain();
    machine.run(5);
    machine.setClock(-3_600);
    machine.run(5);
    machine.continueMain();
    machine.run(5);
    expect(machine.kinds().filter((kind) => !kind.startsWith('capture-degraded'))).toEqual([MASTER_SEEN]);
  });

  it('is not what a process sees that was interrupted between the two clocks', () => {
    const machine = new Machine();
    machine.speak('10.0.0.1', 100);
    for (let i = 0; i < 50; i++) {
      machine.interruptionUs = 75 * MS;
      machine.run(0.1);
    }
    expect(machine.told()).toEqual([expect.stringContaining(MASTER_SEEN)]);
  });
});
