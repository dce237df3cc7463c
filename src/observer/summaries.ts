/**
 * The one sentence of each event: what the person on call reads first, perhaps at 3 in the morning. Says what
 * happened in the field's words, with node names where the configuration gives them.
 */
import type { DetailsOf, EventKind, Phase } from '../events.ts';

/** Turns an address or a MAC into the name a person knows it by; gives back what nobody knows. */
export type NameOf = (address: string) => string;

type Sentences = { readonly [K in EventKind]: (d: DetailsOf<K>, name: NameOf, phase: Phase) => string };

export function summarize<K extends EventKind>(
  kind: K,
  phase: Phase,
  details: DetailsOf<K>,
  name: NameOf,
): string {
  const sentence = SENTENCES[kind];
  return sentence(details, name, phase);
}

const SENTENCES: Sentences = {
  'master-seen': (d, name) =>
    `${name(d.master)} is master of ${list(d.vips)} (priority ${d.priority}, VRRPv${d.version}, every ${span(d.intervalMs)})`,
  failover: (d, name) => {
    const vips = list(d.vips);
    const move =
      d.from === d.to
        ? `${vips} moved to another node at ${d.to}`
        : `${vips} moved from ${name(d.from)} to ${name(d.to)}`;
    return `${move} ${failoverCause(d, name)}${blindness(d.blindMs)}`;
  },
  'master-lost': (d, name, phase) => {
    const vips = d.vips === undefined || d.vips.length === 0 ? 'the virtual router' : list(d.vips);
    if (phase === 'end') {
      if (d.by !== null)
        return `${vips} has a master again: ${name(d.by)}, after ${span(d.durationMs ?? 0)}${blindness(d.blindMs)}`;
      return `${vips} was not heard again for ${span(d.durationMs ?? 0)} and is forgotten`;
    }
    const alone = d.nothingElseHeard ? '; nothing else was heard either, so the observer may be cut off' : '';
    if (d.reason === 'never-heard')
      return `nobody speaks for ${vips}: not heard since the observer started${alone}`;
    const last = d.last === null ? 'its master' : name(d.last);
    if (d.reason === 'resigned') return `nobody holds ${vips}: ${last} resigned and nobody took over`;
    return `nobody holds ${vips}: ${last} fell silent and nobody took over${alone}`;
  },
  'split-brain': (d, name, phase) => {
    if (phase === 'end') {
      const survivor = d.survivor === undefined ? 'one master' : name(d.survivor);
      return `split-brain of ${list(d.vips)} over after ${span(d.durationMs ?? 0)}${blindness(d.blindMs)}: ${survivor} goes on as master`;
    }
    const both = `${name(d.winner)} and ${name(d.loser)} both hold ${list(d.vips)}`;
    if (d.reason === 'rejects')
      return `split-brain: ${both}, each drops the other's adverts (different ${d.rejects.join(', ')})`;
    return `split-brain: ${both}, ${name(d.loser)} does not yield`;
  },
  overlap: (d, name) =>
    `${name(d.claimant)} took ${list(d.vips)} for a moment and was repelled by ${name(d.holder)}: adverts were lost or muted${times(d.count ?? 1)}`,
  'vrid-collision': (d, _name, phase) =>
    phase === 'end'
      ? `VRID no longer shared with ${list(d.others)}`
      : `another virtual router (${list(d.others)} for ${list(d.vips)}) uses the same VRID: each drops the other's adverts, and may be muted by them`,
  flapping: (d, _name, phase) =>
    phase === 'end'
      ? `flapping over: ${d.failovers} failovers, none for ${span(d.windowS * 1000)}`
      : `flapping: ${d.failovers} failovers within ${span(d.windowS * 1000)}`,
  'config-mismatch': (d, name, phase) => {
    if (phase === 'end') return `speakers agree on ${d.field} again`;
    const values = Object.entries(d.values).map(([address, value]) => `${name(address)} ${value}`);
    return `speakers disagree on ${d.field}: ${values.join(', ')}`;
  },
  'config-changed': (d, name) =>
    d.field === 'vrid'
      ? `${name(d.speaker)} goes on with the same VIPs under VRID ${d.after} (was ${d.before})`
      : `${name(d.speaker)} changed ${d.field} from ${d.before} to ${d.after}`,
  'priority-change': (d, name) =>
    `${name(d.speaker)} changed its priority from ${d.oldPriority} to ${d.newPriority}`,
  'advert-gap': (d) => {
    const who =
      d.lostBy === 'sender'
        ? ', sent late'
        : d.lostBy === 'capture-or-network'
          ? `, ${d.missed} sent but not captured`
          : '';
    return `no advert of the master for ${span(d.gapMs)}${who}: a near miss${times(d.count)}`;
  },
  'advert-invalid': (d, name) => `invalid advert from ${name(d.source)}: ${d.reason}${times(d.count)}`,
  'source-spoofed': (d, name) =>
    `somebody at ${d.actualMac} sends adverts as ${name(d.speaker)} (${d.expectedMac})${times(d.count)}`,
  'rogue-speaker': (d, name, phase) =>
    phase === 'end'
      ? `${name(d.speaker)} no longer speaks for this virtual router`
      : `${name(d.speaker)} (${d.mac}) speaks for this virtual router, but is none of its configured nodes`,
  'vip-moved': (d, name) => `now claimed by ${withMac(d.toMac, name)}, before by ${name(d.fromMac)}`,
  'garp-missing': (d, name, phase) =>
    phase === 'end'
      ? `the VIP's ARP entries are no longer in doubt`
      : `${name(d.holder)} holds the VIP, but ${d.lastClaimMac === null ? 'nobody announced it' : `${withMac(d.lastClaimMac, name)} announced it last`}: hosts may send to the wrong node`,
  'ip-conflict': (d, name, phase) =>
    phase === 'end'
      ? `${withMac(d.otherMac, name)} no longer claims the VIP`
      : `${withMac(d.otherMac, name)} claims the VIP that ${name(d.holder)} (${d.holderMac}) holds`,
  'vip-dark': (d, name, phase) => {
    if (phase !== 'end') return `the service does not answer (${d.probe}): ${d.error}${unannounced(d)}`;
    const by = d.answeredBy == null ? '' : `, now by ${name(d.answeredBy)}`;
    return `the service answers again${by} (${d.probe}): dark for ${span(d.durationMs ?? 0)}${blindness(d.blindMs)}`;
  },
  'vip-on-dead-service': (d, name, phase) => {
    if (phase === 'end')
      return `the VIP is no longer on a dead service: ${d.service}, after ${span(d.durationMs ?? 0)}`;
    const should =
      d.fitElsewhere == null ? '' : `; ${d.fitElsewhere}'s answers, so keepalived should have failed over`;
    return `${name(d.holder)} holds the VIP and keepalived is alive there, but its service is dead (${d.service}): ${d.error}${should}`;
  },
  'server-down': (d, _name, phase) => {
    if (phase === 'end')
      return otherEnd(d.server, d.reason) ?? `${d.server} is up again after ${span(d.durationMs ?? 0)}`;
    // forced down, or about to come up: the last check is not why
    const isWhy = d.checkStatus !== '' && !/OKC?$/.test(d.checkStatus);
    const check = isWhy ? [d.checkStatus, d.checkText].filter((text) => text !== '').join(', ') : '';
    const unchecked = d.uncheckedOnly ? `; ${d.backend} is up only by servers that nothing checks` : '';
    return `${d.server} is down${check === '' ? ` (${d.status})` : `: ${check}`}${flapped(d.flaps)}${unchecked}`;
  },
  'server-maint': (d, _name, phase) =>
    phase === 'end'
      ? (otherEnd(d.server, d.reason) ?? `${d.server} is in use again`)
      : `${d.server} was taken out (${d.status})`,
  'backend-down': (d, _name, phase) =>
    phase === 'end'
      ? (otherEnd(d.backend, d.reason) ?? `${d.backend} has a server again after ${span(d.durationMs ?? 0)}`)
      : `${d.backend} has no server left to use (of ${d.servers})${flapped(d.flaps)}`,
  'proxy-saturated': (d, _name, phase) =>
    phase === 'end'
      ? (otherEnd(`the limit of ${d.what}`, d.reason) ??
        `${whatIs(d.what)} no longer near the limit: ${d.used} of ${d.limit}`)
      : `${whatIs(d.what)} near the limit: ${d.used} of ${d.limit}`,
  'proxy-unreachable': (d, _name, phase) =>
    phase === 'end'
      ? (otherEnd(`HAProxy (${d.target})`, d.reason) ??
        `HAProxy answers again (${d.target}) after ${span(d.durationMs ?? 0)}${blindness(d.blindMs)}`)
      : `HAProxy does not answer (${d.target}): ${d.error}`,
  'proxy-restarted': (d) => {
    const pids =
      d.newPid === null ? '' : `, ${d.oldPid === null ? '' : `process ${d.oldPid} before, `}now ${d.newPid}`;
    return `HAProxy was reloaded or restarted (${d.target}${pids})${times(d.count ?? 1)}`;
  },
  'proxy-drift': (d, _name, phase) =>
    phase === 'end'
      ? (otherEnd('the proxies', d.reason) ?? 'the proxies agree again')
      : `the proxies differ: ${d.differences.join('; ')}`,
  'vip-on-read-only': (d, name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ??
        `the VIP is no longer on a read-only database, after ${span(d.durationMs ?? 0)}`)
      : `${name(d.holder)} holds the VIP, but its database is read-only (${d.target})`,
  'takeover-fitness': (d, name) => {
    const facts = [
      d.proxyUp === null ? [] : [d.proxyUp ? 'proxy up' : 'proxy dead'],
      d.readOnly === null ? [] : [d.readOnly ? 'database read-only' : 'database writable'],
      d.lagS === null ? [] : [d.lagS === 0 ? 'replica caught up' : `replica ${behind(d.lagS)}`],
      d.transactions === null || d.transactions === 0 ? [] : [`${d.transactions} transactions missing`],
    ].flat();
    return `when ${name(d.to)} took over: ${facts.join(', ')}`;
  },
  'failover-to-lagging-replica': (d, name) => {
    const lag = d.lagS === null ? 'behind' : `${span(d.lagS * 1000)} behind`;
    const missing =
      d.transactions === null || d.transactions === 0 ? '' : `, ${d.transactions} transactions were missing`;
    return `${name(d.to)} took over with its replica ${lag}${missing}`;
  },
  'replication-broken': (d, _name, phase) => {
    const thread = d.thread === 'io' ? 'receiving' : 'applying';
    if (phase === 'end')
      return notJudged(d.reason) ?? `replication works again after ${span(d.durationMs ?? 0)}`;
    return `replication is broken (${thread}): ${d.error}${d.errno === 0 ? '' : ` (error ${d.errno})`}`;
  },
  'replication-lag': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ??
        `the replica is no longer ${d.thresholdS} s behind, after ${span(d.durationMs ?? 0)}`)
      : `the replica is ${behind(d.lagS)} (by ${d.lagSource ?? 'nobody'}, over ${d.thresholdS} s)`,
  'errant-transactions': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? 'its source has all of its transactions')
      : `it has transactions that its source has not: ${byNode(d.gtids)}`,
  'database-unreachable': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ??
        `the database answers again (${d.target}) after ${span(d.durationMs ?? 0)}${blindness(d.blindMs)}`)
      : `the database does not answer (${d.target}): ${d.error}`,
  'galera-not-primary': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `part of the primary component again after ${span(d.durationMs ?? 0)}`)
      : `not in the primary component (${d.status}, ${d.size} of its members left): it serves nobody`,
  'galera-size': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `all members are back (${d.size}) after ${span(d.durationMs ?? 0)}`)
      : `the primary component has ${d.size} of ${d.expected} members`,
  'galera-flow-control': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `flow control no longer holds writes up, after ${span(d.durationMs ?? 0)}`)
      : `flow control holds writes up ${Math.round(d.paused * 100)} % of the time`,
  'galera-split': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `one primary component again after ${span(d.durationMs ?? 0)}`)
      : `two primary components at once: ${d.components.map(list).join(' against ')}`,
  'dual-writes': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `one node takes all writes again after ${span(d.durationMs ?? 0)}`)
      : `both sides are written to: ${byNode(d.gtids)}`,
  'ndb-node-down': (d, _name, phase) =>
    phase === 'end'
      ? (notJudged(d.reason) ?? `${dataNode(d.nodeId)} back after ${span(d.durationMs ?? 0)}`)
      : `${dataNode(d.nodeId)} down (${d.status})`,
  'capture-degraded': (d, _name, phase) =>
    phase === 'end'
      ? `capture on ${d.segment} sees again after ${span(d.durationMs ?? 0)}${framesLost(d.dropped)}`
      : `capture on ${d.segment} is degraded: ${d.reason}${framesLost(d.dropped)}`,
  'observer-started': (d) => {
    if (d.blindMs === undefined) return `observer ${d.release} started`;
    const ended = d.previous === 'killed' ? '; the run before was cut off' : '';
    return `observer ${d.release} started again: nothing was watched for ${span(d.blindMs)}${ended}`;
  },
  'observer-stopped': (d) => `observer ${d.release} stopped: nothing is watched from here on`,
  'sink-failing': (d, _name, phase) => {
    const waiting =
      d.waiting === 0 ? '' : ` (${d.waiting} ${d.waiting === 1 ? 'event waits' : 'events wait'})`;
    return phase === 'end'
      ? `${d.sink} takes events again after ${span(d.durationMs ?? 0)}${waiting}`
      : `${d.sink} takes no events: ${d.error}${waiting}`;
  },
};

