/**
 * What really happened in a simulated run, kept by the simulator beside what the observer is shown: who believed to
 * be master when, who was stopped in its tracks, what was sent and whom it reached. Checks read this, the
 * observer never does. Times are microseconds since the run began.
 */
import type { Advert, Claim } from '../../src/wire/packet.ts';
import type { RouterSettings } from './router.ts';

/** How a mastership ended: a priority 0, silence without a word, or a higher advert heard. */
export type Ending = 'resigned' | 'crashed' | 'yielded' | 'unfinished';

export interface Mastership {
  readonly router: string;
  readonly from: number;
  readonly to: number;
  readonly ending: Ending;
}

export interface Pause {
  readonly router: string;
  readonly from: number;
  readonly to: number;
}

/** A frame as it left its sender, `capturedAt` empty where the observer's port lost it. */
export interface SentFrame {
  readonly sentAt: number;
  readonly sender: string;
  readonly packet: Advert | Claim;
  readonly ipId: number | null;
  /** when the observer's port saw it; more than once where it was doubled */
  readonly capturedAt: number[];
  /** the routers it reached and when */
  readonly reached: Map<string, number>;
}

export interface Note {
  readonly at: number;
  readonly text: string;
}

/** A router became a backup that waits: it was started, or recovered from a fault. */
export interface Start {
  readonly router: string;
  readonly at: number;
}

interface Open {
  readonly router: string;
  readonly from: number;
}

export class TruthLog {
  readonly masterships: Mastership[] = [];
  readonly pauses: Pause[] = [];
  readonly frames: SentFrame[] = [];
  readonly notes: Note[] = [];
  readonly starts: Start[] = [];
  readonly #masters = new Map<string, Open>();
  readonly #stopped = new Map<string, Open>();

  started(router: string, at: number): void {
    this.starts.push({ router, at });
  }

  began(router: string, at: number): void {
    this.#masters.set(router, { router, from: at });
  }

  ended(router: string, at: number, ending: Ending): void {
    const open = this.#masters.get(router);
    if (open === undefined) throw new Error(`${router} was no master at ${at} µs`);
    this.#masters.delete(router);
    this.masterships.push({ ...open, to: at, ending });
  }

  paused(router: string, at: number): void {
    this.#stopped.set(router, { router, from: at });
  }

  resumed(router: string, at: number): void {
    const open = this.#stopped.get(router);
    if (open === undefined) return;
    this.#stopped.delete(router);
    this.pauses.push({ ...open, to: at });
  }

  note(at: number, text: string): void {
    this.notes.push({ at, text });
  }

  /** The run is over: what still goes on ends here. */
  close(at: number): void {
    for (const router of [...this.#masters.keys()]) this.ended(router, at, 'unfinished');
    for (const router of [...this.#stopped.keys()]) this.resumed(router, at);
    this.masterships.sort((a, b) => a.from - b.from);
  }
}

/** One capture of a frame: what the observer was shown, beside what is known of it. */
export interface Captured {
  readonly at: number;
  readonly frame: SentFrame;
}

export interface CapturedAdvert extends Captured {
  readonly advert: Advert;
  /** not the first copy of its frame */
  readonly copy: boolean;
}

/** Questions that the checks ask of a finished run. */
export class Truth {
  readonly routers: readonly RouterSettings[];
  readonly masterships: readonly Mastership[];
  readonly pauses: readonly Pause[];
  readonly frames: readonly SentFrame[];
  readonly notes: readonly Note[];
  readonly starts: readonly Start[];
  /** adverts of the routers as they were captured, copies included */
  readonly adverts: readonly CapturedAdvert[];
  readonly #byAddress = new Map<string, RouterSettings>();
  readonly #advertsByRouter = new Map<string, CapturedAdvert[]>();

  constructor(routers: readonly RouterSettings[], log: TruthLog) {
    this.routers = routers;
    this.masterships = log.masterships;
    this.pauses = log.pauses;
    this.frames = log.frames;
    this.notes = log.notes;
    this.starts = log.starts;
    for (const router of routers) {
      this.#byAddress.set(router.address, router);
      this.#advertsByRouter.set(router.name, []);
    }
    this.adverts = this.frames.flatMap(capturedAdverts).sort((a, b) => a.at - b.at);
    for (const captured of this.adverts) this.#advertsByRouter.get(captured.frame.sender)?.push(captured);
  }

  /** The router that speaks from an address, if it is one of the routers. */
  routerAt(address: unknown): RouterSettings | undefined {
    return typeof address === 'string' ? this.#byAddress.get(address) : undefined;
  }

  advertsOf(router: string): readonly CapturedAdvert[] {
    return this.#advertsByRouter.get(router) ?? [];
  }

  /** Masterships of one router that touch [from, to]. */
  masteredIn(router: string, from: number, to: number): Mastership[] {
    return this.masterships.filter((m) => m.router === router && m.from <= to && m.to >= from);
  }

  isPausedIn(router: string, from: number, to: number): boolean {
    return this.pauses.some((pause) => pause.router === router && pause.from <= to && pause.to >= from);
  }

  /** The longest stretch within [from, to] in which both were master, 0 for a mere instant, -1 for never. */
  bothMasters(one: string, other: string, from: number, to: number): number {
    let longest = -1;
    for (const a of this.masteredIn(one, from, to)) {
      for (const b of this.masteredIn(other, from, to)) {
        const together = Math.min(a.to, b.to, to) - Math.max(a.from, b.from, from);
        longest = Math.max(longest, together);
      }
    }
    return longest;
  }
}

function capturedAdverts(frame: SentFrame): CapturedAdvert[] {
  const advert = frame.packet;
  if (advert.type !== 'advert' || !advert.valid) return [];
  return frame.capturedAt.map((at, i) => ({ at, frame, advert, copy: i > 0 }));
}
