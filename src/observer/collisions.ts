/**
 * Two virtual routers with no VIP in common on one VRID of one segment: each drops the other's adverts, and
 * keepalived restarts its timer at every advert it drops, so they mute each other.
 *
 * A single forged advert makes no virtual router and so no collision. Many of them, each from another source,
 * make none either, yet they mute the speakers all the same: from a handful within a few seconds on, that is a
 * collision with strangers.
 */
import type { EventOf } from '../events.ts';
import { type Instant, SECOND } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import type { DeadlineOwner } from './deadlines.ts';
import type { Services } from './services.ts';
import type { Slot } from './slots.ts';
import { type Condition, resumed } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

const STRANGERS_MIN = 5;
const STRANGERS_WITHIN_US = 10 * SECOND;
/** Addresses listed in one event. */
const LISTED_MAX = 8;

export class Collisions {
  readonly #services: Services;
  readonly #bySlot = new Map<string, Collision>();

  constructor(services: Services) {
    this.#services = services;
  }

  /** A virtual router was heard whose VRID others use too. */
  heard(slot: Slot, at: Instant): void {
    this.#of(slot).heard(at);
  }

  /** A source heard only once used the VRID of a virtual router. */
  stranger(slot: Slot, advert: Advert, at: Instant): void {
    this.#of(slot).stranger(advert, at);
  }

  #of(slot: Slot): Collision {
    let collision = this.#bySlot.get(slot.key);
    if (collision === undefined) {
      collision = new Collision(slot, this.#services);
      this.#bySlot.set(slot.key, collision);
    }
    return collision;
  }

  /** A collision that is open since before a restart. */
  resume(slot: Slot, event: EventOf<'vrid-collision'>, first: VirtualRouter, at: Instant): void {
    if (this.#bySlot.has(slot.key)) return;
    const collision = new Collision(slot, this.#services);
    this.#bySlot.set(slot.key, collision);
    collision.resume(resumed(event, at), first, at);
  }

  /** A virtual router of the slot fell silent. */
  silenced(slot: Slot): void {
    this.#bySlot.get(slot.key)?.review();
  }

  forgotten(slot: Slot): void {
    this.#bySlot.get(slot.key)?.review();
    if (slot.routers.length === 0) this.#bySlot.delete(slot.key);
  }
}

class Collision implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #slot: Slot;
  readonly #services: Services;
  #condition: { readonly begun: Condition<'vrid-collision'>; readonly with: VirtualRouter } | null = null;
  /** the latest adverts of sources heard only once, at most as many as make a collision */
  #strangers: { readonly at: Instant; readonly source: string; readonly vip: string }[] = [];

  constructor(slot: Slot, services: Services) {
    this.#slot = slot;
    this.#services = services;
    this.ordinal = services.nextOrdinal();
  }

  resume(begun: Condition<'vrid-collision'>, first: VirtualRouter, at: Instant): void {
    this.#condition = { begun, with: first };
    this.#services.ensure(this, at + STRANGERS_WITHIN_US);
  }

  heard(at: Instant): void {
    if (this.#condition === null) this.#mayBegin(at);
  }

  stranger(advert: Advert, at: Instant): void {
    this.#strangers.push({ at, source: advert.src, vip: advert.vips[0] ?? '' });
    if (this.#strangers.length > STRANGERS_MIN) this.#strangers.shift();
    this.heard(at);
  }

  /** Ends the condition when nobody but the first virtual router is left. */
  review(): void {
    if (this.#condition === null) return;
    const alive = this.#alive();
    const strangersUntil = this.#strangersUntil();
    const strangersSpeak = strangersUntil > this.#services.timeline.now;
    if (strangersSpeak) this.#services.ensure(this, strangersUntil);
    if (alive.length > 1 || (alive.length === 1 && strangersSpeak)) return;
    const { begun, with: first } = this.#condition;
    this.#condition = null;
    const last = Math.max(
      this.#strangers.at(-1)?.at ?? 0,
      ...this.#others(first).map((other) => other.lastAdvertAt),
    );
    const until = alive.includes(first) ? last : Math.min(last, first.lastAdvertAt);
    this.#strangers = [];
    first.end(begun, until as Instant);
  }

  due(now: Instant): number {
    const sight = this.#condition?.with.sight;
    if (sight?.blind) return now + SECOND;
    const seenSince = sight?.after(Number.NEGATIVE_INFINITY, STRANGERS_WITHIN_US) ?? now;
    if (seenSince > now) return seenSince;
    const until = this.#strangersUntil();
    if (until > now) return until;
    this.review();
    return Number.POSITIVE_INFINITY;
  }

  #mayBegin(at: Instant): void {
    const [first, ...others] = this.#alive();
    if (first === undefined) return;
    const [firstStranger] = this.#strangers;
    const together =
      this.#strangers.length >= STRANGERS_MIN &&
      firstStranger !== undefined &&
      at - firstStranger.at <= STRANGERS_WITHIN_US;
    if (others.length > 0) {
      const since = Math.max(first.speakingSince, Math.min(...others.map((other) => other.speakingSince)));
      this.#begin(
        first,
        since as Instant,
        others.flatMap((other) => [...other.speakers.keys()]),
        others.flatMap((other) => [...other.vips]),
      );
    } else if (together) {
      const sources = this.#strangers.map((stranger) => stranger.source);
      this.#begin(
        first,
        firstStranger.at,
        [...new Set(sources)],
        [...new Set(this.#strangers.map((stranger) => stranger.vip))],
      );
      this.#services.ensure(this, this.#strangersUntil());
    }
  }

  #begin(first: VirtualRouter, since: Instant, others: string[], vips: string[]): void {
    const begun = first.begin('vrid-collision', since, {
      others: others.slice(0, LISTED_MAX),
      vips: vips.slice(0, LISTED_MAX),
    });
    this.#condition = { begun, with: first };
  }

  /** The virtual routers that exist and speak, the configured or oldest one first. */
  #alive(): VirtualRouter[] {
    return this.#slot.routers
      .filter((router) => router.exists && !router.isLost && router.master !== null)
      .sort((a, b) => Number(b.identity.configured !== null) - Number(a.identity.configured !== null));
  }

  #others(first: VirtualRouter): VirtualRouter[] {
    return this.#slot.routers.filter((router) => router.exists && router !== first);
  }

  #strangersUntil(): number {
    const last = this.#strangers.at(-1);
    if (last === undefined || this.#strangers.length < STRANGERS_MIN) return Number.NEGATIVE_INFINITY;
    return last.at + STRANGERS_WITHIN_US;
  }
}
