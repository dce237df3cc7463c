/**
 * InfluxQL, as far as the dashboards share it: the measurements' filters by what the viewer has chosen, and names of
 * series. `docs/influxdb.md` has the measurements.
 *
 * The variables are put into regular expressions. "All" stands for `.*`, which also takes in points without the tag: an
 * unconfigured virtual router has no `cluster`.
 */

/** Points of `vrrp`. */
export const CHOSEN_ROUTERS = where(
  '"cluster" =~ /^($cluster)$/',
  '"segment" =~ /^($segment)$/',
  '"vrid" =~ /^($vrid)$/',
);

/** Points of `vip`, which has no VRID. */
export const CHOSEN_VIPS = where('"cluster" =~ /^($cluster)$/', '"segment" =~ /^($segment)$/');

/** Events of `timeline` about virtual routers. */
export const CHOSEN_ROUTER_EVENTS = where(
  '"cluster" =~ /^($cluster)$/',
  '"subject" =~ /^vr:($segment)\\/ipv[46]\\/($vrid)$/',
);

/** Events of `timeline` about virtual routers and their VIPs. */
export const CHOSEN_EVENTS = where(
  '"cluster" =~ /^($cluster)$/',
  '("subject" =~ /^vr:($segment)\\/ipv[46]\\/($vrid)$/ OR "subject" =~ /^vip:($segment)\\//)',
);

/** Events of `timeline` about anything of a cluster. */
export const CHOSEN_CLUSTER_EVENTS = where('"cluster" =~ /^($cluster)$/');

/** Points of `haproxy`: those of frontends, backends or servers. */
export function chosenRows(type: 'frontend' | 'backend' | 'server'): string {
  return where(
    '"cluster" =~ /^($cluster)$/',
    '"node" =~ /^($node)$/',
    '"proxy" =~ /^($proxy)$/',
    `"type" = '${type}'`,
  );
}

/** Points of `probe`: through the VIP, and at nodes. */
export const CHOSEN_PROBES = where('"cluster" =~ /^($cluster)$/');

/** The same through the VIP alone: those have no node. */
export const CHOSEN_VIP_PROBES = `${CHOSEN_PROBES} AND "node" = ''`;

/** Points of `replication`, `galera` and `ndb`. */
export const CHOSEN_DATABASES = where('"cluster" =~ /^($cluster)$/', '"node" =~ /^($node)$/');

/** Points of `vip`, where no segment is chosen. */
export const CHOSEN_CLUSTER_VIPS = where('"cluster" =~ /^($cluster)$/');

/** What the observer says of itself. */
export const OWN_EVENTS = where('"subject" =~ /^(observer|sink):/');

/** The subject of a virtual router's events, out of the tags of `vrrp`. */
export const ROUTER_NAME = 'vr:$tag_segment/$tag_family/$tag_vrid';

export function where(...conditions: readonly string[]): string {
  return ['$timeFilter', ...conditions].join(' AND ');
}

export function ofKind(...kinds: readonly string[]): string {
  const [only, ...more] = kinds;
  return more.length === 0 ? `"kind" = '${only}'` : `"kind" =~ /^(${kinds.join('|')})$/`;
}
