/** One crash and one return each, in every manner in which keepalived speaks. */
import { expect } from 'vitest';
import type { LabNode } from '../../src/demo/node.ts';
import { describeLive, live, type Stage } from '../support/live.ts';
import { expectAt, type ToldEvent } from '../support/live-observer.ts';
import { pair, startPair, VIP, VRID } from '../support/pairs.ts';
import { addVlanTrunk } from '../support/vlan-trunk.ts';

const router = { vrid: VRID, vips: [VIP] };
const VIP6 = 'fd20:30::10';

describeLive('a crash and a return', { concurrent: true }, () => {
  live(
    'over IPv6',
    {
      ...pair({ vips: ['fe80::10', VIP6] }, { version: 3, ipv6: true }),
      routers: [{ vrid: VRID, vips: ['fe80::10', VIP6] }],
    },
    (stage) => crashAndReturn(stage, `vr:eth0/ipv6/${VRID}`, (node) => node.host.linkLocal),
  );

  live('in AH', { ...pair({ auth: { type: 'AH', pass: 'secret51' } }), routers: [router] }, (stage) =>
    crashAndReturn(stage),
  );

  live('every 0.1 s', { ...pair({ advertS: 0.1 }, { version: 3 }), routers: [router] }, async (stage) => {
    const crash = await crashAndReturn(stage);
    expect(crash.details.silenceMs).toBeLessThan(1_000);
  });

  live(
    'behind a VLAN tag',
    { ...pair(), routers: [router], interface: 'trunk0', prepare: addVlanTrunk },
    (stage) => crashAndReturn(stage, `vr:trunk0.100/ipv4/${VRID}`),
  );

  live(
    'in unicast, of which claims alone are heard',
    {
      nodes: [
        {
          name: 'lb1',
          keepalived: { instances: [{ ...router, priority: 150, unicastPeers: ['10.20.30.12'] }] },
        },
        {
          name: 'lb2',
          keepalived: { instances: [{ ...router, priority: 100, unicastPeers: ['10.20.30.11'] }] },
        },
      ],
      routers: [{ ...router, unicast: true }],
    },
    async ({ lab, observer }) => {
      const { lb1, lb2 } = await startPair(lab);

      const killed = await lb1.kill();
      const taken = await lb2.becomes('MASTER', { after: killed });
      const moved = await observer.event({ kind: 'failover', details: { cause: 'claim-only' } });
      expectMove(moved, lb1, lb2);
      expectAt(moved, taken);

      const returned = await lb1.start();
      const back = await lb1.becomes('MASTER', { after: returned });
      const movedBack = await observer.event({ kind: 'failover', details: { cause: 'claim-only' } });
      expectMove(movedBack, lb2, lb1);
      expectAt(movedBack, back);
      await observer.watches(3_000);
      await observer.nothingElse();
    },
  );

  // Near the top, where a takeover is due a second before a master counts as lost: 30 of them take their time.
  const vrids = Array.from({ length: 30 }, (_, i) => i + 101);
  const vipOf = (vrid: number) => `10.20.30.${vrid}`;
  const instances = (priority: number) => vrids.map((vrid) => ({ vrid, vips: [vipOf(vrid)], priority }));
  live(
    'of 30 virtual routers at once',
    {
      nodes: [
        { name: 'lb1', keepalived: { instances: instances(254) } },
        { name: 'lb2', keepalived: { instances: instances(250) } },
      ],
      routers: vrids.map((vrid) => ({ vrid, vips: [vipOf(vrid)] })),
    },
    async ({ lab, observer }) => {
      const { lb1, lb2 } = await startPair(
        lab,
        vrids.map((vrid) => `VI_${vrid}`),
      );
      for (const vrid of vrids)
        await observer.event({ kind: 'master-seen', subject: `vr:eth0/ipv4/${vrid}` });

      const killed = await lb1.kill();
      for (const vrid of vrids) {
        const failover = await observer.event({ kind: 'failover', subject: `vr:eth0/ipv4/${vrid}` });
        expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
        expectAt(failover, await lb2.becomes('MASTER', { after: killed, instance: `VI_${vrid}` }));
        // Thirty takeovers keep one daemon busy; who waited past the silence limit was lost, and only they were.
        if (Number(failover.details.silenceMs) > SILENCE_LIMIT_MS) {
          await observer.event({ kind: 'master-lost', phase: 'begin', subject: `vr:eth0/ipv4/${vrid}` });
          await observer.event({ kind: 'master-lost', phase: 'end', subject: `vr:eth0/ipv4/${vrid}` });
        }
      }
      observer.allow({ kind: 'advert-gap', details: { lostBy: 'sender' } });
      await observer.watches(3_000);
      await observer.nothingElse();
      expect(observer.events.filter(({ kind }) => kind === 'failover')).toHaveLength(30);
    },
  );
});

/** VRRPv2 at one advert a second: three intervals, the largest skew, and a quarter interval for lateness. */
const SILENCE_LIMIT_MS = 4_250;

/** Where claims are all that is heard, a node may be known by its MAC alone. */
function expectMove({ details }: ToldEvent, from: LabNode, to: LabNode): void {
  expect([from.address, from.host.mac]).toContain(details.from);
  expect([to.address, to.host.mac]).toContain(details.to);
  expect(details.silenceMs).toBe(null);
}

async function crashAndReturn(
  { lab, observer }: Stage,
  subject = `vr:eth0/ipv4/${VRID}`,
  addressOf: (node: LabNode) => string = (node) => node.address,
) {
  const { lb1, lb2, masters } = await startPair(lab);
  const [first, second] = [addressOf(lb1), addressOf(lb2)];
  const seen = await observer.event({ kind: 'master-seen', subject, details: { master: first } });
  for (const master of masters) expectAt(seen, master);

  const killed = await lb1.kill();
  const taken = await lb2.becomes('MASTER', { after: killed });
  const crash = await observer.event({ kind: 'failover', subject });
  expect(crash.details).toMatchObject({ from: first, to: second, cause: 'silence' });
  expectAt(crash, taken);

  const returned = await lb1.start();
  const back = await lb1.becomes('MASTER', { after: returned });
  const preemption = await observer.event({ kind: 'failover', subject });
  expect(preemption.details).toMatchObject({ from: second, to: first, cause: 'preemption' });
  expectAt(preemption, back);

  await observer.watches(3_000);
  // On a busy machine a daemon may truly be late with an advert that is due every 0.1 s. That none was lost on the
  // way to us is known by their numbers, but for the first few after a start.
  observer.allow({ kind: 'advert-gap', details: { lostBy: 'sender' } });
  observer.allow({ kind: 'advert-gap', details: { lostBy: null } });
  await observer.nothingElse();
  return crash;
}
