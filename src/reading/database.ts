/**
 * What one poll of a MySQL, MariaDB, Galera or NDB server says. Plain data: `src/poll` makes it, the observer judges.
 * Null means that the server has no such thing, or that it made no sense; never zero. Positions and sequence numbers are
 * bigint: they outgrow a double.
 */

export interface DatabaseReading {
  readonly flavour: 'mysql' | 'percona' | 'mariadb';
  /** as the server says it: `8.0.36`, `10.11.6-MariaDB-log` */
  readonly version: string;
  readonly serverId: bigint | null;
  /** null in MariaDB */
  readonly serverUuid: string | null;
  readonly hostName: string | null;
  readonly uptimeS: number | null;
  /** by `read_only` or `super_read_only`, `offline_mode` */
  readonly readOnly: boolean | null;
  /** a replica's channels, empty where it is none; null where that may not be asked (see `denied`) */
  readonly channels: readonly ChannelReading[] | null;
  readonly gtid: GtidReading | null;
  /** where it writes its own binary log; null or absent where it writes none, or may not be asked (see `denied`) */
  readonly binlog?: BinlogPosition | null;
  /** rows of the heartbeat table; null where none is configured or it cannot be read */
  readonly heartbeats: readonly HeartbeatRow[] | null;
  /** null where wsrep is off or absent */
  readonly galera: GaleraReading | null;
  /** null where the server is no SQL node of an NDB cluster */
  readonly ndb: NdbReading | null;
  /** what was refused, each with the grant that is missing, in words */
  readonly denied: readonly string[];
  /** what could not be understood, in words; at most 16 */
  readonly oddities: readonly string[];
}

export interface ChannelReading {
  /** '' for the default one */
  readonly name: string;
  readonly sourceHost: string;
  readonly sourcePort: number | null;
  readonly sourceServerId: bigint | null;
  readonly sourceUuid: string | null;
  readonly io: ReplicaThread;
  readonly sql: ReplicaThread;
  /** `Seconds_Behind_*`: null is broken or not known, never 0 */
  readonly secondsBehind: number | null;
  /** `SQL_Delay`, and what of it is left to wait */
  readonly delayS: number;
  readonly remainingDelayS: number | null;
  /** received: source's file and position; applied: likewise */
  readonly received: BinlogPosition | null;
  readonly applied: BinlogPosition | null;
  /** in MySQL `Retrieved_Gtid_Set`, in MariaDB `Gtid_IO_Pos`; '' where GTIDs are not in use */
  readonly receivedGtids: string;
  /** by the applier's own timestamps (MySQL 8's performance schema, MariaDB 11.6's time difference) */
  readonly applierLagS: number | null;
}

export interface ReplicaThread {
  readonly state: 'yes' | 'no' | 'connecting';
  /** 0: none */
  readonly errno: number;
  readonly error: string;
}

export interface BinlogPosition {
  readonly file: string;
  readonly position: bigint;
}

/** Sets as the server writes them, in one line. */
export interface GtidReading {
  /** MySQL: `gtid_executed`; MariaDB: `gtid_binlog_state`, all that it ever logged, or '' */
  readonly executed: string;
  /** MariaDB: `gtid_slave_pos`, what it last applied as a replica; '' in MySQL */
  readonly applied: string;
  /** MariaDB: `gtid_current_pos`; '' in MySQL */
  readonly current: string;
}

export interface HeartbeatRow {
  /** who wrote it; 0 in a table of the old form, of one row that does not say whose it is */
  readonly serverId: bigint;
  /** age of the row by the server's own clock when it was read, in seconds; may be a little below 0 */
  readonly ageS: number;
}

export interface GaleraReading {
  /** `Primary`, `non-Primary`, `Disconnected`, as written */
  readonly clusterStatus: string;
  readonly size: number | null;
  /** `wsrep_local_state`: 1 joining, 2 donor or desynced, 3 joined, 4 synced */
  readonly localState: number | null;
  readonly comment: string;
  readonly ready: boolean | null;
  readonly connected: boolean | null;
  readonly clusterUuid: string;
  /** null where it is 2^64-1: none */
  readonly configurationId: bigint | null;
  readonly lastCommitted: bigint | null;
  /** nanoseconds since the server began that flow control held it up */
  readonly pausedNs: bigint | null;
  readonly receiveQueueAverage: number | null;
  /** PXC: `DISABLED`, `SHUTDOWN`, `MAINTENANCE`; null elsewhere */
  readonly maintenanceMode: string | null;
}

export interface NdbReading {
  readonly ready: number | null;
  readonly total: number | null;
  /** 0: not connected */
  readonly ownNodeId: number | null;
  readonly connectCount: number | null;
  /** of `ndbinfo.nodes`, where it could be read; null else */
  readonly nodes: readonly { readonly nodeId: number; readonly status: string }[] | null;
  /** data nodes of the configuration (`ndbinfo.config_nodes`), where it could be read */
  readonly configured: readonly number[] | null;
}
