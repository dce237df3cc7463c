/** `alerts test`: what a person reads who has just written five lines of configuration. */
import { afterEach, expect, it } from 'vitest';
import {
  type DeliverySettings,
  EMAIL_TIMEOUTS,
  type EmailSettings,
} from '../../src/alerts/deliver/settings.ts';
import { alertsTest } from '../../src/cli/alerts-test.ts';
import { Output, UsageError } from '../../src/cli/output.ts';
import { HttpReceiver } from '../support/http-receiver.ts';
import { CONTEXT } from '../support/sample-notifications.ts';
import { SmtpServer } from '../support/smtp-server.ts';

class Heard extends Output {
  readonly lines: string[] = [];
  override line(text: string): void {
    this.lines.push(text);
  }
  override flush(): void {}
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function settings(traits: Partial<EmailSettings> = {}): Promise<DeliverySettings> {
  const smtp = await SmtpServer.start({
    reply: (command) => (command.startsWith('RCPT TO:<b@') ? '550 no such user' : null),
  });
  const hook = await HttpReceiver.start();
  hook.answer = () => ({ status: 404, body: 'no_service' });
  stops.push(
    () => smtp.stop(),
    () => hook.stop(),
  );
  const email: EmailSettings = {
    name: 'email',
    smtp: `smtp://localhost:${smtp.port}`,
    user: null,
    password: null,
    from: 'vipwatch@example.com',
    to: ['a@example.com'],
    allowInsecure: false,
    ca: null,
    timeouts: EMAIL_TIMEOUTS,
    ...traits,
  };
  const chat = {
    name: 'chat',
    url: `${hook.url}/services/T0/B0/abcdefghijklmnopqrstuvwx`,
    format: 'slack' as const,
    secret: null,
    template: null,
    timeoutMs: 10_000,
    ca: null,
  };
  return { email, webhooks: [chat], context: CONTEXT };
}

/** Ports and addresses differ from run to run. */
const steady = (lines: readonly string[]) =>
  lines.map((line) =>
    line
      .replace(/(port |localhost:)\d+/g, '$1N')
      .replace(/is [\d.:, a-f]+$/, 'is ADDRESS')
      .replace(/connected to \S+/, 'connected to ADDRESS'),
  );

it('tells each step of each receiver, what failed, and what to do', async () => {
  const output = new Heard();
  const told = await settings({ to: ['a@example.com', 'b@example.com'] });
  expect(await alertsTest(told, {}, output)).toBe(1);
  expect(steady(output.lines)).toEqual([
    'email  a@example.com, b@example.com by SMTP to localhost port N',
    '  ok    dns        localhost is ADDRESS',
    '  ok    connect    connected to ADDRESS port N',
    '  ok    greeting   localhost port N greets, in clear: nothing is encrypted',
    '  FAIL  recipient  b@example.com: 550 no such user',
    '                   → Is the address right, and does the server relay to it?',
    '  ok    accepted   the server took it for 1 of 2: 250 taken as 4711',
    '  It works, but not for everybody.',
    '',
    'chat  slack at http://localhost:N/…',
    '  ok    dns        localhost is ADDRESS',
    '  ok    connect    connected to ADDRESS port N',
    '  FAIL  answer     HTTP 404: no_service',
    '                   → Nobody takes messages at this URL: was the webhook deleted, or the URL cut short?',
    '  Not delivered; an alert would be lost to this receiver.',
  ]);
});

it('tests one alone, and knows their names', async () => {
  const output = new Heard();
  const told = await settings();
  expect(await alertsTest(told, { to: 'email' }, output)).toBe(0);
  expect(output.lines.at(-1)).toBe('  It works: look whether the test has arrived.');
  expect(output.lines.some((line) => line.startsWith('chat'))).toBe(false);
  await expect(alertsTest(told, { to: 'mail' }, output)).rejects.toThrow(
    new UsageError('there is no receiver mail; there are email, chat'),
  );
  const none = { email: null, webhooks: [], context: CONTEXT };
  await expect(alertsTest(none, {}, output)).rejects.toThrow(UsageError);
});
