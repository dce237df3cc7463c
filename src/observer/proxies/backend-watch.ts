/** One backend of a proxy: whether it has any server left that it may use. */
import type { DetailsOf, EventOf } from '../../events.ts';
import { type Instant, isoTime } from '../../time.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { resumed } from '../timeline.ts';
import { type Backend, changedBySource } from './inventory.ts';
import { type Allowance, type Look, Outage } from './outage.ts';

export class BackendWatch {
  readonly #outage: Outage<'backend-down'>;

  constructor(subject: string, voice: Voice, allowed: Allowance) {
    this.#outage = new Outage('backend-down', subject, voice, allowed);
  }

  resume(event: EventOf<'backend-down'>, notBefore: Instant): void {
    this.#outage.resume(resumed(event, notBefore));
  }

  look(look: Look, { servers }: Backend): void {
    const { row, askedAt } = look;
    const details: DetailsOf<'backend-down'> = {
      backend: row.proxy,
      status: row.status.raw,
      servers: servers.length,
      since: changedBySource(row, askedAt),
    };
    switch (row.status.word) {
      case 'DOWN':
        // one that never had a server (statistics, redirections) serves without any
        if (servers.length > 0 || this.#outage.wasUp) this.#outage.isDown(look, details);
        break;
      case 'UP':
        this.#outage.isUp(look, (since) => ({ ...details, status: 'DOWN', since: isoTime(since) }));
        break;
      default:
        break;
    }
  }

  leave(at: Instant, reason: EndReason): void {
    this.#outage.leave(at, reason);
  }
}
