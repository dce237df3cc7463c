/**
 * Whether anybody speaks for a virtual router: how long silence is waited out, when it is a loss, and when a lost
 * one is forgotten. Silence in which the whole segment falls silent, or the VIPs go on elsewhere, is none.
 *
 * Unicast adverts may stop reaching us while all is well: see `#quietens`.
 */
import type { EventOf } from '../events.ts';
import { type Instant, msFromUs, SECOND } from '../time.ts';
import type { Claim } from '../wire/packet.ts';
import type { RouterKeeper, Services } from './services.ts';
import { graceUs, largestSkewUs, latenessUs, MUTED_MAX_US, type Speaker, silenceLimitUs } from './speaker.ts';
import { type Condition, resumed } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** Unicast adverts heard for less may have come by chance: a switch floods them until it has learnt the port. */
const UNICAST_HEARD_MIN_US = 60 * SECOND;

export class Loss {
  readonly #router: VirtualRouter;
  readonly #services: Services;
  readonly #keeper: RouterKeeper;
  #condition: Condition<'master-lost'> | null = null;
  /** a unicast virtual router's adverts are not heard any more, and that is no evidence */
  #quiet = false;
  /** since when adverts are heard, as far as we know ourselves: null after a restart until one is */
  #heardSince: Instant | null = null;
  /** one of its VIPs was last announced to everybody: kernels answer single questions for daemons that are dead */
  #announcedAt = Number.NEGATIVE_INFINITY;
  #endedAt = Number.NEGATIVE_INFINITY;
  /** whose priority 0 the last advert was */
  #resigned: Speaker | null = null;
  /** the first claim by a speaker or the virtual MAC in a silence: later than the last advert, somebody is about to speak */
  #claimInSilenceAt = Number.NEGATIVE_INFINITY;
  /** whether others fell silent too is not known before */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(router: VirtualRouter, services: Services, keeper: RouterKeeper) {
    this.#router = router;
    this.#services = services;
    this.#keeper = keeper;
  }

  get isOpen(): boolean {
    return this.#condition !== null;
  }

  get isQuiet(): boolean {
    return this.#quiet;
  }

  /** When it was lost, where it is. */
  get since(): Instant | null {
    return this.#condition?.begin.time ?? null;
  }

  /** The end of the last one. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** It was lost before it was heard at all: configured, and absent since the start. */
  begun(condition: Condition<'master-lost'>): void {
    this.#condition = condition;
  }

  resume(event: EventOf<'master-lost'>, at: Instant): void {
    this.#condition = resumed(event, at);
  }

