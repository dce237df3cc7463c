/**
 * One Galera node: whether its component has quorum (`galera-not-primary`), and whether flow control holds writes up
 * (`galera-flow-control`). Donors, desynced and joining nodes are none the worse for it.
 */
import type { EventOf } from '../../events.ts';
import type { GaleraReading } from '../../reading/database.ts';
import { type Instant, MS } from '../../time.ts';
import type { Thresholds } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';

const NS_PER_US = 1_000;
/** of the threshold: over below */
const OVER_AT = 0.8;
const STATUS_MAX = 64;

export class GaleraNode {
  readonly #subject: string;
  readonly #thresholds: Thresholds;
  readonly #voice: Voice;
  /** polls in a row without quorum, and the first of them */
  #bad = 0;
  #badSince: Instant | null = null;
  #wasMember = false;
  #notPrimary: Condition<'galera-not-primary'> | null = null;
  #before: { readonly askedAt: Instant; readonly pausedNs: bigint } | null = null;
  #pausedSince: Instant | null = null;
  #flow: Condition<'galera-flow-control'> | null = null;
  #paused: number | null = null;

  constructor(subject: string, thresholds: Thresholds, voice: Voice) {
    this.#subject = subject;
    this.#thresholds = thresholds;
    this.#voice = voice;
  }

  /** Share of the time between the latest two polls; null where it is not known. */
  get paused(): number | null {
    return this.#paused;
  }

  resumeNotPrimary(event: EventOf<'galera-not-primary'>, notBefore: Instant): void {
    this.#wasMember = true;
    this.#notPrimary = resumed(event, notBefore);
  }

  resumeFlow(event: EventOf<'galera-flow-control'>, notBefore: Instant): void {
    this.#flow = resumed(event, notBefore);
  }

  /** `starting`: the server was started a moment ago, and has yet to find the others. */
  look(galera: GaleraReading, askedAt: Instant, starting: boolean): void {
    this.#quorum(galera, askedAt, starting);
    this.#flowControl(galera, askedAt);
  }

  interrupted(): void {
    this.#bad = 0;
    this.#before = null;
    this.#paused = null;
    if (this.#flow === null) this.#pausedSince = null;
  }

  /** Galera is switched off there, or nobody watches it any more. */
  leave(at: Instant, reason: EndReason): void {
    if (this.#notPrimary !== null) this.#voice.end(this.#notPrimary, at, { reason });
    if (this.#flow !== null) this.#voice.end(this.#flow, at, { reason });
    this.#notPrimary = null;
    this.#flow = null;
    this.interrupted();
  }

  #quorum(galera: GaleraReading, askedAt: Instant, starting: boolean): void {
    if (isPrimary(galera)) {
      this.#wasMember = true;
      this.#bad = 0;
      if (this.#notPrimary !== null) this.#voice.end(this.#notPrimary, askedAt);
      this.#notPrimary = null;
      return;
    }
    // without a cluster to be in (no provider, not joined yet) a server is disconnected, and that is no loss
    const never = galera.clusterStatus.toLowerCase() === 'disconnected' && !this.#wasMember;
    if (never || starting || this.#notPrimary !== null) return;
    if (this.#bad === 0) this.#badSince = askedAt;
    this.#bad++;
    if (this.#bad < this.#thresholds.badPolls || this.#badSince === null) return;
    this.#notPrimary = this.#voice.begin('galera-not-primary', this.#subject, this.#badSince, {
      status: galera.clusterStatus.slice(0, STATUS_MAX),
      size: galera.size ?? 0,
    });
  }

  #flowControl({ pausedNs }: GaleraReading, askedAt: Instant): void {
    const before = this.#before;
    this.#before = pausedNs === null ? null : { askedAt, pausedNs };
    this.#paused = null;
    if (pausedNs === null || before === null || pausedNs < before.pausedNs || askedAt <= before.askedAt)
      return;
    const share = Number(pausedNs - before.pausedNs) / NS_PER_US / (askedAt - before.askedAt);
    const paused = Math.round(Math.min(1, share) * 1_000) / 1_000;
    this.#paused = paused;
    const { flowPausedAt, beyondForMs } = this.#thresholds;
    if (paused < flowPausedAt && (this.#flow === null || paused < OVER_AT * flowPausedAt)) {
      if (this.#flow !== null) this.#voice.end(this.#flow, before.askedAt, { paused });
      this.#flow = null;
      this.#pausedSince = null;
      return;
    }
    this.#pausedSince ??= before.askedAt;
    if (this.#flow !== null || askedAt - this.#pausedSince < beyondForMs * MS) return;
    this.#flow = this.#voice.begin('galera-flow-control', this.#subject, this.#pausedSince, { paused });
  }
}

export function isPrimary({ clusterStatus }: GaleraReading): boolean {
  return clusterStatus.toLowerCase() === 'primary';
}
