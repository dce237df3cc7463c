/**
 * What a stretch of timeline amounts to: a pure fold over its events. `replay` prints it; a report of an incident
 * and the status of the present are the same fold over other events.
 *
 * Shares of time are those of the wire: a holder's time ends with its last advert, and what passes until the
 * next holder's first is nobody's. Dark time is a range, because adverts and claims only bound what clients felt; where
 * a probe measured it, the measured time counts instead.
 */
import type { EventOf, FailoverCause, TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs, SECOND } from '../time.ts';
import { adviceFor } from './advice.ts';
import { routersByVip } from './incidents.ts';
import { type MeasuredDark, measuredDarks, totalMs } from './measured-dark.ts';

export interface TimelineSummary {
  readonly virtualRouters: readonly VirtualRouterSummary[];
  /** VIPs whose service did not answer, as probes measured it */
  readonly darkVips: readonly DarkVip[];
  /** what went wrong, worst first */
  readonly problems: readonly ProblemSummary[];
  /** conditions that had begun and not ended, of any subject, oldest first */
  readonly open: readonly TimelineEvent[];
  /** node names by address, as the events gave them */
  readonly names: ReadonlyMap<string, string>;
}

export interface VirtualRouterSummary {
  readonly subject: string;
  readonly cluster: string | null;
  readonly vips: readonly string[];
  /** from the first event of the virtual router to the end */
  readonly watchedMs: number;
  /** by time held, longest first */
  readonly holders: readonly HolderSummary[];
  readonly nobodyMs: number;
  /** of the holders' time: two held it at once */
  readonly splitMs: number;
  readonly failovers: ReadonlyMap<FailoverCause, number>;
  /** least and most that clients can have felt, all in all; null where nothing was dark */
  readonly darkMs: DarkRange | null;
  readonly longestDarkMs: DarkRange | null;
  /** all of it by probes, none by what adverts and claims tell */
  readonly darkMeasured: boolean;
}

export interface DarkVip {
  readonly subject: string;
  /** all in all */
  readonly darkMs: number;
  /** it does not answer yet */
  readonly open: boolean;
}

export type DarkRange = readonly [least: number, most: number];

export interface HolderSummary {
  readonly address: string;
  readonly heldMs: number;
  /** of the virtual router's watched time, 0 to 1 */
  readonly share: number;
  readonly holdsAtEnd: boolean;
}

export interface ProblemSummary {
  /** the first event of the kind at that subject, the begin where it is a condition */
  readonly event: TimelineEvent;
  readonly count: number;
  readonly open: boolean;
  /** all occurrences together, where they last */
  readonly lastedMs: number | null;
  readonly advice: string;
}

/** `until` is where the stretch ends: the last frame of a recording, now. Events may come in any order. */
export function summarize(events: readonly TimelineEvent[], until: Instant): TimelineSummary {
  const ordered = inOrderOfTime(events);
  const open = openConditions(ordered);
  const routers = new Map<string, VirtualRouterFold>();
  const names = new Map<string, string>();
  const measured = measuredDarks(ordered, until);

  for (const event of ordered) {
    collectNames(event, names);
    if (!event.subject.startsWith('vr:')) continue;
    let router = routers.get(event.subject);
    if (router === undefined) {
      router = new VirtualRouterFold(event);
      routers.set(event.subject, router);
    }
    router.take(event);
  }

  return {
    virtualRouters: [...routers.values()]
      .map((router) => router.conclude(until, measured))
      .filter((router) => router !== null),
    darkVips: [...measured].map(([subject, darks]) => {
      return { subject, darkMs: totalMs(darks), open: darks.some((dark) => dark.open) };
    }),
    problems: problemsOf(ordered, open, until),
    open,
    names,
  };
}

/** By `time`; what happened at once stays in the order in which it was known. */
export function inOrderOfTime(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  return events
    .map((event, index) => ({ event, index }))
    .sort((a, b) => a.event.time - b.event.time || a.index - b.index)
    .map(({ event }) => event);
}

function openConditions(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const ended = new Set(events.map((event) => event.beginId));
  return events.filter((event) => event.phase === 'begin' && !ended.has(event.id));
}

