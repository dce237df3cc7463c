/**
 * The capture process: one interface, one libpcap session, one socket to the main process. The only process that
 * touches libpcap; it interprets nothing of what it hears.
 *
 *   node capture-process.js INTERFACE SOCKET [--no-join]
 *
 * It works in rounds: read the clocks, then empty the kernel's ring, then look after the interface, then send what was
 * taken and a tick. So a tick promises that every frame stamped up to its time was sent before it, also after the
 * process was stopped for a while. A round is due every 60 ms, for waking up costs more than what is done then, here
 * and in main; where a round took in many frames, the next follows at once. Between rounds the thread sleeps in
 * `Atomics.wait`, and only every `LOOP_MS` does the event loop run, which notices that main has gone: a turn of it
 * costs as much as a round.
 *
 * It never repairs anything. When the link or the interface is lost, or the session is in doubt, it says so and exits
 * with `EXIT_AGAIN`; its successor waits for the interface and opens it afresh. It ends when main's socket closes,
 * and ignores the signals that a terminal or a service manager sends to all processes at once: main says when it is over.
 *
 * Limits: `QUEUE_BYTES` wait for a main process that does not read; what comes then is counted as dropped.
 */
import { connect, type Socket } from 'node:net';
import { GroupJoin } from './group-join.ts';
import { InterfaceWatch, type Link } from './interface-watch.ts';
import { loadPcap, type PcapBinding, PcapError, PcapSession } from './pcap-session.ts';
import { EXIT_AGAIN, MessageWriter } from './protocol.ts';

const ROUND_MS = 60;
const LOOP_MS = 240;
const LOOK_MS = 100;
/** A ring that overflowed is emptied in a busy round, which counts at once; counting is dear. */
const COUNT_MS = 1000;
const JOIN_MS = 5000;
/** So many frames in one round mean a flood: take in and count without a pause. */
const BUSY_FRAMES = 256;
/**
 * A flood fills the ring within 160 ms: for so long after the last busy round, pauses leave most of that in hand. Main
 * also takes in small portions for a fifth less processor time a frame.
 */
const FLOOD_MS = 1000;
const FLOOD_ROUND_MS = 10;
const BATCH_BYTES = 64 * 1024;
const QUEUE_BYTES = 16 * 1024 * 1024;
/** Frames that come faster than they can be passed on would keep one `drain` going for ever. */
const DRAIN_MS = 250;
/** Frames wait in the ring, and so many countings in a row `drain` finds none: the session is deaf. */
const DEAF_COUNTS = 4;

class CaptureProcess {
  readonly #interfaceName: string;
  readonly #socket: Socket;
  readonly #binding: PcapBinding;
  readonly #watch: InterfaceWatch;
  readonly #groups: GroupJoin | null;
  readonly #writer = new MessageWriter();
  #session: PcapSession | null = null;
  /** the link as it was when the session was opened */
  #opened: Link | null = null;
  #told: string | null = null;
  #ended = false;

  #received = 0;
  #shed = 0;
  #kernelDropped = 0;
  #deafCounts = 0;
  #takenWhenCounted = 0;

  #nextLook = 0;
  #nextCount = 0;
  #nextJoin = 0;
  #drainUntil = 0;
  #floodUntil = 0;
  #sheds = false;

  constructor(interfaceName: string, socket: Socket, binding: PcapBinding, join: boolean) {
    this.#interfaceName = interfaceName;
    this.#socket = socket;
    this.#binding = binding;
    this.#watch = new InterfaceWatch(interfaceName);
    this.#groups = join ? new GroupJoin(interfaceName) : null;
    this.#writer.hello(interfaceName);
  }

