/**
 * A webhook as a receiver: the format's body, signed where the format signs, posted once. What the answer means for
 * the notification is decided here and nowhere else. Never says a secret: of the URL only the host is shown, and what
 * an answer quotes of URL or secret is removed.
 */
import type { Delivered, Notification, Receiver } from '../notification.ts';
import { alertmanagerPayloads } from './alertmanager.ts';
import { type Answer, PostFailure, post, retryAfterMs } from './http-post.ts';
import { messageData } from './message-data.ts';
import { pagerdutyEvents } from './pagerduty.ts';
import { oneLine, redacted, secretsOfUrl, shownUrl } from './redact.ts';
import type { DeliveryContext, WebhookSettings } from './settings.ts';
import { dingtalkSignature, feishuSignature, standardSignature } from './signatures.ts';
import { slackMessage } from './slack.ts';
import { standardBody } from './standard.ts';
import { failed, type OnStep, passed, type Step } from './steps.ts';
import { fill, refusal, type WebhookTemplate } from './template.ts';

interface Message {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

export function webhookReceiver(
  settings: WebhookSettings,
  context: DeliveryContext,
  onStep: OnStep = () => {},
): Receiver {
  const where = shownUrl(settings.url);
  const secrets = [...secretsOfUrl(settings.url), ...(settings.secret === null ? [] : [settings.secret])];
  const clean = (text: string) => oneLine(redacted(text, secrets));
  const tell: OnStep = (step) => onStep({ ...step, detail: clean(step.detail) });

  return {
    name: settings.name,
    async deliver(notification, signal) {
      let detail = 'there is nothing to send in this format';
      try {
        for (const message of messagesOf(notification, settings, context, Date.now())) {
          const answer = await post(requestOf(message, settings, context), where, signal, tell);
          const { delivered, step } = judged(answer, settings.template, clean);
          tell(step);
          if (delivered.outcome !== 'done') return delivered;
          detail = delivered.detail;
        }
        return { outcome: 'done', detail };
      } catch (error) {
        if (signal.aborted)
          return { outcome: 'later', afterMs: null, reason: 'stopped before it was answered' };
        if (error instanceof PostFailure) {
          tell(error.step);
          return { outcome: 'later', afterMs: null, reason: clean(error.message) };
        }
        const reason = clean(error instanceof Error ? error.message : String(error));
        return { outcome: 'never', reason: `this message cannot be made: ${reason}`, disable: false };
      }
    },
  };
}

function messagesOf(
  notification: Notification,
  settings: WebhookSettings,
  context: DeliveryContext,
  nowMs: number,
): readonly Message[] {
  const { format, secret, template } = settings;
  switch (format) {
    case 'alertmanager':
      return alertmanagerPayloads(notification, context).map((payload) =>
        message(payload, secret === null ? {} : { authorization: `Bearer ${secret}` }),
      );
    case 'standard': {
      const made = message(standardBody(notification, context));
      const timestamp = Math.floor(nowMs / 1_000);
      const { id } = notification;
      const signature = standardSignature(required(secret, 'a signing key'), id, timestamp, made.body);
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signature,
      };
      return [{ ...made, headers: { ...made.headers, ...headers } }];
    }
    case 'slack':
      return [message(slackMessage(notification, context))];
    case 'pagerduty':
      return pagerdutyEvents(notification, context, required(secret, 'an integration key')).map((event) =>
        message(event),
      );
    case 'template':
      return [filled(required(template, 'a template'), notification, secret, context, nowMs)];
    default:
      return format satisfies never;
  }
}

function filled(
  template: WebhookTemplate,
  notification: Notification,
  secret: string | null,
  context: DeliveryContext,
  nowMs: number,
): Message {
  const signature = secret === null ? null : signatureOf(template, secret, nowMs);
  const data = { ...messageData(notification, context), signature };
  const texts = (of: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(of).flatMap(([name, text]) => {
        const value = fill(text, data);
        return value === null ? [] : [[name, typeof value === 'string' ? value : JSON.stringify(value)]];
      }),
    );
  const { body, headers } = message(fill(template.body, data), texts(template.headers));
  return { body, headers, query: texts(template.query) };
}

function signatureOf({ sign }: WebhookTemplate, secret: string, nowMs: number) {
  const seconds = Math.floor(nowMs / 1_000);
  switch (sign) {
    case 'dingtalk':
      return { timestamp: String(nowMs), value: dingtalkSignature(secret, nowMs) };
    case 'feishu':
      return { timestamp: String(seconds), value: feishuSignature(secret, seconds) };
    case null:
      return null;
  }
}

function message(body: unknown, headers: Readonly<Record<string, string>> = {}): Message {
  return { body: Buffer.from(JSON.stringify(body)), headers, query: {} };
}

function requestOf({ body, headers, query }: Message, settings: WebhookSettings, context: DeliveryContext) {
  const url = new URL(settings.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return {
    url,
    body,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      accept: 'application/json, text/plain;q=0.9, */*;q=0.1',
      'user-agent': `vipwatch/${context.release}`,
      ...headers,
    },
    timeoutMs: settings.timeoutMs,
    ca: settings.ca,
  };
}

/** The one place where an answer becomes a decision. */
function judged(
  { status, headers, body }: Answer,
  template: WebhookTemplate | null,
  clean: (text: string) => string,
): { readonly delivered: Delivered; readonly step: Step } {
  const said = `HTTP ${status}${body.trim() === '' ? '' : `: ${clean(body)}`}`;
  if (status >= 200 && status < 300) {
    const wrong = template === null ? null : refusal(template, body);
    if (wrong === null) return { delivered: { outcome: 'done', detail: said }, step: passed('answer', said) };
    const reason = `refused: ${clean(wrong.reason)} (${said})`;
    return {
      delivered: wrong.later ? later(reason, null) : never(reason),
      step: failed(
        'answer',
        reason,
        'The receiver took the request and refuses what it says: its words are above.',
      ),
    };
  }
  const step = failed('answer', said, adviceFor(status));
  // Some say "too often" in the body of any status.
  if (template !== null && refusal(template, body)?.later === true)
    return { delivered: later(said, null), step };
  if (status === 410) return { delivered: { outcome: 'never', reason: said, disable: true }, step };
  // 408 and 425 ask for another attempt by their very meaning.
  if (status === 429 || status === 408 || status === 425 || status >= 500)
    return { delivered: later(said, retryAfterMs(headers['retry-after'], Date.now())), step };
  return { delivered: never(said), step };
}

function adviceFor(status: number): string {
  if (status >= 300 && status < 400)
    return 'It redirects, which is not followed (what is signed for one place is not for another): configure the final URL.';
  switch (status) {
    case 400:
    case 422:
      return 'The receiver does not understand the body: is `format` the right one for it?';
    case 401:
    case 403:
      return 'The receiver refuses the credentials: compare URL and secret with what it gave you.';
    case 404:
      return 'Nobody takes messages at this URL: was the webhook deleted, or the URL cut short?';
    case 410:
      return 'The webhook was deleted over there: make a new one and configure its URL. Until then nothing is sent.';
    case 429:
      return 'Too many messages: it is tried again when the receiver allows it.';
    default:
      return status >= 500
        ? 'The receiver has trouble of its own: it is tried again by itself.'
        : 'The receiver refuses the request: its documentation says what this status means.';
  }
}

function later(reason: string, afterMs: number | null): Delivered {
  return { outcome: 'later', afterMs, reason };
}

function never(reason: string): Delivered {
  return { outcome: 'never', reason, disable: false };
}

function required<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`${what} is missing in the configuration`);
  return value;
}
