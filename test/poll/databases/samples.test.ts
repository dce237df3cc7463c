/** Every answer of a real server that was kept, against what was true of it then. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { channelsOf } from '../../../src/poll/databases/channels.ts';
import { galeraOf } from '../../../src/poll/databases/galera.ts';
import { flavourOf, releaseOf } from '../../../src/poll/databases/identity.ts';
import { Oddities, type Row, valuesByName } from '../../../src/poll/databases/rows.ts';
import { parseDomainGtids } from '../../../src/reading/gtid.ts';

const folder = new URL('../samples/', import.meta.url);

interface ReplicaTruth {
  readonly connection: string;
  readonly io: string;
  readonly sql: string;
  readonly seconds_behind: string | null;
  readonly io_errno: string;
  readonly sql_errno: string;
  readonly sql_delay: string;
}

type Texts = Readonly<Record<string, string | null>>;

interface ReplicaSample {
  readonly alive: boolean;
  readonly all_slaves_status: readonly Texts[];
  readonly slave_status: readonly Texts[];
  readonly gtid: Texts;
}

interface GaleraTruth {
  readonly cluster_status: string;
  readonly cluster_size: string;
  readonly cluster_conf_id: string;
  readonly ready: string;
  readonly connected: string;
  readonly local_state: string;
  readonly local_state_comment: string;
}

function json<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, folder), 'utf8'));
}

const replicas = Object.entries(
  json<{ states: Record<string, { nodes: Record<string, ReplicaTruth | null> }> }>('mariadb/truth.json')
    .states,
).flatMap(([state, { nodes }]) => {
  const sample = json<{ nodes: Record<string, ReplicaSample> }>(`mariadb/${state}.json`);
  return Object.keys(nodes).flatMap((node) => {
    const [found, truth] = [sample.nodes[node], nodes[node]];
    return found?.alive && truth ? [{ state, node, found, truth }] : [];
  });
});

describe('MariaDB 10.11', () => {
  it('all samples are here', () => expect(replicas).toHaveLength(25));

  it.each(replicas)('$state, $node: the channel is as it was', ({ found, truth }) => {
    for (const rows of [found.all_slaves_status, found.slave_status]) {
      const oddities = new Oddities();
      const channels = channelsOf(rows.map(rowOf), oddities);
      expect(oddities.list).toEqual([]);
      expect(channels).toMatchObject([
        {
          name: truth.connection,
          io: { state: truth.io.toLowerCase(), errno: Number(truth.io_errno) },
          sql: { state: truth.sql.toLowerCase(), errno: Number(truth.sql_errno) },
          secondsBehind: truth.seconds_behind === null ? null : Number(truth.seconds_behind),
          delayS: Number(truth.sql_delay),
          sourcePort: Number(rows[0]?.Master_Port),
          receivedGtids: rows[0]?.Gtid_IO_Pos,
          received: { file: rows[0]?.Master_Log_File, position: BigInt(rows[0]?.Read_Master_Log_Pos ?? '') },
          applied: {
            file: rows[0]?.Relay_Master_Log_File,
            position: BigInt(rows[0]?.Exec_Master_Log_Pos ?? ''),
          },
        },
      ]);
    }
  });

  it.each(replicas)('$state, $node: release and GTIDs are understood', ({ found: { gtid } }) => {
    expect(flavourOf(gtid.version ?? '', '')).toBe('mariadb');
    expect(releaseOf(gtid.version ?? '')).toEqual([10, 11, 19]);
    for (const name of ['gtid_binlog_state', 'gtid_slave_pos', 'gtid_current_pos'])
      expect(parseDomainGtids(gtid[name] ?? '')).not.toBeNull();
  });
});

const nodes = readdirSync(new URL('galera/', folder)).flatMap((file) => {
  const [, state = '', node = ''] = /^(.+)\.(g\d)\.tsv$/.exec(file) ?? [];
  const { states } = json<{ states: Record<string, Record<string, GaleraTruth | string>> }>(
    'galera/truth.json',
  );
  const truth = states[state]?.[node];
  return truth === undefined || typeof truth === 'string' ? [] : [{ file, truth }];
});

describe('Galera 4', () => {
  it('all samples are here', () => expect(nodes).toHaveLength(17));

  it.each(nodes)('$file: the node is as it was', ({ file, truth }) => {
    const [, ...lines] = readFileSync(new URL(`galera/${file}`, folder), 'utf8')
      .trimEnd()
      .split('\n');
    const rows = lines.map((line) => {
      const [name = '', value = ''] = line.split('\t');
      return rowOf({ Variable_name: name, Value: value });
    });
    const oddities = new Oddities();
    const galera = galeraOf(valuesByName(rows), null, oddities);
    expect(oddities.list).toEqual([]);
    expect(galera).toMatchObject({
      clusterStatus: truth.cluster_status,
      size: Number(truth.cluster_size),
      localState: Number(truth.local_state),
      comment: truth.local_state_comment,
      ready: truth.ready === 'ON',
      connected: truth.connected === 'ON',
      configurationId:
        truth.cluster_conf_id === '18446744073709551615' ? null : BigInt(truth.cluster_conf_id),
      clusterUuid: 'ec2cee50-e542-11f1-b307-aa304a7a20e5',
      pausedNs: expect.any(BigInt),
      maintenanceMode: null,
    });
  });
});

function rowOf(texts: Texts): Row {
  return new Map(Object.entries(texts).map(([name, value]) => [name.toLowerCase(), value]));
}
