/**
 * What a server's answer to a write means: done, partly done, again in halves, or later. Pure.
 *
 * The same status means different things in different versions (docs/influxdb.md has the table):
 *
 * - InfluxDB 1 stores the good points of a batch and says 400 `partial write: …` of the rest. If no line at all could
 *   be parsed, the words `partial write` are missing.
 * - InfluxDB 2 refuses a whole batch for one line that it cannot parse (400), but stores the good points where types
 *   conflict or points are too old (422).
 * - InfluxDB 3 stores the good lines and lists the others (400 with `data`).
 *
 * A 401, 403 or 404 is mended by a person, some time: later, not never. What the server says is cut and shown as one
 * line; it never holds what we sent as credentials.
 */
import type { InfluxSettings } from './influx-settings.ts';

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: string;
}

export type Verdict =
  | { readonly kind: 'done' }
  /** what is not refused is stored, and what is refused stays refused */
  | { readonly kind: 'partly'; readonly reason: string; readonly refused: number }
  /** nothing is stored, but halves of it may be. `isCertain`: what the lines hold is why, and nothing else */
  | {
      readonly kind: 'halve';
      readonly reason: string;
      readonly isCertain: boolean;
      readonly isTooLarge: boolean;
    }
  | {
      readonly kind: 'later';
      readonly reason: string;
      /** waiting alone will not help */
      readonly needsPerson: boolean;
      readonly afterMs: number | null;
      /** the database is not there: whoever may can make it */
      readonly missing?: Missing;
    };

export type Missing = 'database' | 'retention policy';

type Target = Pick<InfluxSettings, 'version' | 'url' | 'database' | 'org' | 'user' | 'retentionPolicy'>;

/** `lines`: how many were sent. */
export function verdictOf(answer: Answer, target: Target, lines: number): Verdict {
  const { status } = answer;
  const { message, refusedLines } = said(answer.body);
  const isPage = /^\s*</.test(answer.body);
  if (status >= 200 && status < 300) {
    if (answer.body.trim() === '') return { kind: 'done' };
    return person(
      `${target.url} answers ${status} with ${isPage ? 'a web page' : 'a text'} where InfluxDB answers nothing: check influx.url`,
    );
  }
  switch (status) {
    case 400:
    case 422:
      return isPage ? later(`${status}: a web page`) : unusable(status, message, refusedLines, target, lines);
    case 401:
      return person(`401 ${message}: ${whoseCredentials(target)}`);
    case 403:
      return person(`403 ${message}: ${whoMayWrite(target)}`);
    case 404:
      return notFound(message, target, isPage);
    case 413:
      return { kind: 'halve', reason: `413 ${message}`, isCertain: false, isTooLarge: true };
    default:
      break;
  }
  if (status === 500 && message.includes('retention policy not found')) {
    const verdict = person(
      `500 ${message}: create it (CREATE RETENTION POLICY), or correct influx.retentionPolicy`,
    );
    return { ...verdict, missing: 'retention policy' };
  }
  if (status >= 300 && status < 400)
    return person(
      `${target.url} answers ${status}, a redirection, which writes do not follow: give its target as influx.url`,
    );
  return later(`${status} ${isPage ? 'a web page of a proxy' : message}`, retryAfterMs(answer.retryAfter));
}

function unusable(
  status: number,
  message: string,
  refusedLines: number,
  { version }: Target,
  lines: number,
): Verdict {
  const reason = `${status} ${message}`;
  if (refusedLines > 0) return { kind: 'partly', reason, refused: refusedLines };
  const isParseError = /unable to parse|parsing failed|invalid (line|field|number)/i.test(message);
  const partly = /partial write|failure writing points/i.test(message);
  if (version === 2 && status === 400 && isParseError)
    return { kind: 'halve', reason, isCertain: true, isTooLarge: false };
  if (partly) return { kind: 'partly', reason, refused: droppedOf(message) };
  if (version === 1 && isParseError) return { kind: 'partly', reason, refused: lines };
  return { kind: 'halve', reason, isCertain: false, isTooLarge: false };
}

/** 1 at least: what was not refused at all would not have been spoken of. */
function droppedOf(message: string): number {
  const dropped = Number(/dropped=(\d+)/.exec(message)?.[1] ?? 0);
  return Math.max(dropped, [...message.matchAll(/unable to parse/g)].length, 1);
}

function notFound(message: string, { version, url, database, org }: Target, isPage: boolean): Verdict {
  if (/database not found/.test(message)) {
    const verdict = person(
      `404 ${message}: create it (CREATE DATABASE "${database}"), or correct influx.database`,
    );
    return { ...verdict, missing: 'database' };
  }
  if (/bucket|org/i.test(message) && !isPage)
    return person(
      `404 ${message}: create it, or correct influx.bucket (${database}) and influx.org (${org ?? 'none'})`,
    );
  const other = version === 1 ? '2 or 3' : '1';
  return person(
    `404: there is no way to write at ${url}: check influx.url and influx.version (${version}; is it ${other}?)`,
  );
}

function whoseCredentials({ version, user }: Target): string {
  if (version !== 1) return 'check influx.token';
  return user === null
    ? 'the server wants influx.user and influx.password'
    : 'check influx.user and influx.password';
}

function whoMayWrite({ version, user, database }: Target): string {
  return version === 1
    ? `permit it (GRANT WRITE ON "${database}" TO "${user ?? 'USER'}")`
    : `the token needs permission to write to ${database}`;
}

function person(reason: string): Verdict & { readonly kind: 'later' } {
  return { kind: 'later', reason, needsPerson: true, afterMs: null };
}

export function later(reason: string, afterMs: number | null = null): Verdict & { readonly kind: 'later' } {
  return { kind: 'later', reason, needsPerson: false, afterMs };
}

const RETRY_AFTER_MAX_MS = 300_000;

/** Seconds; the form with a date is of no use between clocks that may differ. */
function retryAfterMs(header: string | null): number | null {
  const seconds = Number(header?.trim() || Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MAX_MS) : null;
}

const MESSAGE_MAX = 400;

/** All three versions' ways to say what is the matter. */
function said(body: string): { readonly message: string; readonly refusedLines: number } {
  let message = body;
  let refusedLines = 0;
  try {
    const answer: unknown = JSON.parse(body);
    message = textOf(answer, 'error') ?? textOf(answer, 'message') ?? body;
    const data: unknown =
      typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : [];
    if (Array.isArray(data) && data.length > 0) {
      refusedLines = data.length;
      message = `${message}: ${textOf(data[0], 'error_message') ?? ''}`;
    }
  } catch {
    // plain text, or cut off
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const line = message.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
  return { message: line.length > MESSAGE_MAX ? `${line.slice(0, MESSAGE_MAX)}…` : line, refusedLines };
}

function textOf(value: unknown, key: string): string | null {
  const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : null;
  return typeof text === 'string' && text !== '' ? text : null;
}
