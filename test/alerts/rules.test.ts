/** Rules: that the defaults speak of every kind, which one fits, and that mistakes are told by their place. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULE_KINDS, Rules } from '../../src/alerts/rules.ts';
import { bookOf, DEFAULT_RULES, parseRulesFile, readRuleBook } from '../../src/config/alert-rules.ts';
import { ConfigurationError } from '../../src/config/located-yaml.ts';
import { begin, event } from '../support/journal-events.ts';

function problems(text: string, receivers: readonly string[] | null = null): readonly string[] {
  try {
    parseRulesFile(text, 'mine.yaml', receivers);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
  throw new Error('the file was accepted');
}

const rulesOf = (text: string) => new Rules(bookOf([parseRulesFile(text, 'mine.yaml', null)]));

describe('the rules that come with vipwatch', () => {
  const book = readRuleBook([], null);
  const rules = new Rules(book);

  it.each(RULE_KINDS)('have a rule for %s, or a reason for none', (kind) => {
    for (const severity of ['info', 'warning', 'critical'] as const) {
      const rule = rules.ruleFor(event(0, { kind, severity, details: {} }));
      expect(rule).not.toBeNull();
      if (rule?.notify === 'none') expect(rule.reason).toMatch(/\w+ \w+/);
    }
  });

  it('mute a split-brain’s effects', () => {
    const { inhibits } = rules.ruleFor(begin(0)) ?? { inhibits: [] };
    expect(inhibits).toEqual(
      expect.arrayContaining(['garp-missing', 'ip-conflict', 'vip-moved', 'flapping']),
    );
  });

  it('say of themselves what they say of the times', () => {
    expect(readFileSync(DEFAULT_RULES, 'utf8')).toContain('repeat: 4h');
    expect(book.timing.repeatMs).toBe(4 * 3_600_000);
  });
});

describe('a rule fits', () => {
  const fits = (rule: string, traits: Parameters<typeof event>[1]) =>
    rulesOf(`rules: [{name: r, ${rule}}]`).ruleFor(event(0, traits)) !== null;

  it.each([
    ['details: {lagS: ">10"}', { lagS: 11 }, true],
    ['details: {lagS: ">10"}', { lagS: 10 }, false],
    ['details: {lagS: ">=10"}', { lagS: 10 }, true],
    ['details: {lagS: "<10"}', { lagS: '9' }, false],
    ['details: {lagS: ">10"}', {}, false],
    ['details: {cause: [silence, graceful]}', { cause: 'graceful' }, true],
    ['details: {cause: "!silence"}', { cause: 'silence' }, false],
    ['details: {cause: "!silence"}', { cause: 'graceful' }, true],
    ['details: {fault: true}', { fault: true }, true],
    ['details: {vips: 10.0.0.2}', { vips: ['10.0.0.1', '10.0.0.2'] }, true],
    ['details: {lostBy: null}', { lostBy: null }, true],
  ])('%s of %o: %s', (rule, details, expected) => {
    expect(fits(rule, { details })).toBe(expected);
  });

  it('by subject, cluster and at least a severity', () => {
    expect(fits('subject: "51"', { subject: 'vr:eth0/ipv4/51' })).toBe(true);
    expect(fits('subject: "5"', { subject: 'vr:eth0/ipv4/51' })).toBe(false);
    expect(fits('cluster: web', { cluster: 'web' })).toBe(true);
    expect(fits('severity: warning', { severity: 'critical' })).toBe(true);
    expect(fits('severity: critical', { severity: 'warning' })).toBe(false);
  });

  it('first come, first served', () => {
    const rules = rulesOf('rules: [{name: a, kind: failover, cluster: web}, {name: b, kind: failover}]');
    expect(rules.ruleFor(event(0, { cluster: 'web' }))?.name).toBe('a');
    expect(rules.ruleFor(event(0))?.name).toBe('b');
  });
});

describe('own files', () => {
  it('change one time and leave the others', () => {
    const own = parseRulesFile(
      'timing: {wait: {critical: 5s}, storm: {notifications: 3}}',
      'mine.yaml',
      null,
    );
    const { timing } = bookOf([own]);
    expect(timing.waitMs).toEqual({ critical: 5_000, warning: 10_000, info: 10_000 });
    expect(timing.storm).toEqual({ notifications: 3, withinMs: 600_000 });
  });

  it('say the repeat of rules that say none', () => {
    const text = 'timing: {repeat: 1h}\nrules: [{name: a}, {name: b, kind: failover, repeat: never}]';
    expect(() => parseRulesFile(text, 'mine.yaml', null)).toThrow('never reached');
    const { rules } = rulesOf(
      'timing: {repeat: 1h}\nrules: [{name: b, kind: failover, repeat: never}, {name: a}]',
    ).book;
    expect(rules.map(({ repeatMs }) => repeatMs)).toEqual([null, 3_600_000]);
  });

  it('are refused with line, key and what would be right, all at once', () => {
    expect(
      problems(
        `rules:
  - name: a
    kind: split_brain
    for: 10
  - name: a
    kind: failover
    for: 10s
    to: [pager]
  - name: c
    kind: overlap
    notify: none
  - name: d
    kind: overlap
    severity: critical
    colour: red
`,
        ['email'],
      ),
    ).toEqual([
      expect.stringMatching(
        /^mine\.yaml:3: rules\[0\]\.kind: "split_brain" does not fit; expected a kind of event/,
      ),
      'mine.yaml:4: rules[0].for: 10 does not fit; expected a duration such as 500ms, 2s, 5m, 24h',
      expect.stringMatching(/^mine\.yaml:15: rules\[3\]\.colour: unknown key; known here: name, kind/),
    ]);
    expect(
      problems(
        `rules:
  - {name: a, kind: failover, for: 10s}
  - {name: a, kind: flapping, to: pager}
  - {name: c, kind: overlap, notify: none}
  - {name: d, kind: overlap, severity: critical}
`,
        ['email'],
      ),
    ).toEqual([
      'mine.yaml:2: rules[0].for: an instant lasts no time; for is for conditions; failover has no end',
      'mine.yaml:3: rules[1].name: a second rule named a; each needs its own name',
      'mine.yaml:3: rules[1].to: no receiver is named pager; there is email',
      'mine.yaml:4: rules[2]: notify: none without a reason; say why nobody is told, for whoever asks later',
      'mine.yaml:5: rules[3]: never reached, as the rule c takes it all; put it before that one: the first rule that fits decides',
    ]);
  });
});
