/**
 * Email as a receiver: one mail a notification, to all recipients in one transaction. A recipient who is refused for
 * the moment is tried again alone: whoever has it, or is refused for good, is `settled`. The Message-ID is the
 * same in every attempt, so that a mail program shows a mail that had to be sent twice once.
 *
 * Never says the password, whatever the server says.
 */
import MailComposer from 'nodemailer/lib/mail-composer';
import { MS } from '../../time.ts';
import type { Delivered, Notification, Receiver, Settled } from '../notification.ts';
import { oneLine, redacted } from './redact.ts';
import { domainOf, renderEmail } from './render-email.ts';
import type { DeliveryContext, EmailSettings } from './settings.ts';
import { type RefusedRecipient, SmtpFailure, type SmtpOutcome, sendBySmtp } from './smtp-session.ts';
import { failed, type OnStep, passed } from './steps.ts';

export function emailReceiver(
  settings: EmailSettings,
  context: DeliveryContext,
  onStep: OnStep = () => {},
): Receiver {
  const { user, password } = settings;
  // As AUTH PLAIN and AUTH LOGIN send it.
  const secrets = password === null ? [] : [password, `\0${user ?? ''}\0${password}`];
  const clean = (text: string) => oneLine(redacted(text, secrets));
  const tell: OnStep = (step) => onStep({ ...step, detail: clean(step.detail) });

  return {
    name: settings.name,
    async deliver(notification, signal, settled = []) {
      const done = new Set(settled.map(({ recipient }) => recipient));
      const to = settings.to.filter((recipient) => !done.has(recipient));
      if (to.length === 0) return conclusion(settled, 'everybody has it already');
      const deadline = AbortSignal.timeout(settings.timeouts.totalMs);
      try {
        const { envelope, message } = await composed(notification, settings, context);
        const stop = AbortSignal.any([signal, deadline]);
        const outcome = await sendBySmtp(
          settings,
          domainOf(context.host),
          { ...envelope, to: to.map(addressOf) },
          message,
          stop,
          tell,
        );
        return judged(outcome, to, settled, clean, tell);
      } catch (error) {
        if (signal.aborted)
          return { outcome: 'later', afterMs: null, reason: 'stopped before it was sent', settled };
        if (deadline.aborted) {
          const text = `the server took longer than ${settings.timeouts.totalMs / 1_000} s for one mail`;
          tell(failed('accepted', text, 'Look at the load and the log of the server.'));
          return { outcome: 'later', afterMs: null, reason: text, settled };
        }
        if (!(error instanceof SmtpFailure)) {
          const reason = clean(error instanceof Error ? error.message : String(error));
          return { outcome: 'never', reason: `this mail cannot be made: ${reason}`, disable: false };
        }
        tell(error.step);
        const reason = clean(error.message);
        if (!error.final) return { outcome: 'later', afterMs: null, reason, settled };
        // Those who got it in an earlier attempt have it.
        if (settled.some(({ refused }) => refused === null))
          return conclusion([...settled, ...to.map((recipient) => ({ recipient, refused: reason }))], reason);
        return { outcome: 'never', reason, disable: false };
      }
    },
  };
}

function judged(
  outcome: SmtpOutcome,
  to: readonly string[],
  before: readonly Settled[],
  clean: (text: string) => string,
  onStep: OnStep,
): Delivered {
  const refusals = new Map(outcome.refused.map((each) => [each.recipient, each]));
  const settled = [...before];
  const waiting: RefusedRecipient[] = [];
  for (const recipient of to) {
    const refusal = refusals.get(addressOf(recipient));
    if (refusal === undefined) settled.push({ recipient, refused: null });
    else if (refusal.final) settled.push({ recipient, refused: clean(refusal.reply) });
    else waiting.push(refusal);
    if (refusal !== undefined) onStep(refusedStep(refusal));
  }
  const took = to.length - refusals.size;
  if (took > 0)
    onStep(passed('accepted', `the server took it for ${took} of ${to.length}: ${outcome.reply}`));
  if (waiting.length === 0) return conclusion(settled, clean(outcome.reply));
  const who = waiting.map(({ recipient, reply }) => `${recipient}: ${clean(reply)}`).join('; ');
  return { outcome: 'later', afterMs: null, reason: `refused for the moment: ${who}`, settled };
}

/** Nobody is left to be told. */
function conclusion(settled: readonly Settled[], reply: string): Delivered {
  const refused = settled.flatMap(({ recipient, refused: why }) =>
    why === null ? [] : [`${recipient}: ${why}`],
  );
  const told = settled.length - refused.length;
  if (told === 0)
    return { outcome: 'never', reason: `refused for all: ${refused.join('; ')}`, disable: false };
  const detail = `accepted for ${told} of ${settled.length}: ${reply}`;
  return refused.length === 0 ? { outcome: 'done', detail } : { outcome: 'done', detail, refused };
}

function refusedStep({ recipient, reply, final }: RefusedRecipient) {
  const advice = final
    ? 'Is the address right, and does the server relay to it?'
    : 'It is tried again by itself.';
  return failed('recipient', `${recipient}: ${reply}`, advice);
}

async function composed(notification: Notification, settings: EmailSettings, context: DeliveryContext) {
  const mail = renderEmail(notification, context);
  const node = new MailComposer({
    from: settings.from,
    to: [...settings.to],
    subject: mail.subject,
    messageId: mail.messageId,
    ...(mail.inReplyTo === null ? {} : { inReplyTo: mail.inReplyTo, references: [...mail.references] }),
    date: new Date(notification.at / MS),
    headers: { ...mail.headers },
    text: mail.text,
    html: mail.html,
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  return { envelope: { from: addressOf(settings.from) }, message: await node.build() };
}

/** `a@b.example` of `Name <a@b.example>` */
export function addressOf(text: string): string {
  return /<([^<>]+)>\s*$/.exec(text)?.[1] ?? text.trim();
}
