/**
 * Arithmetic of global transaction ids, of the two kinds that there are. Nothing here throws: a text that is no GTID set,
 * or one longer than `LONGEST`, parses to null.
 *
 * MySQL: a set of intervals per origin, `uuid:1-5:7,uuid2:1`; since 8.3 an origin may carry tags, `uuid:1-5:tag:1-3`.
 * What one server has and another has not is a difference of sets.
 *
 * MariaDB: the last id per domain, `domain-server-sequence`, comma separated; in `gtid_binlog_state` the last one per
 * domain and server. Sequence numbers count up within a domain, whoever writes, so that a distance is a subtraction.
 */

/** Per origin (`uuid` or `uuid:tag`, in lower case) its intervals: in order, disjoint, not adjacent, never none. */
export type GtidSet = ReadonlyMap<string, readonly GtidRange[]>;

/** Both ends included, from 1. */
export interface GtidRange {
  readonly first: bigint;
  readonly last: bigint;
}

export interface DomainGtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

/** Characters; about 50,000 intervals, a thousand times what a server in use has. */
const LONGEST = 1_048_576;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;
const INTERVAL = /^(\d{1,19})(?:-(\d{1,19}))?$/;
const DOMAIN_GTID = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;
const MOST_UINT32 = 0xffff_ffff;

/** Of MySQL; the empty text is the empty set. Line breaks and blanks may stand around every part. */
export function parseGtidSet(text: string): GtidSet | null {
  if (text.length > LONGEST) return null;
  const found = new Map<string, GtidRange[]>();
  for (const part of text.split(',')) {
    const [uuid = '', ...pieces] = part.split(':').map((piece) => piece.trim().toLowerCase());
    if (uuid === '' && pieces.length === 0) continue;
    if (!UUID.test(uuid) || pieces.length === 0) return null;
    let origin = uuid;
    for (const piece of pieces) {
      if (TAG.test(piece)) {
        origin = `${uuid}:${piece}`;
        continue;
      }
      const range = rangeOf(piece);
      if (range === null) return null;
      const ranges = found.get(origin);
      if (ranges === undefined) found.set(origin, [range]);
      else ranges.push(range);
    }
  }
  return new Map([...found].map(([origin, ranges]) => [origin, merged(ranges)]));
}

/** What `from` has and `other` has not. */
export function subtract(from: GtidSet, other: GtidSet): GtidSet {
  const left = new Map<string, readonly GtidRange[]>();
  for (const [origin, ranges] of from) {
    const remaining = difference(ranges, other.get(origin) ?? []);
    if (remaining.length > 0) left.set(origin, remaining);
  }
  return left;
}

/** What originated on one server, with and without tags. */
export function ofOrigin(set: GtidSet, uuid: string): GtidSet {
  const own = uuid.toLowerCase();
  return new Map([...set].filter(([origin]) => origin === own || origin.startsWith(`${own}:`)));
}

/** How many transactions. */
export function countOf(set: GtidSet): bigint {
  let count = 0n;
  for (const ranges of set.values()) for (const { first, last } of ranges) count += last - first + 1n;
  return count;
}

/** As the server writes it, in one line: sorted by origin, tags after what has none. */
export function gtidSetText(set: GtidSet): string {
  const parts: string[] = [];
  let lastUuid = '';
  for (const origin of [...set.keys()].sort()) {
    const [uuid = '', tag] = origin.split(':');
    const intervals = (set.get(origin) ?? []).map(({ first, last }) =>
      first === last ? `${first}` : `${first}-${last}`,
    );
    const piece = [...(tag === undefined ? [] : [tag]), ...intervals].join(':');
    parts.push(uuid === lastUuid ? `:${piece}` : `${lastUuid === '' ? '' : ','}${uuid}:${piece}`);
    lastUuid = uuid;
  }
  return parts.join('');
}

/** Of MariaDB; the empty text is the empty list. */
export function parseDomainGtids(text: string): readonly DomainGtid[] | null {
  if (text.length > LONGEST) return null;
  if (text.trim() === '') return [];
  const gtids: DomainGtid[] = [];
  for (const part of text.split(',')) {
    const match = DOMAIN_GTID.exec(part.trim());
    if (match === null) return null;
    const [domain, server, sequence] = [Number(match[1]), Number(match[2]), BigInt(match[3] ?? '0')];
    if (domain > MOST_UINT32 || server > MOST_UINT32) return null;
    gtids.push({ domain, server, sequence });
  }
  return gtids;
}

/** How many transactions of `source` a server at `replica` has yet to get, over all domains; never negative. */
export function domainsMissing(source: readonly DomainGtid[], replica: readonly DomainGtid[]): bigint {
  const reached = lastOfDomains(replica);
  let missing = 0n;
  for (const [domain, { sequence }] of lastOfDomains(source)) {
    const gap = sequence - (reached.get(domain)?.sequence ?? 0n);
    if (gap > 0n) missing += gap;
  }
  return missing;
}

/**
 * What `state` knows of a domain and server beyond `other`: the ids whose sequence is higher there, or whose domain and
 * server `other` lacks. Over two `gtid_binlog_state`, and for the server whose state it is, these are its own writes that
 * the other never got.
 */
export function domainsBeyond(state: readonly DomainGtid[], other: readonly DomainGtid[]): DomainGtid[] {
  const known = new Map<string, bigint>();
  for (const { domain, server, sequence } of other) {
    const key = `${domain}-${server}`;
    const before = known.get(key);
    if (before === undefined || before < sequence) known.set(key, sequence);
  }
  return state.filter(({ domain, server, sequence }) => {
    const seen = known.get(`${domain}-${server}`);
    return seen === undefined || seen < sequence;
  });
}

/** The highest sequence of each domain. */
export function lastOfDomains(gtids: readonly DomainGtid[]): ReadonlyMap<number, DomainGtid> {
  const last = new Map<number, DomainGtid>();
  for (const gtid of gtids) {
    const before = last.get(gtid.domain);
    if (before === undefined || before.sequence < gtid.sequence) last.set(gtid.domain, gtid);
  }
  return last;
}

export function domainGtidsText(gtids: readonly DomainGtid[]): string {
  return gtids.map(({ domain, server, sequence }) => `${domain}-${server}-${sequence}`).join(',');
}

function rangeOf(text: string): GtidRange | null {
  const match = INTERVAL.exec(text);
  if (match === null) return null;
  const first = BigInt(match[1] ?? '0');
  const last = match[2] === undefined ? first : BigInt(match[2]);
  return first > 0n && first <= last ? { first, last } : null;
}

function merged(ranges: GtidRange[]): GtidRange[] {
  ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const joined: GtidRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1n) joined.push(range);
    else if (range.last > before.last) joined[joined.length - 1] = { first: before.first, last: range.last };
  }
  return joined;
}

/** Both in order and disjoint; one walk over both. */
function difference(ranges: readonly GtidRange[], holes: readonly GtidRange[]): GtidRange[] {
  const left: GtidRange[] = [];
  let next = 0;
  for (const { first, last } of ranges) {
    let from = first;
    // A hole that ends before this range ends before all that follow.
    while ((holes[next]?.last ?? first) < first) next++;
    for (let i = next; from <= last; i++) {
      const hole = holes[i];
      if (hole === undefined || hole.first > last) {
        left.push({ first: from, last });
        break;
      }
      if (hole.first > from) left.push({ first: from, last: hole.first - 1n });
      if (hole.last >= from) from = hole.last + 1n;
    }
  }
  return left;
}
