/**
 * One capture process over its lives, from the main process: asks for it, passes on what it says, tells when sight is
 * lost with it, and asks again. Does no I/O of its own; `round` is called every `SUPERVISION_ROUND_MS`.
 *
 * A capture is hung when main itself has run for `HUNG_ROUNDS` rounds and read no tick. Rounds are counted, not
 * seconds: a main process that was stalled or stopped makes one round after it, then reads what waits in the socket,
 * and only then, round by round, would have a reason to complain.
 *
 * The successor is asked for when the predecessor has exited *and* its socket was read to the end.
 */
import type { CaptureListener, CaptureSight, CaptureTick } from '../capture-listener.ts';
import type { CaptureLink } from './capture-link.ts';
import { EXIT_AGAIN } from './protocol.ts';

export const SUPERVISION_ROUND_MS = 250;

/** 2 s */
const HUNG_ROUNDS = 8;
/** 10 s: Node has to start, on a machine that may be busy. */
const STARTING_ROUNDS = 40;
/** 10 s of ticks, and the delays before a new start begin anew */
const HEALTHY_ROUNDS = 40;
const FIRST_DELAY_MS = 200;
const LAST_DELAY_MS = 10_000;

interface Options {
  readonly name: string;
  readonly join: boolean;
  readonly link: CaptureLink;
  readonly listener: CaptureListener;
  readonly remark: (text: string) => void;
}

export class SupervisedCapture {
  readonly #options: Options;
  #state: 'idle' | 'starting' | 'connected' | 'stopped' = 'idle';
  #processRuns = false;
  #socketOpen = false;
  #exitStatus: number | null = null;
  #delayMs = FIRST_DELAY_MS;
  #restart: NodeJS.Timeout | null = null;

  /** rounds since the start was asked for, or since the last tick */
  #roundsWaited = 0;
  #roundsConnected = 0;

  #told: CaptureSight | null = null;
  #hasSeen = false;
  #remarked: string | null = null;
  /** counters of the lives before this one, and the last ones of this one */
  #receivedBefore = 0;
  #droppedBefore = 0;
  #received = 0;
  #dropped = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    this.#state = 'starting';
    this.#processRuns = true;
    this.#roundsWaited = 0;
    this.#roundsConnected = 0;
    this.#options.link.start(this.#options.name, this.#options.join);
  }

  stop(): void {
    this.#state = 'stopped';
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#options.link.stop(this.#options.name);
  }

  round(): void {
    if (this.#state !== 'starting' && this.#state !== 'connected') return;
    this.#roundsWaited++;
    if (this.#state === 'connected' && ++this.#roundsConnected === HEALTHY_ROUNDS) {
      this.#delayMs = FIRST_DELAY_MS;
    }
    if (this.#roundsWaited < (this.#state === 'connected' ? HUNG_ROUNDS : STARTING_ROUNDS)) return;
    this.#roundsWaited = 0;
    this.#lose('capture-hung');
    this.#options.link.stop(this.#options.name);
  }

  /** False: nobody waits for this capture. */
  connected(): boolean {
    if (this.#state !== 'starting' || this.#socketOpen) return false;
    this.#state = 'connected';
    this.#socketOpen = true;
    this.#roundsWaited = 0;
    return true;
  }

  frame(
    wallUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
  ): void {
    if (this.#state === 'stopped') return;
    const { listener, name } = this.#options;
    listener.frame(name, wallUs, bytes, start, end, linkType, originalLength);
  }

  tick({ monotonicUs, wallUs, received, dropped }: CaptureTick): void {
    if (this.#state === 'stopped') return;
    this.#roundsWaited = 0;
    this.#received = received;
    this.#dropped = dropped;
    this.#options.listener.tick(this.#options.name, {
      monotonicUs,
      wallUs,
      received: this.#receivedBefore + received,
      dropped: this.#droppedBefore + dropped,
    });
  }

  sight({ seeing, reason }: CaptureSight): void {
    this.#tell(seeing ? { seeing, reason: this.#hasSeen ? 'resumed' : 'started' } : { seeing, reason });
    this.#hasSeen ||= seeing;
  }

  problem(text: string): void {
    if (this.#state === 'stopped' || this.#remarked === text) return;
    this.#remarked = text;
    this.#options.remark(text);
  }

  /** All that the process had said was read. */
  disconnected(): void {
    this.#socketOpen = false;
    this.#receivedBefore += this.#received;
    this.#droppedBefore += this.#dropped;
    this.#received = 0;
    this.#dropped = 0;
    if (this.#state === 'stopped') return;
    if (this.#processRuns) this.#options.link.stop(this.#options.name);
    this.#startAgainOnceGone();
  }

  exited(status: number | null): void {
    this.#processRuns = false;
    this.#exitStatus = status;
    this.#startAgainOnceGone();
  }

  #startAgainOnceGone(): void {
    if (this.#state === 'stopped' || this.#processRuns || this.#socketOpen) return;
    if (this.#restart !== null) return;
    this.#lose('capture-crashed');
    this.#state = 'idle';
    // A lost link is no failure; but a process that asks for a successor at once, again and again, gets a pause.
    const again = this.#exitStatus === EXIT_AGAIN;
    const delayMs = again ? (this.#roundsConnected > 0 ? 0 : FIRST_DELAY_MS) : this.#delayMs;
    if (!again) this.#delayMs = Math.min(this.#delayMs * 2, LAST_DELAY_MS);
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.start();
    }, delayMs);
  }

  /** Sight ends with the process; where it had ended before, for a reason of its own, that one stands. */
  #lose(reason: string): void {
    if (this.#told?.seeing !== false) this.#tell({ seeing: false, reason });
  }

  #tell(sight: CaptureSight): void {
    if (this.#state === 'stopped') return;
    if (this.#told?.seeing === sight.seeing && (sight.seeing || this.#told.reason === sight.reason)) return;
    this.#told = sight;
    this.#options.listener.sight(this.#options.name, sight);
  }
}
