/** Webhooks on loopback: what is sent in each format, and what each answer means. */
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebhookSettings } from '../../../src/alerts/deliver/settings.ts';
import { standardKeyFault } from '../../../src/alerts/deliver/signatures.ts';
import type { Step } from '../../../src/alerts/deliver/steps.ts';
import { parseTemplate } from '../../../src/alerts/deliver/template.ts';
import { webhookReceiver } from '../../../src/alerts/deliver/webhook.ts';
import type { Notification } from '../../../src/alerts/notification.ts';
import { Authority } from '../../support/certificates.ts';
import { HttpReceiver } from '../../support/http-receiver.ts';
import {
  CONTEXT,
  knownAt,
  plainNotification,
  replayedIncident,
  told,
} from '../../support/sample-notifications.ts';

const SECRET = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const TOKEN = 'Q3Zx9LkT7vBn2Rw5';

let receiver: HttpReceiver;
beforeEach(async () => {
  receiver = await HttpReceiver.start();
});
afterEach(() => receiver.stop());

function settingsFor(traits: Partial<WebhookSettings> = {}): WebhookSettings {
  return {
    name: 'hook',
    url: `${receiver.url}/services/${TOKEN}?access_token=${TOKEN}`,
    format: 'alertmanager',
    secret: null,
    template: null,
    timeoutMs: 10_000,
    ca: null,
    ...traits,
  };
}

async function deliver(settings: WebhookSettings, notification: Notification = plainNotification()) {
  const steps: Step[] = [];
  const hook = webhookReceiver(settings, CONTEXT, (step) => steps.push(step));
  const delivered = await hook.deliver(notification, new AbortController().signal);
  const said = JSON.stringify([delivered, steps]);
  expect(said).not.toContain(TOKEN);
  if (settings.secret !== null) expect(said).not.toContain(settings.secret);
  return { delivered, steps, failure: steps.find((step) => !step.ok) ?? null };
}

