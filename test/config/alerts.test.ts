/** The section `alerts:` of a configuration. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/located-yaml.ts';
import { parseConfiguration } from '../../src/config/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'vipwatch-alerts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (text: string, environment: Record<string, string> = {}) =>
  parseConfiguration(text, join(folder, 'vipwatch.yaml'), environment).alerts;

function problems(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.replaceAll(`${folder}/`, '').split('\n');
    throw error;
  }
  throw new Error('the file was accepted');
}

it('takes five lines', () => {
  const alerts = read(`
alerts:
  email:
    smtp: smtp://mail.example.com
    from: vipwatch@example.com
    to: [oncall@example.com]
`);
  expect(alerts?.email).toEqual({
    name: 'email',
    smtp: 'smtp://mail.example.com',
    user: null,
    password: null,
    from: 'vipwatch@example.com',
    to: ['oncall@example.com'],
    allowInsecure: false,
    ca: null,
  });
  expect(alerts?.rules.rules.length).toBeGreaterThan(30);
  expect(alerts).toMatchObject({ foreign: false, webhooks: [], heartbeat: null, maintenance: [] });
});

it('takes secrets from outside', () => {
  const text = `
alerts:
  webhooks:
    - {url: "https://hooks.example.com/\${TOKEN}", format: alertmanager, secret: "\${HOOK_SECRET}"}
    - {format: pagerduty, secret: "\${HOOK_SECRET}", name: pager}
`;
  const alerts = read(text, { TOKEN: 'a/b', HOOK_SECRET: 'geheim' });
  expect(alerts?.webhooks.map(({ name, url, secret }) => [name, url, secret])).toEqual([
    ['alertmanager', 'https://hooks.example.com/a%2Fb', 'geheim'],
    ['pager', 'https://events.pagerduty.com/v2/enqueue', 'geheim'],
  ]);
  expect(problems(text, { TOKEN: 'x' }).join('\n')).toMatch(/the variable .{2}HOOK_SECRET. is not set/);
});

it('reads templates, those that come with vipwatch and your own', () => {
  const hook = (template: string) => `
alerts:
  webhooks: [{url: "https://hooks.example.com/x", format: template, template: ${template}}]
`;
  expect(read(hook('alerts/templates/dingtalk.json'))?.webhooks[0]?.template).toMatchObject({
    sign: 'dingtalk',
  });
  writeFileSync(join(folder, 'mine.json'), '{"body": {"text": "{{headline}}"}}');
  expect(read(hook('mine.json'))?.webhooks[0]?.template?.body).toEqual({ text: '{{headline}}' });
  writeFileSync(join(folder, 'wrong.json'), '{"body": "{{no.such.thing}}", "sgin": "feishu"}');
  expect(problems(hook('wrong.json')).map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
    'vipwatch.yaml:3: alerts.webhooks[0].template',
    'vipwatch.yaml:3: alerts.webhooks[0].template',
  ]);
  expect(problems(hook('missing.json')).join()).toContain('missing.json: no such file');
});

it('tells all mistakes at once, those of the rules it names included, and no secret', () => {
  writeFileSync(join(folder, 'mine.yaml'), 'rules:\n  - {name: a, kind: failover, to: nobody}\n');
  const wrong = problems(
    `
alerts:
  rules: mine.yaml
  email: {smtp: "smtp://u:p@mail", from: a@example.com, to: [], user: ann}
  webhooks: [{url: "ftp://\${TOKEN}", format: standard}, {format: slack, url: "http://a.example", template: x.json}]
  heartbeat: {url: x, every: 1}
  maintenance: [{name: a, at: "25:00", for: 1h}]
`,
    { TOKEN: 'geheim' },
  );
  expect(wrong.join('\n')).not.toContain('geheim');
  expect(wrong.map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
    'vipwatch.yaml:4: alerts.email.smtp',
    'vipwatch.yaml:4: alerts.email.to',
    'vipwatch.yaml:5: alerts.webhooks[0].url',
    'vipwatch.yaml:6: alerts.heartbeat.url',
    'vipwatch.yaml:6: alerts.heartbeat.every',
    'vipwatch.yaml:7: alerts.maintenance[0].at',
  ]);
  expect(
    problems(`
alerts:
  rules: mine.yaml
  email: {smtp: "smtp://mail", from: a@example.com, to: [b@example.com], user: ann}
  webhooks: [{url: "http://a.example", format: standard}, {format: slack, url: "http://a.example", template: x.json}]
  maintenance: [{name: a, at: "22:00"}, {name: b, from: 2026-11-20T22:00:00Z, until: 2026-11-20T21:00:00Z}]
`),
  ).toEqual([
    'vipwatch.yaml:4: alerts.email.password: missing; user and password go together',
    'vipwatch.yaml:5: alerts.webhooks[0].secret: missing; expected the key that signs (whsec_…)',
    'vipwatch.yaml:5: alerts.webhooks[1].template: stands beside format slack; the format template needs one, the others have their own',
    'vipwatch.yaml:6: alerts.maintenance[0]: no time, or two kinds of it; expected from and until (once), or at and for, with days where it is not daily',
    'vipwatch.yaml:6: alerts.maintenance[1].until: is not after from; a window ends after it begins',
    'mine.yaml:2: rules[0].to: no receiver is named nobody; there is email, standard, slack',
  ]);
});

it('takes the rules that the documents show as an example', () => {
  expect(read('alerts: {rules: alerts/default.yaml}')?.rules).toEqual(read('alerts: {}')?.rules);
});
