/** A SQL node's view of its NDB cluster. Pure, but for the statements that others run. */
import type { NdbReading } from '../../reading/database.ts';
import { Cells, type Oddities, type Row } from './rows.ts';

export const NDB_STATUS =
  "SHOW GLOBAL STATUS WHERE Variable_name IN ('Ndb_cluster_node_id', 'Ndb_connect_count', " +
  "'Ndb_number_of_data_nodes', 'Ndb_number_of_ready_data_nodes')";

/** Read through the cluster itself: they can hang where it is down. The type of a data node is `NDB`. */
export const NDB_NODES = 'SELECT node_id, status FROM ndbinfo.nodes LIMIT 255';
export const NDB_CONFIGURED = 'SELECT node_id, node_type FROM ndbinfo.config_nodes LIMIT 255';

export type NdbCounts = Pick<NdbReading, 'ready' | 'total' | 'ownNodeId' | 'connectCount'>;

/** Null where the server has no such status: it is no SQL node. */
export function ndbCountsOf(status: Row, oddities: Oddities): NdbCounts | null {
  if (!status.has('ndb_cluster_node_id') && !status.has('ndb_number_of_data_nodes')) return null;
  const cells = new Cells(status, oddities);
  return {
    ready: cells.count('ndb_number_of_ready_data_nodes'),
    total: cells.count('ndb_number_of_data_nodes'),
    ownNodeId: cells.count('ndb_cluster_node_id'),
    connectCount: cells.count('ndb_connect_count'),
  };
}

export function ndbNodesOf(rows: readonly Row[], oddities: Oddities): NonNullable<NdbReading['nodes']> {
  return rows.flatMap((row) => {
    const cells = new Cells(row, oddities);
    const nodeId = cells.count('node_id');
    return nodeId === null ? [] : [{ nodeId, status: cells.text('status') }];
  });
}

export function ndbConfiguredOf(rows: readonly Row[], oddities: Oddities): readonly number[] {
  return rows.flatMap((row) => {
    const cells = new Cells(row, oddities);
    return cells.text('node_type').toUpperCase() === 'NDB' ? (cells.count('node_id') ?? []) : [];
  });
}
