/**
 * How a virtual router says something: with its subject, the names of nodes and the severity that suits whose it
 * is. Holds back what is said before the virtual router exists, and counts what somebody could repeat at will.
 */
import { type DetailsOf, type EventKind, KINDS, type Phase } from '../events.ts';
import { type Instant, msFromUs } from '../time.ts';
import { isForeign } from './configuration.ts';
import { RateLimit } from './rate-limit.ts';
import type { Telling } from './router-view.ts';
import type { Services } from './services.ts';
import { summarize } from './summaries.ts';
import { type Condition, type Draft, endDetails } from './timeline.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** What a broken or forged speaker can repeat at will is told so often a minute, then counted. */
const REPEATABLE: ReadonlySet<EventKind> = new Set<EventKind>([
  'overlap',
  'config-changed',
  'priority-change',
]);
const REPEATS_A_MINUTE = 60;

export class Narrator {
  readonly #router: VirtualRouter;
  readonly #services: Services;
  readonly #repeats = new RateLimit(REPEATS_A_MINUTE, REPEATABLE.size);
  /** said before the virtual router exists */
  #heldBack: Draft[] = [];

  constructor(router: VirtualRouter, services: Services) {
    this.#router = router;
    this.#services = services;
  }

  tell<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling: Telling): void {
    const count = REPEATABLE.has(kind) ? this.#repeats.take(kind, time) : 1;
    if (count === 0) return;
    const counted = count > 1 ? { ...details, count } : details;
    this.#publish(this.#draft('instant', kind, time, counted, telling));
  }

  begin<K extends EventKind>(kind: K, time: Instant, details: DetailsOf<K>, telling: Telling): Condition<K> {
    const begin = this.#draft('begin', kind, time, details, telling);
    this.#publish(begin);
    return { begin };
  }

  end<K extends EventKind>(condition: Condition<K>, time: Instant, more: Partial<DetailsOf<K>>): void {
    const { begin } = condition;
    const { identity, sight } = this.#router;
    const { names, timeline } = this.#services;
    const at = Math.max(time, begin.time, condition.notBefore ?? begin.time) as Instant;
    const blindUs = sight.blindUs(begin.time, at);
    const known = blindUs > 0 ? { ...more, blindMs: msFromUs(blindUs) } : more;
    const details = names.beside(identity, endDetails(begin, at, known));
    const statement = {
      kind: begin.kind,
      time: at,
      severity: begin.severity,
      cluster: begin.cluster,
      subject: begin.subject,
      summary: summarize(begin.kind, 'end', details, (address) => names.of(identity, address)),
      details,
    };
    this.#publish(timeline.draft('end', statement, begin.id));
  }

  /** The virtual router exists, and its subject is settled: what was held back is told, with its true times. */
  release(provisional: string): void {
    const { subject } = this.#router.identity;
    for (const draft of this.#heldBack) {
      if (draft.subject === provisional) draft.subject = subject;
      this.#services.timeline.publish(draft);
    }
    this.#heldBack = [];
  }

  #publish<K extends EventKind>(draft: Draft<K>): void {
    if (this.#router.exists) this.#services.timeline.publish(draft);
    else this.#heldBack.push(draft as unknown as Draft);
  }

  #draft<K extends EventKind>(
    phase: Phase,
    kind: K,
    time: Instant,
    details: DetailsOf<K>,
    telling: Telling,
  ): Draft<K> {
    const { identity } = this.#router;
    const { configuration, names, timeline } = this.#services;
    const foreign = isForeign(configuration, identity.configured);
    return timeline.draft(phase, {
      kind,
      time,
      severity: foreign ? 'info' : (telling.severity ?? KINDS[kind].severity),
      cluster: identity.configured?.cluster.name ?? null,
      subject: telling.subject ?? identity.subject,
      summary: summarize(kind, phase, details, (address) => names.of(identity, address)),
      details: names.beside(identity, details),
      about: telling.about ?? null,
    });
  }
}
