/** `vipwatch alerts check FILE`: what a file of rules, or a configuration's alerts, mean; or all that is wrong with it. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { isInstantKind, RULE_KINDS, type Rule, type RuleBook } from '../alerts/rules.ts';
import { alertSettingsOf } from './alert-settings.ts';
import { configurationOf } from './configuration.ts';
import { type Output, UsageError } from './output.ts';
import { conditions, duration } from './rule-lines.ts';
import { plural } from './terminal.ts';

export async function alertsCheck(file: string, output: Output): Promise<void> {
  const isRules = looksLikeRules(file);
  const configuration = isRules ? null : await configurationOf(file, output);
  if (configuration !== null && configuration.alerts === null)
    throw new UsageError(`${file}: says nothing of alerts; expected a section alerts, or a file of rules`);
  const { book, receivers } = alertSettingsOf(configuration, isRules ? [file] : undefined);
  for (const line of understood(book, isRules ? null : receivers)) output.line(line);
  output.flush();
}

/** What is no YAML, or not there, is said by whoever reads it in earnest. */
function looksLikeRules(file: string): boolean {
  try {
    const value: unknown = parse(readFileSync(file, 'utf8'));
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    return keys.some((key) => ['rules', 'timing', 'defaults'].includes(key));
  } catch {
    return false;
  }
}

function* understood(book: RuleBook, receivers: readonly string[] | null): Generator<string> {
  const { rules, timing } = book;
  yield `${plural(rules.length, 'rule')}, those that come with vipwatch included`;
  for (const kind of RULE_KINDS) {
    const fitting = rules.filter(({ match }) => match.kinds === null || match.kinds.includes(kind));
    const last = fitting.findIndex(({ match }) => conditions(match) === '');
    const reached = last === -1 ? fitting : fitting.slice(0, last + 1);
    const said = reached.map((rule) => `${wordOf(rule, kind)}${conditions(rule.match)}`);
    yield `  ${kind.padEnd(28)} ${said.length === 0 ? 'no rule: told to nobody' : said.join('; else ')}`;
  }
  const { notifications, withinMs } = timing.storm;
  yield `at most ${notifications} notifications to one receiver within ${duration(withinMs)}`;
  if (receivers !== null) yield `receivers: ${receivers.join(', ')}`;
  yield 'The rules are valid.';
}

function wordOf(rule: Rule, kind: string): string {
  if (rule.notify === 'none') return 'nobody';
  if (rule.notify === 'digest') return 'digest';
  const who = rule.to === null ? 'all' : rule.to.join(', ');
  return rule.forMs > 0 && !isInstantKind(kind) ? `${who} after ${duration(rule.forMs)}` : who;
}