describe('what an answer means', () => {
  it.each([
    [200, { outcome: 'done' }],
    [204, { outcome: 'done' }],
    [301, { outcome: 'never', disable: false }],
    [400, { outcome: 'never', disable: false }],
    [403, { outcome: 'never', disable: false }],
    [404, { outcome: 'never', disable: false }],
    [408, { outcome: 'later', afterMs: null }],
    [410, { outcome: 'never', disable: true }],
    [429, { outcome: 'later', afterMs: null }],
    [500, { outcome: 'later', afterMs: null }],
    [502, { outcome: 'later', afterMs: null }],
    [504, { outcome: 'later', afterMs: null }],
  ])('%i', async (status, expected) => {
    receiver.answer = () => ({ status, headers: { location: `${receiver.url}/elsewhere` } });
    const { delivered, failure } = await deliver(
      settingsFor(),
      told(await replayedIncident('failover'), { status: 'resolved' }),
    );
    expect(delivered).toMatchObject(expected);
    expect(receiver.posts.map(({ path }) => path)).toEqual([`/services/${TOKEN}?access_token=${TOKEN}`]);
    if (expected.outcome === 'done') expect(failure).toBeNull();
    else
      expect(failure).toMatchObject({ step: 'answer', detail: `HTTP ${status}`, advice: expect.any(String) });
  });

  it('Retry-After is heeded, in seconds and as a date, up to a day', async () => {
    const asked = async (text: string) => {
      receiver.answer = () => ({ status: 429, headers: { 'retry-after': text } });
      const { delivered } = await deliver(settingsFor());
      return delivered.outcome === 'later' ? delivered.afterMs : undefined;
    };
    expect(await asked('120')).toBe(120_000);
    expect(await asked('9999999')).toBe(86_400_000);
    expect(await asked('soon')).toBeNull();
    const inTenMinutes = await asked(new Date(Date.now() + 600_000).toUTCString());
    expect(inTenMinutes).toBeGreaterThan(300_000);
    expect(inTenMinutes).toBeLessThanOrEqual(600_000);
    expect(await asked('Thu, 01 Jan 2015 00:00:00 GMT')).toBe(0);
  });

  it('of an endless answer only the beginning is read, and what it quotes of secrets is not repeated', async () => {
    receiver.answer = ({ path }, response) => {
      response.writeHead(400);
      response.write(`no such hook ${path} `);
      const more = setInterval(() => response.write('x'.repeat(2_000)), 1);
      response.once('close', () => clearInterval(more));
      return 'handled';
    };
    const { delivered } = await deliver(settingsFor({ secret: 'bearer secret' }));
    expect(delivered).toMatchObject({
      outcome: 'never',
      reason: expect.stringMatching(/^HTTP 400: no such hook \*\*\*/),
    });
    expect(delivered.outcome === 'never' ? delivered.reason.length : 0).toBeLessThan(400);
  });

  it.each([
    ['hangs', () => 'handled' as const],
    [
      'hangs in the middle',
      (_post: unknown, response: { writeHead(status: number): unknown; write(text: string): unknown }) => {
        response.writeHead(200);
        response.write('{');
        return 'handled' as const;
      },
    ],
  ])('a receiver that %s is given up', async (_what, answer) => {
    receiver.answer = answer;
    const { delivered, failure } = await deliver(settingsFor({ timeoutMs: 300 }));
    expect(delivered).toMatchObject({ outcome: 'later', afterMs: null });
    expect(failure?.detail).toContain('did not answer in time');
  });

  it('a connection that is cut, refused, or to nobody, is for later', async () => {
    receiver.answer = (_post, response) => {
      response.socket?.destroy();
      return 'handled';
    };
    expect((await deliver(settingsFor())).delivered.outcome).toBe('later');
    const { url } = receiver;
    await receiver.stop();
    const refused = await deliver(settingsFor({ url: `${url}/${TOKEN}` }));
    expect(refused.delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('refuses') });
    const unknown = await deliver(settingsFor({ url: `https://hooks.invalid/${TOKEN}` }));
    expect(unknown.failure).toMatchObject({
      step: 'dns',
      detail: expect.stringContaining('https://hooks.invalid/…'),
    });
    receiver = await HttpReceiver.start();
  });

  it('a stop leaves it for later', async () => {
    const stop = new AbortController();
    receiver.answer = () => {
      stop.abort();
      return 'handled';
    };
    const delivered = await webhookReceiver(settingsFor(), CONTEXT).deliver(plainNotification(), stop.signal);
    expect(delivered).toMatchObject({ outcome: 'later', reason: expect.stringContaining('stopped') });
  });
});

describe('TLS', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vipwatch-hook-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is verified, and told step by step', async () => {
    const authority = new Authority(folder);
    await receiver.stop();
    receiver = await HttpReceiver.start(authority.issue());
    const untrusted = await deliver(settingsFor());
    expect(untrusted.delivered.outcome).toBe('later');
    expect(untrusted.failure).toMatchObject({ step: 'tls', advice: expect.stringContaining('`ca`') });
    expect(receiver.posts).toEqual([]);

    const { delivered, steps } = await deliver(settingsFor({ ca: authority.cert, format: 'slack' }));
    expect(delivered.outcome).toBe('done');
    expect(steps.map(({ step }) => step)).toEqual(['dns', 'connect', 'tls', 'answer']);
    expect(steps[2]?.detail).toContain('certificate of mail.test by Test Authority');
  });
});

