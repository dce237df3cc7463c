/** `alerts test`: one marked notification, sent by the very code that sends the others, with each step told. */
import { type Instant, instantFromUs, MS } from '../../time.ts';
import type { Delivered, Notification } from '../notification.ts';
import { receiversFor } from './receivers.ts';
import type { DeliverySettings } from './settings.ts';
import type { Step } from './steps.ts';

export interface ReceiverTest {
  readonly receiver: string;
  readonly delivered: Delivered;
}

/** One receiver after the other, in the order of the configuration. `only`: the name of one; null for all. */
export async function* testReceivers(
  settings: DeliverySettings,
  only: string | null,
  onStep: (receiver: string, step: Step) => void,
  signal: AbortSignal,
): AsyncGenerator<ReceiverTest> {
  for (const receiver of receiversFor(settings, onStep)) {
    if (only !== null && receiver.name !== only) continue;
    const at = instantFromUs(Date.now() * MS);
    const notification = testNotification(receiver.name, settings.context.host, at);
    yield { receiver: receiver.name, delivered: await receiver.deliver(notification, signal) };
  }
}

export function testNotification(receiver: string, host: string, at: Instant): Notification {
  const name = `test-${receiver.replace(/[^A-Za-z0-9-]+/g, '-')}-${Math.floor(at / MS)}`;
  return {
    id: name,
    receiver,
    thread: name,
    revision: 0,
    status: 'test',
    severity: 'info',
    cluster: null,
    incident: null,
    headline: `This is what an alert from ${host} looks like here: ${receiver} works.`,
    at,
    alerts: [],
    story: null,
    heldBack: 0,
  };
}
