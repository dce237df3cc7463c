/**
 * The format `template`: a JSON body with placeholders, for receivers that have a format of their own. The template is
 * parsed first and filled in afterwards, so that what is inserted is always a JSON string, whatever it holds. Pure.
 *
 *     {"body": {"msgtype": "text", "text": {"content": "{{subject}}\n{{brief|1800}}"}}, "accepted": {"errcode": 0}}
 *
 * `{{path}}` is a value of `messageData` (`{{incident.dark}}`), `{{path|N}}` at most N bytes of it. A string that is one
 * placeholder and nothing else takes the value as it is: a number, a list; an entry of an object is left out if there
 * is no such value. Anywhere else nothing inserts nothing.
 */
import type { Json, MessageData } from './message-data.ts';

export interface WebhookTemplate {
  readonly body: Json;
  /** added to the URL */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** how the secret signs: the results are `{{signature.timestamp}}` and `{{signature.value}}` */
  readonly sign: 'dingtalk' | 'feishu' | null;
  /** an answer of 200 counts only if its JSON has these; null: any 2xx does */
  readonly accepted: Readonly<Record<string, Json>> | null;
  /** answers that ask for another attempt: values of one of `accepted`'s names */
  readonly later: Readonly<Record<string, readonly Json[]>>;
}

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

const KEYS = ['body', 'query', 'headers', 'sign', 'accepted', 'later'];
const PLACEHOLDER = /\{\{\s*([\w.]+)\s*(?:\|\s*(\d+)\s*)?\}\}/g;

/** Reads a template, and checks every placeholder. All mistakes at once, each with its place. */
export function parseTemplate(text: string): WebhookTemplate {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TemplateError(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw new TemplateError('expected an object with "body"');
  const { body = null, query = {}, headers = {}, sign = null, accepted = null, later = {} } = value;
  const wrong = Object.keys(value)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `${key}: no such key; there are ${KEYS.join(', ')}`);
  if (body === null) wrong.push('body: is missing: what is to be sent');
  if (!isRecordOf(query, isString)) wrong.push('query: expected an object of strings');
  if (!isRecordOf(headers, isString)) wrong.push('headers: expected an object of strings');
  if (sign !== null && sign !== 'dingtalk' && sign !== 'feishu')
    wrong.push('sign: expected "dingtalk" or "feishu"');
  if (accepted !== null && !isRecordOf(accepted, isJson)) wrong.push('accepted: expected an object');
  if (!isRecordOf(later, isJsonList)) wrong.push('later: expected an object of lists');
  for (const [place, part] of [
    ['body', body],
    ['query', query],
    ['headers', headers],
  ] as const)
    wrong.push(...wrongPlaceholders(place, part));
  if (wrong.length > 0) throw new TemplateError(wrong.join('\n'));
  return { body, query, headers, sign, accepted, later } as WebhookTemplate;
}

/** Null only where a value of its own was asked for and there is none. */
export function fill(value: Json, data: MessageData): Json {
  if (typeof value === 'string') return fillText(value, data);
  if (Array.isArray(value)) return value.map((each: Json) => fill(each, data));
  if (!isObject(value)) return value;
  const entries = Object.entries(value as { readonly [name: string]: Json });
  return Object.fromEntries(
    entries
      .map(([name, each]): [string, Json] => [name, fill(each, data)])
      .filter(([name, filled]) => filled !== null || value[name] === null),
  );
}

function fillText(text: string, data: MessageData): Json {
  const [only] = text.matchAll(PLACEHOLDER);
  if (only !== undefined && only[0] === text) {
    const found = valueAt(data, only[1] ?? '');
    return only[2] === undefined || typeof found !== 'string' ? found : bounded(found, Number(only[2]));
  }
  return text.replace(PLACEHOLDER, (_all, path: string, most: string | undefined) => {
    const found = valueAt(data, path);
    const inserted = typeof found === 'string' ? found : found === null ? '' : JSON.stringify(found);
    return most === undefined ? inserted : bounded(inserted, Number(most));
  });
}

function valueAt(data: MessageData, path: string): Json {
  let value: Json = data;
  for (const name of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return null;
    value = (value as { readonly [name: string]: Json })[name] ?? null;
  }
  return value;
}

/** At most so many bytes of UTF-8, never half a character. */
export function bounded(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  let kept = '';
  let left = most - Buffer.byteLength('…');
  for (const character of text) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

const TOP = [
  'id',
  'thread',
  'revision',
  'status',
  'badge',
  'severity',
  'cluster',
  'receiver',
  'at',
  'headline',
  'subject',
  'text',
  'brief',
  'heldBack',
  'host',
  'release',
  'dashboardUrl',
  'alerts',
  'truncatedAlerts',
];
const WITHIN: Readonly<Record<string, readonly string[]>> = {
  incident: ['id', 'began', 'ended', 'chain', 'cause', 'dark', 'holds'],
  event: [
    'rule',
    'kind',
    'subject',
    'severity',
    'status',
    'startsAt',
    'endsAt',
    'summary',
    'advice',
    'runbook',
    'count',
    'fingerprint',
  ],
  signature: ['timestamp', 'value'],
};

function wrongPlaceholders(place: string, value: unknown): readonly string[] {
  if (typeof value === 'string') {
    const known = [...value.matchAll(PLACEHOLDER)].flatMap(([all, path = '']) => {
      const [first = '', second, ...more] = path.split('.');
      const right =
        second === undefined
          ? TOP.includes(first) || first in WITHIN
          : more.length === 0 && (WITHIN[first]?.includes(second) ?? false);
      const names = WITHIN[first]?.map((name) => `${first}.${name}`) ?? [...TOP, ...Object.keys(WITHIN)];
      return right ? [] : [`${place}: ${all}: no such value; there are ${names.join(', ')}`];
    });
    const rest = value.replace(PLACEHOLDER, '');
    return rest.includes('{{') ? [...known, `${place}: a placeholder is {{path}} or {{path|bytes}}`] : known;
  }
  if (Array.isArray(value)) return value.flatMap((each, i) => wrongPlaceholders(`${place}[${i}]`, each));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, each]) => wrongPlaceholders(`${place}.${name}`, each));
}

/** Why an answer of 2xx is none, as the template has it; null where it is accepted. */
export function refusal(
  { accepted, later }: WebhookTemplate,
  body: string,
): { readonly reason: string; readonly later: boolean } | null {
  if (accepted === null) return null;
  let answer: unknown = null;
  try {
    answer = JSON.parse(body);
  } catch {
    // Not JSON has nothing of what is expected.
  }
  const values = isObject(answer) ? answer : {};
  for (const [name, expected] of Object.entries(accepted)) {
    const found = values[name];
    if (found === expected) continue;
    const again = later[name]?.some((each) => each === found) ?? false;
    return {
      reason: `${name} is ${JSON.stringify(found) ?? 'missing'}, not ${JSON.stringify(expected)}`,
      later: again,
    };
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isJson(value: unknown): boolean {
  return value !== undefined;
}

function isJsonList(value: unknown): boolean {
  return Array.isArray(value);
}

function isRecordOf(value: unknown, isRight: (each: unknown) => boolean): boolean {
  return isObject(value) && Object.values(value).every(isRight);
}
