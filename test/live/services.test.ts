/** What stands behind the VIP: real nginx and HAProxy on real keepalived nodes, probed and polled. */
import { expect } from 'vitest';
import type { Lab } from '../../src/demo/lab.ts';
import type { LabNode } from '../../src/demo/node.ts';
import { MS } from '../../src/time.ts';
import { behind as behindLab, describeLiveWith, type LiveSpec, live, type Stage } from '../support/live.ts';
import { type ToldEvent, timeOf } from '../support/live-observer.ts';
import { haproxyOn, type LiveHaproxy, type LiveServer, nginxOn } from '../support/live-servers.ts';
import { pair, startPair, VIP, VRID } from '../support/pairs.ts';

const vr = `vr:eth0/ipv4/${VRID}`;
const vip = `vip:eth0/${VIP}`;
const EVERY_MS = 200;

const web = {
  ...pair(),
  routers: [{ vrid: VRID, vips: [VIP], service: { probe: `http://${VIP}/`, every: `${EVERY_MS}ms` } }],
};

/** nginx on both, keepalived on both, lb1 is master, and the probe is answered. */
async function startWeb(lab: Lab) {
  const servers = new Map<LabNode, LiveServer>();
  for (const node of lab.nodes) {
    const server = await nginxOn(lab, node.host);
    await server.start();
    servers.set(node, server);
  }
  const running = await startPair(lab);
  const clients = await lab.startClient(VIP);
  await clients.answeredBy('lb1', running.masters[0]?.at ?? raise('no master'));
  const serverOf = (node: LabNode) => servers.get(node) ?? raise(`no server on ${node.name}`);
  return { ...running, clients, serverOf };
}

describeLiveWith('nginx')('a service behind the VIP', { concurrent: true }, () => {
  behind(
    'only nginx dies on the holder: keepalived is alive, and it should have failed over',
    web,
    startWeb,
    async ({ observer, lb1, serverOf, clients }) => {
      const killed = await serverOf(lb1).kill();
      const dark = await observer.event({ kind: 'vip-dark', phase: 'begin', subject: vip });
      const dead = await observer.event({ kind: 'vip-on-dead-service', phase: 'begin', subject: vip });
      expect(dead).toMatchObject({
        severity: 'critical',
        details: { holder: lb1.address, holderNode: 'lb1', fitElsewhere: 'lb2' },
      });
      expect(timeOf(dark) - killed).toBeGreaterThan(-EVERY_MS * MS);

      await serverOf(lb1).start();
      const over = await observer.event({ kind: 'vip-dark', phase: 'end', subject: vip });
      await observer.event({ kind: 'vip-on-dead-service', phase: 'end', subject: vip });
      await clients.answeredBy('lb1', timeOf(dark));
      expectDark(over, clients.blackouts.at(-1));
      expect(over.details.answeredBy).toBe('lb1');
      await observer.nothingElse();
      expect(observer.events.filter(({ kind }) => kind === 'failover')).toEqual([]);
      expect(await observer.ask(['report', 'last'])).toMatch(/lb1 holds the VIP .* its service is dead/);
    },
  );

  behind(
    'the whole node dies: one dark time, as clients felt it, and nobody held a dead service',
    web,
    startWeb,
    async ({ observer, lb1, lb2, serverOf, clients }) => {
      const [killed] = await Promise.all([lb1.kill(), serverOf(lb1).kill()]);
      await lb1.host.linkDown();
      const failover = await observer.event({ kind: 'failover', subject: vr });
      expect(failover.details).toMatchObject({ to: lb2.address, cause: 'silence' });
      await observer.event({ kind: 'vip-dark', phase: 'begin', subject: vip });
      const over = await observer.event({ kind: 'vip-dark', phase: 'end', subject: vip });
      expect(over).toMatchObject({ about: failover.id, details: { answeredBy: 'lb2' } });
      await clients.answeredBy('lb2', killed);
      expectDark(over, clients.blackouts.at(-1));
      await observer.nothingElse();
    },
  );

  behind(
    'a maintenance moves the VIP: no dead service, whatever was dark in between',
    web,
    startWeb,
    async ({ observer, lb1, lb2, clients }) => {
      const stopped = await lb1.stop();
      await observer.event({ kind: 'failover', subject: vr, details: { cause: 'graceful' } });
      await clients.answeredBy(lb2.name, stopped);
      observer.allow({ kind: 'vip-dark' });
      await observer.watches(4_000);
      await observer.nothingElse();
      expect(observer.events.map(({ kind }) => kind)).not.toContain('vip-on-dead-service');
    },
  );

  behind(
    'the new holder is never heard to announce the VIP, and a neighbour goes on with the old one',
    web,
    startWeb,
    async ({ lab, observer, lb1, lb2 }) => {
      // ARP is heard here; then a switch drops lb2's, and a host never looks again.
      await lb1.announce(VIP);
      await lb2.host.run('nft', [
        'table netdev deaf { chain out { type filter hook egress device eth0 priority 0; ether type arp drop; }; }',
      ]);
      await lab.observer.run('ip', [
        'neigh',
        'replace',
        VIP,
        'lladdr',
        lb1.host.mac,
        'dev',
        'eth0',
        'nud',
        'permanent',
      ]);
      await lb1.stop();
      await observer.event({ kind: 'failover', subject: vr, details: { cause: 'graceful', claimMs: null } });
      await observer.event({ kind: 'vip-dark', phase: 'begin', subject: vip });
      await observer.event({ kind: 'garp-missing', phase: 'begin', subject: vip });
      await observer.watches(3_000);

      await lab.observer.run('ip', ['neigh', 'del', VIP, 'dev', 'eth0']);
      await lb2.host.run('nft', ['delete table netdev deaf']);
      await lb2.announce(VIP);
      const over = await observer.event({ kind: 'vip-dark', phase: 'end', subject: vip });
      expect(over.details).toMatchObject({ neverAnnounced: true, answeredBy: 'lb2' });
      await observer.event({ kind: 'garp-missing', phase: 'end', subject: vip });
      await observer.nothingElse();
      expect(observer.events.map(({ kind }) => kind)).not.toContain('vip-on-dead-service');
    },
  );
});

