/** The section `alerts:` of `vipwatch.yaml`: its shape, and what it means. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import {
  type AlertsConfiguration,
  type MaintenanceWindow,
  receiverNames,
  WEBHOOK_FORMATS,
  type WebhookConfiguration,
} from '../alerts/configuration.ts';
import { standardKeyFault } from '../alerts/deliver/signatures.ts';
import { parseTemplate, TemplateError, type WebhookTemplate } from '../alerts/deliver/template.ts';
import { WEEKDAYS } from '../alerts/quiet.ts';
import { DEFAULT_TIMING, RULE_KINDS } from '../alerts/rules.ts';
import { instantFromIso } from '../time.ts';
import { DEFAULT_RULES, readRuleBook } from './alert-rules.ts';
import { ConfigurationError, type LocatedYaml } from './located-yaml.ts';
import type { Path } from './meaning.ts';
import { dailyMinute, durationMs, list, section, text } from './shapes.ts';
import { whyUnreadable } from './values.ts';

const WEBHOOK_TIMEOUT_MS = 15_000;
const HEARTBEAT_EVERY_MS = 60_000;
const WEBHOOKS_MAX = 16;
const MAINTENANCE_MAX = 100;
/** Where PagerDuty takes events; the EU's accounts name theirs. */
const PAGERDUTY_URL = 'https://events.pagerduty.com/v2/enqueue';

const SMTP = 'smtp://HOST[:PORT] or smtps://HOST[:PORT], with user and password as keys of their own';
const HTTP = 'an http:// or https:// URL';
const httpUrl = z
  .string({ error: HTTP })
  .refine((value) => isUrl(value, ['http:', 'https:']), { error: HTTP });
const flag = z.boolean({ error: 'true or false' });
const RECEIVER = 'a name of letters, digits, - and _, such as oncall';
const receiverName = z.string({ error: RECEIVER }).regex(/^[\w-]{1,40}$/, { error: RECEIVER });

const email = section({
  name: receiverName.default('email'),
  smtp: z
    .string({ error: SMTP })
    .refine((value) => isUrl(value, ['smtp:', 'smtps:']) && !value.includes('@'), { error: SMTP }),
  user: text('a user name').optional(),
  password: text('a password, best from the environment or file:PATH').optional(),
  from: text('the address of the sender, such as vipwatch@example.com'),
  to: list(text('an address, such as oncall@example.com'), 'addresses').min(1, {
    error: 'at least one address',
  }),
  allowInsecure: flag.default(false),
  ca: text('certificates in PEM, best as file:PATH').optional(),
});

const FORMAT = WEBHOOK_FORMATS.join(', ');
const webhook = section({
  name: receiverName.optional(),
  url: httpUrl.optional(),
  format: z.enum(WEBHOOK_FORMATS, { error: `one of ${FORMAT}` }),
  secret: text('a secret, best from the environment or file:PATH').optional(),
  template: text('the path of a JSON file, such as alerts/templates/dingtalk.json').optional(),
  timeout: durationMs.default(WEBHOOK_TIMEOUT_MS),
  ca: text('certificates in PEM, best as file:PATH').optional(),
});

const ZONE = 'a time zone such as Europe/Berlin or UTC';
const zone = z.string({ error: ZONE }).refine(isZone, { error: ZONE });
const INSTANT = 'a time such as 2026-11-20T22:00:00Z';
const instant = z.string({ error: INSTANT }).transform((value, context) => {
  const at = instantFromIso(value);
  if (at !== null) return at;
  context.addIssue({ code: 'custom', message: INSTANT });
  return z.NEVER;
});
const DAYS = `days of the week: ${WEEKDAYS.join(', ')}`;
const day = z
  .string({ error: DAYS })
  .refine((value) => WEEKDAYS.includes(capital(value)), { error: DAYS })
  .transform((value) => WEEKDAYS.indexOf(capital(value)));
const KIND = 'a kind of event (docs/events.md)';

const maintenance = section({
  name: text('a name, such as patch-sunday'),
  cluster: text('the name of a cluster').optional(),
  kinds: list(
    z.string({ error: KIND }).refine((kind) => RULE_KINDS.includes(kind), { error: KIND }),
    'kinds',
  ).optional(),
  subject: text('a part of the subject, such as 51 or 10.0.0.100').optional(),
  from: instant.optional(),
  until: instant.optional(),
  days: list(day, 'days').optional(),
  at: dailyMinute.optional(),
  for: durationMs.optional(),
  zone: zone.optional(),
});

const RULES = 'the path of a file of rules, or a list of them';
export const alertsSchema = section({
  rules: z.union([text(RULES), list(text(RULES), 'files of rules')], { error: RULES }).optional(),
  email: email.optional(),
  webhooks: list(webhook, 'webhooks, each with url and format')
    .max(WEBHOOKS_MAX, { error: `at most ${WEBHOOKS_MAX} webhooks` })
    .optional(),
  heartbeat: section({ url: httpUrl, every: durationMs.default(HEARTBEAT_EVERY_MS) }).optional(),
  foreign: flag.default(false),
  maintenance: list(maintenance, 'maintenance windows')
    .max(MAINTENANCE_MAX, { error: `at most ${MAINTENANCE_MAX} maintenance windows` })
    .optional(),
  dashboard: httpUrl.optional(),
  timeZone: zone.optional(),
});

type AlertsGiven = z.infer<typeof alertsSchema>;

