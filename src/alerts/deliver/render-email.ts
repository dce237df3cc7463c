/** A notification as a mail: subject, headers, thread and the plain text. The HTML is in `mail-html.ts`. Pure. */
import { isoTime } from '../../time.ts';
import type { Notification } from '../notification.ts';
import { type Account, accountOf, type NamedHolding } from './account.ts';
import { mailHtml } from './mail-html.ts';
import type { DeliveryContext } from './settings.ts';

export interface Mail {
  readonly subject: string;
  readonly messageId: string;
  /** the first of the thread; null where this is it */
  readonly inReplyTo: string | null;
  /** oldest first */
  readonly references: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly html: string;
}

/** What a lock screen and an inbox show at most. */
const SUBJECT_MAX = 78;
/** Mail programs join a thread by its first message and the latest ones. */
const LATEST_REFERENCES = 8;
const TEXT_WIDTH = 76;

export function renderEmail(notification: Notification, context: DeliveryContext): Mail {
  const account = accountOf(notification, context);
  const { thread, revision } = notification;
  const idOf = (n: number) => `<${thread}.${n}@${domainOf(context.host)}>`;
  const references = Array.from({ length: revision }, (_, n) => n)
    .filter((n) => n === 0 || n >= revision - LATEST_REFERENCES)
    .map(idOf);
  const subject = subjectOf(account);
  return {
    subject,
    messageId: idOf(revision),
    inReplyTo: revision === 0 ? null : idOf(0),
    references,
    headers: headersOf(notification),
    text: textOf(account),
    html: mailHtml(account, subject),
  };
}

/** `[FIRING][critical] orders-db: Split-brain: a and b both hold 10.0.0.100` */
export function subjectOf({ badge, severity, cluster, headline }: Account): string {
  const prefix = `[${badge}][${severity}] ${cluster === null ? '' : `${cluster}: `}`;
  return shortened(`${prefix}${headline.replace(/\.$/, '')}`, SUBJECT_MAX);
}

/** Cut where a clause ends if much is left of it, else where a word ends. Counts characters as people see them. */
function shortened(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  const graphemes = [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(line)];
  if (graphemes.length <= most) return line;
  const cut = graphemes
    .slice(0, most - 1)
    .map(({ segment }) => segment)
    .join('');
  const clause = Math.max(cut.lastIndexOf('; '), cut.lastIndexOf(', '));
  if (clause > cut.length * 0.7) return cut.slice(0, clause);
  const word = cut.lastIndexOf(' ');
  return `${cut.slice(0, word > cut.length * 0.7 ? word : cut.length)}…`;
}

function headersOf(notification: Notification): Readonly<Record<string, string>> {
  const { id, thread, status, severity, incident, cluster } = notification;
  return {
    'Auto-Submitted': 'auto-generated',
    Precedence: 'bulk',
    'X-Auto-Response-Suppress': 'All',
    'X-Vipwatch-Notification': id,
    'X-Vipwatch-Thread': thread,
    'X-Vipwatch-Status': status,
    'X-Vipwatch-Severity': severity,
    'X-Vipwatch-At': isoTime(notification.at),
    ...(incident === null ? {} : { 'X-Vipwatch-Incident': String(incident) }),
    ...(cluster === null ? {} : { 'X-Vipwatch-Cluster': cluster }),
  };
}

/** The right side of a Message-ID: a dot-atom, whatever the machine is called. */
export function domainOf(host: string): string {
  const labels = host.split('.').map((label) => label.replace(/[^A-Za-z0-9-]+/g, '-'));
  return labels.filter((label) => label !== '').join('.') || 'vipwatch';
}

export function textOf(account: Account): string {
  return `${[...textLines(account)].join('\n')}\n`;
}

function* textLines(account: Account): Generator<string> {
  const { headline, chain, facts, holdings, checks, timeline, alerts, remarks, links } = account;
  yield* wrapped(headline);
  for (const remark of [...(chain === null ? [] : [chain]), ...remarks]) {
    yield '';
    yield* wrapped(remark);
  }
  if (facts.length > 0) yield '';
  const width = Math.max(0, ...facts.map(({ label }) => label.length));
  for (const { label, text } of facts)
    yield* wrapped(text, `${label.padEnd(width)}  `, ' '.repeat(width + 2));
  if (holdings.length > 0) {
    yield '';
    yield 'WHO HOLDS IT NOW';
    for (const holding of holdings) yield* holdingLines(holding);
  }
  if (checks.length > 0) {
    yield '';
    yield 'WHAT TO CHECK';
    for (const { text, command } of checks) {
      yield* wrapped(text, '- ', '  ');
      if (command !== null) yield `    ${command}`;
    }
  }
  const rows = timeline.length > 0 ? timeline : alerts;
  if (rows.length > 0) {
    yield '';
    yield `WHAT HAPPENED (${account.calendar})`;
    for (const { time, label, text } of rows)
      yield* wrapped(text, `${time.padEnd(time === '' ? 0 : 12)}  ${label.padEnd(4)}  `, ' '.repeat(8));
  }
  if (links.length > 0) yield '';
  for (const { label, url } of links) yield `${label}: ${url}`;
  yield '';
  yield '-- ';
  yield account.signature;
}

function* holdingLines({ address, now }: NamedHolding): Generator<string> {
  yield* wrapped(`${address}: ${now}`, '  ', '    ');
}

function* wrapped(text: string, first = '', next = first): Generator<string> {
  let line = first;
  let empty = true;
  for (const word of text.split(/\s+/)) {
    if (!empty && line.length + 1 + word.length > TEXT_WIDTH) {
      yield line.trimEnd();
      line = next;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  yield line.trimEnd();
}
