/**
 * A stretch of timeline that begins in the middle: what was so already when it began is said by events of its own,
 * dated its begin, so that a fold over the stretch counts from there. Pure.
 *
 * - A condition that was open: its begin, where it is known, else one made from its end.
 * - Who held a virtual router: from the first event that names a former holder, unless the first word of it within
 *   the stretch is that its master was seen, which says that nobody was known before.
 */
import type { EventOf, TimelineEvent } from '../events.ts';
import type { Instant } from '../time.ts';
import { inOrderOfTime } from './summary.ts';

/** A holder at a virtual router of which the stretch says nothing. */
export interface SteadyHolder {
  readonly subject: string;
  readonly cluster: string | null;
  readonly vips: readonly string[];
  readonly address: string;
  readonly node: string | null;
  readonly since: Instant;
}

/** The stretch's events with those that open it in front. `open`: all open conditions, whenever they began. */
export function fromTheBegin(
  begin: Instant,
  events: readonly TimelineEvent[],
  open: readonly TimelineEvent[],
  steady: readonly SteadyHolder[],
): readonly TimelineEvent[] {
  const within = inOrderOfTime(events).filter((event) => event.time >= begin);
  const known = new Set(within.map((event) => event.id));
  const opening = new Map<string, TimelineEvent>();
  for (const event of open) if (!known.has(event.id)) opening.set(event.id, { ...event, time: begin });
  for (const event of within) {
    const id = event.phase === 'end' ? event.beginId : null;
    if (id !== null && !known.has(id))
      opening.set(id, { ...event, id, phase: 'begin', time: begin, beginId: null });
  }

  const holders = new Map<string, SteadyHolder>();
  const decided = new Set<string>();
  for (const event of within) {
    if (decided.has(event.subject)) continue;
    const holder = holderBefore(event);
    if (holder === undefined) continue;
    decided.add(event.subject);
    if (holder !== null) holders.set(event.subject, { ...holder, since: begin });
  }
  for (const holder of steady) if (!decided.has(holder.subject)) holders.set(holder.subject, holder);

  // Of a router that was lost, nobody was the holder.
  const lost = new Set(
    [...opening.values()].filter((event) => event.kind === 'master-lost').map((event) => event.subject),
  );
  const seen = [...holders.values()]
    .filter(({ subject }) => !lost.has(subject))
    .map((holder) => masterSeen(holder, begin));
  return [...seen, ...opening.values(), ...within];
}

/** Null: nobody was known before; undefined: the event does not say. */
function holderBefore(event: TimelineEvent): SteadyHolder | null | undefined {
  const { subject, cluster, time: since } = event;
  const of = (address: string, node: unknown, vips: readonly string[]): SteadyHolder => ({
    subject,
    cluster,
    vips,
    address,
    node: typeof node === 'string' ? node : null,
    since,
  });
  const details: Readonly<Record<string, unknown>> = event.details;
  switch (event.kind) {
    case 'master-seen':
      return null;
    case 'failover':
      return of(event.details.from, details.fromNode, event.details.vips);
    case 'master-lost':
      if (event.phase === 'end' || event.details.last === null) return null;
      return of(event.details.last, details.lastNode, event.details.vips ?? []);
    default:
      return undefined;
  }
}

function masterSeen(holder: SteadyHolder, begin: Instant): EventOf<'master-seen'> {
  const { subject, cluster, vips, address, node } = holder;
  const at = holder.since > begin ? holder.since : begin;
  return {
    id: `opening ${subject}`,
    time: at,
    detectedAt: at,
    kind: 'master-seen',
    phase: 'instant',
    severity: 'info',
    cluster,
    subject,
    summary: '',
    details: {
      master: address,
      ...(node === null ? {} : { masterNode: node }),
      priority: 0,
      intervalMs: 0,
      version: 0,
      vips,
    },
    beginId: null,
    about: null,
  };
}
