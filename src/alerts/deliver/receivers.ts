/** Every receiver of the configuration, ready to be told. Opens nothing until something is delivered. */
import type { Receiver } from '../notification.ts';
import { emailReceiver } from './email.ts';
import type { DeliverySettings } from './settings.ts';
import type { OnStep } from './steps.ts';
import { webhookReceiver } from './webhook.ts';

/** `onStep`: for `alerts test`; each step with the name of its receiver. */
export function receiversFor(
  { email, webhooks, context }: DeliverySettings,
  onStep: (receiver: string, ...step: Parameters<OnStep>) => void = () => {},
): readonly Receiver[] {
  return [
    ...(email === null ? [] : [emailReceiver(email, context, (step) => onStep(email.name, step))]),
    ...webhooks.map((each) => webhookReceiver(each, context, (step) => onStep(each.name, step))),
  ];
}
