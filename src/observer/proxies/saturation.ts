/**
 * What is nearly used up: sessions of a frontend or server, the queue of a server, connections of the process. Of a
 * backend the limit that HAProxy shows is `fullconn`, which limits nothing.
 */
import type { EventOf } from '../../events.ts';
import type { ProxyRow } from '../../reading/proxy.ts';
import { type Instant, MS } from '../../time.ts';
import type { Thresholds } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { Inventory } from './inventory.ts';
import type { Allowance } from './outage.ts';

/** Below it a full limit is no distress: HAProxy is told to let in a few after each other. */
const LIMIT_MIN = 10;
/** of the limit: it is over below */
const OVER_AT = 0.8;

type What = 'sessions' | 'queue' | 'connections';

interface Use {
  readonly subject: string;
  readonly what: What;
  readonly used: number;
  readonly limit: number;
}

interface Beyond {
  readonly since: Instant;
  condition: Condition<'proxy-saturated'> | null;
}

export class Saturation {
  readonly #subject: string;
  readonly #thresholds: Thresholds;
  readonly #voice: Voice;
  readonly #allowed: Allowance;
  readonly #beyond = new Map<string, Beyond>();

  constructor(subject: string, thresholds: Thresholds, voice: Voice, allowed: Allowance) {
    this.#subject = subject;
    this.#thresholds = thresholds;
    this.#voice = voice;
    this.#allowed = allowed;
  }

  resume(event: EventOf<'proxy-saturated'>, notBefore: Instant): void {
    const { subject, time, details } = event;
    this.#beyond.set(`${details.what} ${subject}`, { since: time, condition: resumed(event, notBefore) });
  }

  look({ reading, rows, complete, askedAt }: Inventory): void {
    const seen = new Set<string>();
    const take = (use: Use | null) => {
      if (use === null) return;
      seen.add(`${use.what} ${use.subject}`);
      this.#used(use, askedAt);
    };
    take(useOf(this.#subject, 'connections', reading.process?.connections, reading.process?.connectionLimit));
    for (const row of rows.values()) {
      if (row.type !== 'frontend' && row.type !== 'server') continue;
      const subject = this.#subjectOf(row);
      take(useOf(subject, 'sessions', row.sessions, row.sessionLimit));
      take(useOf(subject, 'queue', row.queue, row.queueLimit));
    }
    for (const [key, { condition }] of this.#beyond) {
      if (seen.has(key) || (condition !== null && !complete)) continue;
      this.#beyond.delete(key);
      if (condition !== null) this.#voice.end(condition, askedAt, { reason: 'removed' });
    }
  }

  /** It does not answer: how long something had been beyond its threshold is not known any more. */
  interrupted(): void {
    for (const [key, { condition }] of this.#beyond) if (condition === null) this.#beyond.delete(key);
  }

  leave(at: Instant, reason: EndReason): void {
    for (const { condition } of this.#beyond.values())
      if (condition !== null) this.#voice.end(condition, at, { reason });
    this.#beyond.clear();
  }

  #used({ subject, what, used, limit }: Use, askedAt: Instant): void {
    const { saturatedAt, beyondForMs } = this.#thresholds;
    const key = `${what} ${subject}`;
    const known = this.#beyond.get(key);
    if (known !== undefined && known.condition !== null) {
      if (used >= OVER_AT * limit) return;
      this.#beyond.delete(key);
      this.#voice.end(known.condition, askedAt, { used, limit });
    } else if (used < saturatedAt * limit) {
      this.#beyond.delete(key);
    } else {
      const beyond = known ?? { since: askedAt, condition: null };
      this.#beyond.set(key, beyond);
      if (askedAt - beyond.since < beyondForMs * MS || !this.#allowed('proxy-saturated')) return;
      beyond.condition = this.#voice.begin('proxy-saturated', subject, beyond.since, { what, used, limit });
    }
  }

  #subjectOf({ type, proxy, name }: ProxyRow): string {
    return type === 'server' ? `${this.#subject}/${proxy}/${name}` : `${this.#subject}/${proxy}`;
  }
}

function useOf(
  subject: string,
  what: What,
  used: number | null | undefined,
  limit: number | null | undefined,
): Use | null {
  if (typeof used !== 'number' || typeof limit !== 'number' || limit < LIMIT_MIN) return null;
  return { subject, what, used, limit };
}
