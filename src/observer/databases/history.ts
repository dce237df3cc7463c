/** When a server was first seen at each place of its own history: what dates a transaction that a replica lacks. */
import type { BinlogPosition } from '../../reading/database.ts';
import { type Instant, SECOND } from '../../time.ts';
import { compareBinlogs, goesOn, isSame, missing, type Position } from './position.ts';

/** At the bound the entry goes that is missed least: the older, the further apart they may be, so that it reaches far back. */
const ENTRIES_MAX = 600;
/** pieces of all its positions */
const SIZE_MAX = 40_000;

interface Entry {
  readonly at: Instant;
  readonly position: Position | null;
  readonly binlog: BinlogPosition | null;
}

/** What a replica lacks of its source. */
export interface Gap {
  readonly by: 'gtid' | 'position';
  /** null by positions: bytes are no transactions */
  readonly transactions: number | null;
  /** since the first of what is missing was seen at the source; null where nothing is */
  readonly missingSince: Instant | null;
  /** it may be missing for longer: nothing that the replica has was seen */
  readonly atLeast: boolean;
}

export class History {
  #entries: Entry[] = [];
  #size = 0;

  seen(at: Instant, position: Position | null, binlog: BinlogPosition | null): void {
    const last = this.#entries.at(-1);
    if (last !== undefined) {
      const beganAnew =
        (last.position !== null && (position === null || !goesOn(last.position, position))) ||
        (last.binlog !== null && (binlog === null || (compareBinlogs(last.binlog, binlog) ?? 1) > 0));
      if (beganAnew) this.clear();
      else if (isSame(last.position, position) && sameBinlog(last.binlog, binlog)) return;
    }
    if (position === null && binlog === null) return;
    this.#entries.push({ at, position, binlog });
    this.#size += position?.size ?? 0;
    while (this.#entries.length > ENTRIES_MAX || (this.#size > SIZE_MAX && this.#entries.length > 2))
      this.#thin(at);
  }

  clear(): void {
    this.#entries = [];
    this.#size = 0;
  }

  /** What a replica that stood at `replica` lacked of what was seen here until `until`. */
  gtidGap(replica: Position, until: Instant): Gap | null {
    const [oldest] = this.#entries;
    if (oldest === undefined || oldest.position === null) return null;
    const known = oldest.position;
    const lacks = ({ position }: Entry) => (position === null ? null : missing(position, replica, known));
    const last = this.#entries.findLast((entry) => entry.at <= until);
    const transactions = last === undefined ? null : lacks(last);
    if (transactions === null) return null;
    return this.#gap('gtid', until, Number(transactions), (entry) => (lacks(entry) ?? 0n) > 0n);
  }

  /** Likewise by places in the binary logs, where GTIDs are not in use. */
  binlogGap(applied: BinlogPosition, until: Instant): Gap | null {
    const behind = ({ binlog }: Entry) => (binlog === null ? null : compareBinlogs(binlog, applied));
    const last = this.#entries.findLast((entry) => entry.at <= until);
    if (last === undefined || behind(last) === null) return null;
    return this.#gap('position', until, null, (entry) => (behind(entry) ?? 0) > 0);
  }

  /** What is missing stays missing in all later entries. */
  #gap(by: Gap['by'], until: Instant, transactions: number | null, lacks: (entry: Entry) => boolean): Gap {
    let low = 0;
    let high = this.#entries.findLastIndex((entry) => entry.at <= until) + 1;
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && lacks(entry)) high = middle;
      else low = middle + 1;
    }
    const first = low < end ? this.#entries[low] : undefined;
    return { by, transactions, missingSince: first?.at ?? null, atLeast: first !== undefined && low === 0 };
  }

  /** Neither the first nor the last. */
  #thin(now: Instant): void {
    let least = 1;
    let smallest = Number.POSITIVE_INFINITY;
    for (let i = 1; i < this.#entries.length - 1; i++) {
      const [before, entry, after] = [this.#entries[i - 1], this.#entries[i], this.#entries[i + 1]];
      if (before === undefined || entry === undefined || after === undefined) continue;
      const share = (after.at - before.at) / (now - entry.at + SECOND);
      if (share < smallest) [least, smallest] = [i, share];
    }
    for (const { position } of this.#entries.splice(least, 1)) this.#size -= position?.size ?? 0;
  }
}

function sameBinlog(a: BinlogPosition | null, b: BinlogPosition | null): boolean {
  if (a === null || b === null) return a === b;
  return compareBinlogs(a, b) === 0;
}