/** Beside an address named in the configuration stands its node: `to`, `toNode`. */
function collectNames(event: TimelineEvent, names: Map<string, string>): void {
  const details: Readonly<Record<string, unknown>> = event.details;
  for (const [key, node] of Object.entries(details)) {
    if (!key.endsWith('Node') || typeof node !== 'string') continue;
    const address = details[key.slice(0, -'Node'.length)];
    if (typeof address === 'string') names.set(address, node);
  }
}

/** A failover so long before a measured blackout belongs to it. */
const BEFORE_US = 5 * SECOND;

/** A stretch in which clients can have been in the dark. */
interface Darkness {
  readonly from: Instant;
  readonly until: Instant;
  readonly range: DarkRange;
}

class VirtualRouterFold {
  readonly #subject: string;
  readonly #cluster: string | null;
  readonly #first: Instant;
  #vips: readonly string[] = [];
  #holder: string | null = null;
  #since: Instant;
  #heard = false;
  readonly #heldUs = new Map<string, number>();
  readonly #failovers = new Map<FailoverCause, number>();
  readonly #dark: Darkness[] = [];
  #lost: EventOf<'master-lost'> | null = null;
  #lostUntil: Instant | null = null;
  #splitUs = 0;
  readonly #splits = new Map<string, EventOf<'split-brain'>>();

  constructor(first: TimelineEvent) {
    this.#subject = first.subject;
    this.#cluster = first.cluster;
    this.#first = first.time;
    this.#since = first.time;
  }

