/** The format `alertmanager`: Prometheus Alertmanager's webhook payload, version 4. Pure. */
import { type Instant, isoTime } from '../../time.ts';
import type { Notification, NotifiedAlert } from '../notification.ts';
import type { DeliveryContext } from './settings.ts';

const ALERTS_MAX = 100;
/** As Go writes a time that is not set. */
const NEVER = '0001-01-01T00:00:00Z';

type Texts = Readonly<Record<string, string>>;

export interface AlertmanagerPayload {
  readonly version: '4';
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly status: 'firing' | 'resolved';
  readonly receiver: string;
  readonly groupLabels: Texts;
  readonly commonLabels: Texts;
  readonly commonAnnotations: Texts;
  readonly externalURL: string;
  readonly alerts: readonly AlertmanagerAlert[];
}

export interface AlertmanagerAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

/**
 * None for a digest, which is about nothing that lasts. A test, a notice, and what is over when it is first told are
 * fired and resolved at once: nothing follows that would close them.
 */
export function alertmanagerPayloads(
  notification: Notification,
  context: DeliveryContext,
): readonly AlertmanagerPayload[] {
  const { status, at } = notification;
  if (status === 'digest') return [];
  const payload = alertmanagerPayload(notification, context);
  if (status === 'resolved') return [payload];
  if (payload.status === 'resolved') return [fired(payload), payload];
  return status === 'test' || status === 'notice' ? [payload, resolved(payload, at)] : [payload];
}

function alertmanagerPayload(notification: Notification, context: DeliveryContext): AlertmanagerPayload {
  const told = notification.alerts.length === 0 ? [standIn(notification)] : notification.alerts;
  const alerts = told.slice(0, ALERTS_MAX).map((alert) => alertOf(alert, notification, context));
  const groupLabels = groupOf(notification, context);
  const firing = notification.status !== 'resolved' && alerts.some((alert) => alert.status === 'firing');
  return {
    version: '4',
    groupKey: `{}:{${Object.entries(groupLabels)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(', ')}}`,
    truncatedAlerts: told.length - alerts.length,
    status: firing ? 'firing' : 'resolved',
    receiver: notification.receiver,
    groupLabels,
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: context.dashboardUrl ?? '',
    alerts,
  };
}

/** One incident is one group. Other hosts count their incidents too, from 1. */
function groupOf({ cluster, incident, thread }: Notification, { host }: DeliveryContext): Texts {
  return {
    ...(cluster === null ? {} : { cluster }),
    ...(incident === null ? {} : { incident: String(incident) }),
    instance: host,
    thread,
  };
}

function alertOf(
  alert: NotifiedAlert,
  notification: Notification,
  context: DeliveryContext,
): AlertmanagerAlert {
  const { advice, runbook, endsAt } = alert;
  return {
    status: alert.status,
    labels: {
      alertname: alert.kind,
      ...groupOf(notification, context),
      job: 'vipwatch',
      rule: alert.rule,
      severity: alert.severity,
      subject: alert.subject,
    },
    annotations: {
      count: String(alert.count),
      ...(advice === null ? {} : { description: advice }),
      headline: notification.headline,
      ...(runbook === null ? {} : { runbook_url: runbook }),
      summary: alert.summary,
    },
    startsAt: isoTime(alert.startsAt),
    endsAt: alert.status === 'firing' || endsAt === null ? NEVER : isoTime(endsAt),
    generatorURL: context.dashboardUrl ?? '',
    fingerprint: alert.fingerprint,
  };
}

/** What is no incident has no alert, but the payload has at least one. */
function standIn({ status, severity, headline, at, thread }: Notification): NotifiedAlert {
  return {
    rule: status,
    kind: `vipwatch-${status}`,
    subject: 'vipwatch',
    severity,
    status: status === 'resolved' ? 'resolved' : 'firing',
    startsAt: at,
    endsAt: status === 'resolved' ? at : null,
    summary: headline,
    advice: null,
    runbook: null,
    count: 1,
    fingerprint: thread,
  };
}

function fired(payload: AlertmanagerPayload): AlertmanagerPayload {
  const alerts = payload.alerts.map((alert) => ({ ...alert, status: 'firing' as const, endsAt: NEVER }));
  return { ...payload, status: 'firing', alerts };
}

function resolved(payload: AlertmanagerPayload, at: Instant): AlertmanagerPayload {
  const alerts = payload.alerts.map((alert) => ({
    ...alert,
    status: 'resolved' as const,
    endsAt: isoTime(at),
  }));
  return { ...payload, status: 'resolved', alerts };
}

function common(each: readonly Texts[]): Texts {
  const [first = {}, ...others] = each;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value)),
  );
}