describe('standard', () => {
  it('signs the very bytes: openssl and an implementation from the specification agree', async () => {
    const incident = await replayedIncident('split-brain');
    const notification = told(incident, { id: 'n-1-2' });
    await deliver(settingsFor({ format: 'standard', secret: `whsec_${SECRET}` }), notification);
    const [post] = receiver.posts;
    const {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    } = post?.headers ?? {};
    expect(id).toBe(notification.id);
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(300);
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), post?.body ?? Buffer.alloc(0)]);
    const key = Buffer.from(SECRET, 'base64').toString('hex');
    const mac = execFileSync(
      'openssl',
      ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-binary'],
      {
        input: signed,
      },
    );
    expect(signature).toBe(`v1,${mac.toString('base64')}`);
    expect(signature).toBe(
      `v1,${createHmac('sha256', Buffer.from(SECRET, 'base64')).update(signed).digest('base64')}`,
    );
  });

  it('keeps the id over attempts, and tells the incident below 20 kB', async () => {
    const incident = await replayedIncident('split-brain');
    const many = Array.from({ length: 500 }, () => incident.events).flat();
    const notification = told({ ...incident, events: many });
    const settings = settingsFor({ format: 'standard', secret: SECRET });
    await deliver(settings, notification);
    await deliver(settings, notification);
    const [first, second] = receiver.posts;
    expect(first?.headers['webhook-id']).toBe(second?.headers['webhook-id']);
    expect(first?.body.length).toBeLessThan(20_000);
    expect(receiver.json[0]).toMatchObject({
      type: 'incident.firing',
      timestamp: expect.stringMatching(/Z$/),
      data: {
        status: 'firing',
        severity: 'critical',
        headline: expect.stringContaining('10.0.0.100'),
        incident: { id: 1, ended: null },
        events: expect.arrayContaining([expect.objectContaining({ kind: 'split-brain', phase: 'begin' })]),
      },
    });
  });

  it('wants a key of the size that the specification asks for', () => {
    expect(standardKeyFault(`whsec_${SECRET}`)).toBeNull();
    expect(standardKeyFault('whsec_c2hvcnQ=')).toContain('24 to 64 bytes');
    expect(standardKeyFault('not base64!')).toContain('base64');
  });
});

/** Nothing of it lasts any more. */
function over(notification: Notification): Notification {
  const alerts = notification.alerts.map((alert) => ({
    ...alert,
    status: 'resolved' as const,
    endsAt: alert.endsAt ?? notification.at,
  }));
  return { ...notification, alerts };
}

describe('alertmanager', () => {
  it('has the labels that routes and dashboards of Prometheus expect', async () => {
    const incident = await replayedIncident('split-brain');
    await deliver(
      settingsFor({ secret: 'bearer-token' }),
      told(incident, {}, knownAt(incident, 'split-brain')),
    );
    expect(receiver.posts[0]?.headers.authorization).toBe('Bearer bearer-token');
    expect(receiver.json[0]).toMatchObject({
      version: '4',
      status: 'firing',
      groupKey: '{}:{cluster="pair", incident="1", instance="observer.example.com", thread="inc-1-mail"}',
      groupLabels: { cluster: 'pair', incident: '1', instance: 'observer.example.com', thread: 'inc-1-mail' },
      commonLabels: { alertname: 'split-brain', severity: 'critical', cluster: 'pair', job: 'vipwatch' },
      truncatedAlerts: 0,
      alerts: [
        {
          status: 'firing',
          labels: { alertname: 'split-brain', subject: 'vr:replay/ipv4/51' },
          annotations: { summary: 'split-brain: a and b both hold 10.0.0.100, b does not yield' },
          endsAt: '0001-01-01T00:00:00Z',
        },
      ],
    });
  });

  it('a test is fired and resolved, so that nothing stays behind', async () => {
    await deliver(settingsFor());
    expect(receiver.json.map(({ status }) => status)).toEqual(['firing', 'resolved']);
    expect(receiver.json.map(({ groupKey }) => groupKey)).toEqual(
      Array(2).fill('{}:{instance="observer.example.com", thread="test-1"}'),
    );
  });

  it('what is over when it is first told fires, and is resolved; a digest is not sent', async () => {
    await deliver(settingsFor(), over(told(await replayedIncident('failover'))));
    expect(receiver.json).toMatchObject([
      { status: 'firing', alerts: Array(2).fill({ status: 'firing', endsAt: '0001-01-01T00:00:00Z' }) },
      {
        status: 'resolved',
        alerts: Array(2).fill({ status: 'resolved', endsAt: expect.stringMatching(/^20/) }),
      },
    ]);
    await deliver(settingsFor(), plainNotification({ status: 'digest' }));
    expect(receiver.posts).toHaveLength(2);
  });
});