  /** An advert that is not the steady master's next: whether others fell silent too is a new question. */
  heard(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** An advert with a priority above 0. Answers whether the virtual router was lost, or quiet, until now. */
  spoke(speaker: Speaker, at: Instant): boolean {
    this.#resigned = null;
    const wasQuiet = this.#quiet;
    this.#quiet = false;
    this.#heardSince ??= at;
    if (this.#condition === null) return wasQuiet;
    this.end(speaker.address, at);
    this.#endedAt = at;
    return true;
  }

  resigned(speaker: Speaker): void {
    this.#resigned = speaker;
  }

  /** A claim of one of the VIPs; `known`: by a speaker's own MAC or the virtual one. */
  claimed({ gratuitous }: Claim, known: boolean, at: Instant): void {
    const { master, lastAdvertAt } = this.#router;
    if (gratuitous) this.#announcedAt = at;
    if (!known || master === null || this.#claimInSilenceAt > lastAdvertAt) return;
    if (master.resignedAt !== null || at - lastAdvertAt >= master.intervalUs) this.#claimInSilenceAt = at;
  }

  end(by: string, at: Instant): void {
    if (this.#condition !== null) this.#router.end(this.#condition, at, { by });
    this.#condition = null;
  }

  /** It goes on, as its claims show: no advert is expected. */
  quieten(): void {
    this.#quiet = true;
  }

  nextDue(): number {
    return Math.min(this.#due(), this.#forgetDue());
  }

  due(now: Instant): void {
    if (this.#due() <= now) this.#lose(now);
  }

  /** Lost for so long that it is forgotten, now. Answers whether it is. */
  forget(now: Instant): boolean {
    if (this.#forgetDue() > now) return false;
    if (this.#condition !== null) this.#router.end(this.#condition, now, { by: null, reason: 'forgotten' });
    this.#condition = null;
    this.#keeper.forgotten(this.#router);
    return true;
  }

  #due(): number {
    const router = this.#router;
    const { master, lastAdvertAt, rejectedAt } = router;
    if (master === null || !router.exists || this.isOpen || this.#quiet || router.inQuestion)
      return Number.POSITIVE_INFINITY;
    let limit = Number.NEGATIVE_INFINITY;
    let extension = master.intervalUs;
    for (const speaker of router.speakers.values()) {
      if (speaker.runStart === null) continue;
      limit = Math.max(limit, router.heardAt(speaker) + silenceLimitUs(speaker));
      extension = Math.max(extension, speaker.intervalUs);
    }
    const resigned = this.#resigned !== null;
    const afterResigning = router.sight.after(lastAdvertAt, largestSkewUs(master) + graceUs(master));
    if (resigned) limit = Math.max(limit, afterResigning);
    else if (limit === Number.NEGATIVE_INFINITY) limit = router.heardAt(master) + silenceLimitUs(master);
    if (!resigned) limit += latenessUs(master);
    if (this.#claimInSilenceAt > lastAdvertAt) limit += extension;
    if (!resigned && rejectedAt > lastAdvertAt) {
      const muted = Math.min(rejectedAt + silenceLimitUs(master), lastAdvertAt + MUTED_MAX_US);
      limit = Math.max(limit, muted);
    }
    return Math.max(limit, this.#notBefore);
  }

  #lose(now: Instant): void {
    const router = this.#router;
    const { master, sight, lastAdvertAt } = router;
    if (master === null) return;
    const companions = this.#services.sights.silentTogether(router, this.#resigned === null, now);
    if (companions === 'blind') return;
    if (companions !== 'alone') {
      this.#notBefore = companions;
      return;
    }
    if (this.#keeper.goesOnElsewhere(router, now)) return;
    const quietens = this.#quietens();
    this.#heardSince = null;
    if (quietens) {
      this.#quiet = true;
      for (const speaker of router.speakers.values()) speaker.runStart = null;
      this.#keeper.fellQuiet(router);
      return;
    }
    const blindUs = sight.blindUs(lastAdvertAt, now);
    this.#condition = router.begin('master-lost', lastAdvertAt, {
      last: master.address,
      reason: this.#resigned === null ? 'silence' : 'resigned',
      by: this.#resigned?.address ?? null,
      // the last advert's own claims, or a mirror's copy of it, are nothing else
      nothingElseHeard: sight.lastFrameAt <= lastAdvertAt + graceUs(master),
      vips: master.advert.vips,
      ...(blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {}),
    });
    for (const speaker of router.speakers.values()) speaker.runStart = null;
    this.#keeper.fellSilent(router);
  }

  /**
   * Silence of a configured unicast virtual router proves nothing if its adverts were never heard for long, or if its
   * VIPs have been announced since: it goes on, or somebody took over, where we do not hear the adverts.
   */
  #quietens(): boolean {
    const { master, lastAdvertAt, identity } = this.#router;
    if (identity.configured?.router.unicast !== true || master === null) return false;
    if (this.#announcedAt > lastAdvertAt + graceUs(master)) return true;
    if (this.#resigned !== null) return false;
    return this.#heardSince === null || lastAdvertAt - this.#heardSince < UNICAST_HEARD_MIN_US;
  }

  /** A lost virtual router is forgotten after a day. */
  #forgetDue(): number {
    if (this.#condition === null) return Number.POSITIVE_INFINITY;
    if (this.#router.identity.configured !== null && this.#router.master === null)
      return Number.POSITIVE_INFINITY;
    return this.#condition.begin.time + this.#router.thresholds.forgetAfterH * 3_600 * SECOND;
  }
}
