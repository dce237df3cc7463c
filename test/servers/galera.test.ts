/** A real Galera cluster of three nodes on the loopback network: as a node sees it while others fall out of it. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseAsker } from '../../src/poll/databases/asker.ts';
import type { Source } from '../../src/poll/source.ts';
import type { DatabaseReading } from '../../src/reading/database.ts';
import { failure, reading, targetAt } from '../poll/databases/asking.ts';
import { freePort, RealMariadb, removeTemplate } from '../support/mariadb.ts';
import { isInstalled } from '../support/servers.ts';

const PROVIDER = '/usr/lib/galera/libgalera_smm.so';
const HOSTS = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
/** Short, so that a node that is gone is soon given up. */
const EVS =
  'evs.keepalive_period=PT0.2S;evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT1S;' +
  'evs.inactive_timeout=PT2S;evs.install_timeout=PT2S;gcache.size=4M';

const hasAll = isInstalled('mariadbd') && isInstalled('rsync') && existsSync(PROVIDER);

describe.skipIf(!hasAll)('three Galera nodes', () => {
  let nodes: RealMariadb[];
  let askers: Source<DatabaseReading>[];

  beforeAll(async () => {
    // Where one is taken, another cluster would be joined.
    const [group, transfer, increments] = [4_567, 4_444, 4_568];
    await Promise.all(
      HOSTS.flatMap((host) => [group, transfer, increments].map((port) => freePort(host, port))),
    );
    nodes = HOSTS.map(
      (host) =>
        new RealMariadb(host, () => [
          '--binlog-format=ROW',
          '--innodb-autoinc-lock-mode=2',
          '--wsrep-on=ON',
          `--wsrep-provider=${PROVIDER}`,
          '--wsrep-cluster-name=test',
          `--wsrep-node-address=${host}`,
          `--wsrep-node-name=${host}`,
          '--wsrep-sst-method=rsync',
          `--wsrep-sst-receive-address=${host}:${transfer}`,
          `--wsrep-provider-options=gmcast.listen_addr=tcp://${host}:${group};ist.recv_addr=${host}:${increments};${EVS}`,
        ]),
    );
    const [first, ...others] = nodes;
    await first?.launch(['--wsrep-new-cluster', '--wsrep-cluster-address=gcomm://']);
    await first?.ready();
    await first?.sql(
      "CREATE USER vipwatch@'127.%' IDENTIFIED BY 'swordfish'",
      "GRANT SLAVE MONITOR ON *.* TO vipwatch@'127.%'",
    );
    // One after the other: a donor has one joiner at a time.
    for (const node of others) {
      await node.launch([`--wsrep-cluster-address=gcomm://${HOSTS.join(',')}`]);
      await node.ready();
    }
    askers = nodes.map(({ host, port }) =>
      databaseAsker(targetAt(port, { place: { kind: 'tcp', host, port } })),
    );
  });

  afterAll(async () => {
    for (const asker of askers ?? []) asker.close();
    await Promise.all((nodes ?? []).map((node) => node.remove()));
    removeTemplate();
  });

  function at<T>(list: readonly T[], index: number): T {
    const found = list[index];
    if (found === undefined) throw new Error(`there is no ${index}`);
    return found;
  }

  async function until(index: number, fits: (read: DatabaseReading) => boolean): Promise<DatabaseReading> {
    let last: DatabaseReading | null = null;
    for (let tries = 0; tries < 400; tries++) {
      last = await reading(at(askers, index));
      if (fits(last)) return last;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`no reading fits: ${last?.galera?.clusterStatus}, ${last?.galera?.comment}`);
  }

  it('healthy: all agree', async () => {
    const reads = await Promise.all(
      HOSTS.map((_, i) => until(i, ({ galera }) => galera?.size === 3 && galera.localState === 4)),
    );
    for (const read of reads)
      expect(read).toMatchObject({
        flavour: 'mariadb',
        channels: [],
        galera: {
          clusterStatus: 'Primary',
          size: 3,
          localState: 4,
          comment: 'Synced',
          ready: true,
          connected: true,
          pausedNs: expect.any(BigInt),
          receiveQueueAverage: expect.any(Number),
          maintenanceMode: null,
        },
        denied: [],
        oddities: [],
      });
    expect(new Set(reads.map(({ galera }) => galera?.clusterUuid)).size).toBe(1);
    expect(new Set(reads.map(({ galera }) => galera?.configurationId)).size).toBe(1);
  });

  it('what is committed counts up, everywhere', async () => {
    const before = (await reading(at(askers, 2))).galera?.lastCommitted ?? 0n;
    await at(nodes, 0).sql('CREATE DATABASE d');
    await until(2, ({ galera }) => (galera?.lastCommitted ?? 0n) > before);
  });

  it('desynced: as a donor, and no failure', async () => {
    await at(nodes, 1).sql('SET GLOBAL wsrep_desync = ON');
    const read = await until(1, ({ galera }) => galera?.localState === 2);
    expect(read.galera).toMatchObject({ clusterStatus: 'Primary', size: 3, ready: true });
    await at(nodes, 1).sql('SET GLOBAL wsrep_desync = OFF');
    await until(1, ({ galera }) => galera?.localState === 4);
  });

  it('one node killed: two go on, in a new configuration', async () => {
    const before = (await reading(at(askers, 0))).galera?.configurationId ?? null;
    await at(nodes, 2).kill();
    expect(await failure(at(askers, 2))).toMatchObject({ reason: 'refused' });
    const read = await until(0, ({ galera }) => galera?.size === 2);
    expect(read.galera).toMatchObject({ clusterStatus: 'Primary', localState: 4, ready: true });
    expect(read.galera?.configurationId).not.toBe(before);
  });

  it('the second killed: the last one is alive and of no use, and says so', async () => {
    await at(nodes, 1).kill();
    const read = await until(0, ({ galera }) => galera?.clusterStatus.toLowerCase() === 'non-primary');
    expect(read.galera).toMatchObject({
      size: 1,
      localState: 0,
      ready: false,
      connected: true,
      configurationId: null,
    });
    // The rest of the reading is there too, on a new connection as well.
    const fresh = databaseAsker(
      targetAt(at(nodes, 0).port, { place: { kind: 'tcp', host: HOSTS[0] ?? '', port: at(nodes, 0).port } }),
    );
    const again = await reading(fresh);
    fresh.close();
    expect(again).toMatchObject({
      version: expect.stringContaining('MariaDB'),
      serverId: 1n,
      readOnly: false,
      channels: [],
      galera: { ready: false },
      denied: [],
      oddities: [],
    });
  });
});
