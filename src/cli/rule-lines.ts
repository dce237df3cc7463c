/** A rule in words: whom it tells, after how long, how often. Pure. */
import { isInstantKind, type Match, type Rule, type RuleBook } from '../alerts/rules.ts';
import type { Severity } from '../events.ts';
import { duration as exactly } from './terminal.ts';

/** `severity`: of the event, where it is known. */
export function* ruleLines(
  rule: Rule,
  book: RuleBook,
  receivers: readonly string[],
  severity: Severity | null,
): Generator<string> {
  yield `rule ${rule.name} (${rule.origin})${conditions(rule.match)}`;
  if (rule.notify === 'none') {
    yield `  tells nobody: ${rule.reason ?? ''}`;
    return;
  }
  const to = receivers.filter((name) => rule.to === null || rule.to.includes(name)).join(', ');
  yield `  tells      ${to === '' ? 'nobody that is configured' : to}`;
  const { timing } = book;
  if (rule.notify === 'digest') {
    const { atMinute, everyMs } = timing.digest;
    const hour = `${String(Math.floor(atMinute / 60)).padStart(2, '0')}:${String(atMinute % 60).padStart(2, '0')}`;
    yield `  when       counted, and told of in a digest every ${duration(everyMs)}, from ${hour} UTC on`;
    return;
  }
  const kinds = rule.match.kinds ?? [];
  const isInstant = kinds.length > 0 && kinds.every(isInstantKind);
  const severities = severity === null ? (['critical', 'warning'] as const) : [severity];
  const first = severities.map((each) => {
    const waitMs = rule.forMs > 0 ? rule.forMs : timing.waitMs[each];
    return `${severity === null ? `${each} ` : ''}${waitMs === 0 ? 'at once' : `after ${duration(waitMs)}`}`;
  });
  yield `  first      ${[...new Set(rule.forMs > 0 ? first.slice(0, 1) : first)].join(', ')}${rule.forMs > 0 ? ', if it still lasts' : ''}`;
  yield `  updates    at most every ${severities.map((each) => duration(timing.updateMs[each])).join(' or ')}, at once where it gets worse`;
  if (!isInstant) {
    yield `  repeated   ${rule.repeatMs === null ? 'never' : `every ${duration(rule.repeatMs)} while it lasts`}`;
    yield `  all-clear  ${duration(timing.resolveWaitMs)} after its end`;
  }
  if (rule.inhibits.length > 0) yield `  mutes      ${rule.inhibits.join(', ')}`;
  if (rule.inhibitedBy.length > 0) yield `  muted by   ${rule.inhibitedBy.join(', ')}`;
  if (rule.runbook !== null) yield `  runbook    ${rule.runbook}`;
}

/** ` where severity is at least warning and cause is silence`; empty where it takes all of its kinds. */
export function conditions({ phase, severity, subject, cluster, details }: Match): string {
  const parts: string[] = [];
  if (severity !== null) parts.push(`severity is at least ${severity}`);
  if (phase !== null) parts.push(`phase is ${phase}`);
  if (subject !== null) parts.push(`the subject has ${subject}`);
  if (cluster !== null) parts.push(`the cluster is ${cluster}`);
  for (const { name, anyOf } of details) {
    const values = anyOf.map(({ sign, value }) => `${sign === '=' ? '' : `${sign} `}${String(value)}`);
    parts.push(`${name} is ${values.join(' or ')}`);
  }
  return parts.length === 0 ? '' : `, where ${parts.join(' and ')}`;
}

/** As people write it: `10 s`, not `10.0 s`. */
export function duration(ms: number): string {
  return exactly(ms).replace(/\.0+ s$/, ' s');
}
