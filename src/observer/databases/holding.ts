/** Who holds the VIPs of a cluster, where nobody disputes it; and who disputes them. */
import type { Instant } from '../../time.ts';
import type { ObservedCluster } from '../configuration.ts';
import type { Services } from '../services.ts';
import type { VirtualRouter } from '../virtual-router.ts';

export interface Holding {
  readonly router: VirtualRouter;
  /** the holder's address, and its node's name */
  readonly address: string;
  readonly node: string;
  readonly since: Instant;
}

/** Of a virtual router that nobody disputes at present; null else. */
export function holdingOf(router: VirtualRouter, { names }: Services, now: Instant): Holding | null {
  const { master } = router;
  if (master === null || router.isLost || router.inQuestion || router.isQuiet || router.sight.blind)
    return null;
  if (!router.isSpeaking(master, now)) return null;
  const node = names.nodeOf(router.identity, master.address);
  return node === null ? null : { router, address: master.address, node, since: router.since };
}

/** The cluster's virtual routers that were heard. */
export function routersOf(cluster: ObservedCluster, { slots }: Services): VirtualRouter[] {
  return [...slots.existing()].filter((router) => router.identity.configured?.cluster === cluster);
}

/** Nodes that hold a split virtual router's VIPs at once, since the last of them did; null where it is not split. */
export function rivalsOf(
  router: VirtualRouter,
  { names }: Services,
): { readonly nodes: ReadonlySet<string>; readonly since: Instant } | null {
  if (!router.isSplit || router.sight.blind) return null;
  const nodes = new Set<string>();
  let since = 0 as Instant;
  for (const speaker of router.speakers.values()) {
    if (!router.inSplit(speaker)) continue;
    const node = names.nodeOf(router.identity, speaker.address);
    if (node !== null) nodes.add(node);
    if (speaker.runStart !== null && speaker.runStart > since) since = speaker.runStart;
  }
  return { nodes, since };
}
