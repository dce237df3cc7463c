/**
 * Where events are made: gives them ids and the moment of knowledge, collects them, and remembers which
 * conditions are open. Ids are a hash of what is said, so the same input gives the same ids.
 */
import type { DetailsOf, EventKind, EventOf, Phase, Severity, TimelineEvent } from '../events.ts';
import type { Instant } from '../time.ts';
import { msFromUs } from '../time.ts';

/** An event but for the moment it became known: a virtual router heard only once holds these back. */
export interface Draft<K extends EventKind = EventKind> extends Omit<EventOf<K>, 'detectedAt' | 'subject'> {
  /** final once the virtual router exists */
  subject: string;
}

/** A begun condition that has not ended. */
export interface Condition<K extends EventKind = EventKind> {
  readonly begin: Draft<K>;
  /** begun before the observer was restarted: it ends then at the earliest, since it was open until the hole */
  readonly notBefore?: Instant;
}

/** A condition that the journal says is open: the same one, not another. */
export function resumed<K extends EventKind>(event: EventOf<K>, notBefore: Instant): Condition<K> {
  const { detectedAt: _, ...begin } = event;
  return { begin, notBefore };
}

export interface Statement<K extends EventKind> {
  readonly kind: K;
  readonly time: Instant;
  readonly severity: Severity;
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly details: DetailsOf<K>;
  readonly about?: string | null;
}

/** Repetitions come close together: so many ids are remembered. */
const IDS_MAX = 4_096;

export class Timeline {
  now: Instant = 0 as Instant;
  #events: TimelineEvent[] = [];
  readonly #listeners: ((event: TimelineEvent) => void)[] = [];
  /** the latest ids, and how often each was given */
  readonly #ids = new Map<string, number>();
  static readonly #none: readonly TimelineEvent[] = [];

  draft<K extends EventKind>(phase: Phase, said: Statement<K>, beginId: string | null = null): Draft<K> {
    return {
      id: this.#unique(
        identify(said.time, `${phase} ${said.kind} ${said.subject} ${said.summary} ${beginId ?? ''}`),
      ),
      time: said.time,
      kind: said.kind,
      phase,
      severity: said.severity,
      cluster: said.cluster,
      subject: said.subject,
      summary: said.summary,
      details: said.details,
      beginId,
      about: said.about ?? null,
    };
  }

  publish<K extends EventKind>(draft: Draft<K>): void {
    const { id, time, ...rest } = draft;
    const event = { id, time, detectedAt: this.now, ...rest } as unknown as TimelineEvent;
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Somebody concludes more from what is told: hears it at once, so that the conclusion is known then, too. */
  listen(listener: (event: TimelineEvent) => void): void {
    this.#listeners.push(listener);
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** The same said twice of the same microsecond is numbered. */
  #unique(id: string): string {
    const times = (this.#ids.get(id) ?? 0) + 1;
    this.#ids.delete(id);
    this.#ids.set(id, times);
    if (this.#ids.size > IDS_MAX) {
      const [oldest] = this.#ids.keys();
      if (oldest !== undefined) this.#ids.delete(oldest);
    }
    return times === 1 ? id : `${id}-${times}`;
  }

  /** What was published since the last call. */
  take(): readonly TimelineEvent[] {
    if (this.#events.length === 0) return Timeline.#none;
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/** The details of a condition's end: those of its begin, how long it lasted, and what is known only now. */
export function endDetails<K extends EventKind>(
  begin: Draft<K>,
  time: Instant,
  more: Partial<DetailsOf<K>>,
): DetailsOf<K> {
  return { ...begin.details, ...more, durationMs: msFromUs(Math.max(0, time - begin.time)) };
}

/** Time in base 36 and a 53-bit hash (cyrb53's mixing) of what the event says. */
function identify(time: Instant, text: string): string {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  const hash = 4294967296 * (2097151 & b) + (a >>> 0);
  return `${time.toString(36)}-${hash.toString(36).padStart(11, '0')}`;
}
