import { describe, expect, it } from 'vitest';
import {
  countOf,
  domainGtidsText,
  domainsBeyond,
  domainsMissing,
  type GtidSet,
  gtidSetText,
  lastOfDomains,
  ofOrigin,
  parseDomainGtids,
  parseGtidSet,
  subtract,
} from '../../src/reading/gtid.ts';
import { Random } from '../support/random.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4e11fa47-71ca-11e1-9e33-c80aa9429562';

function set(text: string): GtidSet {
  const parsed = parseGtidSet(text);
  if (parsed === null) throw new Error(`no GTID set: ${text}`);
  return parsed;
}

function domains(text: string) {
  const parsed = parseDomainGtids(text);
  if (parsed === null) throw new Error(`no MariaDB GTIDs: ${text}`);
  return parsed;
}

describe('MySQL sets', () => {
  it.each([
    ['', ''],
    [`${A}:1-5:7`, `${A}:1-5:7`],
    [`${A}:7:1-5:6`, `${A}:1-7`],
    [`${A}:1-9:2-3`, `${A}:1-9`],
    [`${B}:1,\n${A.toUpperCase()}:2-3`, `${A}:2-3,${B}:1`],
    [`${A}:1-3,${A}:4`, `${A}:1-4`],
    [`${A}:1-3:15-21:Domain_1:1-8:_x:8-52`, `${A}:1-3:15-21:_x:8-52:domain_1:1-8`],
    [`${A}:only_tagged:1-2,${B}:1`, `${A}:only_tagged:1-2,${B}:1`],
    [`${A}:9223372036854775806`, `${A}:9223372036854775806`],
    [`${A}:1,`, `${A}:1`],
  ])('%j is %j', (text, canonical) => {
    expect(gtidSetText(set(text))).toBe(canonical);
  });

  it.each([
    '1-1-7',
    A,
    `${A}:`,
    `${A}:0`,
    `${A}:5-1`,
    `${A}:1-`,
    `${A}:-1`,
    `${A}:1-2-3`,
    `${A}:1.5`,
    `${A.slice(1)}:1`,
    `${A}:1;${B}:1`,
    `${A}:${'9'.repeat(20)}`,
    `:1`,
    'NULL',
    `${A}:${'t'.repeat(33)}:1`,
    `${A}:1:`.padEnd(1_048_577, '1:'),
  ])('%.60j is none', (text) => {
    expect(parseGtidSet(text)).toBeNull();
  });

  it('what a replica lacks, and what it has too much', () => {
    const source = set(`${A}:1-100,${B}:1-3`);
    const replica = set(`${A}:1-80:90-95,${B}:1-4`);
    expect(gtidSetText(subtract(source, replica))).toBe(`${A}:81-89:96-100`);
    expect(countOf(subtract(source, replica))).toBe(14n);
    expect(gtidSetText(subtract(replica, source))).toBe(`${B}:4`);
  });

  it('a tag is an origin of its own, and the same server', () => {
    const all = set(`${A}:1-5:app:1-2,${B}:1`);
    expect(gtidSetText(subtract(all, set(`${A}:1-5`)))).toBe(`${A}:app:1-2,${B}:1`);
    expect(countOf(ofOrigin(all, A.toUpperCase()))).toBe(7n);
  });

  it('numbers beyond a double stay exact', () => {
    expect(countOf(subtract(set(`${A}:1-9223372036854775806`), set(`${A}:9007199254740993`)))).toBe(
      9223372036854775805n,
    );
  });

  it('agrees with sets of single numbers', () => {
    const random = new Random(1);
    for (let round = 0; round < 500; round++) {
      const [one, other] = [numbers(random), numbers(random)];
      const [x, y] = [set(textOf(random, one)), set(textOf(random, other))];
      expect(countOf(x)).toBe(BigInt(one.size));
      const left = subtract(x, y);
      const expected = [...one].filter((n) => !other.has(n)).sort((a, b) => a - b);
      expect([...(left.get(A) ?? [])].flatMap(({ first, last }) => upTo(first, last))).toEqual(expected);
      expect(gtidSetText(set(gtidSetText(left)))).toBe(gtidSetText(left));
      expect(countOf(subtract(left, x))).toBe(0n);
    }
  });

  it('any text parses to a set or to null', () => {
    const random = new Random(2);
    const alphabet = [...'0123456789-:,abcf_ \n', A, B, '1-5', '0-1-7'];
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from(
        { length: random.whole(0, 12) },
        () => alphabet[random.whole(0, alphabet.length - 1)],
      ).join('');
      const parsed = parseGtidSet(text);
      if (parsed !== null) expect(parseGtidSet(gtidSetText(parsed))).toEqual(parsed);
      const gtids = parseDomainGtids(text);
      if (gtids !== null) expect(parseDomainGtids(domainGtidsText(gtids))).toEqual(gtids);
    }
  });
});

describe('MariaDB lists', () => {
  it.each(['0-1-7', '1-1-10,2-2-5', '0-4294967295-18446744073709551615', ''])('%j', (text) => {
    expect(domainGtidsText(domains(text))).toBe(text);
  });

  it.each(['0-1', '0-1-', '0-1-x', '0-1-7,', '4294967296-1-1', '0-4294967296-1', `${A}:1-5`, '-1-1-1'])(
    '%j is none',
    (text) => {
      expect(parseDomainGtids(text)).toBeNull();
    },
  );

  it('what a replica lacks is counted by domain, and never negative', () => {
    expect(domainsMissing(domains('1-1-10,2-2-5'), domains('1-1-7,2-2-5'))).toBe(3n);
    expect(domainsMissing(domains('1-1-10,2-2-5'), domains('1-1-10'))).toBe(5n);
    expect(domainsMissing(domains('1-1-10'), domains('1-1-12,3-3-1'))).toBe(0n);
    expect(domainsMissing(domains('0-1-18446744073709551615'), domains('0-1-1'))).toBe(18446744073709551614n);
  });

  it('the binlog state names every server that wrote; the last of a domain counts', () => {
    const state = domains('0-1-9,0-2-12,5-1-3');
    expect([...lastOfDomains(state).values()]).toEqual(domains('0-2-12,5-1-3'));
    expect(domainsMissing(state, domains('0-1-10'))).toBe(5n);
  });

  it('own writes that the other never got', () => {
    expect(domainGtidsText(domainsBeyond(domains('0-1-9,0-2-12'), domains('0-1-9,0-2-10')))).toBe('0-2-12');
    expect(domainGtidsText(domainsBeyond(domains('0-1-9,0-2-10'), domains('0-1-9')))).toBe('0-2-10');
    expect(domainsBeyond(domains('0-1-9'), domains('0-1-9,0-2-12'))).toEqual([]);
  });
});

function numbers(random: Random): Set<number> {
  return new Set(Array.from({ length: random.whole(1, 30) }, () => random.whole(1, 60)));
}

/** As intervals in any order, overlapping or not. */
function textOf(random: Random, among: ReadonlySet<number>): string {
  const pieces = [...among].map((n) => {
    let last = n;
    while (among.has(last + 1) && random.fraction() < 0.7) last++;
    return last === n ? `${n}` : `${n}-${last}`;
  });
  return `${A}:${pieces.join(':')}`;
}

function upTo(first: bigint, last: bigint): number[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, i) => Number(first) + i);
}
