/** The format `standard`: the body of Standard Webhooks 1.0, below 20 kB as that asks. Pure. */
import { isoTime } from '../../time.ts';
import type { Notification } from '../notification.ts';
import { type Json, latestEvents, type MessageData, messageData } from './message-data.ts';
import type { DeliveryContext } from './settings.ts';
import { bounded } from './template.ts';

const BODY_MAX = 20_000;
const TEXT_MAX = 4_000;

export function standardBody(notification: Notification, context: DeliveryContext): MessageData {
  // The mail's text says nothing that the rest does not.
  const { text: _text, brief, alerts, ...data } = messageData(notification, context);
  const type =
    notification.incident === null ? `vipwatch.${notification.status}` : `incident.${notification.status}`;
  const body = (listed: typeof alerts, events: readonly Json[]): MessageData => ({
    type,
    timestamp: isoTime(notification.at),
    data: { ...data, brief: bounded(String(brief), TEXT_MAX), alerts: listed ?? null, events },
  });
  const room = BODY_MAX - size(body(alerts, []));
  // What is dropped first is what the journal has as well.
  return room < 0 ? body([], []) : body(alerts, latestEvents(notification, room));
}

function size(value: MessageData): number {
  return Buffer.byteLength(JSON.stringify(value));
}
