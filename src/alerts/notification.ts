/**
 * What a receiver is told: all that is to be said of one incident at one moment. Decided by the dispatch, made durable,
 * then rendered and delivered by each kind of receiver as it can. Plain data, and JSON as it stands.
 */
import type { Severity } from '../events.ts';
import type { Instant } from '../time.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import type { ReportedIncident } from '../timeline/report.ts';

/**
 * `firing` opens a thread, `update` adds to it, `repeat` says that it still lasts, `resolved` closes it (only what was
 * fired is ever resolved). What is over when it is first told, as a failover is, is one `firing` whose alerts are all
 * resolved: nothing follows. A thread that was resolved may fire anew, with the next revision. `digest` sums up near misses, `notice` is about vipwatch itself, `test` is asked for by hand.
 */
export type NotificationStatus = 'firing' | 'update' | 'repeat' | 'resolved' | 'digest' | 'notice' | 'test';

export interface Notification {
  /** unique, and the same over retries and restarts; letters, digits and `-` only */
  readonly id: string;
  /** the receiver's name in the configuration */
  readonly receiver: string;
  /** the same in all notifications of one incident to one receiver; letters, digits and `-` only */
  readonly thread: string;
  /** 0 in the first of a thread, then +1 each */
  readonly revision: number;
  readonly status: NotificationStatus;
  /** the worst of what is told */
  readonly severity: Severity;
  readonly cluster: string | null;
  /** the journal's number; null for what is no incident */
  readonly incident: number | null;
  /** one sentence that says it all on a lock screen */
  readonly headline: string;
  /** when it was decided, by the wall clock */
  readonly at: Instant;
  /** firing ones first, each the way it stands now */
  readonly alerts: readonly NotifiedAlert[];
  /** the incident so far, for `reportOf`; null for a digest, a notice or a test */
  readonly story: StoryMaterial | null;
  /** notifications to this receiver that the storm cap held back since the last one */
  readonly heldBack: number;
}

/** The arguments of `reportOf`: plain data, where a `Report` holds maps. */
export interface StoryMaterial {
  readonly incident: ReportedIncident;
  readonly events: readonly JournalledEvent[];
  readonly until: Instant;
}

export interface NotifiedAlert {
  /** the rule's name */
  readonly rule: string;
  readonly kind: string;
  readonly subject: string;
  readonly severity: Severity;
  readonly status: 'firing' | 'resolved';
  readonly startsAt: Instant;
  readonly endsAt: Instant | null;
  readonly summary: string;
  readonly advice: string | null;
  readonly runbook: string | null;
  /** how often it happened: flapping is one alert with a count */
  readonly count: number;
  /** identifies rule, kind and subject over time */
  readonly fingerprint: string;
}

/** How one attempt to deliver ended. */
export type Delivered =
  /** `refused`: who did not get it though others did, each with the reason */
  | { readonly outcome: 'done'; readonly detail: string; readonly refused?: readonly string[] }
  /**
   * `afterMs`: what the receiver asked for (Retry-After); null leaves it to the back-off. `settled`: recipients within
   * the receiver who need no further attempt; kept with the notification and handed to the next attempt, so that a
   * retry does not tell them again.
   */
  | {
      readonly outcome: 'later';
      readonly afterMs: number | null;
      readonly reason: string;
      readonly settled?: readonly Settled[];
    }
  /** final for this notification; `disable`: for the receiver altogether (410) */
  | { readonly outcome: 'never'; readonly reason: string; readonly disable: boolean };

/** A recipient with whom one notification is done: it was told, or it is refused for good. JSON as it stands. */
export interface Settled {
  readonly recipient: string;
  /** the reason; null where it was told */
  readonly refused: string | null;
}

/** One receiver: email, or a webhook of some format. */
export interface Receiver {
  readonly name: string;
  /**
   * Never throws; gives up by itself after its timeouts, and when `signal` aborts. `settled` is what the latest
   * attempt at the same notification answered.
   */
  deliver(notification: Notification, signal: AbortSignal, settled?: readonly Settled[]): Promise<Delivered>;
}
