/**
 * The closed union of events: what the timeline can say. `docs/events.md` is generated from these tables.
 *
 * An event is something that happened (`instant`), or the `begin` or `end` of a condition. It never changes;
 * what is learnt later is a new event that names the older one in `about`. A details name has one meaning and
 * one type in all kinds, which is why the names are declared once, in `DETAILS`, and kinds only list them.
 */
import { type Instant, isoTime } from './time.ts';

export type Severity = 'info' | 'warning' | 'critical';
export type Phase = 'instant' | 'begin' | 'end';

declare const valueType: unique symbol;
interface Detail<T> {
  readonly type: string;
  readonly meaning: string;
  readonly [valueType]?: T;
}

function detail<T>(type: string, meaning: string): Detail<T> {
  return { type, meaning };
}

/** Every details name, with its JSON type and its one meaning. */
export const DETAILS = {
  master: detail<string>('address', 'the speaker that holds the virtual router'),
  priority: detail<number>('number', 'the advertised priority'),
  intervalMs: detail<number>('number', 'the advertised interval'),
  version: detail<number>('number', 'the VRRP version'),
  vips: detail<readonly string[]>('address[]', 'the virtual addresses concerned'),
  from: detail<string>('address', 'the previous holder'),
  to: detail<string>('address', 'the new holder'),
  cause: detail<FailoverCause>(
    'string',
    `why the master changed: ${'`graceful`, `silence`, `priority-drop`, `preemption` or `claim-only`'}`,
  ),
  silenceMs: detail<number | null>(
    'number or null',
    "the old master's last advert (or its priority 0) to the new one's first; null where no advert is heard",
  ),
  darkMs: detail<readonly [number, number] | null>(
    '[number, number] or null',
    'least and most that clients can have felt, as far as adverts and claims tell',
  ),
  fromPriority: detail<number | null>('number or null', "the old master's last priority above 0"),
  toPriority: detail<number | null>('number or null', "the new master's priority in its first advert"),
  claimMs: detail<number | null>(
    'number or null',
    "the new master's first advert to its first claim of a VIP (negative where the claim came first); null where none was heard in time",
  ),
  fault: detail<boolean>('boolean', 'two priority 0 within 50 ms: keepalived went to its FAULT state'),
  last: detail<string | null>('address or null', 'the last known holder'),
  reason: detail<string>('string', 'why, in the words listed with the kind'),
  by: detail<string | null>('address or null', 'the speaker whose priority 0 or return decided it'),
  nothingElseHeard: detail<boolean>(
    'boolean',
    'no frame of any kind was captured since: the observer itself may be cut off',
  ),
  speakers: detail<readonly string[]>('address[]', 'the speakers concerned'),
  winner: detail<string>('address', 'the speaker that outranks the other'),
  loser: detail<string>('address', 'the speaker that is outranked and should have yielded'),
  survivor: detail<string>('address', 'the speaker that goes on as master'),
  rejects: detail<readonly string[]>(
    'string[]',
    'the fields in which their adverts differ so that each drops the other’s',
  ),
  holder: detail<string>('address', 'the speaker that holds the VIP'),
  claimant: detail<string>('address', 'the speaker that took the VIP for a moment'),
  overlapMs: detail<number>('number', 'how long both were heard'),
  others: detail<readonly string[]>('address[]', 'speakers of the colliding virtual router'),
  failovers: detail<number>('number', 'failovers within the window'),
  windowS: detail<number>('number', 'the window over which is counted'),
  field: detail<string>('string', 'the setting concerned'),
  values: detail<Readonly<Record<string, string>>>('object', 'what each speaker advertises, by its address'),
  speaker: detail<string>('address', 'the speaker concerned'),
  before: detail<string>('string', 'the value until then'),
  after: detail<string>('string', 'the value from then on'),
  oldPriority: detail<number>('number', 'the priority until then'),
  newPriority: detail<number>('number', 'the priority from then on'),
  gapMs: detail<number>('number', 'the time between two adverts of the master'),
  missed: detail<number | null>(
    'number or null',
    'adverts sent in between but not captured, from the IPv4 identification; null where that cannot be told',
  ),
  lostBy: detail<'capture-or-network' | 'sender' | null>(
    'string or null',
    'who lost them: `capture-or-network`, `sender` (late or muted), null where that cannot be told',
  ),
  count: detail<number>('number', 'how many of these since the last such event, this one included'),
  source: detail<string>('address', 'the source address of the frame'),
  expectedMac: detail<string>('MAC', 'the MAC known for the address'),
  actualMac: detail<string>('MAC', 'the MAC that the frame carried'),
  mac: detail<string>('MAC', 'the source MAC'),
  fromMac: detail<string>('MAC', 'the MAC that claimed the address before'),
  toMac: detail<string>('MAC', 'the MAC that claims it now'),
  via: detail<string>('string', 'how it was claimed: `arp-request`, `arp-reply`, `na`'),
  holderMac: detail<string>('MAC', 'the MAC of the holder'),
  lastClaimMac: detail<string | null>(
    'MAC or null',
    'the MAC in the last claim heard of the VIP; null where none was heard',
  ),
  otherMac: detail<string>('MAC', 'the MAC that claims the VIP and is not the holder’s'),
  segment: detail<string>('string', 'the segment or capture concerned'),
  dropped: detail<number | null>('number or null', 'frames known to be lost'),
  blindMs: detail<number>('number', 'how much of the span the observer could not see'),
  durationMs: detail<number>('number', 'how long the condition lasted'),
  release: detail<string>('string', 'the release of vipwatch'),
  previous: detail<'none' | 'stopped' | 'killed'>(
    'string',
    `how the run before this one ended: ${'`none`, `stopped`, `killed`'}`,
  ),
  unwatchedSince: detail<string | null>(
    'time or null',
    'the last sign of life of the run before; null where there was none',
  ),
  sink: detail<string>('string', 'what events are told to: `journal`, `influx`, …'),
  error: detail<string>('string', 'what went wrong, in its own words'),
  waiting: detail<number>('number', 'events that wait to be told'),
  probe: detail<string>('string', 'the probe, as a URL without credentials'),
  uncertaintyMs: detail<number>('number', 'the most by which the measured time can be off'),
  answeredBy: detail<string | null>(
    'string or null',
    'who answered the first probe that succeeded again, where the answer says so',
  ),
  neverAnnounced: detail<boolean>(
    'boolean',
    'the new master was not heard to announce the VIP: hosts may still send to the old one',
  ),
  service: detail<string>('string', 'the service that is dead: a probe’s URL, or where a proxy is asked'),
  fitElsewhere: detail<string | null>(
    'string or null',
    'a node whose own service answers, and that should have taken over',
  ),
  server: detail<string>('string', 'the server of a proxy, by its name there'),
  backend: detail<string>('string', 'the backend of a proxy, by its name there'),
  status: detail<string>('string', 'its status in HAProxy’s words'),
  checkStatus: detail<string>(
    'string',
    'the result of the last check in HAProxy’s short form: `L4CON`, `L7STS` …',
  ),
  checkText: detail<string>('string', 'what the last check said'),
  since: detail<string>('time', 'since when, by the source’s own clock'),
  flaps: detail<number>('number', 'transitions to DOWN since the poll before'),
  uncheckedOnly: detail<boolean>(
    'boolean',
    'the backend counts as up only by servers that nothing checks: whether they work is not known',
  ),
  servers: detail<number>('number', 'servers that the backend has'),
  what: detail<string>('string', 'what is used up: `sessions`, `queue`, `connections`'),
  used: detail<number>('number', 'how much of it is in use'),
  limit: detail<number>('number', 'how much of it there is'),
  target: detail<string>('string', 'where it is asked, without credentials'),
  oldPid: detail<number | null>('number or null', 'the process until then, where it is known'),
  newPid: detail<number | null>('number or null', 'the process from then on, where it is known'),
  thread: detail<'io' | 'sql'>('string', 'the replica’s thread: `io` receives, `sql` applies'),
  errno: detail<number>('number', 'the error’s number; 0 where the server gives none'),
  lagS: detail<number | null>(
    'number or null',
    'how far it is behind its source, as far as the best source of truth tells; null where nobody can tell',
  ),
  lagSource: detail<string | null>(
    'string or null',
    'who says so: `heartbeat`, `applier`, `gtid`, `position`, `server`',
  ),
  thresholdS: detail<number>('number', 'the threshold that was passed'),
  transactions: detail<number | null>(
    'number or null',
    'transactions that its source had and it had not; null where that cannot be told',
  ),
  gtids: detail<Readonly<Record<string, string>>>(
    'object',
    'the transactions concerned, by the node that has them',
  ),
  size: detail<number>('number', 'members of the component'),
  expected: detail<number>('number', 'how many there should be'),
  paused: detail<number>('number', 'share of the time that flow control held writes up, 0 to 1'),
  nodeId: detail<number>('number', 'the data node’s number in its cluster'),
  components: detail<readonly (readonly string[])[]>(
    'string[][]',
    'nodes, by the component that they are in',
  ),
  readOnly: detail<boolean | null>(
    'boolean or null',
    'whether its database takes no writes; null where unknown',
  ),
  proxyUp: detail<boolean | null>(
    'boolean or null',
    'whether its proxy answered; null where it is not polled',
  ),
  differences: detail<readonly string[]>('string[]', 'in what they differ, in words; at most 16'),
} as const;

