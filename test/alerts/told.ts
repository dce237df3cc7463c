/** Notifications as a person reads them, for scenarios and golden files. */
import type { Notification } from '../../src/alerts/notification.ts';
import type { Instant } from '../../src/time.ts';

/** `clock` writes a time in a column of its own. */
export function toldLines(notification: Notification, clock: (at: Instant) => string): readonly string[] {
  const { at, receiver, status, severity, headline, alerts, heldBack, incident, revision } = notification;
  const held = heldBack > 0 ? ` [${heldBack} held back]` : '';
  const thread = incident === null ? '' : ` #${incident}.${revision}`;
  return [
    `${clock(at)} -> ${receiver} ${status} ${severity}${thread}${held}: ${headline}`,
    ...alerts.map(
      ({ status: now, kind, subject, count }) =>
        `${' '.repeat(clock(at).length + 4)}${now} ${kind} ${subject}${count > 1 ? ` x${count}` : ''}`,
    ),
  ];
}