  readonly run = (): void => {
    const until = milliseconds() + LOOP_MS;
    for (;;) {
      const start = milliseconds();
      const busy = this.#round(start);
      if (this.#ended) return;
      if (busy) this.#floodUntil = start + FLOOD_MS;
      const roundMs = start < this.#floodUntil ? FLOOD_ROUND_MS : ROUND_MS;
      const pauseMs = busy ? 0 : Math.max(1, start + roundMs - milliseconds());
      if (this.#socket.writableLength > 0) {
        // What the socket did not take goes out in the event loop only.
        setTimeout(this.run, pauseMs);
        return;
      }
      if (start >= until) break;
      if (pauseMs > 0) sleep(pauseMs);
    }
    setImmediate(this.run);
  };

  /** True: there was so much to take in that the next should follow at once. */
  #round(now: number): boolean {
    const wallUs = Date.now() * 1000;
    const busy = this.#drain(now) >= BUSY_FRAMES;
    if (!this.#ended && (busy || now >= this.#nextCount)) this.#count(now);
    if (!this.#ended && now >= this.#nextLook) this.#look(now);
    if (this.#ended) return false;
    // Where main does not read, ticks must not grow its queue either.
    if (!this.#queueIsFull()) {
      this.#writer.tick({
        monotonicUs: Math.floor(now * 1000),
        wallUs,
        received: this.#received,
        dropped: this.#kernelDropped + this.#shed,
      });
    }
    this.#send();
    return busy;
  }

  #drain(now: number): number {
    if (this.#session === null) return 0;
    this.#drainUntil = now + DRAIN_MS;
    this.#sheds = this.#queueIsFull();
    const before = this.#session.taken;
    if (!this.#session.drain()) {
      // Most often the interface went down or away, which a look explains better.
      this.#look(now);
      if (!this.#ended) this.#startAgain('capture-failed');
      return 0;
    }
    return this.#session.taken - before;
  }

  readonly #onFrame = (
    seconds: number,
    microseconds: number,
    bytes: Buffer,
    length: number,
    originalLength: number,
  ): void => {
    if (this.#sheds) {
      this.#shed++;
      return;
    }
    this.#received++;
    this.#writer.frame(
      seconds,
      microseconds,
      bytes,
      length,
      this.#session?.linkType ?? 0,
      Math.max(length, originalLength),
    );
    if (this.#writer.length < BATCH_BYTES) return;
    this.#send();
    this.#sheds = this.#queueIsFull() || milliseconds() > this.#drainUntil;
  };

  /** Losses, and whether the session still delivers what the kernel counts. */
  #count(now: number): void {
    this.#nextCount = now + COUNT_MS;
    const session = this.#session;
    if (session === null) return;
    const { dropped, waiting } = session.counters();
    this.#kernelDropped = dropped;
    const still = waiting > 0 && session.taken === this.#takenWhenCounted;
    this.#takenWhenCounted = session.taken;
    this.#deafCounts = still ? this.#deafCounts + 1 : 0;
    if (this.#deafCounts >= DEAF_COUNTS) this.#startAgain('capture-deaf');
  }

  #look(now: number): void {
    this.#nextLook = now + LOOK_MS;
    const link = this.#watch.look();
    if (this.#session === null) {
      if (link.state === 'up') this.#open(link);
      else this.#tell(false, reasonOf(link));
    } else if (link.state !== 'up' || link.index !== this.#opened?.index) {
      this.#startAgain(link.state === 'up' ? 'no-such-interface' : reasonOf(link));
    } else if (link.changes !== this.#opened.changes) {
      this.#startAgain('link-down');
    } else if (this.#groups !== null && now >= this.#nextJoin) {
      this.#nextJoin = now + JOIN_MS;
      this.#groups.join();
    }
  }

  #open(link: Link): void {
    try {
      this.#session = new PcapSession(this.#binding, this.#interfaceName, this.#onFrame);
    } catch (error) {
      if (!(error instanceof PcapError)) throw error;
      // It went away between the look and the opening; or opening is what fails.
      if (['no-such-interface', 'link-down'].includes(error.reason)) this.#startAgain(error.reason);
      else this.#giveUp(error);
      return;
    }
    this.#opened = link;
    this.#tell(true, 'started');
  }

  #tell(seeing: boolean, reason: string): void {
    if (this.#told === reason) return;
    this.#told = reason;
    this.#writer.sight({ seeing, reason });
  }

  #startAgain(reason: string): void {
    this.#tell(false, reason);
    this.#end(EXIT_AGAIN);
  }

  #giveUp(error: PcapError): void {
    this.#writer.problem(error.message);
    this.#tell(false, error.reason);
    this.#end(1);
  }

  #end(status: number): void {
    this.#ended = true;
    this.#socket.end(this.#writer.take(), () => process.exit(status));
  }

  #queueIsFull(): boolean {
    return this.#socket.writableLength >= QUEUE_BYTES;
  }

  #send(): void {
    if (this.#writer.length > 0) this.#socket.write(this.#writer.take());
  }
}

function reasonOf(link: Link): string {
  return link.state === 'absent' ? 'no-such-interface' : 'link-down';
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms: number): void {
  Atomics.wait(nothing, 0, 0, ms);
}

/** CLOCK_MONOTONIC */
function milliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

const [interfaceName, socketPath, flag] = process.argv.slice(2);
if (interfaceName === undefined || socketPath === undefined) {
  process.stderr.write('usage: capture-process INTERFACE SOCKET [--no-join]\n');
  process.exit(2);
}
process.title = `vipwatch: capture of ${interfaceName}`;
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(signal, () => {});

const socket = connect(socketPath);
socket.on('error', () => process.exit(0));
socket.on('close', () => process.exit(0));
socket.resume();
socket.on('connect', () => {
  let binding: PcapBinding;
  try {
    binding = loadPcap();
  } catch (error) {
    if (!(error instanceof PcapError)) throw error;
    const writer = new MessageWriter();
    writer.hello(interfaceName);
    writer.problem(error.message);
    writer.sight({ seeing: false, reason: error.reason });
    socket.end(writer.take(), () => process.exit(1));
    return;
  }
  new CaptureProcess(interfaceName, socket, binding, flag !== '--no-join').run();
});
