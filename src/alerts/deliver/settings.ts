/** What the receivers need to know: plain data that the configuration is mapped to. Holds secrets: never printed. */
import type { WebhookTemplate } from './template.ts';

export interface DeliverySettings {
  readonly email: EmailSettings | null;
  readonly webhooks: readonly WebhookSettings[];
  readonly context: DeliveryContext;
}

/** What every message says of its sender. */
export interface DeliveryContext {
  /** the observer's host name; also the right side of Message-IDs */
  readonly host: string;
  /** where a person can look; null where there is no such page */
  readonly dashboardUrl: string | null;
  /** of vipwatch */
  readonly release: string;
  /** in which times are shown: an IANA name; null for the machine's own */
  readonly timeZone: string | null;
}

export interface EmailSettings {
  readonly name: string;
  /** `smtp://HOST[:PORT]` (STARTTLS, port 587) or `smtps://HOST[:PORT]` (TLS from the start, port 465) */
  readonly smtp: string;
  /** both or none */
  readonly user: string | null;
  readonly password: string | null;
  /** an address, or `Name <address>` */
  readonly from: string;
  readonly to: readonly string[];
  /** accept a server without TLS, or with a certificate that cannot be verified */
  readonly allowInsecure: boolean;
  /** certificates (PEM) to trust instead of the system's */
  readonly ca: string | null;
  readonly timeouts: EmailTimeouts;
}

export interface EmailTimeouts {
  readonly connectMs: number;
  readonly greetingMs: number;
  /** of silence, in the middle of the conversation */
  readonly idleMs: number;
  /** for one mail, all in all: a server that trickles must not hold up what comes after */
  readonly totalMs: number;
}

export const EMAIL_TIMEOUTS: EmailTimeouts = {
  connectMs: 10_000,
  greetingMs: 10_000,
  idleMs: 20_000,
  totalMs: 90_000,
};

export type WebhookFormat = 'alertmanager' | 'standard' | 'slack' | 'pagerduty' | 'template';
export const WEBHOOK_FORMATS: readonly WebhookFormat[] = [
  'alertmanager',
  'standard',
  'slack',
  'pagerduty',
  'template',
];

export interface WebhookSettings {
  readonly name: string;
  readonly url: string;
  readonly format: WebhookFormat;
  /**
   * `standard`: the signing key (`whsec_…`), `pagerduty`: the integration (routing) key, both required;
   * `alertmanager`: sent as `Authorization: Bearer`; `template`: what its `sign` signs with
   */
  readonly secret: string | null;
  /** of the format `template`, null otherwise */
  readonly template: WebhookTemplate | null;
  /** for one request, from the look-up of the name to the answer */
  readonly timeoutMs: number;
  /** certificates (PEM) to trust instead of the system's */
  readonly ca: string | null;
}

export const WEBHOOK_TIMEOUT_MS = 15_000;
/** Where PagerDuty takes events; accounts in the EU have `events.eu.pagerduty.com`. */
export const PAGERDUTY_URL = 'https://events.pagerduty.com/v2/enqueue';
