/** How a polled server is at present, as plain values for `status`. Looks, and changes nothing. */
import type { DatabaseState } from '../../state.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { isPrimary } from './galera-node.ts';
import type { Topology } from './topology.ts';

const TEXT_MAX = 256;

export function databaseState(server: DatabaseWatch, topology: Topology): DatabaseState {
  const { watched, reach, reading, channels } = server;
  const galera = reading?.galera ?? null;
  const ndb = reading?.ndb ?? null;
  return {
    subject: watched.subject,
    cluster: watched.cluster.name,
    node: watched.node.name,
    target: watched.database.target,
    reachable: reach.state === 'unknown' ? null : reach.state === 'answers',
    since: reach.since,
    error: reach.error,
    version: reading === null ? null : reading.version.slice(0, TEXT_MAX),
    readOnly: reading?.readOnly ?? null,
    channels: [...channels.values()].flatMap(({ name, watch, reading: channel }) => {
      if (channel === null) return [];
      const source =
        topology.sourceOf(channel, server)?.watched.name ?? channel.sourceHost.slice(0, TEXT_MAX);
      const { lagS, lagSource } = watch.lag;
      const error = channel.sql.error !== '' ? channel.sql.error : channel.io.error;
      return [
        {
          name,
          source,
          io: channel.io.state,
          sql: channel.sql.state,
          lagS,
          lagSource,
          error: error === '' ? null : error.slice(0, TEXT_MAX),
        },
      ];
    }),
    galera:
      galera === null
        ? null
        : {
            primary: isPrimary(galera),
            state: galera.comment.slice(0, TEXT_MAX),
            size: galera.size,
            flowPaused: server.galera.paused,
          },
    ndb: ndb === null ? null : { ready: ndb.ready, total: ndb.total },
    denied: reading?.denied ?? [],
  };
}
