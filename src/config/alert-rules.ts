/**
 * Reads the rules by which events are told (`alerts/*.yaml`): people's own files in their order, then the defaults
 * that come with vipwatch, unless a file says `defaults: false`. All mistakes are told at once.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import {
  type Comparison,
  DEFAULT_TIMING,
  type DetailTest,
  isInstantKind,
  RULE_KINDS,
  type Rule,
  type RuleBook,
  type Timing,
} from '../alerts/rules.ts';
import { ConfigurationError, LocatedYaml } from './located-yaml.ts';
import { dailyMinute, durationMs, list, section, text } from './shapes.ts';
import { type Environment, whyUnreadable } from './values.ts';

/** The file that comes with vipwatch. */
export const DEFAULT_RULES = new URL('../../alerts/default.yaml', import.meta.url).pathname;

/** `receivers`: the names that rules may speak of; null where they are not known. */
export function readRuleBook(files: readonly string[], receivers: readonly string[] | null): RuleBook {
  const read: RulesFile[] = [];
  const wrong: string[] = [];
  const readInto = (file: string) => {
    try {
      read.push(readRulesFile(file, receivers));
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      wrong.push(error.message);
    }
  };
  for (const file of files) readInto(file);
  const areDefaults = files.some((file) => resolve(file) === DEFAULT_RULES);
  if (!areDefaults && read.every(({ defaults }) => defaults)) readInto(DEFAULT_RULES);
  if (wrong.length > 0) throw new ConfigurationError(wrong.join('\n'));
  return bookOf(read);
}

export interface RulesFile {
  readonly rules: readonly Rule[];
  readonly timing: TimingGiven;
  /** the defaults come after it */
  readonly defaults: boolean;
}

