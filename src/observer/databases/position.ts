/**
 * Where a server is in a history of transactions, and what it lacks of another's: MySQL's sets and MariaDB's lists.
 *
 * Only what is missing at the end counts. A replica that was set up from a backup may lack old transactions for ever, and
 * filters may keep a whole domain out: neither is a lag.
 */
import type { BinlogPosition, DatabaseReading } from '../../reading/database.ts';
import {
  countOf,
  type DomainGtid,
  type GtidRange,
  type GtidSet,
  lastOfDomains,
  ofOrigin,
  parseDomainGtids,
  parseGtidSet,
  subtract,
} from '../../reading/gtid.ts';

export type Position =
  | { readonly kind: 'sets'; readonly sets: GtidSet; readonly size: number }
  | { readonly kind: 'domains'; readonly gtids: readonly DomainGtid[]; readonly size: number };

/** A set in more pieces is not compared at every poll. */
const SIZE_MAX = 4_000;

/** All that a server has, by its own and by others' writes; null where GTIDs are not in use. */
export function positionOf({ flavour, gtid }: DatabaseReading): Position | null {
  if (gtid === null) return null;
  if (flavour !== 'mariadb') {
    const sets = parseGtidSet(gtid.executed);
    if (sets === null || sets.size === 0) return null;
    let size = 0;
    for (const ranges of sets.values()) size += ranges.length;
    return size > SIZE_MAX ? null : { kind: 'sets', sets, size };
  }
  const gtids: DomainGtid[] = [];
  for (const text of [gtid.executed, gtid.applied, gtid.current])
    gtids.push(...(parseDomainGtids(text) ?? []));
  return gtids.length === 0 || gtids.length > SIZE_MAX
    ? null
    : { kind: 'domains', gtids, size: gtids.length };
}

/**
 * How many transactions of `source` are yet to come to `replica`; null where they cannot be compared. Of an origin that
 * the replica knows nothing of, those count that the source did not have at `oldest`.
 */
export function missing(source: Position, replica: Position, oldest: Position): bigint | null {
  if (source.kind === 'domains') {
    if (replica.kind !== 'domains') return null;
    const reached = lastOfDomains(replica.gtids);
    let gap = 0n;
    for (const [domain, { sequence }] of lastOfDomains(source.gtids)) {
      const theirs = reached.get(domain)?.sequence ?? sequence;
      if (sequence > theirs) gap += sequence - theirs;
    }
    return gap;
  }
  if (replica.kind !== 'sets') return null;
  const late = new Map<string, readonly GtidRange[]>();
  for (const [origin, ranges] of subtract(source.sets, replica.sets)) {
    const last = replica.sets.get(origin)?.at(-1)?.last;
    if (last !== undefined)
      late.set(
        origin,
        ranges.filter(({ first }) => first > last),
      );
    else if (oldest.kind === 'sets')
      late.set(origin, subtract(new Map([[origin, ranges]]), oldest.sets).get(origin) ?? []);
  }
  return countOf(late);
}

/** Whether `later` has all that `earlier` had: else the server was set up anew. */
export function goesOn(earlier: Position, later: Position): boolean {
  if (earlier.kind === 'sets') return later.kind === 'sets' && subtract(earlier.sets, later.sets).size === 0;
  if (later.kind !== 'domains') return false;
  const reached = lastOfDomains(later.gtids);
  return [...lastOfDomains(earlier.gtids)].every(
    ([domain, { sequence }]) => sequence <= (reached.get(domain)?.sequence ?? -1n),
  );
}

export function isSame(a: Position | null, b: Position | null): boolean {
  if (a === null || b === null) return a === b;
  return goesOn(a, b) && goesOn(b, a);
}

/** What originated on a server itself; null where that cannot be told. */
export function ownOf(reading: DatabaseReading): Position | null {
  const { gtid, serverUuid, serverId } = reading;
  if (gtid === null) return null;
  if (reading.flavour !== 'mariadb') {
    const sets = serverUuid === null ? null : parseGtidSet(gtid.executed);
    if (sets === null || sets.size === 0 || serverUuid === null) return null;
    const own = ofOrigin(sets, serverUuid);
    return { kind: 'sets', sets: own, size: own.size };
  }
  const gtids = parseDomainGtids(gtid.executed);
  if (gtids === null || gtids.length === 0 || serverId === null) return null;
  const own = gtids.filter(({ server }) => BigInt(server) === serverId);
  return { kind: 'domains', gtids: own, size: own.length };
}

/** Order of two places in one server's binary logs; null where their files belong to different series. */
export function compareBinlogs(a: BinlogPosition, b: BinlogPosition): number | null {
  const [seriesA, numberA] = fileNumber(a.file);
  const [seriesB, numberB] = fileNumber(b.file);
  if (seriesA !== seriesB) return null;
  if (numberA !== numberB) return numberA < numberB ? -1 : 1;
  return a.position === b.position ? 0 : a.position < b.position ? -1 : 1;
}

function fileNumber(file: string): [string, number] {
  const [, series = file, number = '0'] = /^(.*)\.(\d{1,15})$/.exec(file) ?? [];
  return [series, Number(number)];
}