const STATS = 8_404;
const proxied = {
  ...pair(),
  routers: [{ vrid: VRID, vips: [VIP], service: { probe: `tcp://${VIP}:3306`, every: `${EVERY_MS}ms` } }],
  polls: (node: LabNode) => ({
    haproxy: [
      { url: `http://${node.address}:${STATS}/status`, user: 'admin', password: 'geheim', every: '500ms' },
    ],
  }),
};

/** Two HAProxys before the same two servers (nginx on strangers), as the how-tos have it. */
async function startProxied(lab: Lab) {
  const servers: LiveServer[] = [];
  const lines: string[] = [];
  for (const name of ['db1', 'db2']) {
    const host = await lab.addStranger();
    const server = await nginxOn(lab, host, 3_306);
    await server.start();
    servers.push(server);
    lines.push(`  server ${name} ${host.address}:3306 check inter 200ms rise 2 fall 2`);
  }
  const sections = [
    'listen mysql',
    '  mode tcp',
    '  bind :3306',
    ...lines,
    'listen stats',
    '  mode http',
    `  bind :${STATS}`,
    '  stats enable',
    '  stats uri /status',
    '  stats auth admin:geheim',
  ];
  const proxies: LiveHaproxy[] = [];
  for (const node of lab.nodes) {
    const proxy = await haproxyOn(lab, node.host, { sections, port: 3_306 });
    await proxy.start();
    proxies.push(proxy);
  }
  const running = await startPair(lab);
  const [db1 = raise('no db1'), db2 = raise('no db2')] = servers;
  const [proxy1 = raise('no proxy'), proxy2 = raise('no proxy')] = proxies;
  return { ...running, sections, db1, db2, proxy1, proxy2 };
}

