/**
 * What the observer may be told beforehand: whose nodes and virtual routers are *ours*, and the thresholds.
 * Plain data; `src/config` reads it from `vipwatch.yaml`.
 */

export interface ObservedNode {
  readonly name: string;
  readonly addresses: readonly string[];
  /** HAProxy processes that are polled */
  readonly proxies: readonly ObservedProxy[];
  /** database servers that are polled */
  readonly databases: readonly ObservedDatabase[];
}

export interface ObservedDatabase {
  /** where it is asked, for people: without credentials */
  readonly target: string;
  /** as it is asked: how a channel's source is recognised, beside the node's addresses */
  readonly host: string;
  readonly port: number;
  readonly everyMs: number;
}

export interface ObservedProxy {
  /** where it is asked, for people: without credentials */
  readonly target: string;
  readonly everyMs: number;
  /** `on-holder`: started by keepalived where the VIP is, and judged only there */
  readonly runs: 'always' | 'on-holder';
  /** so long after its node took the VIP it need not answer yet */
  readonly startupGraceMs: number;
}

/** A service behind a virtual router's VIP that is probed. */
export interface ObservedService {
  /** the URL, for people: without credentials */
  readonly probe: string;
  /** the address that it asks: of a VIP as a rule */
  readonly vip: string | null;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** so many failures in a row are a blackout */
  readonly rise: number;
}

export interface ObservedVirtualRouter {
  readonly vrid: number;
  /** null: on whichever segment it is heard */
  readonly segment: string | null;
  readonly vips: readonly string[];
  /** names of the cluster's nodes that may speak for it; empty: all of the cluster's */
  readonly nodes: readonly string[];
  /** adverts go from node to node: perhaps only claims are heard */
  readonly unicast: boolean;
  /** null: its service is not probed */
  readonly service: ObservedService | null;
}

export interface ObservedCluster {
  readonly name: string;
  readonly nodes: readonly ObservedNode[];
  readonly virtualRouters: readonly ObservedVirtualRouter[];
}

/** A virtual router of the configuration, with whose it is. */
export interface ConfiguredRouter {
  readonly cluster: ObservedCluster;
  readonly router: ObservedVirtualRouter;
}

export interface Thresholds {
  /** so many failovers of one virtual router … */
  readonly flappingFailovers: number;
  /** … within so many seconds are `flapping` */
  readonly flappingWindowS: number;
  /** how long a VIP's last claim may be another's before it is `garp-missing` */
  readonly garpMissingAfterMs: number;
  /** speakers that reject each other may mute each other for so long without the split-brain being over */
  readonly rejectedSilenceMs: number;
  /** a lost virtual router is forgotten after so many hours */
  readonly forgetAfterH: number;
  /** so many bad polls in a row are a condition */
  readonly badPolls: number;
  /** a number must be beyond its threshold for so long */
  readonly beyondForMs: number;
  /** sessions or queue at this share of their limit are `proxy-saturated`; over below 0.8 of it */
  readonly saturatedAt: number;
  /** proxies of one cluster must differ for so long to be `proxy-drift` */
  readonly driftForMs: number;
  /** replication that is behind by so much, for `beyondForMs`, is a warning, or critical; over below 0.8 of it */
  readonly lagWarningS: number;
  readonly lagCriticalS: number;
  /** a node that takes over with a replica further behind is not fit */
  readonly takeoverLagS: number;
  /** so many transactions of its own within the window, on a node that does not hold the VIP, are `dual-writes` */
  readonly dualWrites: number;
  readonly dualWritesWindowS: number;
  /** flow control that holds writes up for this share of the time */
  readonly flowPausedAt: number;
}

export interface ObserverConfiguration {
  readonly clusters: readonly ObservedCluster[];
  readonly thresholds: Thresholds;
}

export const DEFAULT_THRESHOLDS: Thresholds = {
  flappingFailovers: 4,
  flappingWindowS: 300,
  garpMissingAfterMs: 2_000,
  rejectedSilenceMs: 30_000,
  forgetAfterH: 24,
  badPolls: 2,
  beyondForMs: 10_000,
  saturatedAt: 0.9,
  driftForMs: 60_000,
  lagWarningS: 30,
  lagCriticalS: 300,
  takeoverLagS: 2,
  dualWrites: 5,
  dualWritesWindowS: 10,
  flowPausedAt: 0.1,
};

export const DEFAULT_CONFIGURATION: ObserverConfiguration = { clusters: [], thresholds: DEFAULT_THRESHOLDS };

/** The configured virtual router that these VIPs belong to; null as VIPs: whichever has the VRID there. */
export function configuredFor(
  { clusters }: ObserverConfiguration,
  segment: string,
  vrid: number,
  vips: readonly string[] | null,
): ConfiguredRouter | null {
  for (const cluster of clusters) {
    for (const router of cluster.virtualRouters) {
      if (router.vrid !== vrid || (router.segment !== null && router.segment !== segment)) continue;
      const anyVip = vips === null || router.vips.length === 0;
      if (anyVip || router.vips.some((vip) => vips.includes(vip))) return { cluster, router };
    }
  }
  return null;
}

/** With virtual routers configured, every other one is somebody else's. */
export function isForeign({ clusters }: ObserverConfiguration, configured: ConfiguredRouter | null): boolean {
  return configured === null && clusters.some((cluster) => cluster.virtualRouters.length > 0);
}
