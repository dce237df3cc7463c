/** What the receivers need to know, out of the configuration and beside it. Holds secrets: never printed. */
import type { AlertsConfiguration, EmailConfiguration, WebhookConfiguration } from '../configuration.ts';

export function deliverySettingsOf(
  { email, webhooks, dashboard, timeZone }: AlertsConfiguration,
  { host, release }: { readonly host: string; readonly release: string },
): DeliverySettings {
  return {
    email: email === null ? null : { ...email, timeouts: EMAIL_TIMEOUTS },
    webhooks,
    context: { host, release, dashboardUrl: dashboard, timeZone },
  };
}

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

export interface EmailSettings extends EmailConfiguration {
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

export type WebhookSettings = WebhookConfiguration;
