/**
 * The present as one document: what `GET /status` gives and `vipwatch status` prints. A pure fold over what the
 * observer knows now and the events of the last 24 hours. Times are ISO 8601 in UTC, as everywhere in JSON.
 */
import type { TimelineEvent } from '../events.ts';
import type {
  DatabaseState,
  NodeServiceState,
  ProxyState,
  RouterState,
  ServiceState,
  SpeakerState,
} from '../state.ts';
import { type Instant, isoTime, MS, plusUs, SECOND } from '../time.ts';
import { adviceFor } from './advice.ts';
import { fromTheBegin } from './opening.ts';
import { type DarkRange, summarize, type VirtualRouterSummary } from './summary.ts';

export interface StatusSources {
  readonly now: Instant;
  readonly host: string;
  readonly release: string;
  readonly startedAt: Instant;
  readonly captures: readonly CaptureState[];
  readonly routers: readonly RouterState[];
  readonly services: readonly ServiceState[];
  readonly proxies: readonly ProxyState[];
  readonly databases: readonly DatabaseState[];
  /** of the last 24 hours, in any order */
  readonly events: readonly TimelineEvent[];
  /** the begins of all open conditions, however old */
  readonly open: readonly TimelineEvent[];
  readonly health: ObserverHealth;
}

export interface CaptureState {
  readonly name: string;
  readonly seeing: boolean;
  /** `started`, `link-down`, … */
  readonly reason: string;
  /** since when it sees, or does not */
  readonly since: Instant;
  /** frames, since the capture was opened */
  readonly received: number;
  readonly dropped: number;
}

export interface ObserverHealth {
  /** how far what is known lies behind the wire; null before the first frame */
  readonly delayMs: number | null;
  /** events and samples that wait to be durable */
  readonly waiting: number;
  /** the last event that is durable */
  readonly lastSeq: number;
}

/**
 * `blind`: no capture sees, so that nothing is known. `warning`: something is open, or a capture does not see, or a
 * virtual router is not judged because its capture is taken for blind.
 */
export type Verdict = 'healthy' | 'warning' | 'critical' | 'blind';

export interface StatusDocument {
  readonly now: string;
  readonly host: string;
  readonly release: string;
  readonly startedAt: string;
  readonly verdict: Verdict;
  /** worst first, then oldest first */
  readonly open: readonly OpenCondition[];
  /** ours first; then by subject */
  readonly virtualRouters: readonly RouterStatus[];
  /** those that are probed, in the order of the configuration */
  readonly services: readonly ServiceStatus[];
  /** those that are polled, in the order of the configuration */
  readonly proxies: readonly ProxyStatus[];
  /** likewise */
  readonly databases: readonly DatabaseStatus[];
  readonly segments: readonly SegmentStatus[];
  readonly captures: readonly CaptureStatus[];
  readonly health: ObserverHealth;
}

export interface OpenCondition {
  readonly id: string;
  readonly kind: string;
  readonly severity: TimelineEvent['severity'];
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly since: string;
  readonly advice: string | null;
}

export interface RouterStatus {
  readonly subject: string;
  readonly cluster: string | null;
  readonly ours: boolean;
  readonly segment: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly vrid: number;
  readonly vips: readonly string[];
  readonly state: RouterState['state'];
  /** its capture does not see at present: the rest is what was so */
  readonly blind: boolean;
  readonly master: SpeakerStatus;
  readonly others: readonly SpeakerStatus[];
  readonly since: string;
  /** the last 24 hours, or as much of them as was watched */
  readonly lastDay: LastDay;
}

export interface SpeakerStatus extends Omit<SpeakerState, 'lastAdvertAt'> {
  readonly lastAdvertAt: string;
}

export interface ServiceStatus extends Omit<ServiceState, 'since' | 'nodes'> {
  readonly since: string | null;
  readonly nodes: readonly (Omit<NodeServiceState, 'since'> & { readonly since: string | null })[];
}

export interface ProxyStatus extends Omit<ProxyState, 'since' | 'lastAnsweredAt'> {
  readonly since: string | null;
  readonly lastAnsweredAt: string | null;
}

export interface DatabaseStatus extends Omit<DatabaseState, 'since'> {
  readonly since: string | null;
}

export interface LastDay {
  readonly watchedMs: number;
  readonly failovers: number;
  readonly failoversByCause: Readonly<Record<string, number>>;
  readonly lastFailoverAt: string | null;
  /** by time held, longest first; `share` of the watched time, 0 to 1 */
  readonly holders: readonly {
    readonly address: string;
    readonly node: string | null;
    readonly heldMs: number;
    readonly share: number;
  }[];
  readonly nobodyMs: number;
  readonly splitMs: number;
  readonly darkMs: DarkRange | null;
  /** by probes, not by what adverts and claims tell */
  readonly darkMeasured: boolean;
}

/** VRIDs count in both families together: whoever looks for a free one wants one that is free in both. */
export interface SegmentStatus {
  readonly name: string;
  readonly vridsUsed: readonly number[];
  readonly vridsFree: readonly number[];
}

export interface CaptureStatus extends Omit<CaptureState, 'since'> {
  readonly since: string;
}

const DAY_US = 86_400 * SECOND;
const VRIDS = Array.from({ length: 255 }, (_, i) => i + 1);

