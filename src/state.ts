/** The present as the observer knows it, for `status`: snapshots of virtual routers, proxies, services, databases. */
import type { Instant } from './time.ts';

export interface RouterState {
  /** `vr:eth0/ipv4/51` */
  readonly subject: string;
  readonly cluster: string | null;
  /** of a configured cluster's, or no cluster is configured at all */
  readonly ours: boolean;
  readonly segment: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly vrid: number;
  readonly vips: readonly string[];
  readonly state: 'held' | 'lost' | 'split';
  /** the present holder, or the last one where it is lost; in a split-brain the other one stands in `others` */
  readonly master: SpeakerState;
  /** the capture cannot see: this is how it was */
  readonly blind: boolean;
  /** other speakers known since the observer began, most recently heard first (at most 8) */
  readonly others: readonly SpeakerState[];
  /** when the present holder's reign began, as far as was seen; when it was lost, where it is */
  readonly since: Instant;
}

export interface SpeakerState {
  readonly address: string;
  readonly node: string | null;
  readonly mac: string;
  readonly priority: number;
  readonly version: number;
  readonly intervalMs: number;
  readonly speaking: boolean;
  /** after a restart, until it is heard: the last sign of life of the run before */
  readonly lastAdvertAt: Instant;
  /** worst deviation from the interval, and adverts known to be missing, over the last one to two minutes */
  readonly jitterMs: number;
  readonly missed: number;
}

/** One HAProxy process, as of its latest poll. */
export interface ProxyState {
  /** `proxy:hosta`, `proxy:hosta#2` for the second process of a node */
  readonly subject: string;
  readonly cluster: string;
  readonly node: string;
  /** where it is asked, without credentials */
  readonly target: string;
  /**
   * `unknown`: not polled yet, or too few failures to say. `idle`: it runs on the VIP's holder alone, and its node is not
   * the holder (or became so a moment ago): it need not answer.
   */
  readonly state: 'answers' | 'unreachable' | 'unknown' | 'idle';
  /** since when it is unreachable, else since when it answers without a break; null where neither is known */
  readonly since: Instant | null;
  /** of the latest failure; null where the latest poll succeeded */
  readonly error: string | null;
  readonly lastAnsweredAt: Instant | null;
  /** `2.6.12`; null where it does not say */
  readonly release: string | null;
  /** as the latest answer said; every backend that has servers, at most 1,024 */
  readonly backends: readonly ProxyBackendState[];
}

export interface ProxyBackendState {
  readonly name: string;
  readonly state: 'up' | 'down';
  /** servers that it has, without those taken out of service (MAINT, DRAIN) */
  readonly servers: number;
  /** of these: up, by its checks or because nothing checks them */
  readonly up: number;
  /** names of those that are down: the first 32 */
  readonly down: readonly string[];
  /** names of those that somebody took out of service: the first 32 */
  readonly out: readonly string[];
  /** it counts as up only by servers that nothing checks */
  readonly uncheckedOnly: boolean;
}

/** The service behind a VIP, as its probes found it last. */
export interface ServiceState {
  readonly cluster: string;
  /** of its virtual router: `vr:eth0/ipv4/51`; null as long as no segment is known */
  readonly subject: string | null;
  /** null where the configuration names none and none was heard */
  readonly vip: string | null;
  /** the URL, without credentials */
  readonly probe: string;
  /** `dark` from several failures in a row on, as `vip-dark` is; `unknown`: not probed lately, or we are cut off ourselves */
  readonly state: 'up' | 'dark' | 'unknown';
  /** since when it is up or dark, as far as was probed; null where that is not known */
  readonly since: Instant | null;
  /** of the last probe, where it succeeded */
  readonly latencyMs: number | null;
  /** of the last probe, where it failed: one failure is no blackout */
  readonly error: string | null;
  /** nodes that are asked directly, in the order of the configuration */
  readonly nodes: readonly NodeServiceState[];
}

export interface NodeServiceState {
  readonly node: string;
  /** null: not probed lately */
  readonly up: boolean | null;
  /** since when it is so, as far as was probed */
  readonly since: Instant | null;
  readonly error: string | null;
}

/** One database server, as of its latest answer, however old. */
export interface DatabaseState {
  /** `database:hosta`, `database:hosta#2` for the second server of a node */
  readonly subject: string;
  readonly cluster: string;
  readonly node: string;
  /** where it is asked, without credentials */
  readonly target: string;
  /** null: not polled yet, or too few failures to say */
  readonly reachable: boolean | null;
  /** since when it is unreachable, else since when it answers without a break; null where neither is known */
  readonly since: Instant | null;
  /** of the latest failure; null where the latest poll succeeded */
  readonly error: string | null;
  readonly version: string | null;
  readonly readOnly: boolean | null;
  /** empty where it is no replica, or may not be asked */
  readonly channels: readonly ChannelState[];
  readonly galera: GaleraState | null;
  readonly ndb: { readonly ready: number | null; readonly total: number | null } | null;
  /** what it refuses to tell, with the grant that is missing, in words */
  readonly denied: readonly string[];
}

export interface ChannelState {
  /** `default` for the one without a name */
  readonly name: string;
  /** its source's node where that is polled, else its host */
  readonly source: string;
  readonly io: 'yes' | 'no' | 'connecting';
  readonly sql: 'yes' | 'no' | 'connecting';
  /** null: nobody can tell */
  readonly lagS: number | null;
  /** who says so: `heartbeat`, `applier`, `gtid`, `position`, `server` */
  readonly lagSource: string | null;
  /** of its threads, as far as the server says one; kept there for a while after it is over */
  readonly error: string | null;
}

export interface GaleraState {
  readonly primary: boolean;
  /** `Synced`, `Donor/Desynced` */
  readonly state: string;
  readonly size: number | null;
  /** share of the time between the latest two polls that flow control held writes up; null where not known */
  readonly flowPaused: number | null;
}
