/**
 * Whether a database answers. Several failures in a row are a condition (`database-unreachable`), one may be anything. A
 * failure that may be our own says nothing: where nobody answered, and a capture was blind meanwhile (this machine
 * stalled, its link was down), it is not counted. A refusal is an answer: somebody is alive there, and told us.
 */
import type { EventOf } from '../../events.ts';
import type { PollFailure } from '../../observation.ts';
import { type Instant, msFromUs } from '../../time.ts';
import type { Services } from '../services.ts';
import { type Condition, resumed } from '../timeline.ts';
import type { Voice } from './voice.ts';
import type { WatchedDatabase } from './watched.ts';

/** What can also be seen where it is the observer that is cut off. */
const PERHAPS_OURS: ReadonlySet<PollFailure['reason']> = new Set<PollFailure['reason']>([
  'timeout',
  'unreachable',
  'closed',
  'tls',
]);

interface Failure {
  readonly askedAt: Instant;
  readonly at: Instant;
  readonly failure: PollFailure;
}

export class Reach {
  readonly #watched: WatchedDatabase;
  readonly #services: Services;
  readonly #voice: Voice;
  /** in a row, at most as many as make a condition */
  #failures: Failure[] = [];
  #open: Condition<'database-unreachable'> | null = null;
  #answeringSince: Instant | null = null;
  #error: string | null = null;

  constructor(watched: WatchedDatabase, services: Services, voice: Voice) {
    this.#watched = watched;
    this.#services = services;
    this.#voice = voice;
  }

  get isUnreachable(): boolean {
    return this.#open !== null;
  }

  /** The last poll that counted failed, though once may be anything. */
  get isInDoubt(): boolean {
    return this.#open !== null || this.#failures.length > 0;
  }

  /** null: not polled yet, or too few failures to say */
  get reachable(): boolean | null {
    if (this.#open !== null) return false;
    return this.#answeringSince === null ? null : true;
  }

  get since(): Instant | null {
    return this.#open?.begin.time ?? this.#answeringSince;
  }

  /** of the latest failure; null where the latest poll succeeded */
  get error(): string | null {
    return this.#error;
  }

  resume(event: EventOf<'database-unreachable'>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
  }

  /** Answers whether it is known to be unreachable from now on. */
  failed(askedAt: Instant, at: Instant, failure: PollFailure): boolean {
    if (failure.reason === 'blind') return false;
    this.#error = failure.error;
    if (this.#open !== null) return false;
    this.#failures.push({ askedAt, at, failure });
    // sight may be found to be lost only after the failure
    this.#failures = this.#failures.filter((each) => !this.#mayBeOurs(each));
    const [first] = this.#failures;
    if (first === undefined || this.#failures.length < this.#services.configuration.thresholds.badPolls)
      return false;
    this.#failures = [];
    this.#answeringSince = null;
    const { subject, database } = this.#watched;
    const { reason, error } = failure;
    const details = { target: database.target, error, reason };
    this.#open = this.#voice.begin('database-unreachable', subject, first.askedAt, details);
    return true;
  }

  answered(askedAt: Instant): void {
    this.#failures = [];
    this.#error = null;
    this.#answeringSince ??= askedAt;
    this.#end(askedAt);
  }

  #end(at: Instant): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const blindUs = this.#services.sights.blindUs(open.begin.time, at);
    this.#voice.end(open, at, blindUs > 0 ? { blindMs: msFromUs(blindUs) } : {});
  }

  #mayBeOurs({ askedAt, at, failure }: Failure): boolean {
    return PERHAPS_OURS.has(failure.reason) && this.#services.sights.blindUs(askedAt, at) > 0;
  }
}