export function statusDocument(sources: StatusSources): StatusDocument {
  const { now, host, release, startedAt, captures, routers, events, open, health } = sources;
  const begin = plusUs(now, -DAY_US);
  const steady = routers
    .filter((router) => router.state !== 'lost')
    .map(({ subject, cluster, vips, master, since }) => {
      return { subject, cluster, vips, address: master.address, node: master.node, since };
    });
  const summary = summarize(fromTheBegin(begin, events, open, steady), now);
  const bySubject = new Map(summary.virtualRouters.map((router) => [router.subject, router]));
  const failovers = events.filter((event) => event.kind === 'failover' && event.time >= begin);

  return {
    now: isoTime(now),
    host,
    release,
    startedAt: isoTime(startedAt),
    verdict: verdictOf(captures, routers, open),
    open: openConditions(open),
    virtualRouters: [...routers].sort(byImportance).map((router) => ({
      subject: router.subject,
      cluster: router.cluster,
      ours: router.ours,
      segment: router.segment,
      family: router.family,
      vrid: router.vrid,
      vips: router.vips,
      state: router.state,
      blind: router.blind,
      master: speakerStatus(router.master),
      others: router.others.map(speakerStatus),
      since: isoTime(router.since),
      lastDay: lastDay(bySubject.get(router.subject), summary.names, failovers, router),
    })),
    services: sources.services.map((service) => ({
      ...service,
      since: isoOrNull(service.since),
      nodes: service.nodes.map((node) => ({ ...node, since: isoOrNull(node.since) })),
    })),
    proxies: sources.proxies.map((proxy) => ({
      ...proxy,
      since: isoOrNull(proxy.since),
      lastAnsweredAt: isoOrNull(proxy.lastAnsweredAt),
    })),
    databases: sources.databases.map((database) => ({ ...database, since: isoOrNull(database.since) })),
    segments: segmentsOf(routers),
    captures: captures.map((capture) => ({ ...capture, since: isoTime(capture.since) })),
    health,
  };
}

function verdictOf(
  captures: readonly CaptureState[],
  routers: readonly RouterState[],
  open: readonly TimelineEvent[],
): Verdict {
  if (open.some((event) => event.severity === 'critical')) return 'critical';
  if (!captures.some((capture) => capture.seeing)) return 'blind';
  const warned = open.some((event) => event.severity === 'warning');
  const isPartlyBlind = captures.some((capture) => !capture.seeing) || routers.some((router) => router.blind);
  return warned || isPartlyBlind ? 'warning' : 'healthy';
}

const RANK = { critical: 0, warning: 1, info: 2 } as const;

function openConditions(open: readonly TimelineEvent[]): readonly OpenCondition[] {
  return [...open]
    .sort((a, b) => RANK[a.severity] - RANK[b.severity] || a.time - b.time)
    .map((event) => ({
      id: event.id,
      kind: event.kind,
      severity: event.severity,
      cluster: event.cluster,
      subject: event.subject,
      summary: event.summary,
      since: isoTime(event.time),
      advice: adviceFor(event),
    }));
}

function byImportance(a: RouterState, b: RouterState): number {
  const rank = (router: RouterState) => (router.ours ? 0 : 1);
  return (
    rank(a) - rank(b) || compare(a.segment, b.segment) || a.vrid - b.vrid || compare(a.subject, b.subject)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function speakerStatus(speaker: SpeakerState): SpeakerStatus {
  return { ...speaker, lastAdvertAt: isoTime(speaker.lastAdvertAt) };
}

function isoOrNull(at: Instant | null): string | null {
  return at === null ? null : isoTime(at);
}

function lastDay(
  summary: VirtualRouterSummary | undefined,
  names: ReadonlyMap<string, string>,
  failovers: readonly TimelineEvent[],
  router: RouterState,
): LastDay {
  const ours = failovers.filter((event) => event.subject === router.subject);
  const last = ours.reduce<Instant | null>((at, { time }) => (at === null || time > at ? time : at), null);
  const nodes = new Map([router.master, ...router.others].map(({ address, node }) => [address, node]));
  return {
    watchedMs: summary?.watchedMs ?? 0,
    failovers: ours.length,
    failoversByCause: Object.fromEntries(summary?.failovers ?? []),
    lastFailoverAt: last === null ? null : isoTime(last),
    holders: (summary?.holders ?? []).map(({ address, heldMs, share }) => ({
      address,
      node: nodes.get(address) ?? names.get(address) ?? null,
      heldMs: Math.round(heldMs * MS) / MS,
      share,
    })),
    nobodyMs: Math.round((summary?.nobodyMs ?? 0) * MS) / MS,
    splitMs: summary?.splitMs ?? 0,
    darkMs: summary?.darkMs ?? null,
    darkMeasured: summary?.darkMeasured ?? false,
  };
}

function segmentsOf(routers: readonly RouterState[]): readonly SegmentStatus[] {
  const used = new Map<string, Set<number>>();
  for (const { segment, vrid } of routers) used.set(segment, (used.get(segment) ?? new Set()).add(vrid));
  return [...used]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, vrids]) => ({
      name,
      vridsUsed: VRIDS.filter((vrid) => vrids.has(vrid)),
      vridsFree: VRIDS.filter((vrid) => !vrids.has(vrid)),
    }));
}