describe('slack', () => {
  it('is a text and blocks within its bounds, and nothing from outside becomes a mention', async () => {
    const incident = await replayedIncident('split-brain');
    const notification = told(incident, { cluster: '<!channel>' });
    const evil = { ...notification, story: null, headline: `<!everyone> ${'x'.repeat(5_000)}` };
    for (const each of [notification, evil]) await deliver(settingsFor({ format: 'slack' }), each);
    for (const message of receiver.json) {
      const blocks = message.blocks as {
        type: string;
        text?: { text: string };
        fields?: { text: string }[];
      }[];
      expect(typeof message.text).toBe('string');
      expect(blocks.length).toBeLessThanOrEqual(50);
      for (const block of blocks) {
        expect(block.text?.text.length ?? 0).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3_000);
        expect(block.fields?.length ?? 0).toBeLessThanOrEqual(10);
      }
      // A header is plain text; everywhere else a mention would be one.
      expect(JSON.stringify([message.text, blocks.slice(1)])).not.toMatch(/<!|<@/);
    }
    expect(JSON.stringify(receiver.json[0])).toContain('arping -U -c 3');
  });
});

describe('pagerduty', () => {
  it('is one incident there as here: triggered, added to, resolved', async () => {
    const incident = await replayedIncident('split-brain');
    const settings = settingsFor({ format: 'pagerduty', secret: 'r'.repeat(32) });
    for (const [revision, status] of (['firing', 'update', 'resolved'] as const).entries())
      await deliver(settings, told(incident, { revision, status }));
    expect(receiver.json.map((event) => event.event_action)).toEqual(['trigger', 'trigger', 'resolve']);
    expect(new Set(receiver.json.map((event) => event.dedup_key))).toEqual(
      new Set(['vipwatch-observer.example.com-inc-1-mail']),
    );
    expect(receiver.json[0]).toMatchObject({
      routing_key: 'r'.repeat(32),
      payload: {
        summary: expect.stringMatching(/^pair: Split-brain: a and b both hold 10\.0\.0\.100/),
        source: 'observer.example.com',
        severity: 'critical',
        class: expect.any(String),
        custom_details: { cause: 'b does not hear a, so both act as master' },
      },
      client: 'vipwatch 0.1.0',
    });
  });

  it('what is over when it is first told is triggered, and resolved', async () => {
    const settings = settingsFor({ format: 'pagerduty', secret: 'r'.repeat(32) });
    await deliver(settings, over(told(await replayedIncident('failover'))));
    expect(receiver.json.map((event) => event.event_action)).toEqual(['trigger', 'resolve']);
    expect(new Set(receiver.json.map((event) => event.dedup_key)).size).toBe(1);
  });

  it('says the headline that was decided, not one of the report', async () => {
    const settings = settingsFor({ format: 'pagerduty', secret: 'r'.repeat(32) });
    await deliver(settings, told(await replayedIncident('split-brain'), { headline: 'Still: something.' }));
    expect(receiver.json[0]).toMatchObject({ payload: { summary: 'pair: Still: something.' } });
  });

  it('a test leaves nothing open, and a digest wakes nobody', async () => {
    const settings = settingsFor({ format: 'pagerduty', secret: 'r'.repeat(32) });
    await deliver(settings);
    expect(receiver.json.map((event) => event.event_action)).toEqual(['trigger', 'resolve']);
    expect(receiver.json[0]).toMatchObject({
      payload: { summary: expect.stringMatching(/^\[TEST\]/), severity: 'info' },
    });
    const { delivered } = await deliver(settings, plainNotification({ status: 'digest' }));
    expect(delivered.outcome).toBe('done');
    expect(receiver.posts).toHaveLength(2);
  });
});

