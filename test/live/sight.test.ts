/**
 * What the observer does not see, it neither invents nor forgets: its interface goes, it stands still, it is killed. And
 * what it does see it goes on to see, whatever it is told to read again.
 */
import { expect } from 'vitest';
import type { Host } from '../../src/demo/host.ts';
import { now } from '../../src/demo/node.ts';
import { SECOND } from '../../src/time.ts';
import { describeLive, live, type Stage } from '../support/live.ts';
import { expectAt, timeOf } from '../support/live-observer.ts';
import { pair, type RunningPair, startPair, VIP, VRID } from '../support/pairs.ts';

const watched = { ...pair(), routers: [{ vrid: VRID, vips: [VIP] }] };
const subject = `vr:eth0/ipv4/${VRID}`;

describeLive('sight', { concurrent: true }, () => {
  live('is lost while the interface is down, and regained', watched, async (stage) => {
    await flap(
      stage,
      (host) => host.linkDown(),
      (host) => host.linkUp(),
    );
  });

  live(
    'is lost with the interface itself, and regained with a new one of that name',
    watched,
    async (stage) => {
      await flap(
        stage,
        (host) => host.unplug(),
        (host) => host.plugIn(),
      );
    },
  );

  for (const which of ['main', 'all'] as const) {
    const title = which === 'main' ? 'the process that judges' : 'all of its processes';
    live(`${title} stopped for 10 s: a failover meanwhile has its right time`, watched, async (stage) => {
      const { lab, observer } = stage;
      const { lb1, lb2 } = await healthy(stage);
      const frozenAt = now();
      await observer.freeze(which);
      const killed = await lb1.kill();
      const taken = await lb2.becomes('MASTER', { after: killed });
      await observer.watches(10_000 - (now() - frozenAt) / 1_000);
      await observer.thaw(which);

      const failover = await observer.event({ kind: 'failover', subject });
      expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
      expectAt(failover, taken);
      await observer.watches(6_000);
      observer.allow({ kind: 'capture-degraded' });
      await observer.nothingElse();
      expect(lab.nodes.flatMap(({ transitions }) => transitions.filter(isMaster))).toHaveLength(2);
    });
  }

  live('killed with kill -9 in the middle of a failover and started again', watched, async (stage) => {
    const { observer } = stage;
    const { lb1, lb2 } = await healthy(stage);
    const killed = await lb1.kill();
    await observer.killNine();
    await observer.start();
    await observer.event({ kind: 'observer-started', details: { previous: 'killed' } });

    const taken = await lb2.becomes('MASTER', { after: killed });
    const failover = await observer.event({ kind: 'failover', subject });
    expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address });
    expectAt(failover, taken);
    await observer.watches(6_000);

    await observer.nothingElse();
  });

  live('killed with kill -9, and started again when all is over', watched, async (stage) => {
    const { observer } = stage;
    const { lb1, lb2 } = await healthy(stage);
    await observer.killNine();
    const killed = await lb1.kill();
    await lb2.becomes('MASTER', { after: killed });
    await observer.start();

    const failover = await observer.event({ kind: 'failover', subject });
    expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address });
    expect(failover.details.blindMs).toBeGreaterThan(0);
    await observer.watches(6_000);
    await observer.nothingElse();
  });

  live('stays with it when the configuration is read again', watched, async (stage) => {
    const { observer } = stage;
    const { lb1, lb2 } = await healthy(stage);
    await observer.reload();
    await observer.reload();
    await observer.watches(6_000);
    expect(JSON.parse(await observer.ask(['status', '--format', 'json']))).toMatchObject({
      verdict: 'healthy',
      virtualRouters: [{ subject, blind: false, state: 'held' }],
    });

    const killed = await lb1.kill();
    const taken = await lb2.becomes('MASTER', { after: killed });
    const failover = await observer.event({ kind: 'failover', subject });
    expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
    expectAt(failover, taken);

    await observer.reload();
    await lb2.kill();
    const lost = await observer.event({ kind: 'master-lost', phase: 'begin', subject });
    expect(lost.details).toMatchObject({ last: lb2.address, reason: 'silence' });
    await observer.nothingElse();
  });
});

const isMaster = ({ state }: { readonly state: string }) => state === 'MASTER';

async function healthy({ lab, observer }: Stage): Promise<RunningPair> {
  const pair = await startPair(lab);
  await observer.event({ kind: 'master-seen', subject, details: { master: pair.lb1.address } });
  return pair;
}

async function flap(
  stage: Stage,
  away: (host: Host) => Promise<void>,
  back: (host: Host) => Promise<void>,
): Promise<void> {
  const { lab, observer } = stage;
  const { lb1, lb2 } = await healthy(stage);
  for (let round = 0; round < 2; round++) {
    const lostAt = now();
    await away(lab.observer);
    const lost = await observer.event({ kind: 'capture-degraded', phase: 'begin' });
    expect(lost.details.segment).toBe('eth0');
    // Longer than any silence limit of the pair: nothing but the loss of sight keeps it from an alarm.
    await observer.watches(5_000);
    await back(lab.observer);
    const regained = await observer.event({ kind: 'capture-degraded', phase: 'end' });
    expect(regained.beginId).toBe(lost.id);
    expect(timeOf(lost)).toBeGreaterThan(lostAt - SECOND);
    await observer.watches(6_000);
  }

  // It sees again: what happens now is told.
  const killed = await lb1.kill();
  const taken = await lb2.becomes('MASTER', { after: killed });
  const failover = await observer.event({ kind: 'failover', subject });
  expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
  expectAt(failover, taken);
  await observer.nothingElse();
}
