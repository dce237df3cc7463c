/**
 * `vipwatch alerts test [--to NAME]`: a marked test through each receiver, and what happened at each step. Results on
 * stdout. Exit status 1 where a receiver did not take it.
 */

import { shownUrl } from '../alerts/deliver/redact.ts';
import type { DeliverySettings } from '../alerts/deliver/settings.ts';
import { serverOf } from '../alerts/deliver/smtp-session.ts';
import type { Step } from '../alerts/deliver/steps.ts';
import { testReceivers } from '../alerts/deliver/test-receiver.ts';
import type { Delivered } from '../alerts/notification.ts';
import { type Output, UsageError } from './output.ts';
import { type Paint, painter, wantsColour } from './terminal.ts';

export interface AlertsTestOptions {
  readonly to?: string;
}

/** Answers the exit status. `settings`: what the configuration's `alerts:` says of receivers. */
export async function alertsTest(
  settings: DeliverySettings,
  options: AlertsTestOptions,
  output: Output,
): Promise<number> {
  const { to = null } = options;
  const places = placesOf(settings);
  if (places.size === 0)
    throw new UsageError('the configuration names no receiver: add alerts.email or alerts.webhooks');
  if (to !== null && !places.has(to))
    throw new UsageError(`there is no receiver ${to}; there are ${[...places.keys()].join(', ')}`);

  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  let begun: string | null = null;
  const begin = (receiver: string) => {
    if (begun === receiver) return;
    if (begun !== null) output.line('');
    begun = receiver;
    output.line(`${paint(receiver, 'bold')}  ${places.get(receiver) ?? ''}`);
  };
  let wrong = false;
  const onStep = (receiver: string, step: Step) => {
    begin(receiver);
    for (const line of stepLines(step, paint)) output.line(line);
    output.flush();
  };
  try {
    for await (const { receiver, delivered } of testReceivers(settings, to, onStep, stop.signal)) {
      begin(receiver);
      output.line(verdictLine(delivered, paint));
      output.flush();
      wrong ||= delivered.outcome !== 'done' || (delivered.refused?.length ?? 0) > 0;
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
  return wrong ? 1 : 0;
}

/** Each receiver, and where it is. */
function placesOf({ email, webhooks }: DeliverySettings): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  if (email !== null) {
    const way = `${email.smtp.startsWith('smtps') ? 'TLS' : 'SMTP'} to ${serverOf(email.smtp).shown}`;
    places.set(email.name, `${email.to.join(', ')} by ${way}`);
  }
  for (const { name, format, url } of webhooks) places.set(name, `${format} at ${shownUrl(url)}`);
  return places;
}

export function* stepLines({ step, ok, detail, advice }: Step, paint: Paint): Generator<string> {
  yield `  ${ok ? paint('ok  ', 'green') : paint('FAIL', 'red')}  ${step.padEnd(9)}  ${detail}`;
  if (advice !== null) yield `                   → ${advice}`;
}

function verdictLine(delivered: Delivered, paint: Paint): string {
  switch (delivered.outcome) {
    case 'done':
      return (delivered.refused?.length ?? 0) > 0
        ? `  ${paint('It works, but not for everybody.', 'yellow', 'bold')}`
        : `  ${paint('It works: look whether the test has arrived.', 'green', 'bold')}`;
    case 'later':
      return `  ${paint('Not delivered; an alert would be tried again.', 'red', 'bold')}`;
    case 'never':
      return `  ${paint(
        delivered.disable
          ? 'Not delivered, and the receiver wants nothing any more.'
          : 'Not delivered; an alert would be lost to this receiver.',
        'red',
        'bold',
      )}`;
  }
}
