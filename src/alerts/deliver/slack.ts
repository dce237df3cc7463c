/** The format `slack`: an incoming webhook's message, blocks with a text for where blocks are not shown. Pure. */
import type { Notification } from '../notification.ts';
import { accountOf, type Tone } from './account.ts';
import type { Json, MessageData } from './message-data.ts';
import { subjectOf } from './render-email.ts';
import type { DeliveryContext } from './settings.ts';

/** Slack's bounds: a message with more is refused as a whole. */
const HEADER_MAX = 150;
const TEXT_MAX = 3_000;
const FIELDS_MAX = 10;
const FIELD_MAX = 2_000;

const MARKS: Readonly<Record<Tone, string>> = { critical: '🔴', warning: '🟠', info: '🔵', good: '🟢' };

export function slackMessage(notification: Notification, context: DeliveryContext): MessageData {
  const account = accountOf(notification, context);
  const { badge, severity, cluster, tone, headline, chain, remarks, holdings, facts, checks, links } =
    account;
  const head = `${MARKS[tone]} ${badge} ${severity}${cluster === null ? '' : ` · ${cluster}`}`;
  const fields = [
    ...holdings.map(({ address, now }) => `*${escaped(address)}*\n${escaped(now)}`),
    ...facts.filter(({ label }) => label !== '').map(({ label, text }) => `*${label}*\n${escaped(text)}`),
  ].slice(0, FIELDS_MAX);
  const todo = checks.map(({ text, command }) =>
    command === null ? `• ${escaped(text)}` : `• ${escaped(text)}\n\`\`\`${escaped(command)}\`\`\``,
  );
  const said = chain === null ? remarks : [chain, ...remarks];
  const blocks: Json[] = [
    { type: 'header', text: { type: 'plain_text', text: clipped(head, HEADER_MAX) } },
    section([`*${escaped(headline)}*`, ...said.map(escaped)].join('\n')),
  ];
  if (fields.length > 0) {
    const texts = fields.map((text) => ({ type: 'mrkdwn', text: clipped(text, FIELD_MAX) }));
    blocks.push({ type: 'section', fields: texts });
  }
  if (todo.length > 0) blocks.push(section(['*What to check*', ...todo].join('\n')));
  const footer = [
    ...links.map(({ label, url }) => `<${escaped(encodeURI(url)).replaceAll('|', '%7C')}|${escaped(label)}>`),
    escaped(account.signature),
  ];
  blocks.push({
    type: 'context',
    elements: [{ type: 'mrkdwn', text: clipped(footer.join('  '), FIELD_MAX) }],
  });
  return { text: escaped(subjectOf(account)), blocks };
}

function section(text: string): Json {
  return { type: 'section', text: { type: 'mrkdwn', text: clipped(text, TEXT_MAX) } };
}

function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Slack's control characters: what comes from outside becomes neither a link nor a mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
