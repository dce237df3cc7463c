/** A replica's channels, from what `SHOW … STATUS` answers in any release of any flavour. Pure. */
import type { BinlogPosition, ChannelReading, ReplicaThread } from '../../reading/database.ts';
import { countOf, parseGtidSet, subtract } from '../../reading/gtid.ts';
import { printable } from '../failure.ts';
import { secondsOf } from './heartbeats.ts';
import { Cells, type Oddities, type Row } from './rows.ts';

const ERROR_MAX = 500;

/** Null where there are rows, but none that makes sense: that is not the same as no replica. */
export function channelsOf(rows: readonly Row[], oddities: Oddities): readonly ChannelReading[] | null {
  const channels = rows.flatMap((row) => channelOf(new Cells(row, oddities), oddities) ?? []);
  return rows.length > 0 && channels.length === 0 ? null : channels;
}

function channelOf(cells: Cells, oddities: Oddities): ChannelReading | null {
  const name = cells.text('channel_name', 'connection_name');
  const ioState = stateOf(cells.raw('replica_io_running', 'slave_io_running'));
  const sqlState = stateOf(cells.raw('replica_sql_running', 'slave_sql_running'));
  if (ioState === null || sqlState === null) {
    oddities.add(`channel '${name}': it does not say whether its threads run`);
    return null;
  }
  const runs = ioState === 'yes' && sqlState === 'yes';
  const eventLag = runs ? cells.decimal('master_slave_time_diff') : null;
  return {
    name,
    sourceHost: cells.text('source_host', 'master_host'),
    sourcePort: cells.count('source_port', 'master_port'),
    sourceServerId: cells.whole('source_server_id', 'master_server_id') || null,
    sourceUuid: cells.raw('source_uuid', 'master_uuid') || null,
    io: thread(ioState, cells, 'last_io_errno', 'last_io_error'),
    sql: thread(sqlState, cells, 'last_sql_errno', 'last_sql_error'),
    secondsBehind: cells.count('seconds_behind_source', 'seconds_behind_master'),
    delayS: cells.count('sql_delay') ?? 0,
    remainingDelayS: cells.count('sql_remaining_delay'),
    received: position(
      cells.text('source_log_file', 'master_log_file'),
      cells.whole('read_source_log_pos', 'read_master_log_pos'),
    ),
    applied: position(
      cells.text('relay_source_log_file', 'relay_master_log_file'),
      cells.whole('exec_source_log_pos', 'exec_master_log_pos'),
    ),
    receivedGtids: receivedGtids(cells),
    applierLagS: eventLag === null ? null : Math.max(0, eventLag),
  };
}

function stateOf(text: string | null): ReplicaThread['state'] | null {
  switch (text?.toLowerCase()) {
    case 'yes':
      return 'yes';
    case 'no':
      return 'no';
    case 'connecting':
    case 'preparing':
      return 'connecting';
    default:
      return null;
  }
}

function thread(state: ReplicaThread['state'], cells: Cells, errno: string, error: string): ReplicaThread {
  return { state, errno: cells.count(errno) ?? 0, error: printable(cells.text(error), ERROR_MAX) };
}

function position(file: string, at: bigint | null): BinlogPosition | null {
  return file === '' || at === null ? null : { file, position: at };
}

function receivedGtids(cells: Cells): string {
  if (cells.raw('using_gtid')?.toLowerCase() === 'no') return '';
  return oneLine(cells.text('retrieved_gtid_set', 'gtid_io_pos'));
}

/** MySQL breaks sets after each comma. */
export function oneLine(gtids: string): string {
  return gtids.replace(/\s+/g, '');
}

/** Of MySQL 8 and later: what each worker applies. Times are by the session's time zone, `now` too. */
export const WORKERS =
  'SELECT CHANNEL_NAME AS channel, APPLYING_TRANSACTION AS applying, ' +
  'APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP AS committed, NOW(6) AS now ' +
  'FROM performance_schema.replication_applier_status_by_worker LIMIT 1000';

/**
 * The channels with their applier's lag: the age of the oldest transaction that a worker applies. When all are idle, it
 * is 0 if nothing waits that was received, and else not known (the applier is stopped, or waits on purpose).
 */
export function withApplierLag(
  channels: readonly ChannelReading[],
  workers: readonly Row[],
  executed: string,
  oddities: Oddities,
): readonly ChannelReading[] {
  const ofChannel = new Map<string, Cells[]>();
  for (const row of workers) {
    const cells = new Cells(row, oddities);
    const name = cells.text('channel');
    ofChannel.set(name, [...(ofChannel.get(name) ?? []), cells]);
  }
  return channels.map((channel) => {
    const own = ofChannel.get(channel.name);
    if (own === undefined || channel.sql.state !== 'yes') return channel;
    return { ...channel, applierLagS: applierLag(channel, own, executed) };
  });
}

function applierLag(channel: ChannelReading, workers: readonly Cells[], executed: string): number | null {
  const busy = workers.filter((cells) => cells.text('applying') !== '');
  if (busy.length === 0) return hasAppliedAll(channel, executed) ? 0 : null;
  let oldest: number | null = null;
  for (const cells of busy) {
    // 0000-00-00 00:00:00: an old source does not tell
    const committed = secondsOf(cells.text('committed'));
    const now = secondsOf(cells.text('now'));
    if (committed === null || now === null) continue;
    oldest = Math.max(oldest ?? 0, now - committed);
  }
  return oldest;
}

function hasAppliedAll({ receivedGtids, received, applied }: ChannelReading, executed: string): boolean {
  if (receivedGtids === '') {
    return (
      received !== null &&
      applied !== null &&
      received.file === applied.file &&
      received.position === applied.position
    );
  }
  const [all, done] = [parseGtidSet(receivedGtids), parseGtidSet(executed)];
  return all !== null && done !== null && countOf(subtract(all, done)) === 0n;
}
