/** A node's view of its Galera cluster, from `SHOW GLOBAL STATUS LIKE 'wsrep_%'`. Pure. */
import type { GaleraReading } from '../../reading/database.ts';
import { Cells, type Oddities, type Row } from './rows.ts';

/** Works on a node without a primary component too, where a SELECT may fail with error 1047. */
export const WSREP_STATUS = "SHOW GLOBAL STATUS LIKE 'wsrep_%'";

/** What stands for "none" in numbers of 64 bits: a node outside of a primary component. */
const NONE = 2n ** 64n - 1n;

/** Takes names in lower case to values. Null where the answer has no such rows. */
export function galeraOf(
  status: Row,
  maintenanceMode: string | null,
  oddities: Oddities,
): GaleraReading | null {
  const cells = new Cells(status, oddities);
  const clusterStatus = cells.text('wsrep_cluster_status');
  if (clusterStatus === '') {
    oddities.add('wsrep_on is ON, but there is no wsrep_cluster_status');
    return null;
  }
  return {
    clusterStatus,
    size: cells.count('wsrep_cluster_size'),
    localState: cells.count('wsrep_local_state'),
    comment: cells.text('wsrep_local_state_comment'),
    ready: cells.flag('wsrep_ready'),
    connected: cells.flag('wsrep_connected'),
    clusterUuid: cells.text('wsrep_cluster_state_uuid'),
    configurationId: known(cells.whole('wsrep_cluster_conf_id')),
    lastCommitted: known(sequence(cells, 'wsrep_last_committed')),
    pausedNs: cells.whole('wsrep_flow_control_paused_ns'),
    receiveQueueAverage: cells.decimal('wsrep_local_recv_queue_avg'),
    maintenanceMode,
  };
}

/** -1 where nothing was committed yet. */
function sequence(cells: Cells, name: string): bigint | null {
  return cells.raw(name) === '-1' ? null : cells.whole(name);
}

function known(value: bigint | null): bigint | null {
  return value === NONE ? null : value;
}