describeLiveWith('nginx', 'haproxy')('HAProxy behind the VIP', { concurrent: true }, () => {
  behind(
    'loses its servers, one after the other, and gets them back',
    proxied,
    startProxied,
    async ({ observer, db1, db2 }) => {
      const killed = await db1.kill();
      for (const node of ['lb1', 'lb2']) {
        const down = await observer.event({
          kind: 'server-down',
          phase: 'begin',
          subject: `proxy:${node}/mysql/db1`,
        });
        expect(down.details).toMatchObject({ server: 'db1', checkStatus: 'L4CON' });
        // HAProxy counts whole seconds
        expect(timeOf(down) - killed).toBeGreaterThan(-1_100 * MS);
      }
      await db2.kill();
      for (const node of ['lb1', 'lb2']) {
        await observer.event({ kind: 'server-down', phase: 'begin', subject: `proxy:${node}/mysql/db2` });
        await observer.event({ kind: 'backend-down', phase: 'begin', subject: `proxy:${node}/mysql` });
      }
      await db1.start();
      for (const node of ['lb1', 'lb2']) {
        await observer.event({ kind: 'server-down', phase: 'end', subject: `proxy:${node}/mysql/db1` });
        await observer.event({ kind: 'backend-down', phase: 'end', subject: `proxy:${node}/mysql` });
      }
      await db2.start();
      for (const node of ['lb1', 'lb2'])
        await observer.event({ kind: 'server-down', phase: 'end', subject: `proxy:${node}/mysql/db2` });
      // HAProxy itself accepts what it cannot pass on: a tcp probe sees that as a service that answers, or not.
      observer.allow({ kind: 'vip-dark' });
      observer.allow({ kind: 'vip-on-dead-service' });
      await observer.nothingElse();
    },
  );

  behind(
    'is reloaded with a server down: no outage, and the server is not down a second time',
    proxied,
    startProxied,
    async ({ observer, db1, proxy1 }) => {
      await db1.kill();
      for (const node of ['lb1', 'lb2'])
        await observer.event({ kind: 'server-down', phase: 'begin', subject: `proxy:${node}/mysql/db1` });

      proxy1.signal('SIGUSR2');
      await observer.event({ kind: 'proxy-restarted', subject: 'proxy:lb1' });
      await observer.watches(4_000);
      expect(observer.events.filter(({ kind }) => kind === 'server-down')).toHaveLength(2);
      await observer.nothingElse();
    },
  );

  behind(
    'is put into maintenance and out again, which is told and alarms nobody',
    proxied,
    startProxied,
    async ({ observer, proxy1, proxy2 }) => {
      for (const proxy of [proxy1, proxy2]) await proxy.tell('set server mysql/db1 state maint');
      for (const node of ['lb1', 'lb2']) {
        const out = await observer.event({
          kind: 'server-maint',
          phase: 'begin',
          subject: `proxy:${node}/mysql/db1`,
        });
        expect(out).toMatchObject({ severity: 'info', details: { status: 'MAINT' } });
      }
      for (const proxy of [proxy1, proxy2]) await proxy.tell('set server mysql/db1 state ready');
      for (const node of ['lb1', 'lb2'])
        await observer.event({ kind: 'server-maint', phase: 'end', subject: `proxy:${node}/mysql/db1` });
      await observer.nothingElse();
    },
  );

  behind(
    'dies on the holder while keepalived goes on',
    proxied,
    startProxied,
    async ({ observer, lb1, proxy1 }) => {
      await proxy1.kill();
      await observer.event({ kind: 'vip-dark', phase: 'begin', subject: vip });
      const dead = await observer.event({ kind: 'vip-on-dead-service', phase: 'begin', subject: vip });
      expect(dead.details).toMatchObject({ holder: lb1.address, fitElsewhere: 'lb2' });
      await observer.event({ kind: 'proxy-unreachable', phase: 'begin', subject: 'proxy:lb1' });
      await proxy1.start();
      await observer.event({ kind: 'proxy-unreachable', phase: 'end', subject: 'proxy:lb1' });
      await observer.event({ kind: 'vip-on-dead-service', phase: 'end', subject: vip });
      await observer.event({ kind: 'vip-dark', phase: 'end', subject: vip });
      await observer.nothingElse();
    },
  );
});

describeLiveWith('nginx', 'haproxy')('the observer of a service and of HAProxy', { concurrent: true }, () => {
  behind(
    'is cut off by its own link: it says that alone, and what happens afterwards',
    proxied,
    startProxied,
    async ({ lab, observer, proxy1 }) => {
      await lab.observer.linkDown();
      await observer.event({ kind: 'capture-degraded', phase: 'begin' });
      await observer.watches(10_000);
      await lab.observer.linkUp();
      await observer.event({ kind: 'capture-degraded', phase: 'end' });
      await observer.watches(5_000);
      expect(observer.events.filter(({ kind }) => OUTAGES.some((outage) => outage.kind === kind))).toEqual(
        [],
      );

      await proxy1.kill();
      for (const outage of OUTAGES) await observer.event({ ...outage, phase: 'begin' });
      await observer.nothingElse();
    },
  );

  behind(
    'reads its configuration again during an outage: each condition goes on, and ends once',
    proxied,
    startProxied,
    async ({ observer, proxy1 }) => {
      await proxy1.kill();
      const begun = new Map<string, ToldEvent>();
      for (const outage of OUTAGES)
        begun.set(outage.kind, await observer.event({ ...outage, phase: 'begin' }));
      for (let round = 0; round < 2; round++) {
        await observer.reload();
        await observer.watches(3_000);
      }
      await proxy1.start();
      for (const outage of OUTAGES) {
        const { beginId } = await observer.event({ ...outage, phase: 'end' });
        expect(beginId).toBe(begun.get(outage.kind)?.id);
      }
      await observer.reload();
      await observer.watches(3_000);
      await observer.nothingElse();
    },
  );
});

