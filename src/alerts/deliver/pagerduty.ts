/**
 * The format `pagerduty`: Events API v2. One incident here is one there: all its messages carry the same `dedup_key`.
 * A digest wakes nobody, so it is not sent. Pure.
 */
import { isoTime } from '../../time.ts';
import type { Notification } from '../notification.ts';
import { accountOf } from './account.ts';
import type { Json, MessageData } from './message-data.ts';
import type { DeliveryContext } from './settings.ts';

const SUMMARY_MAX = 1_024;
const DEDUP_KEY_MAX = 255;

/**
 * None for a digest. A test, and what is over when it is first told, is triggered and resolved at once: nothing follows
 * that would close it.
 */
export function pagerdutyEvents(
  notification: Notification,
  context: DeliveryContext,
  routingKey: string,
): readonly MessageData[] {
  const trigger = event('trigger', notification, context, routingKey);
  const resolve = event('resolve', notification, context, routingKey);
  switch (notification.status) {
    case 'digest':
      return [];
    case 'resolved':
      return [resolve];
    default:
      return notification.alerts.some(({ status }) => status === 'firing') ? [trigger] : [trigger, resolve];
  }
}

function event(
  action: 'trigger' | 'resolve',
  notification: Notification,
  context: DeliveryContext,
  routingKey: string,
): MessageData {
  const base = {
    routing_key: routingKey,
    event_action: action,
    dedup_key: `vipwatch-${context.host}-${notification.thread}`.slice(-DEDUP_KEY_MAX),
  };
  if (action === 'resolve') return base;
  const account = accountOf(notification, context);
  const [first] = notification.alerts;
  const cluster = notification.cluster === null ? '' : `${notification.cluster}: `;
  const test = notification.status === 'test' ? '[TEST] ' : '';
  const facts: [string, Json][] = account.facts
    .filter(({ label }) => label !== '')
    .map(({ label, text }) => [label.toLowerCase().replaceAll(' ', '_'), text]);
  return {
    ...base,
    payload: {
      summary: `${test}${cluster}${account.headline}`.slice(0, SUMMARY_MAX),
      source: context.host,
      severity: notification.severity,
      timestamp: isoTime(notification.story?.incident.began ?? notification.at),
      component: first?.subject ?? 'vipwatch',
      group: notification.cluster ?? 'vipwatch',
      class: first?.kind ?? notification.status,
      custom_details: {
        ...Object.fromEntries(facts),
        holds: account.holdings.map(({ address, now }) => `${address}: ${now}`),
        what_to_check: account.checks.map(({ text, command }) =>
          command === null ? text : `${text} ${command}`,
        ),
        held_back: notification.heldBack,
      },
    },
    links: account.links.map(({ label, url }) => ({ href: url, text: label })),
    client: `vipwatch ${context.release}`,
    ...(context.dashboardUrl === null ? {} : { client_url: context.dashboardUrl }),
  };
}
