/**
 * Which events are one story: a fold over events in order of `seq` that assigns them to incidents.
 *
 * An incident opens with the first event of at least `warning` of its scope. It takes in what happened there up to
 * 30 s before, as that led to it, and everything of its scope while it lasts: while a condition of it is open, and
 * for a quiet period after the latest warning. The quiet period is a minute, and five minutes after what comes in
 * series: a maintenance (out, back, out) or a failing cable is one story.
 *
 * A condition that stays open for an hour with nothing new is standing (a mismatch that nobody repairs): it
 * remains part of its incident and its end will go there, but what happens next is a story of its own.
 *
 * The scope is the event's cluster; where nothing is configured, the virtual router, to which a VIP belongs that
 * it listed last; the observer and each sink are their own.
 *
 * Never asks for the time: whether an incident is over is a question to `quietUntil` with whatever now is. The same
 * events give the same incidents, and a fold restored from what an earlier one said goes on as that would have.
 */
import type { EventKind, Severity, TimelineEvent } from '../events.ts';
import { type Instant, plusUs, SECOND } from '../time.ts';
import { isAtLeast } from './journalled-event.ts';

const LEAD_US = 30 * SECOND;
const QUIET_US = 60 * SECOND;
const QUIET_IN_SERIES_US = 300 * SECOND;
const STANDING_AFTER_US = 3_600 * SECOND;

/** These repeat within minutes, or are told at most once a minute. */
const IN_SERIES: ReadonlySet<EventKind> = new Set<EventKind>([
  'failover',
  'split-brain',
  'overlap',
  'flapping',
  'advert-gap',
  'advert-invalid',
  'source-spoofed',
]);

/** Events of no incident, remembered in case they led to one; older ones are forgotten, as if they were too old. */
export const LEADS_MAX = 256;
/** Scopes whose latest incident, and VIPs whose router is remembered; then the one unused for longest goes. */
const SCOPES_MAX = 1_024;
const VIPS_MAX = 4_096;

export interface Incident {
  readonly id: number;
  /** `cluster:NAME`, or the subject that it is about */
  readonly scope: string;
  readonly cluster: string | null;
  /** `time` of its first and of its last event */
  readonly began: Instant;
  readonly last: Instant;
  /** over at this moment, unless a condition of it is open or something happens before */
  readonly quietUntil: Instant;
  /** the worst of its events, and the summary of the first of those */
  readonly severity: Severity;
  readonly title: string;
}

/** An incident as it stands after an event, and what now belongs to it: the event, and what led to it. */
export interface IncidentChange {
  readonly incident: Incident;
  readonly seqs: readonly number[];
}

/** What of an event the fold remembers. */
export type Lead = Pick<
  TimelineEvent,
  'id' | 'time' | 'phase' | 'severity' | 'cluster' | 'subject' | 'beginId'
> & {
  readonly seq: number;
};

export interface OpenCondition {
  readonly beginId: string;
  readonly severity: Severity;
  readonly incident: number;
}

/** What an earlier fold knew. Lists are in the order in which they became known. */
export interface FoldState {
  readonly nextId: number;
  /** the latest of each scope, and all that have an open condition */
  readonly incidents: readonly Incident[];
  readonly conditions: readonly OpenCondition[];
  /** the latest events of no incident */
  readonly leads: readonly Lead[];
  /** subjects of VIPs, and of the virtual router that listed each last */
  readonly routers: readonly (readonly [vip: string, router: string])[];
}

export const EMPTY_FOLD: FoldState = { nextId: 1, incidents: [], conditions: [], leads: [], routers: [] };

export class IncidentFold {
  #nextId: number;
  /** by scope */
  readonly #latest = new Map<string, Incident>();
  /** by id: those that are the latest of a scope or have an open condition */
  readonly #incidents = new Map<number, Incident>();
  readonly #conditions = new Map<string, OpenCondition>();
  #leads: Lead[];
  readonly #routers: Map<string, string>;

  constructor(state: FoldState = EMPTY_FOLD) {
    this.#nextId = state.nextId;
    for (const condition of state.conditions) this.#conditions.set(condition.beginId, condition);
    for (const incident of state.incidents) this.#remember(incident);
    this.#leads = [...state.leads];
    this.#routers = new Map(state.routers);
  }

