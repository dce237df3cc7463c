/** Mails through a real SMTP server on loopback, well-behaved and not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { emailReceiver } from '../../../src/alerts/deliver/email.ts';
import { EMAIL_TIMEOUTS, type EmailSettings } from '../../../src/alerts/deliver/settings.ts';
import type { Step } from '../../../src/alerts/deliver/steps.ts';
import type { Notification, Settled } from '../../../src/alerts/notification.ts';
import { Authority } from '../../support/certificates.ts';
import { parseMail } from '../../support/mail-parser.ts';
import { CONTEXT, plainNotification, replayedIncident, told } from '../../support/sample-notifications.ts';
import { type SmtpBehaviour, SmtpServer } from '../../support/smtp-server.ts';

const PASSWORD = 'correct horse battery';
/** For servers that hang; the others get all the time that a busy machine may need. */
const IMPATIENT = { ...EMAIL_TIMEOUTS, greetingMs: 300, idleMs: 300 };
const LOGIN = ['watcher', PASSWORD] as const;

let folder: string;
let authority: Authority;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vipwatch-smtp-'));
  authority = new Authority(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

let server: SmtpServer | null = null;
afterEach(async () => {
  await server?.stop();
  server = null;
});

async function start(behaviour: SmtpBehaviour = {}, host?: string): Promise<SmtpServer> {
  server = await SmtpServer.start(behaviour, host);
  return server;
}

function settingsFor(port: number, traits: Partial<EmailSettings> = {}): EmailSettings {
  return {
    name: 'email',
    smtp: `smtp://localhost:${port}`,
    user: null,
    password: null,
    from: 'vipwatch <vipwatch@example.com>',
    to: ['oncall@example.com'],
    allowInsecure: false,
    ca: null,
    timeouts: EMAIL_TIMEOUTS,
    ...traits,
  };
}

const secure = (port: number, traits: Partial<EmailSettings> = {}) =>
  settingsFor(port, { ca: authority.cert, user: LOGIN[0], password: LOGIN[1], ...traits });

async function deliver(
  settings: EmailSettings,
  notification: Notification = plainNotification(),
  settled?: readonly Settled[],
) {
  const steps: Step[] = [];
  const receiver = emailReceiver(settings, CONTEXT, (step) => steps.push(step));
  const delivered = await receiver.deliver(notification, new AbortController().signal, settled);
  // Whatever happened: nothing that is said may hold the password, in any form.
  const said = JSON.stringify([delivered, steps]);
  for (const form of [PASSWORD, Buffer.from(PASSWORD).toString('base64').replace(/=+$/, '')])
    expect(said).not.toContain(form);
  return { delivered, steps, failure: steps.find((step) => !step.ok) ?? null };
}

describe('a mail that arrives', () => {
  it('is encrypted by STARTTLS, sent after a login, and tells each step', async () => {
    const { port, mails } = await start({ certificate: authority.issue(), login: LOGIN });
    const { delivered, steps } = await deliver(secure(port));
    expect(delivered).toEqual({ outcome: 'done', detail: 'accepted for 1 of 1: 250 taken as 4711' });
    expect(mails).toMatchObject([
      { from: 'vipwatch@example.com', to: ['oncall@example.com'], encrypted: true, user: 'watcher' },
    ]);
    expect(steps.map(({ step }) => step)).toEqual(['dns', 'connect', 'tls', 'greeting', 'auth', 'accepted']);
    expect(steps.every(({ ok }) => ok)).toBe(true);
    expect(steps[2]?.detail).toMatch(
      /^TLSv1\.[23], certificate of mail\.test by Test Authority, .*, verified$/,
    );
  });

  it('goes by TLS from the start with smtps://, and by AUTH LOGIN where that is all there is', async () => {
    const { port, mails } = await start({
      certificate: authority.issue(),
      implicitTls: true,
      login: LOGIN,
      methods: 'LOGIN',
    });
    const { delivered } = await deliver(secure(port, { smtp: `smtps://localhost:${port}` }));
    expect(delivered.outcome).toBe('done');
    expect(mails).toMatchObject([{ encrypted: true, user: 'watcher' }]);
  });

  it('goes in clear to this machine itself, also where its certificate is nobody’s', async () => {
    const clear = await start();
    expect((await deliver(settingsFor(clear.port))).delivered.outcome).toBe('done');
    expect(clear.mails).toMatchObject([{ encrypted: false }]);
    await clear.stop();

    const snakeoil = await start({ certificate: authority.selfSigned() });
    expect((await deliver(settingsFor(snakeoil.port))).delivered.outcome).toBe('done');
    expect(snakeoil.mails).toMatchObject([{ encrypted: true }]);
  });

  it('has all that a mail program and an autoresponder want to know, and says the same twice', async () => {
    const { port, mails } = await start();
    const incident = await replayedIncident('split-brain');
    const notification = told(incident, { cluster: 'läden', revision: 0 });
    await deliver(settingsFor(port, { to: ['a@example.com', 'Bö <b@example.com>'] }), notification);
    const mail = parseMail(mails[0]?.raw ?? '');
    const header = (name: string) => mail.headers.get(name);
    expect(header('subject')).toBe('[FIRING][critical] läden: Split-brain: a and b both hold 10.0.0.100');
    expect(header('from')).toBe('vipwatch <vipwatch@example.com>');
    expect(header('to')).toBe('a@example.com, Bö <b@example.com>');
    expect(mails[0]?.to).toEqual(['a@example.com', 'b@example.com']);
    expect(header('message-id')).toBe('<inc-1-mail.0@observer.example.com>');
    expect(header('in-reply-to')).toBeUndefined();
    expect(header('auto-submitted')).toBe('auto-generated');
    expect(header('precedence')).toBe('bulk');
    expect(header('x-auto-response-suppress')).toBe('All');
    expect(header('x-vipwatch-incident')).toBe('1');
    expect(header('x-vipwatch-severity')).toBe('critical');
    expect(header('x-vipwatch-status')).toBe('firing');
    expect(header('x-vipwatch-cluster')).toBe('läden');
    expect(new Date(header('date') ?? '').getTime()).toBe(Math.floor(notification.at / 1e6) * 1_000);
    // The plain text stands first: mail programs show the last part that they can.
    expect(mails[0]?.raw.indexOf('text/plain')).toBeLessThan(mails[0]?.raw.indexOf('text/html') ?? 0);
    for (const body of [mail.text, mail.html]) {
      expect(body.replace(/\s+/g, ' ')).toContain('Split-brain: a and b both hold 10.0.0.100');
      expect(body).toContain('arping -U -c 3 -I $(ip -o addr show to 10.0.0.100');
    }
  });

  it('joins the thread of the first', async () => {
    const { port, mails } = await start();
    const incident = await replayedIncident('split-brain');
    for (const revision of [0, 1, 2])
      await deliver(
        settingsFor(port),
        told(incident, {
          revision,
          status: (['firing', 'update', 'resolved'] as const)[revision] ?? 'firing',
        }),
      );
    const heads = mails.map(({ raw }) => parseMail(raw).headers);
    const id = (n: number) => `<inc-1-mail.${n}@observer.example.com>`;
    expect(heads.map((head) => head.get('message-id'))).toEqual([id(0), id(1), id(2)]);
    expect(heads.map((head) => head.get('in-reply-to'))).toEqual([undefined, id(0), id(0)]);
    expect(heads.map((head) => head.get('references'))).toEqual([undefined, id(0), `${id(0)} ${id(1)}`]);
    expect(heads.map((head) => head.get('subject')?.split(']')[0])).toEqual([
      '[FIRING',
      '[UPDATE',
      '[RESOLVED',
    ]);
  });

  it('cannot be given headers or recipients by what stands in an event', async () => {
    const { port, mails } = await start();
    const evil = 'x\r\nBcc: all@example.com\r\n\r\n.\r\nMAIL FROM:<evil@example.com>';
    await deliver(settingsFor(port), plainNotification({ headline: evil, cluster: evil }));
    expect(mails).toHaveLength(1);
    expect(mails[0]?.to).toEqual(['oncall@example.com']);
    expect(parseMail(mails[0]?.raw ?? '').names).not.toContain('Bcc');
  });
});

describe('no mail, and no password, goes', () => {
  it.each([
    ['self-signed', () => authority.selfSigned(), 'tls'],
    ['expired', () => authority.issue(undefined, { expired: true }), 'tls'],
    ['for another name', () => authority.issue('DNS:other.example'), 'tls'],
  ] as const)('to a server whose certificate is %s', async (_what, certificate, step) => {
    for (const implicitTls of [false, true]) {
      const { port, mails, commands } = await start({
        certificate: certificate(),
        login: LOGIN,
        implicitTls,
      });
      const { delivered, failure } = await deliver(
        secure(port, { smtp: `${implicitTls ? 'smtps' : 'smtp'}://localhost:${port}` }),
      );
      expect(delivered.outcome).toBe('later');
      expect(failure?.step).toBe(step);
      expect(failure?.advice).not.toBeNull();
      expect(mails).toEqual([]);
      expect(commands.filter((line) => line.startsWith('AUTH') || line.startsWith('MAIL'))).toEqual([]);
      await server?.stop();
    }
  });

  it.each([
    ['is not offered', '500 what?'],
    ['fails', '454 TLS not available'],
  ])('where STARTTLS %s', async (_what, reply) => {
    const { port, mails, commands } = await start({
      login: LOGIN,
      authInClear: true,
      reply: (command) => (command === 'STARTTLS' ? reply : null),
    });
    const { delivered, failure } = await deliver(secure(port));
    expect(delivered).toMatchObject({ outcome: 'later' });
    expect(failure).toMatchObject({ step: 'tls', detail: expect.stringContaining(reply) });
    expect(mails).toEqual([]);
    expect(commands.filter((line) => line.startsWith('AUTH'))).toEqual([]);
  });

  it('where a login is configured and none is offered', async () => {
    const { port, mails } = await start({ certificate: authority.issue() });
    const { delivered, failure } = await deliver(secure(port));
    expect(delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('offers no login') });
    expect(failure?.step).toBe('auth');
    expect(mails).toEqual([]);
  });

  it('where the login is refused, even by a server that quotes it', async () => {
    const quoted = Buffer.from(`\0${LOGIN[0]}\0wrong ${PASSWORD}`).toString('base64');
    const { port, mails } = await start({
      certificate: authority.issue(),
      login: LOGIN,
      reply: (command) => (command.startsWith('AUTH') ? `535 no: wrong ${PASSWORD} ${quoted}` : null),
    });
    const { delivered, failure } = await deliver(secure(port, { password: `wrong ${PASSWORD}` }));
    expect(delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('535 no: ***') });
    expect(JSON.stringify(delivered)).not.toContain(quoted);
    expect(failure?.step).toBe('auth');
    expect(mails).toEqual([]);
  });

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((each) => each !== undefined && !each.internal && each.family === 'IPv4')?.address;
  it.skipIf(outside === undefined)('in clear to another machine, unless that is allowed', async () => {
    const { port, mails } = await start({ login: LOGIN, authInClear: true }, outside);
    const traits = { smtp: `smtp://${outside}:${port}`, user: LOGIN[0], password: LOGIN[1] };
    const { delivered, failure } = await deliver(settingsFor(port, traits));
    expect(delivered.outcome).toBe('later');
    expect(failure?.step).toBe('tls');
    expect(mails).toEqual([]);
    expect((await deliver(settingsFor(port, { ...traits, allowInsecure: true }))).delivered.outcome).toBe(
      'done',
    );
    expect(mails).toMatchObject([{ encrypted: false, user: 'watcher' }]);
  });
});