function failoverCause(d: DetailsOf<'failover'>, name: NameOf): string {
  const silence = d.silenceMs === null ? '' : span(d.silenceMs);
  switch (d.cause) {
    case 'graceful':
      return d.fault
        ? `${silence} after ${name(d.from)} resigned (went to FAULT)`
        : `${silence} after ${name(d.from)} resigned`;
    case 'silence':
      return `after ${silence} of silence`;
    case 'priority-drop':
      return `because ${name(d.from)} had lowered its priority to ${d.fromPriority}`;
    case 'preemption':
      return `by preemption (priority ${d.toPriority} over ${d.fromPriority})`;
    case 'claim-only':
      return 'as its claim shows';
  }
}

/** `lb2 (02:76:77:00:00:0c)`; the MAC alone where it is nobody's. */
function withMac(mac: string, name: NameOf): string {
  const known = name(mac);
  return known === mac ? mac : `${known} (${mac})`;
}

function blindness(blindMs: number | undefined): string {
  return blindMs === undefined ? '' : `, of which ${span(blindMs)} were not seen`;
}

/** Of a database's condition that did not end by getting better; null of one that did. */
function notJudged(reason: string | undefined): string | null {
  switch (reason) {
    case 'removed':
      return 'over: it is no such replica or member any more';
    case 'unconfigured':
      return 'not watched any more';
    case 'forgotten':
      return 'so for a day: taken as it is';
    default:
      return null;
  }
}

