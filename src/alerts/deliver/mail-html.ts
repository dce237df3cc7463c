/**
 * The HTML of a mail. Tables and inline styles, as mail programs want it; a style block adds the dark scheme and the
 * narrow screen where a program knows them, and nothing is lost where it does not. No images, no scripts, nothing
 * is fetched. Pure. Whatever comes from events is escaped by `markup`: only what it made itself passes as it is.
 */
import { MS } from '../../time.ts';
import type { Account, CheckItem, Fact, NamedHolding, TimelineRow, Tone } from './account.ts';
import { span } from './clock.ts';
import type { Stretch } from './holding.ts';

export function mailHtml(account: Account, title: string): string {
  const { badge, severity, cluster, headline, tone } = account;
  const rows = account.timeline.length > 0 ? account.timeline : account.alerts;
  const parts = [
    account.chain === null ? null : markup`<p class="text" style="margin:12px 0 0">${account.chain}</p>`,
    ...account.remarks.map((text) => markup`<p class="muted" style="${SMALL}margin:12px 0 0">${text}</p>`),
    account.facts.length === 0 ? null : factTable(account.facts),
    ...account.holdings.map(holdingBlock),
    account.checks.length === 0 ? null : section('What to check', ...account.checks.map(checkBlock)),
    rows.length === 0 ? null : section('What happened', calendar(account.calendar), timelineTable(rows)),
    account.links.length === 0
      ? null
      : markup`<p style="margin:20px 0 0">${account.links.map(({ label, url }) => markup`<a class="link" href="${url}" style="color:#1f5fbf;font-weight:600;margin-right:20px;display:inline-block">${label}</a>`)}</p>`,
  ];
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body class="page" style="margin:0;padding:0;background:#eef0f3;${FONT}">
<div style="display:none;max-height:0;overflow:hidden">${preview(account)}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#eef0f3"><tr><td align="center" class="frame" style="padding:20px 12px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;background:#ffffff;border-radius:8px">
<tr><td style="background:${FILL[tone]};border-radius:8px 8px 0 0;padding:10px 24px;color:#ffffff;${FONT}font-size:14px" class="inset"><b style="letter-spacing:.06em">${badge}</b> &nbsp;${severity}${cluster === null ? '' : markup` &nbsp;·&nbsp; ${cluster}`}</td></tr>
<tr><td class="inset text" style="padding:20px 24px 24px;color:#1b1f24;${FONT}font-size:15px;line-height:1.45">
<h1 class="text headline" style="margin:0;font-size:20px;line-height:1.35;font-weight:700;color:#1b1f24">${headline}</h1>
${parts.filter((part) => part !== null)}
<p class="muted line" style="${SMALL}margin:24px 0 0;padding-top:12px;border-top:1px solid #d9dee3">${account.signature}</p>
</td></tr></table>
</td></tr></table>
</body>
</html>
`.text;
}

const FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;";
const MONO = 'font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;';
const SMALL = 'font-size:13px;color:#59636e;';

/** White text stands on these, in either scheme. */
const FILL: Readonly<Record<Tone, string>> = {
  critical: '#b3261e',
  warning: '#8a5300',
  info: '#3d5a80',
  good: '#1a6b34',
};

const STYLE = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (max-width: 520px) {
  .frame { padding: 0 !important; }
  .card, .card > tbody > tr > td { border-radius: 0 !important; }
  .inset { padding-left: 16px !important; padding-right: 16px !important; }
  .stack td { display: block !important; width: auto !important; padding-left: 0 !important; }
  .stack td + td { padding-top: 0 !important; }
  .stack .quiet { border-top: 0 !important; }
}
@media (prefers-color-scheme: dark) {
  .page { background: #0d1014 !important; }
  .card { background: #181c22 !important; }
  .text { color: #e9ecef !important; }
  .muted { color: #a7b0ba !important; }
  .line, .line td { border-color: #343b44 !important; }
  .link { color: #7fb2ff !important; }
  .code { background: #0d1014 !important; color: #e9ecef !important; }
  .critical { color: #ff8f85 !important; }
  .warning { color: #f2b35c !important; }
  .info { color: #a7b0ba !important; }
  .good { color: #6fd08c !important; }
  .nobody { background: #000000 !important; }
  .cut { border-color: #181c22 !important; }
}`;

const INK: Readonly<Record<Tone, string>> = {
  critical: '#b3261e',
  warning: '#8a5300',
  info: '#59636e',
  good: '#1a6b34',
};

/** What a phone shows beside the subject. */
function preview({ facts, holdings }: Account): string {
  const now = holdings.map(({ address, now }) => `${address}: ${now}`);
  const [cause] = facts;
  return [...now, ...(cause === undefined ? [] : [cause.text])].join('. ');
}

function factTable(facts: readonly Fact[]): Markup {
  const rows = facts.map(
    ({ label, text }) => markup`<tr>
<td class="muted" valign="top" style="${SMALL}padding:3px 14px 3px 0;white-space:nowrap">${label}</td>
<td class="text" valign="top" style="padding:2px 0;color:#1b1f24">${text}</td></tr>`,
  );
  return markup`<table role="presentation" cellpadding="0" cellspacing="0" style="margin:14px 0 0;font-size:15px">${rows}</table>`;
}

function section(title: string, ...content: readonly Markup[]): Markup {
  return markup`<h2 class="text" style="margin:24px 0 6px;font-size:15px;font-weight:700;color:#1b1f24">${title}</h2>${content}`;
}

function holdingBlock(holding: NamedHolding): Markup {
  const { address, now, tone } = holding;
  return section(
    'Who holds it now',
    markup`<p style="margin:0 0 8px"><span class="text" style="${MONO}color:#1b1f24">${address}</span> &nbsp;<b class="${tone}" style="color:${INK[tone]}">${now}</b></p>`,
    bar(holding),
    markup`<p class="muted" style="${SMALL}margin:6px 0 0">${course(holding)}</p>`,
  );
}

const NODE_FILLS = ['#2f6db5', '#1f8a7d', '#7d56a8', '#5f6b78'];
const CELL_LEAST = 5;
/** Of so much of the width a name can be read. */
const CELL_WITH_TEXT = 13;

function bar({ stretches, names }: NamedHolding): Markup {
  const widths = widthsOf(stretches);
  const holders = [...new Set(stretches.flatMap((each) => each.holders))];
  const cells = stretches.map((stretch, i) => {
    const [first = ''] = stretch.holders;
    const fill = {
      held: NODE_FILLS[holders.indexOf(first) % NODE_FILLS.length] ?? '#5f6b78',
      nobody: '#23272d',
      two: '#b3261e',
    }[stretch.state];
    const width = widths[i] ?? 0;
    const label = {
      held: names.get(first) ?? first,
      nobody: 'nobody',
      two: 'BOTH',
    }[stretch.state];
    return markup`<td class="${stretch.state} cut" width="${width}%" align="center" title="${label} ${span((stretch.until - stretch.from) / MS)}" style="background:${fill};color:#ffffff;font-size:12px;line-height:26px;height:26px;overflow:hidden;white-space:nowrap;border-left:${i === 0 ? 0 : 1}px solid #ffffff">${width >= CELL_WITH_TEXT ? label : raw('&nbsp;')}</td>`;
  });
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="table-layout:fixed;border-radius:4px"><tr>${cells}</tr></table>`;
}

/** In proportion to time, but so that none is too narrow to be seen; whole percents that add up to 100. */
export function widthsOf(stretches: readonly Stretch[]): readonly number[] {
  const count = stretches.length;
  if (count === 0) return [];
  const least = Math.min(CELL_LEAST, Math.floor(100 / count));
  const lengths = stretches.map(({ from, until }) => Math.max(0, until - from));
  const total = lengths.reduce((sum, each) => sum + each, 0);
  const spare = 100 - least * count;
  const widths = lengths.map((each) => least + Math.floor(total === 0 ? 0 : (each / total) * spare));
  const rest = 100 - widths.reduce((sum, each) => sum + each, 0);
  const widest = lengths.indexOf(Math.max(...lengths));
  return widths.map((each, i) => (i === widest ? each + rest : each));
}

const COURSE_MAX = 8;

/** The bar in words: `hosta, then nobody for 3.61 s, then hostb`. */
function course({ stretches, names, over }: NamedHolding): string {
  const words = stretches.map(({ state, holders, from, until }, i) => {
    const length = span((until - from) / MS);
    const who = holders.map((address) => names.get(address) ?? address);
    const text = { held: who[0] ?? '', nobody: 'nobody', two: `both ${who.join(' and ')}` }[state];
    if (i === 0) return text;
    if (i < stretches.length - 1) return `${text} for ${length}`;
    return over ? text : `${text} (${length} so far)`;
  });
  const left = words.length - COURSE_MAX;
  const shown = left > 0 ? [`${left} moves before`, ...words.slice(left)] : words;
  return `From left to right: ${shown.join(', then ')}.`;
}

function checkBlock({ text, command }: CheckItem): Markup {
  const code =
    command === null
      ? ''
      : markup`<br><code class="code" style="${MONO}display:block;margin:6px 0 0;padding:8px 10px;background:#eef0f3;color:#1b1f24;border-radius:4px;font-size:13px;word-break:break-word">${command}</code>`;
  return markup`<p class="text" style="margin:0 0 8px;color:#1b1f24">${withCode(text)}${code}</p>`;
}

/** Advice sets commands in backticks. */
function withCode(text: string): readonly Markup[] {
  return text
    .split('`')
    .map((part, i) =>
      i % 2 === 0 ? markup`${part}` : markup`<code style="${MONO}font-size:.93em">${part}</code>`,
    );
}

function timelineTable(rows: readonly TimelineRow[]): Markup {
  const cells = rows.map(
    ({ time, tone, label, text }) => markup`<tr>
<td valign="top" width="150" style="${MONO}padding:5px 10px 5px 0;font-size:12px;white-space:nowrap;border-top:1px solid #e4e8ec"><span class="muted" style="color:#59636e">${time}</span> &nbsp;<b class="${tone}" style="color:${INK[tone]}">${label}</b></td>
<td class="text quiet" valign="top" style="padding:4px 0;font-size:14px;color:#1b1f24;border-top:1px solid #e4e8ec">${text}</td></tr>`,
  );
  return markup`<table role="presentation" class="stack line" width="100%" cellpadding="0" cellspacing="0">${cells}</table>`;
}

function calendar(text: string): Markup {
  return markup`<p class="muted" style="${SMALL}margin:0 0 6px">${text}</p>`;
}

/** HTML that needs no escaping any more. */
class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Insertion = string | number | Markup | readonly Markup[];

function markup(parts: TemplateStringsArray, ...values: readonly Insertion[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + insertion(values[i - 1] ?? '') + part));
}

function insertion(value: Insertion): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escaped(value);
  if (typeof value === 'number') return String(value);
  return value.map((each) => each.text).join('');
}

function raw(text: string): Markup {
  return new Markup(text);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
