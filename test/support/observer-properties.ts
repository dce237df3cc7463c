/**
 * What must hold for any sequence of observations, wherever it comes from: one list of properties, run over simulated
 * segments and over recordings. Each answers what is wrong, or null.
 */
import type { EventKind, TimelineEvent } from '../../src/events.ts';
import type { Observation } from '../../src/observation.ts';
import { type Instant, MS, plusUs, SECOND } from '../../src/time.ts';
import type { Random } from './random.ts';
import { copied, detail, doubled, play, thinned, timelineText, withClock } from './segment-player.ts';

export interface Material {
  readonly name: string;
  readonly observations: readonly Observation[];
  /** up to where the clock runs after the last frame */
  readonly end: Instant;
}

export interface Property {
  readonly name: string;
  readonly check: (material: Material, random: Random) => string | null;
}

export const PROPERTIES: readonly Property[] = [
  {
    name: 'the same input gives the same bytes',
    check: (material) => difference(baseline(material), baseline(material)),
  },
  {
    name: 'equal adverts need not be one object',
    check: (material) =>
      difference(baseline(material), baseline({ ...material, observations: copied(material.observations) })),
  },
  {
    name: 'smaller steps of the clock change nothing',
    check: (material, random) =>
      difference(
        baseline(material),
        observe(material, () => random.whole(1 * MS, 60 * MS)),
      ),
  },
  {
    name: 'a clock that is never read between frames changes nothing',
    check: (material) =>
      difference(
        baseline(material),
        observe(material, () => 3_600 * SECOND),
      ),
  },
  { name: 'each failover is from the previous master', check: checkFailoverChain },
  {
    name: 'doubled frames change nothing',
    check: (material, random) =>
      difference(
        baseline(material),
        baseline({ ...material, observations: doubled(material.observations, random, 0.3) }),
      ),
  },
  { name: '2 % of the frames lost make no split-brain and no ip-conflict', check: checkLoss },
  { name: 'after the last frame the clock brings deadlines and nothing else', check: checkAfterwards },
];

/** As a live pump reads the clock: every 100 ms. */
function baseline(material: Material): TimelineEvent[] {
  return observe(material, () => 100 * MS);
}

function observe(material: Material, stepUs: () => number): TimelineEvent[] {
  return play(withClock(material.observations, stepUs, material.end));
}

/** The first line in which two timelines differ, null if none. */
export function difference(
  expected: readonly TimelineEvent[],
  actual: readonly TimelineEvent[],
): string | null {
  const one = timelineText(expected).split('\n');
  const other = timelineText(actual).split('\n');
  const line = one.findIndex((text, i) => text !== other[i]);
  if (line === -1 && one.length === other.length) return null;
  const at = line === -1 ? one.length : line;
  return `line ${at + 1}:\n  expected ${one[at] ?? 'nothing'}\n  but got  ${other[at] ?? 'nothing'}`;
}

function checkFailoverChain(material: Material): string | null {
  const masters = new Map<string, unknown>();
  for (const event of baseline(material)) {
    if (event.kind === 'failover') {
      const master = masters.get(event.subject);
      if (event.details.from !== master) return `${event.summary}: the master was ${String(master)}`;
    }
    const master = masterNamedBy(event);
    if (master !== undefined) masters.set(event.subject, master);
  }
  return null;
}

function masterNamedBy(event: TimelineEvent): unknown {
  if (event.kind === 'master-seen') return detail(event, 'master');
  if (event.kind === 'failover') return detail(event, 'to');
  if (event.kind === 'split-brain' && event.phase === 'end') return detail(event, 'survivor');
  return undefined;
}

const LOSSES = [0.005, 0.02];

function checkLoss(material: Material, random: Random): string | null {
  for (const kind of ['split-brain', 'ip-conflict'] as const) {
    if (baseline(material).some((event) => event.kind === kind)) continue;
    for (const share of LOSSES) {
      const observations = thinned(material.observations, random, share);
      const made = baseline({ ...material, observations }).find((event) => event.kind === kind);
      if (made !== undefined) return `${share * 100} % lost: ${made.kind} ${made.summary}`;
    }
  }
  return null;
}

/** What may become known by the mere passing of time. */
const DEADLINES: ReadonlySet<EventKind> = new Set<EventKind>([
  'failover',
  'master-lost',
  'split-brain',
  'overlap',
  'flapping',
  'config-changed', // another MAC is believed once the known one stays silent
  'config-mismatch',
  'vrid-collision',
  'garp-missing',
  'ip-conflict',
  'rogue-speaker',
  'capture-degraded', // several virtual routers silent at once are a blind observer
]);
/** Of these, what begins (or happens) was on the wire; only ends may be dated later. */
const AFTERWARDS_US = 26 * 3_600 * SECOND;

function checkAfterwards(material: Material): string | null {
  const last = material.observations.at(-1)?.at ?? material.end;
  const events = play(withClock(material.observations, () => 20 * SECOND, plusUs(last, AFTERWARDS_US)));
  for (const event of events) {
    if (event.detectedAt <= last) continue;
    if (!DEADLINES.has(event.kind))
      return `${event.kind} ${event.phase} by the clock alone: ${event.summary}`;
    if (event.phase !== 'end' && event.time > last)
      return `${event.kind} ${event.phase} dated after the last frame`;
  }
  return null;
}