/** Null where nothing is said of alerts. `folder`: what paths are relative to. */
export function alertsOf(
  given: AlertsGiven | undefined,
  yaml: LocatedYaml,
  folder: string,
): AlertsConfiguration | null {
  if (given === undefined) return null;
  const webhooks = webhooksOf(given, yaml, folder);
  const mail = given.email;
  if (mail !== undefined && (mail.user === undefined) !== (mail.password === undefined)) {
    const lacks = mail.user === undefined ? 'user' : 'password';
    yaml.report(['alerts', 'email', lacks], 'missing', 'user and password go together');
  }
  const receivers = {
    email:
      mail === undefined
        ? null
        : { ...mail, user: mail.user ?? null, password: mail.password ?? null, ca: mail.ca ?? null },
    webhooks,
  };
  const names = receiverNames(receivers);
  for (const [i, { name }] of webhooks.entries()) {
    if (names.indexOf(name) === names.lastIndexOf(name)) continue;
    yaml.report(
      ['alerts', 'webhooks', i, 'name'],
      `a second receiver named ${name}`,
      'give each its own name',
    );
  }
  return {
    ...receivers,
    rules: rulesOf(given, yaml, folder, names),
    heartbeat:
      given.heartbeat === undefined
        ? null
        : { url: given.heartbeat.url, everyMs: Math.max(1_000, given.heartbeat.every) },
    foreign: given.foreign,
    maintenance: (given.maintenance ?? []).flatMap((window, i) => windowOf(window, i, yaml) ?? []),
    dashboard: given.dashboard ?? null,
    timeZone: given.timeZone ?? null,
  };
}

function webhooksOf(given: AlertsGiven, yaml: LocatedYaml, folder: string): readonly WebhookConfiguration[] {
  return (given.webhooks ?? []).map((hook, i): WebhookConfiguration => {
    const at = (key: string) => ['alerts', 'webhooks', i, key];
    const { format, secret = null, ca = null, timeout: timeoutMs } = hook;
    const url = hook.url ?? (format === 'pagerduty' ? PAGERDUTY_URL : null);
    if (url === null) yaml.report(at('url'), 'missing', `expected ${HTTP}`);
    if (secret === null && (format === 'standard' || format === 'pagerduty'))
      yaml.report(
        at('secret'),
        'missing',
        format === 'standard'
          ? 'expected the key that signs (whsec_…)'
          : 'expected the integration (routing) key',
      );
    const keyFault = format === 'standard' && secret !== null ? standardKeyFault(secret) : null;
    if (keyFault !== null)
      yaml.report(at('secret'), keyFault, 'expected whsec_ and 24 to 64 bytes in base64');
    if ((hook.template === undefined) === (format === 'template'))
      yaml.report(
        at('template'),
        hook.template === undefined ? 'missing' : `stands beside format ${format}`,
        'the format template needs one, the others have their own',
      );
    const template =
      format === 'template' && hook.template !== undefined
        ? templateOf(hook.template, at('template'), yaml, folder)
        : null;
    return { name: hook.name ?? format, url: url ?? '', format, secret, template, timeoutMs, ca };
  });
}

function rulesOf(
  { rules = [] }: AlertsGiven,
  yaml: LocatedYaml,
  folder: string,
  receivers: readonly string[],
): AlertsConfiguration['rules'] {
  const files = (typeof rules === 'string' ? [rules] : rules).map((path) => ownOrShipped(path, folder));
  try {
    return readRuleBook(files, receivers);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    yaml.include(error);
    return { rules: [], timing: DEFAULT_TIMING };
  }
}

function templateOf(path: string, at: Path, yaml: LocatedYaml, folder: string): WebhookTemplate | null {
  const file = ownOrShipped(path, folder);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    yaml.report(at, `${file}: ${whyUnreadable(error)}`, 'expected the path of a JSON file');
    return null;
  }
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    for (const mistake of error.message.split('\n'))
      yaml.report(at, `${file}: ${mistake}`, 'docs/alert-receivers.md says what a template is');
    return null;
  }
}

/** What the documents show as examples, `alerts/default.yaml` and the like, comes with vipwatch. */
function ownOrShipped(path: string, folder: string): string {
  const own = resolve(folder, path);
  const shipped = resolve(dirname(DEFAULT_RULES), '..', path);
  return path.startsWith('alerts/') && !existsSync(own) && existsSync(shipped) ? shipped : own;
}

type WindowGiven = z.infer<typeof maintenance>;

function windowOf(window: WindowGiven, i: number, yaml: LocatedYaml): MaintenanceWindow | null {
  const { name, cluster, kinds, subject, from, until, days, at, for: lengthMs, zone: named } = window;
  const place = ['alerts', 'maintenance', i];
  const matchers = {
    ...(cluster === undefined ? {} : { cluster }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(subject === undefined ? {} : { subject }),
  };
  const once = from !== undefined || until !== undefined;
  const recurs = days !== undefined || at !== undefined || lengthMs !== undefined;
  if (once && !recurs && from !== undefined && until !== undefined) {
    if (from < until) return { name, matchers, when: { from, until } };
    yaml.report([...place, 'until'], 'is not after from', 'a window ends after it begins');
  } else if (recurs && !once && at !== undefined && lengthMs !== undefined) {
    if (lengthMs <= WEEK_MS)
      return { name, matchers, when: { days: days ?? [], startMinute: at, lengthMs, zone: named ?? 'UTC' } };
    yaml.report([...place, 'for'], 'longer than a week', 'what recurs lasts a week at most');
  } else {
    yaml.report(
      place,
      'no time, or two kinds of it',
      'expected from and until (once), or at and for, with days where it is not daily',
    );
  }
  return null;
}

const WEEK_MS = 7 * 86_400_000;

function isUrl(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol);
}

function isZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase();
}