export function readRulesFile(file: string, receivers: readonly string[] | null): RulesFile {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${file}: ${whyUnreadable(error)}; expected the path of a file of rules`);
  }
  return parseRulesFile(content, file, receivers);
}

/** `file` is for the messages. */
export function parseRulesFile(
  content: string,
  file: string,
  receivers: readonly string[] | null,
  environment: Environment = {},
): RulesFile {
  const yaml = new LocatedYaml(content, file);
  yaml.resolveValues(environment, '.');
  const parsed = yaml.check(rulesSchema, yaml.value());
  if (parsed !== null) checkRules(parsed.rules ?? [], yaml, receivers);
  yaml.throwIfWrong();
  const rules = (parsed?.rules ?? []).map((rule, i) => ruleOf(rule, `${file}:${yaml.lineOf(['rules', i])}`));
  return { rules, timing: parsed?.timing ?? {}, defaults: parsed?.defaults ?? true };
}

export function bookOf(files: readonly RulesFile[]): RuleBook {
  // The first file that says something of a time decides it.
  const timing = files.reduceRight<Timing>(
    (sum, { timing: given }) => withTiming(sum, given),
    DEFAULT_TIMING,
  );
  const rules = files.flatMap((each) => each.rules);
  return {
    timing,
    rules: rules.map((rule) =>
      rule.repeatMs === REPEAT_UNSAID ? { ...rule, repeatMs: timing.repeatMs } : rule,
    ),
  };
}

/** Stands in a rule until all files are known. */
const REPEAT_UNSAID = -1;

const KIND = 'a kind of event, such as split-brain (docs/events.md), or a list of them';
const kind = z.string({ error: KIND }).refine((value) => RULE_KINDS.includes(value), {
  error: (issue) => `a kind of event (docs/events.md)${nearest(String(issue.input))}`,
});
const kinds = z.union([kind, list(kind, 'kinds of events')], {
  error: (issue) =>
    typeof issue.input === 'string' ? `a kind of event (docs/events.md)${nearest(issue.input)}` : KIND,
});
const severity = z.enum(['info', 'warning', 'critical'], { error: 'info, warning or critical' });

const DETAIL = 'a value, a list of values, or a comparison such as ">10"';
const detailValue = z.union([z.string(), z.number(), z.boolean(), z.null()], { error: DETAIL });
const details = z.record(z.string(), z.union([detailValue, z.array(detailValue)], { error: DETAIL }), {
  error: 'a mapping of details to what they must be, such as {cause: silence}',
});

const REPEAT = 'a duration such as 4h, or never';
const repeat = z.string({ error: REPEAT }).regex(/^(never|\d+(\.\d+)?(ms|s|m|h|d))$/, { error: REPEAT });

const ruleSchema = section({
  name: text('a name, such as split-brain'),
  kind: kinds.optional(),
  phase: z.enum(['instant', 'begin'], { error: 'instant or begin (what ends is its begin’s)' }).optional(),
  severity: severity.optional(),
  subject: text('a part of the subject, such as eth0, 51 or 10.0.0.100; * for any characters').optional(),
  cluster: text('the name of a cluster').optional(),
  details: details.optional(),
  for: durationMs.optional(),
  to: z
    .union([text('a receiver'), list(text('a receiver'), 'receivers')], {
      error: 'a receiver, or a list of them',
    })
    .optional(),
  repeat: repeat.optional(),
  inhibits: kinds.optional(),
  inhibitedBy: kinds.optional(),
  counts: kinds.optional(),
  runbook: text('a link').optional(),
  digest: z.boolean({ error: 'true or false' }).optional(),
  notify: z.literal('none', { error: 'none, with a reason; else leave it out' }).optional(),
  reason: text('why nobody is told').optional(),
});

const bySeverity = section({
  info: durationMs.optional(),
  warning: durationMs.optional(),
  critical: durationMs.optional(),
});
const COUNT = 'a whole number from 2 up';
const timingSchema = section({
  wait: bySeverity.optional(),
  resolveWait: durationMs.optional(),
  update: bySeverity.optional(),
  repeat: durationMs.optional(),
  storm: section({
    notifications: z.int({ error: COUNT }).min(2, { error: COUNT }).optional(),
    within: durationMs.optional(),
  }).optional(),
  digest: section({ at: dailyMinute.optional(), every: durationMs.optional() }).optional(),
});

const rulesSchema = section({
  defaults: z
    .boolean({ error: 'true or false: whether the rules that come with vipwatch follow' })
    .optional(),
  timing: timingSchema.optional(),
  rules: list(ruleSchema, 'rules, each with a name').optional(),
});

type RuleGiven = z.infer<typeof ruleSchema>;
type TimingGiven = z.infer<typeof timingSchema>;

/** What no shape can say. */
function checkRules(
  rules: readonly RuleGiven[],
  yaml: LocatedYaml,
  receivers: readonly string[] | null,
): void {
  const names = new Set<string>();
  for (const [i, rule] of rules.entries()) {
    const at = (key: string) => ['rules', i, key];
    if (names.has(rule.name))
      yaml.report(at('name'), `a second rule named ${rule.name}`, 'each needs its own name');
    names.add(rule.name);
    if (rule.notify === 'none' && rule.reason === undefined)
      yaml.report(
        ['rules', i],
        'notify: none without a reason',
        'say why nobody is told, for whoever asks later',
      );
    if (rule.notify === undefined && rule.reason !== undefined)
      yaml.report(at('reason'), 'a reason for nothing', 'it goes with notify: none');
    if (rule.notify === 'none' && rule.digest === true)
      yaml.report(at('digest'), 'stands beside notify: none', 'either a digest, or nothing');
    const matched = all(rule.kind);
    if (rule.for !== undefined && matched.length > 0 && matched.every(isInstantKind))
      yaml.report(
        at('for'),
        'an instant lasts no time',
        `for is for conditions; ${matched.join(', ')} has no end`,
      );
    if (rule.counts !== undefined && rule.inhibits === undefined)
      yaml.report(at('counts'), 'counts what is told by itself', 'it names kinds that inhibits names, too');
    for (const name of all(rule.to)) {
      if (receivers === null || receivers.includes(name)) continue;
      const known = receivers.length === 0 ? 'none is configured' : `there is ${receivers.join(', ')}`;
      yaml.report(at('to'), `no receiver is named ${name}`, known);
    }
    const before = rules.slice(0, i).find((earlier) => takesAllOf(earlier, rule));
    if (before !== undefined)
      yaml.report(
        ['rules', i],
        `never reached, as the rule ${before.name} takes it all`,
        'put it before that one: the first rule that fits decides',
      );
  }
}

/** The earlier one asks for less. */
function takesAllOf(earlier: RuleGiven, rule: RuleGiven): boolean {
  const same = (key: 'phase' | 'severity' | 'subject' | 'cluster') =>
    earlier[key] === undefined || earlier[key] === rule[key];
  const kindsOf = all(rule.kind);
  return (
    (earlier.kind === undefined ||
      (kindsOf.length > 0 && kindsOf.every((each) => all(earlier.kind).includes(each)))) &&
    earlier.details === undefined &&
    (['phase', 'severity', 'subject', 'cluster'] as const).every(same)
  );
}

function ruleOf(given: RuleGiven, origin: string): Rule {
  return {
    name: given.name,
    origin,
    match: {
      kinds: given.kind === undefined ? null : all(given.kind),
      phase: given.phase ?? null,
      severity: given.severity ?? null,
      subject: given.subject ?? null,
      cluster: given.cluster ?? null,
      details: Object.entries(given.details ?? {}).map(
        ([name, value]): DetailTest => ({ name, anyOf: all(value).map(comparisonOf) }),
      ),
    },
    notify: given.notify === 'none' ? 'none' : given.digest === true ? 'digest' : 'alert',
    reason: given.reason ?? null,
    forMs: given.for ?? 0,
    to: given.to === undefined ? null : all(given.to),
    repeatMs:
      given.repeat === undefined
        ? REPEAT_UNSAID
        : given.repeat === 'never'
          ? null
          : durationMs.parse(given.repeat),
    inhibits: all(given.inhibits),
    inhibitedBy: all(given.inhibitedBy),
    counts: all(given.counts),
    runbook: given.runbook ?? null,
  };
}

function comparisonOf(value: string | number | boolean | null): Comparison {
  if (typeof value !== 'string') return { sign: '=', value };
  const number = /^(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)$/.exec(value);
  if (number !== null) return { sign: number[1] as Comparison['sign'], value: Number(number[2]) };
  return value.startsWith('!') ? { sign: '!=', value: value.slice(1) } : { sign: '=', value };
}

function withTiming(base: Timing, given: TimingGiven): Timing {
  const { storm, digest } = given;
  return {
    waitMs: withSeverities(base.waitMs, given.wait),
    resolveWaitMs: given.resolveWait ?? base.resolveWaitMs,
    updateMs: withSeverities(base.updateMs, given.update),
    repeatMs: given.repeat ?? base.repeatMs,
    storm: {
      notifications: storm?.notifications ?? base.storm.notifications,
      withinMs: storm?.within ?? base.storm.withinMs,
    },
    digest: { atMinute: digest?.at ?? base.digest.atMinute, everyMs: digest?.every ?? base.digest.everyMs },
  };
}

function withSeverities(
  base: Timing['waitMs'],
  given: z.infer<typeof bySeverity> | undefined,
): Timing['waitMs'] {
  return {
    info: given?.info ?? base.info,
    warning: given?.warning ?? base.warning,
    critical: given?.critical ?? base.critical,
  };
}

function all<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

function nearest(word: string): string {
  const near = RULE_KINDS.filter((each) => word !== '' && (each.includes(word) || word.includes(each)));
  return near.length === 0 ? '' : `; there is ${near.join(', ')}`;
}