describe('what a server answers decides whether it is tried again', () => {
  const answers = (to: string, reply: string) => (command: string) => (command.startsWith(to) ? reply : null);
  it.each([
    ['a greeting of 421', answers('GREETING', '421 too busy'), 'later', 'greeting', '421 too busy'],
    ['a greeting of 554', answers('GREETING', '554 not you'), 'later', 'greeting', '554 not you'],
    ['MAIL of 451', answers('MAIL', '451 later'), 'later', 'accepted', '451 later'],
    ['MAIL of 550', answers('MAIL', '550 not from you'), 'never', 'accepted', '550 not from you'],
    ['RCPT of 451', answers('RCPT', '451 greylisted'), 'later', 'recipient', '451 greylisted'],
    ['RCPT of 550', answers('RCPT', '550 unknown'), 'never', 'recipient', '550 unknown'],
    ['DATA of 451', answers('DATA END', '451 disk full'), 'later', 'accepted', '451 disk full'],
    ['DATA of 552', answers('DATA END', '552 too large'), 'never', 'accepted', '552 too large'],
    ['421 after DATA', answers('DATA END', '421 going down'), 'later', 'accepted', '421 going down'],
    [
      'silence instead of a greeting',
      answers('GREETING', 'hang'),
      'later',
      'connect',
      'did not answer in time',
    ],
    ['silence after DATA', answers('DATA END', 'hang'), 'later', 'connect', 'did not answer in time'],
    ['a drop in the middle of the mail', answers('DATA MIDDLE', 'drop'), 'later', 'connect', 'closed'],
    ['a drop before the greeting', answers('GREETING', 'drop'), 'later', 'connect', 'closed'],
  ] as const)('%s', async (what, reply, outcome, step, text) => {
    const { port, mails } = await start({ reply });
    const timeouts = what.startsWith('silence') ? IMPATIENT : EMAIL_TIMEOUTS;
    const { delivered, failure } = await deliver(settingsFor(port, { timeouts }));
    expect(delivered).toMatchObject({ outcome, reason: expect.stringContaining(text) });
    expect(failure?.step).toBe(step);
    expect(failure?.advice).not.toBeNull();
    expect(mails).toEqual([]);
  });

  it('a port where nobody listens, a name that nobody knows', async () => {
    const { port } = await start();
    await server?.stop();
    const refused = await deliver(settingsFor(port));
    expect(refused.delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('refuses') });
    expect(refused.failure?.step).toBe('connect');
    const unknown = await deliver(settingsFor(port, { smtp: 'smtp://mail.invalid' }));
    expect(unknown.delivered.outcome).toBe('later');
    expect(unknown.failure?.step).toBe('dns');
  });

  it('a server that trickles is given up after all of the time', async () => {
    const { port } = await start({ reply: (command) => (command.startsWith('EHLO') ? 'hang' : null) });
    const timeouts = { ...EMAIL_TIMEOUTS, totalMs: 300 };
    const { delivered } = await deliver(settingsFor(port, { timeouts }));
    expect(delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('0.3 s') });
  });

  it('a stop leaves it for later', async () => {
    const stop = new AbortController();
    const { port } = await start({
      reply: (command) => {
        if (!command.startsWith('RCPT')) return null;
        stop.abort();
        return 'hang';
      },
    });
    const receiver = emailReceiver(settingsFor(port), CONTEXT);
    const delivered = await receiver.deliver(plainNotification(), stop.signal);
    expect(delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('stopped') });
  });
});

