/**
 * Whether one capture can see, and since when.
 *
 * Silence is evidence only while we could see: while blind no deadline falls due, and on regaining sight every
 * silence counts anew from that moment. Stretches of blindness are remembered (the latest 64) so that events
 * which span one can say so.
 */
import type { Instant } from '../time.ts';
import type { Family } from '../wire/packet.ts';

const STRETCHES_MAX = 64;

export class Sight {
  readonly capture: string;
  /** the latest frame of any kind */
  lastFrameAt: number = Number.NEGATIVE_INFINITY;
  /** silence is counted from here at the earliest */
  regainedAt: number = Number.NEGATIVE_INFINITY;
  /** nobody told us that we are blind: we concluded it, and any frame proves the contrary */
  inferred = false;
  /** what makes us blind would make our own questions fail as well: our link, our machine */
  cutOff = false;
  /** questions that were asked before failed by our own fault, perhaps */
  cutOffUntil: number = Number.NEGATIVE_INFINITY;
  readonly #stretches: { from: number; until: number }[] = [];
  /** families of which an ARP or neighbour discovery frame was heard: their claims would be captured */
  readonly #talk = new Set<Family>();
  #blindFrom: Instant | null = null;

  constructor(capture: string) {
    this.capture = capture;
  }

  get blind(): boolean {
    return this.#blindFrom !== null;
  }

  lose(at: Instant): void {
    this.#blindFrom ??= at;
  }

  /** Blind already, and from then on for another reason: a stretch of its own. */
  loseAnew(at: Instant): void {
    if (this.#blindFrom === null || at <= this.#blindFrom) return;
    this.#remember(this.#blindFrom, at);
    this.#blindFrom = at;
  }

  /** Nothing was watched since then: the hole of a restart. */
  wasAway(since: Instant): void {
    this.#blindFrom = since;
    this.lastFrameAt = since;
  }

  regain(at: Instant): void {
    if (this.#blindFrom === null) return;
    this.#remember(this.#blindFrom, at);
    this.#blindFrom = null;
    this.regainedAt = at;
    if (this.cutOff) this.cutOffUntil = at;
    this.cutOff = false;
  }

  heardTalk(family: Family): void {
    this.#talk.add(family);
  }

  hearsClaims(family: Family): boolean {
    return this.#talk.has(family);
  }

  /** When a span that began at `from` ends, had we been able to see all of it. */
  after(from: number, spanUs: number): number {
    return Math.max(from, this.regainedAt) + spanUs;
  }

  /** How much of a span was not seen; of blindness that began at `since` or later. */
  blindUs(from: number, until: number, since: number = Number.NEGATIVE_INFINITY): number {
    let blind = 0;
    for (const stretch of this.#stretches) {
      if (stretch.from < since) continue;
      blind += Math.max(0, Math.min(until, stretch.until) - Math.max(from, stretch.from));
    }
    if (this.#blindFrom !== null && this.#blindFrom >= since)
      blind += Math.max(0, until - Math.max(from, this.#blindFrom));
    return blind;
  }

  #remember(from: number, until: number): void {
    this.#stretches.push({ from, until });
    if (this.#stretches.length > STRETCHES_MAX) this.#stretches.shift();
  }
}