  /** Null where the event belongs to no incident, as yet. */
  take(event: TimelineEvent, seq: number): IncidentChange | null {
    for (const [vip, router] of routersByVip(event)) remember(this.#routers, vip, router, VIPS_MAX);

    const begun = event.beginId === null ? undefined : this.#conditions.get(event.beginId);
    if (begun !== undefined) {
      this.#conditions.delete(begun.beginId);
      const incident = this.#incidents.get(begun.incident);
      if (incident !== undefined) return this.#continue(incident, event, seq);
    }

    const scope = this.#scopeOf(event);
    const latest = this.#latest.get(scope);
    if (latest !== undefined && this.#belongs(event, latest)) return this.#continue(latest, event, seq);
    if (event.severity !== 'info' && event.phase !== 'end') return this.#open(scope, event, seq);
    this.#leads.push({ ...traitsOf(event), seq });
    if (this.#leads.length > LEADS_MAX) this.#leads.shift();
    return null;
  }

  #belongs(event: TimelineEvent, incident: Incident): boolean {
    // A clock that was set back must not make all that follows part of an old story.
    if (event.time < incident.began - STANDING_AFTER_US) return false;
    if (event.time <= this.#heldUntil(incident)) return true;
    // What led to this warning is already part of that incident.
    return event.severity !== 'info' && event.time <= incident.last + LEAD_US;
  }

  #heldUntil(incident: Incident): number {
    for (const condition of this.#conditions.values())
      if (condition.incident === incident.id && condition.severity !== 'info')
        return incident.quietUntil + STANDING_AFTER_US;
    return incident.quietUntil;
  }

  #open(scope: string, event: TimelineEvent, seq: number): IncidentChange {
    const from = event.time - LEAD_US;
    const led = this.#leads.filter((lead) => lead.time >= from && this.#scopeOf(lead) === scope);
    this.#leads = this.#leads.filter((lead) => !led.includes(lead));
    const times = [event.time, ...led.map((lead) => lead.time)];
    const incident: Incident = {
      id: this.#nextId++,
      scope,
      cluster: event.cluster,
      began: Math.min(...times) as Instant,
      last: Math.max(...times) as Instant,
      quietUntil: quietAfter(event),
      severity: event.severity,
      title: event.summary,
    };
    const ended = new Set(led.map((lead) => lead.beginId));
    for (const lead of led) if (!ended.has(lead.id)) this.#hold(lead, incident);
    this.#hold(event, incident);
    this.#remember(incident);
    return { incident, seqs: [...led.map((lead) => lead.seq), seq] };
  }

  #continue(before: Incident, event: TimelineEvent, seq: number): IncidentChange {
    const worse = !isAtLeast(before.severity, event.severity);
    const quiet = event.severity === 'info' ? before.quietUntil : quietAfter(event);
    const incident: Incident = {
      ...before,
      began: Math.min(before.began, event.time) as Instant,
      last: Math.max(before.last, event.time) as Instant,
      quietUntil: Math.max(before.quietUntil, quiet) as Instant,
      severity: worse ? event.severity : before.severity,
      title: worse ? event.summary : before.title,
    };
    this.#hold(event, incident);
    this.#incidents.set(incident.id, incident);
    if (this.#latest.get(incident.scope)?.id === incident.id) this.#remember(incident);
    else this.#forgetUnlessHeld(incident);
    return { incident, seqs: [seq] };
  }

  #hold(begin: Pick<TimelineEvent, 'id' | 'phase' | 'severity'>, incident: Incident): void {
    if (begin.phase !== 'begin') return;
    this.#conditions.set(begin.id, {
      beginId: begin.id,
      severity: begin.severity,
      incident: incident.id,
    });
  }

  #remember(incident: Incident): void {
    const { id, scope } = incident;
    const before = this.#latest.get(scope);
    this.#incidents.set(id, incident);
    const forgotten = remember(this.#latest, scope, incident, SCOPES_MAX);
    if (before !== undefined && before.id !== id) this.#forgetUnlessHeld(before);
    if (forgotten !== undefined) this.#forgetUnlessHeld(forgotten);
  }

  #forgetUnlessHeld({ id }: Incident): void {
    for (const condition of this.#conditions.values()) if (condition.incident === id) return;
    this.#incidents.delete(id);
  }

  #scopeOf({ cluster, subject }: Pick<TimelineEvent, 'cluster' | 'subject'>): string {
    if (cluster !== null) return `cluster:${cluster}`;
    return this.#routers.get(subject) ?? subject;
  }
}

function quietAfter(event: TimelineEvent): Instant {
  return plusUs(event.detectedAt, IN_SERIES.has(event.kind) ? QUIET_IN_SERIES_US : QUIET_US);
}

function traitsOf({ id, time, phase, severity, cluster, subject, beginId }: TimelineEvent) {
  return { id, time, phase, severity, cluster, subject, beginId };
}

/** The VIPs that a virtual router's event lists, as subjects on its segment, each with the router's. */
export function* routersByVip(event: {
  readonly subject: string;
  readonly details: { readonly vips?: unknown };
}): Iterable<[string, string]> {
  const { subject, details } = event;
  const segment = /^vr:(.+)\/ipv[46]\/[^/]+$/.exec(subject)?.[1];
  if (segment === undefined || !Array.isArray(details.vips)) return;
  for (const vip of details.vips) yield [`vip:${segment}/${vip}`, subject];
}

/** Sets it as the newest; answers what had to go for it. */
function remember<T>(map: Map<string, T>, key: string, value: T, max: number): T | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return undefined;
  for (const [oldest, gone] of map) {
    map.delete(oldest);
    return gone;
  }
  return undefined;
}