describe('several recipients', () => {
  const TO = ['a@example.com', 'Bea <b@example.com>', 'c@example.com'];
  const rejecting = (answers: Readonly<Record<string, string>>) => (command: string) =>
    answers[/^RCPT TO:<(.)@/.exec(command)?.[1] ?? ''] ?? null;

  it('one refused for good is reported, the others have it', async () => {
    const { port, mails } = await start({ reply: rejecting({ b: '550 5.1.1 no such user' }) });
    const { delivered } = await deliver(settingsFor(port, { to: TO }));
    expect(delivered).toEqual({
      outcome: 'done',
      detail: 'accepted for 2 of 3: 250 taken as 4711',
      refused: ['Bea <b@example.com>: 550 5.1.1 no such user'],
    });
    expect(mails.map(({ to }) => to)).toEqual([['a@example.com', 'c@example.com']]);
  });

  it('one refused for the moment is tried again alone, with the same Message-ID', async () => {
    let answers: Record<string, string> = { b: '451 greylisted', c: '550 unknown' };
    const { port, mails } = await start({ reply: (command) => rejecting(answers)(command) });
    const settings = settingsFor(port, { to: TO });
    const first = (await deliver(settings)).delivered;
    expect(first).toMatchObject({
      outcome: 'later',
      reason: 'refused for the moment: b@example.com: 451 greylisted',
      settled: [
        { recipient: 'a@example.com', refused: null },
        { recipient: 'c@example.com', refused: '550 unknown' },
      ],
    });
    if (first.outcome !== 'later') return;
    // As the outbox would have kept it.
    const kept: readonly Settled[] = JSON.parse(JSON.stringify(first.settled));

    answers = { b: '451 still greylisted' };
    const second = (await deliver(settings, plainNotification(), kept)).delivered;
    expect(second).toMatchObject({ outcome: 'later', settled: kept });
    answers = {};
    const third = (await deliver(settings, plainNotification(), kept)).delivered;
    expect(third).toMatchObject({ outcome: 'done', refused: ['c@example.com: 550 unknown'] });
    expect(mails.map(({ to }) => to)).toEqual([['a@example.com'], ['b@example.com']]);
    const [one, two] = mails.map(({ raw }) => parseMail(raw).headers.get('message-id'));
    expect(one).toBe(two);
  });

  it('all refused, some for the moment: those are tried again', async () => {
    const { port } = await start({
      reply: rejecting({ a: '550 unknown', b: '451 greylisted', c: '451 greylisted' }),
    });
    const { delivered } = await deliver(settingsFor(port, { to: TO }));
    expect(delivered).toMatchObject({
      outcome: 'later',
      settled: [{ recipient: 'a@example.com', refused: '550 unknown' }],
    });
  });
});