/** What follows from a dead HAProxy on the holder. */
const OUTAGES = [
  { kind: 'vip-dark', subject: vip },
  { kind: 'vip-on-dead-service', subject: vip },
  { kind: 'proxy-unreachable', subject: 'proxy:lb1' },
];

const onHolder = {
  ...pair(),
  routers: [{ vrid: VRID, vips: [VIP] }],
  polls: () => ({
    haproxy: [
      { url: `http://${VIP}:${STATS}/status`, every: '500ms', runs: 'on-holder', startupGrace: '5s' },
    ],
  }),
};

describeLiveWith('haproxy')('HAProxy that runs on the holder alone', { concurrent: true }, () => {
  live('is judged only there, and may take its time to start', onHolder, async (stage) => {
    const { lab, observer } = stage;
    const sections = [
      'listen stats',
      '  mode http',
      `  bind :${STATS}`,
      '  stats enable',
      '  stats uri /status',
    ];
    const proxyOf = (node: LabNode) => haproxyOn(lab, node.host, { sections, port: STATS });
    const [first, second] = await Promise.all([proxyOf(lab.node('lb1')), proxyOf(lab.node('lb2'))]);
    await first.start();
    const { lb1, lb2 } = await startPair(lab);
    await observer.event({ kind: 'master-seen', subject: vr });
    await observer.watches(3_000);

    await lb1.stop();
    await first.kill();
    await observer.event({ kind: 'failover', subject: vr, details: { to: lb2.address } });
    await observer.watches(2_000);
    await second.start();
    await observer.watches(6_000);
    const before = observer.events.filter(({ kind }) => kind === 'proxy-unreachable');
    expect(before).toEqual([]);

    await second.kill();
    const gone = await observer.event({ kind: 'proxy-unreachable', phase: 'begin', subject: 'proxy:lb2' });
    expect(gone.details).toMatchObject({ reason: 'refused' });
    const dead = await observer.event({ kind: 'vip-on-dead-service', phase: 'begin', subject: vip });
    expect(dead.details).toMatchObject({ holder: lb2.address });
    await second.start();
    await observer.event({ kind: 'proxy-unreachable', phase: 'end', subject: 'proxy:lb2' });
    await observer.event({ kind: 'vip-on-dead-service', phase: 'end', subject: vip });
    await observer.nothingElse();
  });
});

/** A live test on a lab where all is well already, and has been seen to be. */
function behind<T>(
  title: string,
  spec: LiveSpec,
  prepare: (lab: Lab) => Promise<T>,
  body: (stage: Stage & T) => Promise<unknown>,
): void {
  behindLab(title, spec, prepare, async (stage) => {
    await allIsWell(stage);
    await body(stage);
  });
}

/** The master was heard, and whatever is asked has answered. */
async function allIsWell({ observer }: Stage): Promise<void> {
  await observer.event({ kind: 'master-seen', subject: vr });
  for (;;) {
    const { services, proxies }: Present = JSON.parse(await observer.ask(['status', '--format', 'json']));
    const nodes = services.flatMap((service) => service.nodes);
    if (
      services.every(({ state }) => state === 'up') &&
      nodes.every(({ up }) => up === true) &&
      proxies.every(({ state }) => state === 'answers')
    )
      return;
  }
}

interface Present {
  readonly services: readonly {
    readonly state: string;
    readonly nodes: readonly { readonly up: boolean | null }[];
  }[];
  readonly proxies: readonly { readonly state: string }[];
}

/** As long as a client felt it that asked every 50 ms, to one interval of the probe. */
function expectDark(
  over: ToldEvent,
  felt: { readonly from: number; readonly to: number | null } | undefined,
): void {
  const feltMs = ((felt?.to ?? 0) - (felt?.from ?? 0)) / MS;
  expect(
    Math.abs(Number(over.details.durationMs) - feltMs),
    `felt ${feltMs} ms: ${over.summary}`,
  ).toBeLessThan(EVERY_MS + 50 + OTHER_WORK_MS);
}

/** Probe and client are processes on a busy machine. */
const OTHER_WORK_MS = 100;

function raise(message: string): never {
  throw new Error(message);
}
