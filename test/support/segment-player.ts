/**
 * Plays sequences of observations into an observer, and bends them in ways that must not matter: other clock steps,
 * doubled frames, another virtual router in between.
 */
import { eventJson, type TimelineEvent } from '../../src/events.ts';
import type { Observation } from '../../src/observation.ts';
import { Observer } from '../../src/observer/observer.ts';
import { type Instant, MS, plusUs } from '../../src/time.ts';
import type { Random } from './random.ts';

export function play(observations: Iterable<Observation>): TimelineEvent[] {
  const observer = new Observer();
  const events: TimelineEvent[] = [];
  for (const observation of observations) events.push(...observer.observe(observation));
  return events;
}

/** The timeline as its bytes: one line of JSON an event. */
export function timelineText(events: readonly TimelineEvent[]): string {
  return events.map((event, i) => `${eventJson(event, i + 1)}\n`).join('');
}

/** Lets the clock be read between observations at steps that `stepUs` names, and a last time at `until`. */
export function* withClock(
  observations: Iterable<Observation>,
  stepUs: () => number,
  until: Instant,
): Generator<Observation> {
  let next: Instant | null = null;
  for (const observation of observations) {
    if (next === null) next = plusUs(observation.at, stepUs());
    for (; next < observation.at; next = plusUs(next, stepUs())) yield { kind: 'clock', at: next };
    yield observation;
  }
  if (next === null) return;
  for (; next < until; next = plusUs(next, stepUs())) yield { kind: 'clock', at: next };
  yield { kind: 'clock', at: until };
}

/** Two sequences as one, in order of time; at the same instant the first one's comes first. */
export function interleave(one: readonly Observation[], other: readonly Observation[]): Observation[] {
  return [...one, ...other].sort((a, b) => a.at - b.at);
}

/**
 * Some frames once more, right after themselves or up to 2 ms later, as a mirror port delivers them. Only adverts
 * whose IPv4 ID proves them to be copies: where it is 0 or absent equal bytes prove nothing
 */
export function doubled(observations: readonly Observation[], random: Random, share: number): Observation[] {
  const copies = observations
    .filter((o) => o.kind === 'advert' && o.ipId !== null && o.ipId !== 0 && random.chance(share))
    .map((o): Observation => ({ ...o, at: plusUs(o.at, random.chance(0.5) ? 0 : random.whole(1, 2 * MS)) }));
  return interleave(observations, copies);
}

/** Without some of the frames, as a busy capture loses them. */
export function thinned(observations: readonly Observation[], random: Random, share: number): Observation[] {
  return observations.filter((o) => (o.kind !== 'advert' && o.kind !== 'claim') || !random.chance(share));
}

/** The same with every advert an object of its own: identity is an optimisation, never a fact. */
export function copied(observations: readonly Observation[]): Observation[] {
  return observations.map((o) => (o.kind === 'advert' ? { ...o, advert: { ...o.advert } } : o));
}

/** One value of an event's details, whatever its kind. */
export function detail(event: TimelineEvent, name: string): unknown {
  return new Map<string, unknown>(Object.entries(event.details)).get(name);
}
