/** One server of a proxy: down by its checks (`server-down`), or taken out by somebody (`server-maint`). */
import type { DetailsOf, EventOf } from '../../events.ts';
import { type Instant, isoTime } from '../../time.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';
import { changedAt, changedBySource, serverState } from './inventory.ts';
import { type Allowance, grownBy, type Look, Outage } from './outage.ts';

/** A check may quote what the server answered. */
const TEXT_MAX = 200;

export class ServerWatch {
  readonly #subject: string;
  readonly #voice: Voice;
  readonly #allowed: Allowance;
  readonly #outage: Outage<'server-down'>;
  #out: Condition<'server-maint'> | null = null;
  /** taken out by DRAIN: its checks go on */
  #drained = false;
  #outAt: number = Number.NEGATIVE_INFINITY;
  #inAt: number = Number.NEGATIVE_INFINITY;

  constructor(subject: string, voice: Voice, allowed: Allowance) {
    this.#subject = subject;
    this.#voice = voice;
    this.#allowed = allowed;
    this.#outage = new Outage('server-down', subject, voice, allowed);
  }

  resume(event: EventOf<'server-down'> | EventOf<'server-maint'>, notBefore: Instant): void {
    if (event.kind === 'server-down') {
      this.#outage.resume(resumed(event, notBefore));
    } else {
      this.#out = resumed(event, notBefore);
      this.#drained = event.details.status.startsWith('DRAIN');
    }
  }

  look(look: Look, uncheckedOnly: boolean): void {
    const { row, askedAt } = look;
    switch (serverState(row.status)) {
      case 'down': {
        // whoever drained it may well stop it next: it is still out
        const drained = this.#out !== null && this.#drained;
        if (!drained) this.#isIn(look);
        const details = { ...detailsOf(look), ...(uncheckedOnly ? { uncheckedOnly } : {}) };
        this.#outage.isDown(look, details, drained ? 'info' : undefined);
        break;
      }
      case 'out':
        this.#outage.isOut(look, changedAt(row, askedAt, this.#inAt));
        this.#isOut(look);
        break;
      case 'up':
      case 'unchecked':
        this.#isIn(look);
        this.#outage.isUp(look, failedChecks(look) ? (since) => flapDetailsOf(look, since) : null);
        break;
      case 'unknown':
        break;
    }
  }

  leave(at: Instant, reason: EndReason): void {
    this.#outage.leave(at, reason);
    if (this.#out !== null) this.#voice.end(this.#out, at, { reason });
    this.#out = null;
  }

  #isOut(look: Look): void {
    const { row, askedAt } = look;
    this.#drained = row.status.word === 'DRAIN';
    if (this.#out === null && this.#allowed('server-maint')) {
      const { server, backend, status, since } = detailsOf(look);
      const at = changedAt(row, askedAt, this.#inAt);
      this.#out = this.#voice.begin('server-maint', this.#subject, at, { server, backend, status, since });
    }
    this.#outAt = askedAt;
  }

  #isIn({ row, askedAt }: Look): void {
    if (this.#out !== null) this.#voice.end(this.#out, changedAt(row, askedAt, this.#outAt));
    this.#out = null;
    this.#inAt = askedAt;
  }
}

function detailsOf({ row, askedAt }: Look): DetailsOf<'server-down'> {
  return {
    server: row.name,
    backend: row.proxy,
    status: row.status.raw,
    checkStatus: row.checkStatus,
    checkText: row.checkText.slice(0, TEXT_MAX),
    since: changedBySource(row, askedAt),
  };
}

/** It is up again: what its last check says is not why it was down. */
function flapDetailsOf(look: Look, since: Instant): DetailsOf<'server-down'> {
  return { ...detailsOf(look), status: 'DOWN', checkStatus: '', checkText: '', since: isoTime(since) };
}

/** Whether a check failed since the look before: else somebody took it out for a moment, which counts as a DOWN too. */
function failedChecks({ row, before }: Look): boolean {
  if (row.checkFailures === null || before === null || before.checkFailures === null) return true;
  return grownBy(row.checkFailures, before.checkFailures) > 0;
}
