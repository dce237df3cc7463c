/**
 * What `alerts:` in `vipwatch.yaml` says: who is told, by which means, and when nobody is. Plain data; `src/config`
 * reads it. Holds secrets: never logged, never in an event.
 */
import type { Instant } from '../time.ts';
import type { WebhookTemplate } from './deliver/template.ts';
import type { RuleBook } from './rules.ts';

export interface AlertsConfiguration {
  readonly rules: RuleBook;
  /** null: no mail */
  readonly email: EmailConfiguration | null;
  readonly webhooks: readonly WebhookConfiguration[];
  /** null: nobody watches whether vipwatch lives */
  readonly heartbeat: HeartbeatConfiguration | null;
  /** other people's virtual routers are told of, too */
  readonly foreign: boolean;
  readonly maintenance: readonly MaintenanceWindow[];
  /** where a person can look; null where there is no such page */
  readonly dashboard: string | null;
  /** in which times are told: an IANA name; null for the machine's own */
  readonly timeZone: string | null;
}

export interface EmailConfiguration {
  readonly name: string;
  /** `smtp://HOST[:PORT]` (STARTTLS) or `smtps://HOST[:PORT]`; without credentials */
  readonly smtp: string;
  /** both or none */
  readonly user: string | null;
  readonly password: string | null;
  readonly from: string;
  readonly to: readonly string[];
  /** accept a server without TLS, or with a certificate that cannot be verified */
  readonly allowInsecure: boolean;
  /** certificates (PEM) to trust instead of the system's */
  readonly ca: string | null;
}

export const WEBHOOK_FORMATS = ['alertmanager', 'standard', 'slack', 'pagerduty', 'template'] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

export interface WebhookConfiguration {
  readonly name: string;
  readonly url: string;
  readonly format: WebhookFormat;
  /**
   * `standard`: the signing key (`whsec_…`), `pagerduty`: the integration (routing) key, both required;
   * `alertmanager`: sent as `Authorization: Bearer`; `template`: what its `sign` signs with
   */
  readonly secret: string | null;
  /** of the format `template`; null for the others */
  readonly template: WebhookTemplate | null;
  /** for one request, from the look-up of the name to the answer */
  readonly timeoutMs: number;
  /** certificates (PEM) to trust instead of the system's */
  readonly ca: string | null;
}

/** The names by which rules speak of them. */
export function receiverNames({
  email,
  webhooks,
}: Pick<AlertsConfiguration, 'email' | 'webhooks'>): readonly string[] {
  return [...(email === null ? [] : [email.name]), ...webhooks.map(({ name }) => name)];
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
