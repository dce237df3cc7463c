/** Samples of databases: of each channel, Galera node and NDB SQL node, at every change of state and every 30 s. */
import type { FieldValue, Sample } from '../../samples.ts';
import type { Instant } from '../../time.ts';
import type { DatabaseWatch } from './database-watch.ts';
import { isPrimary } from './galera-node.ts';

const STATE = { broken: 0n, lagging: 1n, ok: 2n } as const;

export function samplesOf(server: DatabaseWatch, time: Instant): readonly Sample[] {
  return [...channelSamples(server, time), ...galeraSamples(server, time), ...ndbSamples(server, time)];
}

/** What makes a sample worth taking at once: everything but numbers that move all the time. */
export function stateOf({ measurement, tags, fields }: Sample): string {
  const steady = Object.entries(fields).filter(([name]) => !MOVING.has(name));
  return `${measurement} ${JSON.stringify(tags)} ${steady.map(([name, value]) => `${name}=${value}`).join(' ')}`;
}

const MOVING: ReadonlySet<string> = new Set(['lag_s', 'gtid_gap', 'flow_paused', 'recv_queue_avg']);

function channelSamples(server: DatabaseWatch, time: Instant): Sample[] {
  const { watched, reading, channels } = server;
  if (reading === null) return [];
  return [...channels.values()].flatMap(({ name, watch, reading: channel }) => {
    if (channel === null) return [];
    const { lagS, lagSource, transactions } = watch.lag;
    const runs = channel.io.state === 'yes' && channel.sql.state === 'yes';
    const isKnown = lagS !== null && !watch.isLagging;
    return [
      {
        measurement: 'replication',
        time,
        tags: { cluster: watched.cluster.name, node: watched.name, channel: name, engine: reading.flavour },
        fields: without({
          lag_s: lagS,
          lag_source: lagSource,
          io_state: channel.io.state,
          sql_state: channel.sql.state,
          state_code: !runs ? STATE.broken : isKnown ? STATE.ok : STATE.lagging,
          gtid_gap: transactions === null ? null : BigInt(transactions),
          read_only: reading.readOnly,
        }),
      },
    ];
  });
}

function galeraSamples({ watched, reading, galera: node }: DatabaseWatch, time: Instant): Sample[] {
  const galera = reading?.galera ?? null;
  if (galera === null) return [];
  return [
    {
      measurement: 'galera',
      time,
      tags: { cluster: watched.cluster.name, node: watched.name },
      fields: without({
        state: galera.comment.slice(0, 64),
        state_code: bigint(galera.localState),
        primary: isPrimary(galera),
        size: bigint(galera.size),
        flow_paused: node.paused,
        recv_queue_avg: galera.receiveQueueAverage,
      }),
    },
  ];
}

function ndbSamples({ watched, reading }: DatabaseWatch, time: Instant): Sample[] {
  const ndb = reading?.ndb ?? null;
  if (ndb === null || (ndb.ready === null && ndb.total === null)) return [];
  return [
    {
      measurement: 'ndb',
      time,
      tags: { cluster: watched.cluster.name, node: watched.name },
      fields: without({ ready: bigint(ndb.ready), total: bigint(ndb.total) }),
    },
  ];
}

function bigint(value: number | null): bigint | null {
  return value === null || !Number.isSafeInteger(value) ? null : BigInt(value);
}

function without(fields: Readonly<Record<string, FieldValue | null>>): Record<string, FieldValue> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, FieldValue] => entry[1] !== null),
  );
}
