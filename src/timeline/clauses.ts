/** The clauses of a sentence about an incident, and how they become that sentence on a reader's clock. Pure. */
import type { Instant } from '../time.ts';

/** A part of the sentence. Instants among the words are told in the zone of whoever reads it. */
export interface Clause {
  /** when it was so, or began; null where it is about all of it */
  readonly time: Instant | null;
  readonly words: readonly (string | Instant)[];
  /** the events that say so; never empty */
  readonly eventIds: readonly string[];
}

export interface ToldClause {
  readonly time: Instant | null;
  readonly clause: string;
  readonly eventIds: readonly string[];
}

/** A reader's wall clock. */
export interface WallClock {
  /** `2026-11-20` */
  date(at: Instant): string;
  /** `03:12:07` */
  time(at: Instant): string;
}

/** The clauses in words. A date stands where the day is not `today`, or not that of the clause before. */
export function tellChain(chain: readonly Clause[], clock: WallClock, today: Instant): readonly ToldClause[] {
  let day = clock.date(today);
  const tell = (at: Instant): string => {
    const itsDay = clock.date(at);
    const text = itsDay === day ? clock.time(at) : `${itsDay} ${clock.time(at)}`;
    day = itsDay;
    return text;
  };
  return chain.map(({ time, words, eventIds }) => {
    const text = words.map((word) => (typeof word === 'string' ? word : tell(word))).join('');
    const clause = text.length > CLAUSE_MAX ? `${text.slice(0, CLAUSE_MAX - 1)}…` : text;
    return { time, clause, eventIds };
  });
}

/** `Nobody …; hosta took …; clients dark 0.9 s.` */
export function chainSentence(told: readonly ToldClause[]): string {
  const text = told.map(({ clause }) => clause).join('; ');
  return `${ORDINARY_WORD.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text}.`;
}

/** With these a clause may begin that begins with no name. */
const ORDINARY_WORD = /^(at|from|nobody|since|split-brain:|the) /;

/** Characters of a clause; names and errors are as long as others made them. */
const CLAUSE_MAX = 240;
