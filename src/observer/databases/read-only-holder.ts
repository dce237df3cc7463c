/**
 * `vip-on-read-only`: clients that come by the VIP cannot write. The holder's database is given a moment after a takeover
 * (a script of keepalived's makes it writable). A cluster in which no database ever was writable is meant to be so, and so is
 * a VIP that never was on a writable one while another VIP of the cluster is: it is for readers.
 */
import type { EventOf } from '../../events.ts';
import { type Instant, SECOND } from '../../time.ts';
import type { Services } from '../services.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { VirtualRouter } from '../virtual-router.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { holdingOf } from './holding.ts';

const PROMOTION_US = 5 * SECOND;
const GALERA_SYNCED = 4;

export class ReadOnlyHolder {
  readonly #router: VirtualRouter;
  readonly #services: Services;
  /** polls in a row, of one reign */
  #bad: { readonly reign: Instant; readonly since: Instant; polls: number } | null = null;
  #open: Condition<'vip-on-read-only'> | null = null;
  /** in this run it was on a writable database, or, before that, a read-only one was right for it; null: neither */
  #isFor: 'writers' | 'readers' | null = null;

  constructor(router: VirtualRouter, services: Services) {
    this.#router = router;
    this.#services = services;
  }

  resume(event: EventOf<'vip-on-read-only'>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
  }

  /**
   * A server of the cluster answered. `anyWritable`: one of them is, or was in this run; `writersHaveAnother`: another VIP
   * of the cluster is on one that is.
   */
  look(
    server: DatabaseWatch,
    askedAt: Instant,
    now: Instant,
    {
      anyWritable,
      writersHaveAnother,
    }: { readonly anyWritable: boolean; readonly writersHaveAnother: boolean },
  ): void {
    const { reading, watched } = server;
    const holding = holdingOf(this.#router, this.#services, now);
    if (holding === null || reading === null) return;
    this.#movedAway(holding.address, holding.since);
    if (watched.node.name !== holding.node || watched.index !== 0 || reading.readOnly === null) return;
    if (!reading.readOnly) {
      this.#isFor = 'writers';
      this.#bad = null;
      if (this.#open !== null) this.#end(askedAt);
      return;
    }
    const isReplaying = reading.galera !== null && reading.galera.localState !== GALERA_SYNCED;
    if (writersHaveAnother) this.#isFor ??= 'readers';
    if (this.#open !== null || !anyWritable || this.#isFor === 'readers' || isReplaying || server.isStarting)
      return;
    if (askedAt < holding.since + PROMOTION_US) return;
    if (this.#bad === null || this.#bad.reign !== holding.since)
      this.#bad = { reign: holding.since, since: askedAt, polls: 0 };
    this.#bad.polls++;
    if (this.#bad.polls < this.#services.configuration.thresholds.badPolls) return;
    const vip = this.#vip();
    if (vip === null) return;
    this.#open = this.#router.begin(
      'vip-on-read-only',
      this.#bad.since,
      { holder: holding.address, target: watched.database.target },
      { subject: `vip:${this.#router.identity.segment.name}/${vip}` },
    );
  }

  /** A failover of this virtual router. */
  moved(to: string, at: Instant): void {
    this.#bad = null;
    this.#movedAway(to, at);
  }

  /** It is not heard any more, or its database not polled. */
  leave(at: Instant): void {
    if (this.#open !== null) this.#end(at);
  }

  #movedAway(holder: string, since: Instant): void {
    if (this.#open !== null && this.#open.begin.details.holder !== holder) this.#end(since);
  }

  #end(at: Instant): void {
    if (this.#open !== null) this.#router.end(this.#open, at);
    this.#open = null;
  }

  #vip(): string | null {
    const { configured } = this.#router.identity;
    return configured?.router.vips[0] ?? this.#router.master?.advert.vips[0] ?? null;
  }
}
