/**
 * What a server wrote itself of late, by its GTIDs: in MySQL those of its own uuid, in MariaDB those of its own server id.
 *
 * MariaDB numbers the transactions of a domain in one row, whoever writes, so that a number that jumped may have been used
 * by another server: only what nobody else can have used counts, and one where anything is new at all.
 */
import type { DatabaseReading } from '../../reading/database.ts';
import {
  countOf,
  type DomainGtid,
  gtidSetText,
  lastOfDomains,
  parseDomainGtids,
  subtract,
} from '../../reading/gtid.ts';
import { type Instant, SECOND } from '../../time.ts';
import { shortened } from './errant.ts';
import { ownOf, type Position } from './position.ts';

const STRETCHES_MAX = 64;
/** Heartbeats come every second. */
const NOW_S = 10;

/** Between two polls. */
interface Stretch {
  readonly from: Instant;
  readonly until: Instant;
  readonly count: number;
  /** what the server had written by `from` */
  readonly before: Position;
}

export interface Written {
  readonly count: number;
  /** since the first stretch in which it wrote */
  readonly since: Instant;
  /** until the last one */
  readonly until: Instant;
  readonly gtids: string;
}

interface Known {
  readonly askedAt: Instant;
  readonly own: Position;
  /** MariaDB: everybody's */
  readonly all: readonly DomainGtid[];
}

export class Writes {
  #stretches: Stretch[] = [];
  #last: Known | null = null;
  #heartbeats = false;

  get lastAskedAt(): Instant | null {
    return this.#last?.askedAt ?? null;
  }

  look(reading: DatabaseReading, askedAt: Instant): void {
    const own = ownOf(reading);
    const before = this.#last;
    this.#heartbeats = reading.heartbeats !== null;
    if (own === null) {
      this.forget();
      return;
    }
    const all = reading.flavour === 'mariadb' ? (parseDomainGtids(reading.gtid?.executed ?? '') ?? []) : [];
    this.#last = { askedAt, own, all };
    if (before === null) return;
    const count = writtenBetween(before, this.#last);
    if (count === null) {
      this.#stretches = [];
      return;
    }
    this.#stretches.push({ from: before.askedAt, until: askedAt, count, before: before.own });
    if (this.#stretches.length > STRETCHES_MAX) this.#stretches.shift();
  }

  forget(): void {
    this.#stretches = [];
    this.#last = null;
  }

  /** Whether it writes anything at present, be it heartbeats; null where that is not known. */
  get writesNow(): boolean | null {
    const last = this.#last;
    if (last === null || this.#stretches.length === 0) return null;
    const recent = this.#stretches.filter(({ until }) => until >= last.askedAt - NOW_S * SECOND);
    return recent.some(({ count }) => count > 0);
  }

  /**
   * Within `windowS` before the latest poll, as far as that was after `after`; null where nothing is known. Where a
   * heartbeat table is written, one transaction a second is that.
   */
  lately(windowS: number, after: Instant): Written | null {
    const last = this.#last;
    if (last === null) return null;
    const from = last.askedAt - windowS * SECOND;
    const stretches = this.#stretches.filter(
      (stretch) => stretch.from >= after && (stretch.from >= from || stretch.until === last.askedAt),
    );
    const [first] = stretches;
    if (first === undefined) return null;
    let count = 0;
    let seconds = 0;
    for (const stretch of stretches) {
      const lengthS = (stretch.until - stretch.from) / SECOND;
      // polled more rarely than the window is long: its share
      count += lengthS > windowS ? Math.floor((stretch.count * windowS) / lengthS) : stretch.count;
      seconds += Math.min(lengthS, windowS);
    }
    if (this.#heartbeats) count = Math.max(0, count - Math.ceil(seconds) - 1);
    const wrote = stretches.find((stretch) => stretch.count > 0);
    return {
      count,
      since: (wrote ?? first).from,
      until: (stretches.findLast((stretch) => stretch.count > 0) ?? first).until,
      gtids: wrote === undefined ? '' : shortened(newSince(wrote.before, last.own)),
    };
  }
}

/** Null: it was set up anew. */
function writtenBetween(before: Known, now: Known): number | null {
  if (before.own.kind === 'sets') {
    if (now.own.kind !== 'sets' || subtract(before.own.sets, now.own.sets).size > 0) return null;
    return Number(countOf(subtract(now.own.sets, before.own.sets)));
  }
  if (now.own.kind !== 'domains') return null;
  const reached = lastOfDomains(before.all);
  const ownBefore = lastOfDomains(before.own.gtids);
  let count = 0n;
  for (const { domain, server, sequence } of now.own.gtids) {
    const known = ownBefore.get(domain)?.sequence ?? 0n;
    if (sequence < known) return null;
    if (sequence === known) continue;
    const from = reached.get(domain)?.sequence ?? sequence - 1n; // a domain that is new may begin anywhere
    let free = sequence - from;
    for (const other of now.all) {
      if (other.domain !== domain || other.server === server || other.sequence <= from) continue;
      free -= other.sequence - from;
    }
    count += free > 1n ? free : 1n;
  }
  return Number(count);
}

function newSince(before: Position, now: Position): string {
  if (before.kind === 'sets') return now.kind === 'sets' ? gtidSetText(subtract(now.sets, before.sets)) : '';
  if (now.kind !== 'domains') return '';
  const known = lastOfDomains(before.gtids);
  return now.gtids
    .filter(({ domain, sequence }) => sequence > (known.get(domain)?.sequence ?? 0n))
    .map(({ domain, server, sequence }) => {
      const from = known.get(domain)?.sequence;
      const id = `${domain}-${server}-`;
      return from === undefined ? `${id}${sequence}` : `${id}${from + 1n}..${id}${sequence}`;
    })
    .join(',');
}
