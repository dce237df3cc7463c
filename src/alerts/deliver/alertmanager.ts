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

/** A test is fired and resolved at once, so that nothing stays behind at the receiver. */
export function alertmanagerPayloads(
  notification: Notification,
  context: DeliveryContext,
): readonly AlertmanagerPayload[] {
  const payload = alertmanagerPayload(notification, context);
  return notification.status === 'test' ? [payload, resolved(payload, notification.at)] : [payload];
}

function alertmanagerPayload(notification: Notification, context: DeliveryContext): AlertmanagerPayload {
  const told = notification.alerts.length === 0 ? [standIn(notification)] : notification.alerts;
  const alerts = told.slice(0, ALERTS_MAX).map((alert) => alertOf(alert, notification, context));
  const groupLabels = groupOf(notification);
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

/** One incident is one group; what is no incident is a group of its own. */
function groupOf({ cluster, incident, thread }: Notification): Texts {
  return {
    ...(cluster === null ? {} : { cluster }),
    ...(incident === null ? { thread } : { incident: String(incident) }),
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
      ...groupOf(notification),
      instance: context.host,
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
