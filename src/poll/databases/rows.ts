/** Rows as a server sends them: text under names of columns. What makes no sense becomes null, and an oddity in words. */
import { printable } from '../failure.ts';

/** Names in lower case: servers differ in it. */
export type Row = ReadonlyMap<string, string | null>;

/** Runs one statement. Throws `StatementError` where the server refuses it, and the connection still works. */
export type Query = (sql: string) => Promise<readonly Row[]>;

export class StatementError extends Error {
  override readonly name = 'StatementError';
  /** of the server: 1064 */
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(printable(message, 160));
    this.errno = errno;
  }
}

const ODDITIES_MAX = 16;
const ODDITY_MAX = 200;

/** Each one once, and only so many. */
export class Oddities {
  readonly #found = new Set<string>();

  add(text: string): void {
    if (this.#found.size < ODDITIES_MAX) this.#found.add(printable(text, ODDITY_MAX));
  }

  get list(): readonly string[] {
    return [...this.#found];
  }
}

/** Of the two columns of `SHOW STATUS` and `SHOW VARIABLES`: names in lower case to values. */
export function valuesByName(rows: readonly Row[]): Row {
  const values = new Map<string, string | null>();
  for (const row of rows) {
    const name = row.get('variable_name');
    if (typeof name === 'string') values.set(name.toLowerCase(), row.get('value') ?? null);
  }
  return values;
}

/** The columns of a row, under whichever of their names the release uses. */
export class Cells {
  readonly #row: Row;
  readonly #oddities: Oddities;

  constructor(row: Row, oddities: Oddities) {
    this.#row = row;
    this.#oddities = oddities;
  }

  /** Null: NULL, or no such column. */
  raw(...names: readonly string[]): string | null {
    for (const name of names) {
      const value = this.#row.get(name);
      if (value !== undefined) return value;
    }
    return null;
  }

  text(...names: readonly string[]): string {
    return this.raw(...names) ?? '';
  }

  /** A whole number that is not negative. */
  whole(...names: readonly string[]): bigint | null {
    const value = this.raw(...names);
    if (value === null || value === '') return null;
    if (/^\d{1,20}$/.test(value)) return BigInt(value);
    this.#oddities.add(`${names[0]}: ${printable(value, 40)}: no whole number`);
    return null;
  }

  /** The same where a double holds it. */
  count(...names: readonly string[]): number | null {
    const value = this.whole(...names);
    if (value === null) return null;
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    this.#oddities.add(`${names[0]}: ${value}: too large`);
    return null;
  }

  /** May have decimals, and a sign. */
  decimal(...names: readonly string[]): number | null {
    const value = this.raw(...names);
    if (value === null || value === '') return null;
    if (/^-?\d{1,20}(?:\.\d+)?(?:e[+-]?\d{1,3})?$/i.test(value)) return Number(value);
    this.#oddities.add(`${names[0]}: ${printable(value, 40)}: no number`);
    return null;
  }

  /** `ON`, `1`, `YES` and their opposites. */
  flag(...names: readonly string[]): boolean | null {
    const value = this.raw(...names)?.toUpperCase() ?? '';
    if (value === '') return null;
    if (['ON', '1', 'YES', 'TRUE'].includes(value)) return true;
    if (['OFF', '0', 'NO', 'FALSE'].includes(value)) return false;
    this.#oddities.add(`${names[0]}: ${printable(value, 40)}: neither on nor off`);
    return null;
  }
}
