/**
 * The probes of one target: one begins every `everyMs`, whether or not earlier ones are still out, each with its own
 * timeout. Results are told in the order in which the probes began; one that comes early waits, at most for the timeout.
 *
 * The grid of starts is fixed: no drift; what was missed (we were stalled, or too many are out) is left out, never made
 * up for. A probe that we ourselves may have spoilt is `blind`: it proves nothing of the service.
 *
 * Limit: as many are out as the timeout allows, at most 32; so `timeoutMs` above 31 x `everyMs` thins the probes out
 * while all of them hang.
 */
import type { PollFailure } from '../../observation.ts';
import type { Instant } from '../../time.ts';
import { failure } from '../failure.ts';
import type { Outside } from '../outside.ts';
import type { ProbeTarget } from '../settings.ts';
import { httpAsk } from './ask-http.ts';
import { mysqlAsk } from './ask-mysql.ts';
import { tcpAsk } from './ask-tcp.ts';
import { sharedLookup } from './connection.ts';
import { failureOf } from './failures.ts';
import { type Ask, type Finding, failed } from './finding.ts';

/** The machine's clock and event loop; tests have their own. */
export interface Loop {
  monotonicMs(): number;
  /** Answers how to call it off. */
  after(ms: number, callback: () => void): () => void;
  /** resolves when I/O that waited has been processed */
  turn(): Promise<void>;
}

const REAL_LOOP: Loop = {
  monotonicMs: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

const OUT_MAX = 32;
/** A timer that fires so late means that we were stalled. */
const STALL_MS = 250;
/** How often that is looked at while a probe is out. */
const WATCH_MS = 100;
/** After a stall an answer may take some turns: connected, asked, answered. */
const TURNS_AFTER_STALL = 4;

/** What a stall of ours can look like. */
const MAY_BE_OURS: ReadonlySet<PollFailure['reason']> = new Set(['timeout', 'closed']);

interface Probe {
  readonly startedAt: Instant;
  readonly deadlineMs: number;
  readonly abort: AbortController;
  /** we were stalled while it was out */
  disturbed: boolean;
  finding: Finding | null;
}

export class ProbeSchedule {
  readonly #target: ProbeTarget;
  readonly #outside: Outside;
  readonly #loop: Loop;
  readonly #ask: Ask;
  readonly #outMax: number;
  /** in the order in which they began: those out, and those whose results wait */
  readonly #untold: Probe[] = [];
  readonly #out = new Map<Probe, Promise<void>>();
  #nextMs = 0;
  #callOff = () => {};
  #stopped = false;

  constructor(target: ProbeTarget, outside: Outside, ask: Ask = askOf(target), loop: Loop = REAL_LOOP) {
    this.#target = target;
    this.#outside = outside;
    this.#ask = ask;
    this.#loop = loop;
    this.#outMax = Math.min(Math.ceil(target.timeoutMs / target.everyMs) + 1, OUT_MAX);
  }

  /** The first probe begins at once. */
  start(): void {
    this.#nextMs = this.#loop.monotonicMs();
    this.#proceed();
  }

  /** Breaks off what is out, which is not told. Resolves when nothing is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff();
    for (const probe of this.#out.keys()) probe.abort.abort();
    await Promise.all(this.#out.values());
  }

  async #wake(dueMs: number): Promise<void> {
    const lateMs = this.#loop.monotonicMs() - dueMs;
    const wasStalled = lateMs > STALL_MS;
    if (wasStalled) for (const probe of this.#out.keys()) probe.disturbed = true;
    const turns = wasStalled ? TURNS_AFTER_STALL : this.#overdue().length > 0 ? 1 : 0;
    for (let i = 0; i < turns; i++) await this.#loop.turn();
    if (this.#stopped) return;
    for (const probe of this.#overdue()) probe.abort.abort();
    this.#proceed();
  }

  #overdue(): readonly Probe[] {
    const nowMs = this.#loop.monotonicMs();
    return [...this.#out.keys()].filter((probe) => probe.deadlineMs <= nowMs && !probe.abort.signal.aborted);
  }

  #proceed(): void {
    const { everyMs } = this.#target;
    const nowMs = this.#loop.monotonicMs();
    if (nowMs >= this.#nextMs) {
      if (this.#out.size < this.#outMax) this.#begin(nowMs);
      this.#nextMs += everyMs * (Math.floor((nowMs - this.#nextMs) / everyMs) + 1);
    }
    const watchMs = this.#out.size === 0 ? Number.POSITIVE_INFINITY : nowMs + WATCH_MS;
    const deadlines = [...this.#out.keys()]
      .filter(({ abort }) => !abort.signal.aborted)
      .map(({ deadlineMs }) => deadlineMs);
    const dueMs = Math.min(this.#nextMs, watchMs, ...deadlines);
    this.#callOff = this.#loop.after(Math.max(0, dueMs - nowMs), () => void this.#wake(dueMs));
  }

  #begin(nowMs: number): void {
    const probe: Probe = {
      startedAt: this.#outside.now(),
      deadlineMs: nowMs + this.#target.timeoutMs,
      abort: new AbortController(),
      disturbed: false,
      finding: null,
    };
    this.#untold.push(probe);
    const ended = this.#ask(probe.abort.signal)
      .catch((error: unknown) => failed(failureOf(error)))
      .then((finding) => {
        this.#out.delete(probe);
        probe.finding = this.#judged(finding, probe);
        if (!this.#stopped) this.#tellThoseReady();
      });
    this.#out.set(probe, ended);
  }

  #judged(finding: Finding | null, { disturbed }: Probe): Finding {
    const judged = finding ?? failed(failure('timeout', `no answer within ${this.#target.timeoutMs} ms`));
    const { failure: found } = judged;
    if (!disturbed || found === null || !MAY_BE_OURS.has(found.reason)) return judged;
    return failed(failure('blind', `vipwatch itself was stalled: ${found.error}`));
  }

  #tellThoseReady(): void {
    for (
      let first = this.#untold[0];
      first !== undefined && first.finding !== null;
      first = this.#untold[0]
    ) {
      this.#untold.shift();
      const { cluster, router, node } = this.#target;
      this.#outside.tell({
        kind: 'probe',
        at: this.#outside.now(),
        startedAt: first.startedAt,
        cluster,
        router,
        node,
        ...first.finding,
      });
    }
  }
}

function askOf({ host, port, how }: ProbeTarget): Ask {
  const place = { host, port, lookup: sharedLookup() };
  switch (how.kind) {
    case 'tcp':
      return tcpAsk(place);
    case 'http':
      return httpAsk(place, how);
    case 'mysql':
      return mysqlAsk(place, how);
  }
}
