/**
 * Which row of a heartbeat table tells a channel's lag, and whether it can be trusted: a row that nobody writes any more
 * ages, and says nothing of replication.
 */
import type { DatabaseReading, HeartbeatRow } from '../../reading/database.ts';
import { type Instant, SECOND } from '../../time.ts';

/** pt-heartbeat writes every second: a row older than this, at its writer, is not written any more. */
const WRITTEN_WITHIN_S = 10;
/** Whose a row of a table of the old form is, which does not say it. */
const NOBODYS = 0n;
/** Writers upstream of one channel. */
const WRITERS_MAX = 16;

/** A server upstream of a channel that may write heartbeats. */
export interface Writer {
  readonly serverId: bigint;
  /** what it last said itself; null where it is not polled */
  readonly reading: DatabaseReading | null;
  /** it is polled and does not answer */
  readonly inDoubt: boolean;
}

interface Trust {
  /** it was seen young once: somebody writes it */
  young: boolean;
  /** by the replica's clock, to compare with itself */
  writtenAt: number;
  /** since when the row stands still */
  sinceAt: Instant;
  /** how far the replica had applied by then */
  progress: string;
}

export class HeartbeatTrust {
  readonly #rows = new Map<bigint, Trust>();

  /** The age of the youngest row of a writer upstream that is still written; null where there is none. */
  ageS(
    rows: readonly HeartbeatRow[],
    writers: readonly Writer[],
    progress: string,
    askedAt: Instant,
  ): number | null {
    let youngest: number | null = null;
    for (const writer of writers.slice(0, WRITERS_MAX)) {
      const row = rows.find(({ serverId }) => serverId === writer.serverId || serverId === NOBODYS);
      if (row === undefined || !this.#isTrusted(row, writer, progress, askedAt)) continue;
      if (youngest === null || row.ageS < youngest) youngest = row.ageS;
    }
    return youngest === null ? null : Math.max(0, youngest);
  }

  #isTrusted(row: HeartbeatRow, { reading, inDoubt }: Writer, progress: string, askedAt: Instant): boolean {
    const movedOn = this.#follow(row, progress, askedAt);
    if (inDoubt) return false;
    if (reading === null || reading.heartbeats === null) return movedOn;
    const own = reading.heartbeats.find(({ serverId }) => serverId === row.serverId);
    return own !== undefined && own.ageS <= WRITTEN_WITHIN_S;
  }

  /** Of a writer that is not asked itself: false where other transactions come from it and no heartbeat does. */
  #follow({ serverId, ageS }: HeartbeatRow, progress: string, askedAt: Instant): boolean {
    const writtenAt = askedAt - ageS * SECOND;
    const known = this.#rows.get(serverId);
    if (known === undefined && this.#rows.size >= WRITERS_MAX) return false;
    const young = known?.young === true || ageS <= WRITTEN_WITHIN_S;
    if (known === undefined || writtenAt > known.writtenAt + SECOND / 2) {
      this.#rows.set(serverId, { young, writtenAt, sinceAt: askedAt, progress });
      return young;
    }
    known.young = young;
    const standsStill = askedAt - known.sinceAt > WRITTEN_WITHIN_S * SECOND;
    return young && !(standsStill && progress !== known.progress);
  }
}

/**
 * A row that does not say who writes it is the writer's of the time. Where that may be the server itself that has the row
 * (not `cameByReplication`), it says nothing of what that server lacks.
 */
export function rowsOfOthers(
  rows: readonly HeartbeatRow[] | null,
  cameByReplication: () => boolean,
): readonly HeartbeatRow[] {
  return (rows ?? []).filter(({ serverId }) => serverId !== NOBODYS || cameByReplication());
}