describe('the recipes', () => {
  const recipe = (name: string) =>
    parseTemplate(readFileSync(new URL(`../../../alerts/templates/${name}.json`, import.meta.url), 'utf8'));

  it('DingTalk: text, signed in the URL; its own error codes decide', async () => {
    receiver.answer = () => ({ body: '{"errcode":0,"errmsg":"ok"}' });
    const settings = settingsFor({
      format: 'template',
      template: recipe('dingtalk'),
      secret: 'SECdingdingding',
    });
    const notification = told(await replayedIncident('split-brain'));
    expect((await deliver(settings, notification)).delivered.outcome).toBe('done');
    const query = new URL(receiver.posts[0]?.path ?? '', receiver.url).searchParams;
    const timestamp = query.get('timestamp') ?? '';
    expect(timestamp).toMatch(/^\d{13}$/);
    const mac = execFileSync('openssl', ['dgst', '-sha256', '-hmac', 'SECdingdingding', '-binary'], {
      input: `${timestamp}\nSECdingdingding`,
    });
    expect(query.get('sign')).toBe(mac.toString('base64'));
    expect(query.get('access_token')).toBe(TOKEN);
    expect(receiver.json[0]).toEqual({
      msgtype: 'text',
      text: { content: expect.stringContaining('[FIRING][critical] pair\nSplit-brain: a and b both hold') },
    });

    receiver.answer = () => ({ body: '{"errcode":310000,"errmsg":"sign not match"}' });
    expect((await deliver(settings)).delivered).toMatchObject({
      outcome: 'never',
      reason: expect.stringContaining('sign not match'),
    });
    receiver.answer = () => ({ body: '{"errcode":130101,"errmsg":"send too fast"}' });
    expect((await deliver(settings)).delivered.outcome).toBe('later');
  });

  it('Feishu: text, signed in the body where there is a secret', async () => {
    receiver.answer = () => ({ body: '{"code":0,"msg":"success","data":{}}' });
    const template = recipe('feishu');
    const settings = settingsFor({ format: 'template', template, secret: 'feishusecret' });
    expect((await deliver(settings)).delivered.outcome).toBe('done');
    await deliver({ ...settings, secret: null });
    const [signed, unsigned] = receiver.json;
    const key = Buffer.from(`${signed?.timestamp}\nfeishusecret`).toString('hex');
    const mac = execFileSync(
      'openssl',
      ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-binary'],
      {
        input: '',
      },
    );
    expect(signed).toMatchObject({
      timestamp: expect.stringMatching(/^\d{10}$/),
      sign: mac.toString('base64'),
      msg_type: 'text',
    });
    expect(Object.keys(unsigned ?? {}).sort()).toEqual(['content', 'msg_type']);
    receiver.answer = () => ({ status: 400, body: '{"code":11232,"msg":"frequency limited"}' });
    expect((await deliver(settings)).delivered.outcome).toBe('later');
  });

  it('WeCom: text of at most 2048 bytes', async () => {
    receiver.answer = () => ({ body: '{"errcode":0,"errmsg":"ok"}' });
    const settings = settingsFor({ format: 'template', template: recipe('wecom') });
    const notification = plainNotification({ headline: '虚拟地址'.repeat(1_000) });
    expect((await deliver(settings, notification)).delivered.outcome).toBe('done');
    const { text } = receiver.json[0] as { text: { content: string } };
    expect(Buffer.byteLength(text.content)).toBeLessThanOrEqual(2_048);
    expect(text.content).not.toContain('\ufffd');
    receiver.answer = () => ({ body: '<html>hello</html>' });
    expect((await deliver(settings)).delivered.outcome).toBe('never');
  });
});
