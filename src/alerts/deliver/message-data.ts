/**
 * A notification as data for machines: what `standard` sends, and what the placeholders of a template name. Its names
 * are documented in docs/alert-receivers.md and do not change. Pure.
 */
import { eventJson } from '../../events.ts';
import { isoTime } from '../../time.ts';
import type { Notification, NotifiedAlert } from '../notification.ts';
import { type Account, accountOf } from './account.ts';
import { subjectOf, textOf } from './render-email.ts';
import type { DeliveryContext } from './settings.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface MessageData {
  readonly [name: string]: Json;
}

const ALERTS_MAX = 20;

export function messageData(notification: Notification, context: DeliveryContext): MessageData {
  const account = accountOf(notification, context);
  const { story, alerts } = notification;
  const fact = (label: string) => account.facts.find((each) => each.label === label)?.text ?? null;
  return {
    id: notification.id,
    thread: notification.thread,
    revision: notification.revision,
    status: notification.status,
    badge: account.badge,
    severity: notification.severity,
    cluster: notification.cluster,
    receiver: notification.receiver,
    at: isoTime(notification.at),
    headline: account.headline,
    subject: subjectOf(account),
    text: textOf(account),
    brief: briefOf(account),
    heldBack: notification.heldBack,
    host: context.host,
    release: context.release,
    dashboardUrl: context.dashboardUrl,
    incident:
      story === null
        ? null
        : {
            id: story.incident.id,
            began: isoTime(story.incident.began),
            ended: story.incident.ended === null ? null : isoTime(story.incident.ended),
            chain: account.chain,
            cause: fact('Cause'),
            dark: fact('Dark'),
            holds: account.holdings.map(({ address, now }) => `${address}: ${now}`).join('; '),
          },
    event: alerts[0] === undefined ? null : alertData(alerts[0]),
    alerts: alerts.slice(0, ALERTS_MAX).map(alertData),
    truncatedAlerts: Math.max(0, alerts.length - ALERTS_MAX),
  };
}

function alertData(alert: NotifiedAlert): MessageData {
  return {
    rule: alert.rule,
    kind: alert.kind,
    subject: alert.subject,
    severity: alert.severity,
    status: alert.status,
    startsAt: isoTime(alert.startsAt),
    endsAt: alert.endsAt === null ? null : isoTime(alert.endsAt),
    summary: alert.summary,
    advice: alert.advice,
    runbook: alert.runbook,
    count: alert.count,
    fingerprint: alert.fingerprint,
  };
}

/** The latest events of the incident as the journal has them, so many as fit into `most` bytes of JSON; oldest first. */
export function latestEvents({ story }: Notification, most: number): readonly Json[] {
  const events: Json[] = [];
  let left = most;
  for (const { event, seq } of [...(story?.events ?? [])].reverse()) {
    const json = eventJson(event, seq);
    left -= Buffer.byteLength(json) + 1;
    if (left < 0) break;
    events.unshift(JSON.parse(json));
  }
  return events;
}

/** For a chat: the sentence, the facts, what to check, unwrapped. Names from outside must not become tags there. */
export function briefOf(account: Account): string {
  const { badge, severity, cluster, headline, chain, facts, holdings, checks, links, remarks } = account;
  const lines = [`[${badge}][${severity}]${cluster === null ? '' : ` ${cluster}`}`, headline];
  lines.push(...(chain === null ? [] : [chain]), ...remarks);
  for (const { address, now } of holdings) lines.push(`Now: ${address}: ${now}`);
  for (const { label, text } of facts) lines.push(label === '' ? text : `${label}: ${text}`);
  for (const { text, command } of checks)
    lines.push(`Check: ${text}`, ...(command === null ? [] : [command]));
  for (const { label, url } of links) lines.push(`${label}: ${url}`);
  return lines.join('\n').replaceAll('<', '‹').replaceAll('>', '›');
}