export type FailoverCause = 'graceful' | 'silence' | 'priority-drop' | 'preemption' | 'claim-only';
export type DetailName = keyof typeof DETAILS;
type ValueOf<N extends DetailName> = (typeof DETAILS)[N] extends Detail<infer T> ? T : never;

interface Kind<N extends DetailName = DetailName> {
  readonly phases: 'instant' | 'begin/end';
  readonly severity: Severity;
  readonly subject: string;
  readonly when: string;
  readonly details: readonly N[];
  /** details that only some events of the kind carry */
  readonly optional: readonly DetailName[];
}

const VR = 'vr:SEGMENT/FAMILY/VRID';
const VIP = 'vip:SEGMENT/ADDRESS';
const PROXY = 'proxy:NODE';
const REPLICA = 'replica:NODE/CHANNEL';
const DATABASE = 'database:NODE';
const CLUSTER = 'cluster:NAME';

function kind<const N extends DetailName>(
  phases: Kind['phases'],
  severity: Severity,
  subject: string,
  when: string,
  details: readonly N[],
  optional: readonly DetailName[] = [],
): Kind<N> {
  return { phases, severity, subject, when, details, optional };
}

/** Every kind of event. The severity is the usual one; foreign virtual routers never rise above `info`. */
export const KINDS = {
  'master-seen': kind(
    'instant',
    'info',
    VR,
    'The first speaker heard for a virtual router since the observer began, or since the virtual router was forgotten.',
    ['master', 'priority', 'intervalMs', 'version', 'vips'],
  ),
  failover: kind(
    'instant',
    'warning',
    VR,
    'The master is now another speaker. Dated the new master’s first advert.',
    ['from', 'to', 'cause', 'silenceMs', 'darkMs', 'fromPriority', 'toPriority', 'vips', 'claimMs', 'fault'],
    ['blindMs'],
  ),
  'master-lost': kind(
    'begin/end',
    'critical',
    VR,
    'Nobody speaks and the silence limit has passed. Begins at the last advert of any speaker, ends when anyone speaks. Reasons: `silence`, `resigned` (priority 0), `never-heard` (configured, but not heard since the start); an end as `forgotten` after a day.',
    ['last', 'reason', 'by', 'nothingElseHeard'],
    ['vips', 'blindMs'],
  ),
  'split-brain': kind(
    'begin/end',
    'critical',
    VR,
    'Two speakers each keep speaking though they must have heard the other. Reasons: `deaf` (one does not hear the other), `rejects` (their adverts differ, each drops the other’s).',
    ['speakers', 'winner', 'loser', 'vips', 'reason', 'rejects'],
    ['survivor', 'blindMs'],
  ),
  overlap: kind(
    'instant',
    'warning',
    VR,
    'A node took the VIP for a moment and was repelled: a sign of lost adverts.',
    ['holder', 'claimant', 'vips', 'overlapMs'],
    ['count'],
  ),
  'vrid-collision': kind(
    'begin/end',
    'warning',
    VR,
    'Two virtual routers with no VIP in common use one VRID on one segment.',
    ['others', 'vips'],
    ['blindMs'],
  ),
  flapping: kind(
    'begin/end',
    'critical',
    VR,
    'Many failovers of one virtual router within the window (4 within 5 minutes, unless configured); ends after a window without one.',
    ['failovers', 'windowS'],
    ['blindMs'],
  ),
  'config-mismatch': kind(
    'begin/end',
    'warning',
    VR,
    'Speakers of one virtual router disagree. Fields: `advert-interval` (info in VRRPv3, where backups adopt the master’s), `vips`, `version`, `auth`, `checksum-style`.',
    ['field', 'values'],
    ['blindMs'],
  ),
  'config-changed': kind(
    'instant',
    'info',
    VR,
    'One speaker changed: a reload, a new network card, or (field `vrid`) its VIPs go on under another VRID.',
    ['speaker', 'field', 'before', 'after'],
    ['count'],
  ),
  'priority-change': kind(
    'instant',
    'info',
    VR,
    'A speaking speaker’s priority changed: a tracked check failed or recovered.',
    ['speaker', 'oldPriority', 'newPriority'],
    ['count'],
  ),
  'advert-gap': kind(
    'instant',
    'warning',
    VR,
    '1.75 intervals or more between two adverts of the master, and nobody took over: a near miss. Dated the advert that ended the gap; one a minute, then counted.',
    ['gapMs', 'missed', 'lostBy', 'count'],
  ),
  'advert-invalid': kind(
    'instant',
    'warning',
    VR,
    'An advert that every receiver drops: the decoder’s problem is the reason. It never changes a state. One a minute for a source and reason, then counted.',
    ['reason', 'source', 'count'],
  ),
  'source-spoofed': kind(
    'instant',
    'critical',
    VR,
    'A valid advert carries a known speaker’s address but another MAC, and the known MAC is heard again within its silence limit. Dated the foreign one; one a minute a source.',
    ['speaker', 'expectedMac', 'actualMac', 'count'],
  ),
  'rogue-speaker': kind(
    'begin/end',
    'critical',
    VR,
    'The configuration lists the speakers, and another address speaks.',
    ['speaker', 'mac'],
    ['blindMs'],
  ),
  'vip-moved': kind(
    'instant',
    'info',
    VIP,
    'The MAC that claims an address changed, virtual router or not.',
    ['fromMac', 'toMac', 'via'],
  ),
  'garp-missing': kind(
    'begin/end',
    'warning',
    VIP,
    'The last claim heard of a VIP is not its master’s: hosts on the segment may keep a stale ARP entry.',
    ['holder', 'holderMac', 'lastClaimMac'],
    ['blindMs'],
  ),
  'ip-conflict': kind(
    'begin/end',
    'critical',
    VIP,
    'A MAC that belongs to no speaker claims the VIP while its master goes on speaking.',
    ['holder', 'holderMac', 'otherMac'],
    ['blindMs'],
  ),
  'vip-dark': kind(
    'begin/end',
    'critical',
    VIP,
    'The service probe through the VIP fails. Begins at the start of the first of several failures in a row, ends at the start of the first success: `durationMs` is the measured blackout. `about` names the failover that it belongs to, as soon as that is known.',
    ['probe', 'error'],
    ['uncertaintyMs', 'answeredBy', 'neverAnnounced', 'blindMs'],
  ),
  'vip-on-dead-service': kind(
    'begin/end',
    'critical',
    VIP,
    'The VIP’s holder speaks, but its own proxy or service is dead: VRRP looks healthy while clients fail.',
    ['holder', 'service', 'error'],
    ['fitElsewhere', 'blindMs'],
  ),
  'server-down': kind(
    'begin/end',
    'warning',
    `${PROXY}/PROXY/SERVER`,
    'A proxy’s check took a server out. Dated by the proxy itself. Ends when it is up; other ends have a reason: `maint` (somebody took it out), `removed` (the proxy does not know it any more), `not-holder` (its proxy runs on the VIP’s holder alone, and its node is not that any more), `unconfigured` (not watched any more). Of a drained server: info.',
    ['server', 'backend', 'status', 'checkStatus', 'checkText', 'since'],
    ['flaps', 'uncheckedOnly', 'reason'],
  ),
  'server-maint': kind(
    'begin/end',
    'info',
    `${PROXY}/PROXY/SERVER`,
    'Somebody took a server out: MAINT or DRAIN. Ends when it is in use again, or with a reason as in `server-down`.',
    ['server', 'backend', 'status', 'since'],
    ['reason'],
  ),
  'backend-down': kind(
    'begin/end',
    'critical',
    `${PROXY}/PROXY`,
    'A backend has no server left that it may use: every client fails. Ends when it has one, or with a reason as in `server-down`.',
    ['backend', 'status', 'servers', 'since'],
    ['flaps', 'reason'],
  ),
  'proxy-saturated': kind(
    'begin/end',
    'warning',
    `${PROXY}/PROXY[/SERVER]`,
    'Sessions, connections or a queue are near their limit. Ends below 0.8 of it, or with a reason as in `server-down`.',
    ['what', 'used', 'limit'],
    ['reason'],
  ),
  'proxy-unreachable': kind(
    'begin/end',
    'critical',
    PROXY,
    'A proxy does not answer polls, or nothing that can be used. What it last said of its servers is not known any more. The reason is that of the failure: `refused`, `timeout`, `unreachable`, `closed`, `denied`, `answer`, `tls`; of an end that is none `not-holder` or `unconfigured`, as in `server-down`.',
    ['target', 'error', 'reason'],
    ['uncertaintyMs', 'blindMs'],
  ),
  'proxy-restarted': kind(
    'instant',
    'info',
    PROXY,
    'Another process answers, with counters from zero: a reload or a restart. No outage by itself.',
    ['target', 'oldPid', 'newPid'],
    ['count'],
  ),
  'proxy-drift': kind(
    'begin/end',
    'warning',
    CLUSTER,
    'Proxies of one cluster know other backends or servers, or hold other servers for up, for a minute (unless configured). Ends when they agree, or with the reason `unconfigured`.',
    ['differences'],
    ['reason'],
  ),
  'vip-on-read-only': kind(
    'begin/end',
    'critical',
    VIP,
    'The VIP’s holder has a read-only database: clients that write fail.',
    ['holder', 'target'],
    ['reason', 'blindMs'],
  ),
  'takeover-fitness': kind(
    'instant',
    'info',
    VR,
    'What was known of the node that took over, where its proxy or database is polled: whether it was fit to serve. `about` the failover.',
    ['to', 'lagS', 'lagSource', 'transactions', 'readOnly', 'proxyUp'],
  ),
  'failover-to-lagging-replica': kind(
    'instant',
    'critical',
    VR,
    'The node that took over had not applied all that its source had: what is missing is not there for clients, and may be lost. `about` the failover.',
    ['to', 'lagS', 'lagSource', 'transactions'],
  ),
  'replication-broken': kind(
    'begin/end',
    'critical',
    REPLICA,
    'A replica’s thread stopped or cannot connect: it falls behind from here on. Ends when both run; other ends have a reason: `removed` (it is no such replica any more), `unconfigured` (not watched any more).',
    ['thread', 'errno', 'error'],
    ['reason'],
  ),
  'replication-lag': kind(
    'begin/end',
    'warning',
    REPLICA,
    'A replica is behind its source for longer than a moment; an intended delay is subtracted. Ends below 0.8 of the threshold, or as `replication-broken` does. Where it becomes critical a second one begins, `about` the warning, which stays open.',
    ['lagS', 'lagSource', 'thresholdS'],
    ['reason'],
  ),
  'errant-transactions': kind(
    'begin/end',
    'warning',
    REPLICA,
    'A replica has transactions of its own that its source has not: it was written to. Not judged where both replicate from each other. Other ends as `replication-broken`.',
    ['gtids'],
    ['reason'],
  ),
  'database-unreachable': kind(
    'begin/end',
    'critical',
    DATABASE,
    'A database server does not answer polls. What it last said is not known any more. The reason is that of the failure: `refused`, `timeout`, `unreachable`, `closed`, `denied`, `answer`, `tls`; of an end that is none `unconfigured`.',
    ['target', 'error', 'reason'],
    ['uncertaintyMs', 'blindMs'],
  ),
  'galera-not-primary': kind(
    'begin/end',
    'critical',
    DATABASE,
    'A Galera node is in a component without quorum: it takes neither reads nor writes.',
    ['status', 'size'],
    ['reason'],
  ),
  'galera-size': kind(
    'begin/end',
    'warning',
    CLUSTER,
    'The primary component has fewer members than it had, or than are polled. Where that stays so for a day it is taken as meant (`forgotten`).',
    ['size', 'expected'],
    ['reason'],
  ),
  'galera-flow-control': kind(
    'begin/end',
    'warning',
    DATABASE,
    'Flow control holds the cluster’s writes up: a node does not keep up.',
    ['paused'],
    ['reason'],
  ),
  'galera-split': kind(
    'begin/end',
    'critical',
    CLUSTER,
    'Two primary components at once: a split-brain of the database.',
    ['components'],
    ['reason'],
  ),
  'dual-writes': kind(
    'begin/end',
    'critical',
    CLUSTER,
    'A node that does not hold the VIP is written to, while the holder is, too.',
    ['gtids'],
    ['reason'],
  ),
  'ndb-node-down': kind(
    'begin/end',
    'critical',
    CLUSTER,
    'A data node of an NDB cluster is down. `nodeId` 0: how many are, as the servers do not name them.',
    ['nodeId', 'status'],
    ['reason'],
  ),
  'capture-degraded': kind(
    'begin/end',
    'warning',
    'observer:HOST',
    'The capture cannot see everything; silence proves nothing meanwhile. One for each reason; all end when it sees again.',
    ['segment', 'reason', 'dropped'],
  ),
  'observer-started': kind(
    'instant',
    'info',
    'observer:HOST',
    'The observer began to watch. After a restart it continues with what the journal says; what passed meanwhile was not seen (`blindMs`).',
    ['release', 'previous', 'unwatchedSince'],
    ['blindMs'],
  ),
  'observer-stopped': kind(
    'instant',
    'info',
    'observer:HOST',
    'The observer stopped as it was told to. What is open stays open.',
    ['release'],
  ),
  'sink-failing': kind(
    'begin/end',
    'warning',
    'sink:NAME',
    'Events cannot be told to something that wants them, the journal included; they wait.',
    ['sink', 'error', 'waiting'],
  ),
} as const satisfies Record<string, Kind>;

