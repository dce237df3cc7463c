/**
 * Whether a proxy or a database answers. Several failures in a row are a condition (`proxy-unreachable`,
 * `database-unreachable`), one may be anything. A failure that may be our own says nothing: where nobody answered, and a
 * capture was blind meanwhile (this machine stalled, its link was down), it is not counted; unless the capture was blind
 * already when the last answer came, which shows that this is not why. A refusal is an answer: somebody is alive there,
 * and told us.
 */
import type { EventOf } from '../../events.ts';
import type { PollFailure } from '../../observation.ts';
import { type Instant, msFromUs } from '../../time.ts';
import type { Services } from '../services.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { Ending, EndReason, Voice } from './voice.ts';

/** What can also be seen where it is the observer that is cut off. */
const PERHAPS_OURS: ReadonlySet<PollFailure['reason']> = new Set<PollFailure['reason']>([
  'timeout',
  'unreachable',
  'closed',
  'tls',
]);

type Unreachable = 'proxy-unreachable' | 'database-unreachable';

/** What is asked. */
interface Asked {
  readonly kind: Unreachable;
  readonly subject: string;
  /** where, without credentials */
  readonly target: string;
}

interface Failure {
  readonly askedAt: Instant;
  readonly at: Instant;
  readonly failure: PollFailure;
}

export class Reach {
  readonly #asked: Asked;
  readonly #services: Services;
  readonly #voice: Voice;
  /** in a row, at most as many as make a condition */
  #failures: Failure[] = [];
  #open: Condition<Unreachable> | null = null;
  #answeringSince: Instant | null = null;
  #lastAnsweredAt: Instant | null = null;
  #error: string | null = null;

  constructor(asked: Asked, services: Services, voice: Voice) {
    this.#asked = asked;
    this.#services = services;
    this.#voice = voice;
  }

  /** `unknown`: not polled yet, or too few failures to say */
  get state(): 'answers' | 'unreachable' | 'unknown' {
    if (this.#open !== null) return 'unreachable';
    return this.#answeringSince === null ? 'unknown' : 'answers';
  }

  /** The last poll that counted failed, though once may be anything. */
  get isInDoubt(): boolean {
    return this.#open !== null || this.#failures.length > 0;
  }

  /** Nobody listens any more where it is asked, though the machine is alive. */
  get refusal(): { readonly error: string; readonly since: Instant } | null {
    if (this.#open?.begin.details.reason !== 'refused') return null;
    return { error: this.#open.begin.details.error, since: this.#open.begin.time };
  }

  get since(): Instant | null {
    return this.#open?.begin.time ?? this.#answeringSince;
  }

  /** of the latest failure; null where the latest poll succeeded */
  get error(): string | null {
    return this.#error;
  }

  get lastAnsweredAt(): Instant | null {
    return this.#lastAnsweredAt;
  }

  resume(event: EventOf<Unreachable>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
  }

  /** Answers whether it is known to be unreachable from now on. */
  failed(askedAt: Instant, at: Instant, failure: PollFailure): boolean {
    this.#error = failure.error;
    if (failure.reason === 'blind') return false;
    if (this.#open !== null) return false;
    this.#failures.push({ askedAt, at, failure });
    // sight may be found to be lost only after the failure
    this.#failures = this.#failures.filter((each) => !this.#mayBeOurs(each));
    const [first] = this.#failures;
    if (first === undefined || this.#failures.length < this.#services.configuration.thresholds.badPolls)
      return false;
    this.#failures = [];
    this.#answeringSince = null;
    const { kind, subject, target } = this.#asked;
    const { reason, error } = failure;
    const answered = this.#lastAnsweredAt;
    this.#open = this.#voice.begin(kind, subject, first.askedAt, {
      target,
      error,
      reason,
      ...(answered === null ? {} : { uncertaintyMs: msFromUs(Math.max(0, first.askedAt - answered)) }),
    });
    return true;
  }

  answered(askedAt: Instant, at: Instant): void {
    this.#failures = [];
    this.#error = null;
    this.#end(askedAt, {});
    this.#answeringSince ??= askedAt;
    this.#lastAnsweredAt = at;
  }

  /** Whether it answers is not asked any more. */
  leave(at: Instant, reason: EndReason): void {
    this.#failures = [];
    this.#error = null;
    this.#answeringSince = null;
    this.#end(at, { reason });
  }

  #end(at: Instant, more: Ending): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const blindUs = this.#blindUs(open.begin.time, at);
    this.#voice.end(open, at, blindUs > 0 ? { ...more, blindMs: msFromUs(blindUs) } : more);
  }

  #mayBeOurs({ askedAt, at, failure }: Failure): boolean {
    return PERHAPS_OURS.has(failure.reason) && this.#blindUs(askedAt, at) > 0;
  }

  #blindUs(from: Instant, until: Instant): number {
    return this.#services.sights.blindUs(from, until, this.#lastAnsweredAt ?? Number.NEGATIVE_INFINITY);
  }
}
