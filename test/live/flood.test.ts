/** Under a flood, a failover of a configured virtual router is told as in silence, and nothing else of it. */
import { expect } from 'vitest';
import { FLOODS, startFlood } from '../support/flood.ts';
import { describeLive, live } from '../support/live.ts';
import { expectAt } from '../support/live-observer.ts';
import { pair, startPair, VIP, VRID } from '../support/pairs.ts';

const SECONDS = 14;
const subject = `vr:eth0/ipv4/${VRID}`;

describeLive('a failover while strangers send', () => {
  for (const [name, flood] of Object.entries(FLOODS)) {
    live(
      `${flood.perSecond} ${name} a second`,
      { ...pair(), routers: [{ vrid: VRID, vips: [VIP] }] },
      async (stage) => {
        const { lab, observer } = stage;
        const { lb1, lb2 } = await startPair(lab);
        await observer.event({ kind: 'master-seen', subject });

        const running = await startFlood(lab, flood, SECONDS);
        await observer.watches(2_000);
        const killed = await lb1.kill();
        const taken = await lb2.becomes('MASTER', { after: killed });
        const failover = await observer.event({ kind: 'failover', subject });
        expect(failover.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
        expectAt(failover, taken);

        expect(await running.sent).toBe(flood.perSecond * SECONDS);
        await observer.watches(3_000);
        // That frames were lost is said where it is so; that no advert was, is the bench's to measure.
        observer.allow({ kind: 'capture-degraded' });
        await observer.nothingElse();
        expect(
          lab.nodes.map(({ transitions }) => transitions.filter(({ state }) => state === 'MASTER').length),
        ).toEqual([1, 1]);
      },
    );
  }
});