  take(event: TimelineEvent): void {
    switch (event.kind) {
      case 'master-seen':
        this.#vips = event.details.vips;
        this.#hold(event.details.master, event.time, event.time);
        break;
      case 'failover': {
        const { cause, to, vips, silenceMs, darkMs, claimMs } = event.details;
        this.#vips = vips;
        // Whoever is preempted serves until then; whoever fell silent or resigned does not.
        const silentUs = cause === 'silence' || cause === 'graceful' ? (silenceMs ?? 0) * MS : 0;
        const served = plusUs(event.time, -silentUs);
        this.#failovers.set(cause, (this.#failovers.get(cause) ?? 0) + 1);
        if (darkMs !== null) {
          // The end of a `master-lost` at the same frame told of the same darkness.
          if (this.#lostUntil === event.time) this.#dark.pop();
          this.#dark.push({
            from: served,
            until: plusUs(event.time, Math.max(0, claimMs ?? 0) * MS),
            range: darkMs,
          });
        }
        this.#hold(to, served, event.time);
        this.#lost = null;
        break;
      }
      case 'master-lost':
        this.#takeMasterLost(event);
        break;
      case 'split-brain':
        this.#takeSplitBrain(event);
        break;
      default:
        break;
    }
  }

  #takeMasterLost(event: EventOf<'master-lost'>): void {
    this.#heard = true;
    if (event.phase === 'begin') {
      this.#hold(null, event.time, event.time);
      this.#lost = event;
      return;
    }
    const begin = this.#lost;
    if (begin === null) return; // a failover said it already
    this.#lost = null;
    const darkMs = (event.time - begin.time) / MS;
    this.#dark.push({ from: begin.time, until: event.time, range: [darkMs, darkMs] });
    this.#lostUntil = event.time;
    if (event.details.reason !== 'forgotten')
      this.#hold(event.details.by ?? begin.details.last, event.time, event.time);
  }

  #takeSplitBrain(event: EventOf<'split-brain'>): void {
    if (event.phase === 'begin') {
      this.#vips = event.details.vips;
      this.#splits.set(event.id, event);
      return;
    }
    const begin = this.#splits.get(event.beginId ?? '');
    if (begin === undefined) return;
    this.#splits.delete(begin.id);
    this.#endSplit(begin, event.time);
    if (event.details.survivor !== undefined) this.#hold(event.details.survivor, event.time, event.time);
  }

  /** The holder's own time is counted anyway; here the other one's, which held it at the same time. */
  #endSplit(begin: EventOf<'split-brain'>, at: Instant): void {
    const us = Math.max(0, at - begin.time);
    const { winner, loser } = begin.details;
    this.#count(this.#holder === loser ? winner : loser, us);
    this.#splitUs += us;
  }

  #hold(address: string | null, until: number, from: Instant): void {
    if (this.#holder !== null) this.#count(this.#holder, Math.max(0, until - this.#since));
    this.#holder = address;
    this.#since = from;
    this.#heard = true;
  }

  #count(address: string, us: number): void {
    this.#heldUs.set(address, (this.#heldUs.get(address) ?? 0) + us);
  }

  /** Null where nothing is known of who held it. */
  conclude(
    until: Instant,
    measured: ReadonlyMap<string, readonly MeasuredDark[]>,
  ): VirtualRouterSummary | null {
    if (!this.#heard) return null;
    for (const begin of this.#splits.values()) this.#endSplit(begin, until);
    const last = this.#holder;
    this.#hold(null, until, until);
    if (this.#lost !== null) {
      const darkMs = Math.max(0, until - this.#lost.time) / MS;
      this.#dark.push({ from: this.#lost.time, until, range: [darkMs, darkMs] });
    }
    const { ranges, allMeasured } = this.#darkRanges(measured);

    const watchedMs = Math.max(0, until - this.#first) / MS;
    let heldMs = 0;
    for (const us of this.#heldUs.values()) heldMs += us / MS;
    const splitMs = this.#splitUs / MS;
    return {
      subject: this.#subject,
      cluster: this.#cluster,
      vips: this.#vips,
      watchedMs,
      holders: [...this.#heldUs]
        .map(([address, us]) => ({
          address,
          heldMs: us / MS,
          share: watchedMs === 0 ? 1 : us / MS / watchedMs,
          holdsAtEnd: address === last,
        }))
        .sort((a, b) => b.heldMs - a.heldMs),
      nobodyMs: Math.max(0, watchedMs - (heldMs - splitMs)),
      splitMs,
      failovers: this.#failovers,
      darkMs: ranges.length === 0 ? null : ranges.reduce(([a, b], [c, d]) => [a + c, b + d]),
      longestDarkMs: ranges.length === 0 ? null : ranges.reduce((a, b) => (b[1] > a[1] ? b : a)),
      darkMeasured: ranges.length > 0 && allMeasured,
    };
  }

  /** What was measured, and what adverts tell of the rest. */
  #darkRanges(measured: ReadonlyMap<string, readonly MeasuredDark[]>): {
    readonly ranges: readonly DarkRange[];
    readonly allMeasured: boolean;
  } {
    const own = [...routersByVip({ subject: this.#subject, details: { vips: this.#vips } })];
    const probed = own.flatMap(([vip]) => measured.get(vip) ?? []);
    // Where adverts leave open whether it was dark at all, probes that found other darkness say that it was not.
    const rest = this.#dark.filter(
      ({ from, until, range: [least] }) =>
        !(least === 0 && probed.length > 0) &&
        !probed.some((dark) => from <= dark.until && until >= plusUs(dark.from, -BEFORE_US)),
    );
    const exact = probed.map((dark): DarkRange => [totalMs([dark]), totalMs([dark])]);
    return { ranges: [...rest.map(({ range }) => range), ...exact], allMeasured: rest.length === 0 };
  }
}

const RANK = { critical: 0, warning: 1, info: 2 } as const;

/** One for each kind, subject and advice: ten overlaps are one problem. */
function problemsOf(
  ordered: readonly TimelineEvent[],
  open: readonly TimelineEvent[],
  until: Instant,
): readonly ProblemSummary[] {
  const stillOpen = new Set(open.map((event) => event.id));
  const durations = new Map(
    ordered.map((event) => [event.beginId, event.details.durationMs ?? null] as const),
  );
  const problems = new Map<string, ProblemSummary>();
  for (const event of ordered) {
    if (event.phase === 'end' || event.severity === 'info') continue;
    const advice = adviceFor(event);
    if (advice === null) continue;
    const isOpen = stillOpen.has(event.id);
    const lasted = isOpen ? Math.max(0, until - event.time) / MS : (durations.get(event.id) ?? null);
    const key = `${event.kind} ${event.subject} ${advice}`;
    const known = problems.get(key);
    problems.set(key, {
      event: known?.event ?? event,
      // Repeated events are counted by the one that stands for them.
      count: (known?.count ?? 0) + Math.max(1, event.details.count ?? 1),
      open: isOpen || (known?.open ?? false),
      lastedMs: lasted === null ? (known?.lastedMs ?? null) : lasted + (known?.lastedMs ?? 0),
      advice,
    });
  }
  return [...problems.values()].sort(
    (a, b) => RANK[a.event.severity] - RANK[b.event.severity] || a.event.time - b.event.time,
  );
}
