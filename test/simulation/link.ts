/**
 * A simulated segment. Every frame is delivered to each receiver on its own: delayed, lost, doubled, overtaken or
 * blocked there, as the conditions say. The observer's port is a receiver too, with a loss of its own, and hears
 * both sides of every partition: partitions are at the routers' ears.
 */
import { MS } from '../../src/time.ts';
import type { Advert, Claim } from '../../src/wire/packet.ts';
import type { Random } from '../support/random.ts';
import type { Router } from './router.ts';
import type { Schedule } from './schedule.ts';
import type { SentFrame, TruthLog } from './truth.ts';

export interface LinkConditions {
  /** probability that a router does not get a frame */
  loss: number;
  /** probability that a receiver gets a frame twice, up to 2 ms apart */
  duplication: number;
  delayMinUs: number;
  delayMaxUs: number;
  /** frames of one sender may overtake each other on their way to one receiver */
  reordering: boolean;
  observerLoss: number;
}

const OBSERVER = 'observer';

export class Link {
  readonly conditions: LinkConditions;
  /** copies reach the observer only where it can tell them: IPv4 with counted IP IDs */
  readonly observerMayGetCopies: boolean;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #truth: TruthLog;
  readonly #routers: Router[] = [];
  /** `a>b`: b does not hear a */
  readonly #blocked = new Map<string, number>();
  /** when the last frame of a sender reaches a receiver: without reordering the next comes later */
  readonly #lastArrival = new Map<string, number>();

  constructor(
    schedule: Schedule,
    random: Random,
    truth: TruthLog,
    conditions: LinkConditions,
    observerMayGetCopies: boolean,
  ) {
    this.#schedule = schedule;
    this.#random = random;
    this.#truth = truth;
    this.conditions = conditions;
    this.observerMayGetCopies = observerMayGetCopies;
  }

  attach(router: Router): void {
    this.#routers.push(router);
  }

  /** Blocks may be laid over each other; each `block` needs its `unblock`. */
  block(sender: string, receiver: string): void {
    const path = `${sender}>${receiver}`;
    this.#blocked.set(path, (this.#blocked.get(path) ?? 0) + 1);
  }

  unblock(sender: string, receiver: string): void {
    const path = `${sender}>${receiver}`;
    this.#blocked.set(path, Math.max(0, (this.#blocked.get(path) ?? 0) - 1));
  }

  unblockAll(): void {
    this.#blocked.clear();
  }

  transmit(sender: string, packet: Advert | Claim, ipId: number | null): void {
    const frame: SentFrame = {
      sentAt: this.#schedule.now,
      sender,
      packet,
      ipId,
      capturedAt: [],
      reached: new Map(),
    };
    this.#truth.frames.push(frame);
    this.#capture(frame);
    if (packet.type === 'claim') return; // routers do not listen to claims
    for (const router of this.#routers) {
      if (router.name !== sender) this.#deliver(frame, packet, router);
    }
  }

  #capture(frame: SentFrame): void {
    if (this.#random.chance(this.conditions.observerLoss)) return;
    for (const at of this.#arrivals(frame.sender, OBSERVER, this.observerMayGetCopies)) {
      frame.capturedAt.push(at);
    }
  }

  #deliver(frame: SentFrame, advert: Advert, router: Router): void {
    const path = `${frame.sender}>${router.name}`;
    if ((this.#blocked.get(path) ?? 0) > 0 || this.#random.chance(this.conditions.loss)) return;
    for (const at of this.#arrivals(frame.sender, router.name, true)) {
      this.#schedule.at(at, () => {
        if (!frame.reached.has(router.name)) frame.reached.set(router.name, this.#schedule.now);
        router.receive(advert);
      });
    }
  }

  #arrivals(sender: string, receiver: string, mayDouble: boolean): number[] {
    const first = this.#arrival(sender, receiver);
    if (!mayDouble || !this.#random.chance(this.conditions.duplication)) return [first];
    return [first, Math.round(first + this.#random.between(1, 2 * MS))];
  }

  #arrival(sender: string, receiver: string): number {
    const { delayMinUs, delayMaxUs, reordering } = this.conditions;
    const path = `${sender}>${receiver}`;
    let at = Math.round(this.#schedule.now + this.#random.between(delayMinUs, delayMaxUs));
    if (!reordering) at = Math.max(at, (this.#lastArrival.get(path) ?? 0) + 1);
    this.#lastArrival.set(path, at);
    return at;
  }
}
