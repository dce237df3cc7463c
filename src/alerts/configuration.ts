/**
 * What `alerts:` in `vipwatch.yaml` says: who is told, by which means, and when nobody is. Plain data; `src/config`
 * reads it. Holds secrets: never logged, never in an event.
 */
import type { Instant } from '../time.ts';
import type { RuleBook } from './rules.ts';

export interface AlertsConfiguration {
  readonly rules: RuleBook;
  readonly email: readonly EmailConfiguration[];
  readonly webhooks: readonly WebhookConfiguration[];
  /** null: nobody watches whether vipwatch lives */
  readonly heartbeat: HeartbeatConfiguration | null;
  /** other people's virtual routers are told of, too */
  readonly foreign: boolean;
  readonly maintenance: readonly MaintenanceWindow[];
}

export interface EmailConfiguration {
  readonly name: string;
  /** `smtp://host[:port]` (STARTTLS) or `smtps://host[:port]`; without credentials */
  readonly smtp: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly from: string;
  readonly to: readonly string[];
  /** credentials and mails may cross a network in clear */
  readonly cleartext: boolean;
  /** certificates in PEM to trust beside the system's */
  readonly ca: string | null;
}

export type WebhookFormat = 'alertmanager' | 'standard' | 'slack' | 'pagerduty' | 'template';

export interface WebhookConfiguration {
  readonly name: string;
  readonly url: string;
  readonly format: WebhookFormat;
  /** `standard`: what signs; `pagerduty`: the routing key; others: a bearer token */
  readonly secret: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** `template`: the body, a JSON text with placeholders */
  readonly template: string | null;
  readonly timeoutMs: number;
}

export interface HeartbeatConfiguration {
  readonly url: string;
  readonly everyMs: number;
}

/** A time in which nobody is told of what matches. Either it recurs, or it happens once. */
export interface MaintenanceWindow {
  readonly name: string;
  readonly matchers: Matchers;
  readonly when: OneTime | Recurring;
}

export interface OneTime {
  readonly from: Instant;
  readonly until: Instant;
}

export interface Recurring {
  /** 0 is Sunday; empty: every day */
  readonly days: readonly number[];
  /** minutes after midnight */
  readonly startMinute: number;
  readonly lengthMs: number;
  /** an IANA zone, such as Europe/Berlin */
  readonly zone: string;
}

/** What a silence or a maintenance covers: all that are given must fit; none covers everything. */
export interface Matchers {
  readonly cluster?: string;
  readonly kinds?: readonly string[];
  /** as in `EventQuery.subject` */
  readonly subject?: string;
}

/** Asked for by a person, for a while. */
export interface Silence {
  /** letters, digits and `-` */
  readonly id: string;
  readonly matchers: Matchers;
  readonly from: Instant;
  readonly until: Instant;
  readonly reason: string;
  readonly author: string;
}
