/**
 * Whether a node holds a VIP of its cluster: a proxy that runs on the holder alone is judged there and nowhere else.
 * `unclear` where nobody can say at present: the capture is blind, a takeover is pending, two hold it, the master's advert
 * is overdue, or a configured virtual router was not heard yet.
 */
import type { Instant } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import type { Services } from '../services.ts';
import type { VirtualRouter } from '../virtual-router.ts';

export type Standing =
  | { readonly is: 'holder'; readonly since: Instant }
  | { readonly is: 'unclear' }
  | { readonly is: 'other' };

export function standingOf(
  node: string,
  cluster: ObservedCluster,
  { slots, names }: Services,
  now: Instant,
): Standing {
  let since: Instant | null = null;
  let unclear = false;
  let heard = 0;
  for (const router of slots.existing()) {
    const { configured } = router.identity;
    if (configured?.cluster !== cluster) continue;
    heard++;
    if (router.isLost) continue;
    const { master } = router;
    if (master === null || isDisputed(router) || !router.isSpeaking(master, now)) unclear = true;
    else if (names.nodeOf(router.identity, master.address) === node)
      since = since === null ? router.since : (Math.min(since, router.since) as Instant);
  }
  if (since !== null) return { is: 'holder', since };
  return { is: unclear || heard < cluster.virtualRouters.length ? 'unclear' : 'other' };
}

function isDisputed(router: VirtualRouter): boolean {
  return router.sight.blind || router.inQuestion || router.isQuiet;
}
