/**
 * Down or not, of one server or backend. HAProxy has done the waiting (its `rise` and `fall`), so one answer is enough;
 * its counters tell what happened between two.
 */
import type { DetailsOf, Severity } from '../../events.ts';
import type { ProxyRow } from '../../reading/proxy.ts';
import { type Instant, SECOND } from '../../time.ts';
import type { Ending, EndReason, Voice } from '../polled/voice.ts';
import type { Condition } from '../timeline.ts';
import { changedAt, within } from './inventory.ts';

/** One look at a row. */
export interface Look {
  readonly row: ProxyRow;
  /** at the look before, in the same process; null where there was none */
  readonly before: ProxyRow | null;
  readonly askedAt: Instant;
  /** the process is new: what it has not checked yet it shows as up */
  readonly settling: boolean;
}

/** Whether one more event of a kind may be told now. */
export type Allowance = (
  kind: 'server-down' | 'server-maint' | 'backend-down' | 'proxy-saturated',
) => boolean;

export class Outage<K extends 'server-down' | 'backend-down'> {
  readonly #kind: K;
  readonly #subject: string;
  readonly #voice: Voice;
  readonly #allowed: Allowance;
  #open: Condition<K> | null = null;
  #last: 'up' | 'down' | null = null;
  #upAt: number = Number.NEGATIVE_INFINITY;
  #downAt: number = Number.NEGATIVE_INFINITY;

  constructor(kind: K, subject: string, voice: Voice, allowed: Allowance) {
    this.#kind = kind;
    this.#subject = subject;
    this.#voice = voice;
    this.#allowed = allowed;
  }

  get wasUp(): boolean {
    return this.#upAt > Number.NEGATIVE_INFINITY;
  }

  resume(condition: Condition<K>): void {
    this.#open = condition;
  }

  isDown(look: Look, details: DetailsOf<K>, severity?: Severity): void {
    const { row, askedAt, settling } = look;
    const downs = downsIn(look);
    const since = changedAt(row, askedAt, this.#upAt);
    const flaps = downs > 1 ? { flaps: downs } : {};
    if (this.#open !== null && this.#last === 'down' && downs > 0 && !settling) {
      const downtimeUs = downtimeIn(look) - (askedAt - since);
      this.#end(within(this.#downAt + downtimeUs, this.#downAt, since), {});
    }
    if (this.#open === null && this.#allowed(this.#kind))
      this.#open = this.#voice.begin(
        this.#kind,
        this.#subject,
        since,
        { ...details, ...flaps },
        { severity },
      );
    this.#last = 'down';
    this.#downAt = askedAt;
  }

  /** `flapDetails`: what to say where it was down and up again since the look before; null: it cannot have been. */
  isUp(look: Look, flapDetails: ((since: Instant) => DetailsOf<K>) | null): void {
    const { row, askedAt, settling } = look;
    if (this.#open !== null && settling) return;
    const flaps = downsIn(look);
    if (this.#open !== null) {
      this.#end(changedAt(row, askedAt, this.#downAt), flaps > 0 ? { flaps } : {});
    } else if (flaps > 0 && this.#last === 'up' && flapDetails !== null && this.#allowed(this.#kind)) {
      const until = changedAt(row, askedAt, this.#upAt);
      const since = within(until - downtimeIn(look), this.#upAt, until);
      this.#open = this.#voice.begin(this.#kind, this.#subject, since, {
        ...flapDetails(since),
        flaps,
      });
      this.#end(until, {});
    }
    this.#last = 'up';
    this.#upAt = askedAt;
  }

  /** Somebody took it out: a later DOWN began after this. */
  isOut(look: Look, since: Instant): void {
    this.leave(since, 'maint');
    this.#upAt = look.askedAt;
  }

  /** It is not judged as up or down any more. */
  leave(at: Instant, reason: EndReason): void {
    this.#last = null;
    if (this.#open !== null) this.#end(at, { reason });
  }

  #end(at: Instant, more: Ending): void {
    if (this.#open !== null) this.#voice.end(this.#open, at, more);
    this.#open = null;
  }
}

function downsIn({ row, before }: Look): number {
  return grownBy(row.downs, before?.downs ?? null);
}

function downtimeIn({ row, before }: Look): number {
  return grownBy(row.downtimeS, before?.downtimeS ?? null) * SECOND;
}

/** 0 where it is not known, or got smaller. */
export function grownBy(now: number | null, before: number | null): number {
  return now === null || before === null ? 0 : Math.max(0, now - before);
}