/** 0: the servers count them, and do not name them. */
function dataNode(nodeId: number): string {
  return nodeId === 0 ? 'data nodes are' : `data node ${nodeId} is`;
}

function behind(lagS: number | null): string {
  return lagS === null ? 'behind by nobody knows how much' : `${span(lagS * 1000)} behind`;
}

/** At most so much of a set of transactions is of use to a person. */
const GTIDS_SHOWN = 80;

function byNode(gtids: Readonly<Record<string, string>>): string {
  return Object.entries(gtids)
    .map(([node, set]) => `${node} ${set.length > GTIDS_SHOWN ? `${set.slice(0, GTIDS_SHOWN)}…` : set}`)
    .join(', ');
}

function unannounced(d: DetailsOf<'vip-dark'>): string {
  return d.neverAnnounced ? '; the new master was not heard to announce the VIP' : '';
}

function flapped(flaps: number | undefined): string {
  return flaps === undefined || flaps < 2 ? '' : ` (went down ${flaps} times between two polls)`;
}

/** Of a proxy's condition that did not end by getting better; null of one that did. */
function otherEnd(what: string, reason: string | undefined): string | null {
  switch (reason) {
    case 'maint':
      return `${what} was down until somebody took it out`;
    case 'removed':
      return `the proxy does not know ${what} any more`;
    case 'not-holder':
      return `${what} is not judged any more: the node does not hold the VIP`;
    case 'unconfigured':
      return `no longer watched: ${what}`;
    default:
      return null;
  }
}

function whatIs(what: string): string {
  return what === 'queue' ? 'the queue is' : `${what} are`;
}

function framesLost(dropped: number | null): string {
  return dropped === null ? '' : ` (${dropped} ${dropped === 1 ? 'frame' : 'frames'} lost)`;
}

function times(count: number): string {
  return count > 1 ? ` (${count} times)` : '';
}

/** `10.0.0.100 and 3 more` */
export function list(addresses: readonly string[]): string {
  const [first, ...more] = addresses;
  if (first === undefined) return 'no address';
  return more.length === 0 ? first : `${first} and ${more.length} more`;
}

/** A duration for people: `0.61 s`, `45 ms`, `4 min 10 s`. */
export function span(ms: number): string {
  if (ms < 100) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1000).toFixed(2))} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
