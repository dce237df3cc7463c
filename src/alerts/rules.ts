/**
 * Which rule an event falls under: the first that fits, in the order of the files, people's own before the defaults.
 * A rule says whether, to whom, after how long and how often its events are told. Plain data and pure functions;
 * `src/config/alert-rules.ts` reads the files.
 */
import { type EventKind, KINDS, type Severity, type TimelineEvent } from '../events.ts';
import { eventFilter } from '../timeline/journalled-event.ts';

export const RULE_KINDS: readonly string[] = Object.keys(KINDS);

export function isInstantKind(kind: string): boolean {
  return Object.hasOwn(KINDS, kind) && KINDS[kind as EventKind].phases === 'instant';
}

export interface RuleBook {
  readonly rules: readonly Rule[];
  readonly timing: Timing;
}

export interface Rule {
  readonly name: string;
  /** file and line, for people */
  readonly origin: string;
  readonly match: Match;
  /** `none`: for the `reason` given; `digest`: counted, and told of once a day */
  readonly notify: 'alert' | 'digest' | 'none';
  readonly reason: string | null;
  /** a condition must last so long */
  readonly forMs: number;
  /** names of receivers; null: all */
  readonly to: readonly string[] | null;
  /** while it lasts; null: never again */
  readonly repeatMs: number | null;
  /** kinds that are but effects of this one, and not told while it lasts */
  readonly inhibits: readonly string[];
  /** kinds of which this one is but an effect */
  readonly inhibitedBy: readonly string[];
  /** kinds that, inhibited by this one, add to its count */
  readonly counts: readonly string[];
  readonly runbook: string | null;
}

/** All that are given must fit. */
export interface Match {
  readonly kinds: readonly string[] | null;
  readonly phase: 'instant' | 'begin' | null;
  /** at least */
  readonly severity: Severity | null;
  /** as in `EventQuery.subject` */
  readonly subject: string | null;
  readonly cluster: string | null;
  readonly details: readonly DetailTest[];
}

/** One of the values must fit; where the detail is a list, one of its items. */
export interface DetailTest {
  readonly name: string;
  readonly anyOf: readonly Comparison[];
}

export interface Comparison {
  readonly sign: '=' | '!=' | '>' | '>=' | '<' | '<=';
  readonly value: string | number | boolean | null;
}

export interface Timing {
  /** from a first event to the first notification, so that what belongs together comes together */
  readonly waitMs: Readonly<Record<Severity, number>>;
  /** from the last condition's end to the all-clear */
  readonly resolveWaitMs: number;
  /** the least between two notifications of a thread, unless it gets worse or is over */
  readonly updateMs: Readonly<Record<Severity, number>>;
  /** while a condition lasts, unless its rule says otherwise */
  readonly repeatMs: number;
  /** the most that one receiver is told */
  readonly storm: { readonly notifications: number; readonly withinMs: number };
  readonly digest: { readonly atMinute: number; readonly everyMs: number };
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const DEFAULT_TIMING: Timing = {
  waitMs: { critical: 0, warning: 10 * SECOND_MS, info: 10 * SECOND_MS },
  resolveWaitMs: 10 * SECOND_MS,
  updateMs: { critical: 30 * SECOND_MS, warning: 5 * MINUTE_MS, info: 5 * MINUTE_MS },
  repeatMs: 4 * HOUR_MS,
  storm: { notifications: 10, withinMs: 10 * MINUTE_MS },
  digest: { atMinute: 7 * 60, everyMs: 24 * HOUR_MS },
};

type Judged = Pick<TimelineEvent, 'severity' | 'cluster' | 'subject' | 'phase'> & {
  readonly kind: string;
  readonly details: object;
};

/** Finds rules; made once of a book. */
export class Rules {
  readonly book: RuleBook;
  /** kinds that inhibit, or by which something is inhibited */
  readonly #causes: ReadonlySet<string>;
  readonly #counted: ReadonlySet<string>;
  readonly #tests: readonly ((event: Judged) => boolean)[];

  constructor(book: RuleBook) {
    this.book = book;
    this.#tests = book.rules.map(({ match }) => testOf(match));
    this.#causes = new Set(book.rules.flatMap(({ inhibitedBy }) => inhibitedBy));
    this.#counted = new Set(book.rules.flatMap(({ counts }) => counts));
  }

  /** Null where none fits. The end of a condition is its begin's. */
  ruleFor(event: Judged): Rule | null {
    const index = this.#tests.findIndex((fits) => fits(event));
    return this.book.rules[index] ?? null;
  }

  isCause(kind: string, rule: Rule): boolean {
    return rule.inhibits.length > 0 || this.#causes.has(kind);
  }

  /** It adds to the count of others. */
  isCounted(kind: string): boolean {
    return this.#counted.has(kind);
  }
}

function testOf({ kinds, phase, severity, subject, cluster, details }: Match): (event: Judged) => boolean {
  const traits = eventFilter({
    ...(kinds === null ? {} : { kinds }),
    ...(severity === null ? {} : { severity }),
    ...(subject === null ? {} : { subject }),
    ...(cluster === null ? {} : { cluster }),
  });
  return (event) =>
    (phase === null || event.phase === phase) &&
    traits(event) &&
    details.every(({ name, anyOf }) => {
      const found: unknown = Reflect.get(event.details, name);
      const items: readonly unknown[] = Array.isArray(found) ? found : [found];
      return anyOf.some((comparison) => items.some((item) => holds(item, comparison)));
    });
}

function holds(found: unknown, { sign, value }: Comparison): boolean {
  const actual = found === undefined ? null : found;
  if (sign === '=') return actual === value;
  if (sign === '!=') return actual !== value;
  if (typeof actual !== 'number' || typeof value !== 'number') return false;
  switch (sign) {
    case '>':
      return actual > value;
    case '>=':
      return actual >= value;
    case '<':
      return actual < value;
    case '<=':
      return actual <= value;
  }
}