export type EventKind = keyof typeof KINDS;

/** What an event of kind K carries. Beside an address or MAC of a configured node stands its `…Node`. */
export type DetailsOf<K extends EventKind> = {
  readonly [N in (typeof KINDS)[K]['details'][number]]: ValueOf<N>;
} & { readonly [N in DetailName]?: ValueOf<N> };

export interface EventOf<K extends EventKind> {
  /** unique; the same input gives the same ids */
  readonly id: string;
  /** when it happened; may lie before earlier lines */
  readonly time: Instant;
  /** when it was known; never decreases */
  readonly detectedAt: Instant;
  readonly kind: K;
  readonly phase: Phase;
  readonly severity: Severity;
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly details: DetailsOf<K>;
  /** an `end`: the id of its `begin` */
  readonly beginId: string | null;
  /** the id of the older event that this one adds to */
  readonly about: string | null;
}

export type TimelineEvent = { [K in EventKind]: EventOf<K> }[EventKind];

/** The event as one line of JSON, in the order and with the names of the contract. */
export function eventJson(event: TimelineEvent, seq: number): string {
  return JSON.stringify({
    seq,
    id: event.id,
    time: isoTime(event.time),
    detectedAt: isoTime(event.detectedAt),
    kind: event.kind,
    phase: event.phase,
    severity: event.severity,
    cluster: event.cluster,
    subject: event.subject,
    summary: event.summary,
    details: event.details,
    beginId: event.beginId,
    about: event.about,
  });
}
