/** Properties of the observer over simulated segments; the same ones over recordings are in the file beside. */
import { describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import type { Observation } from '../../src/observation.ts';
import { type Instant, MS, plusUs } from '../../src/time.ts';
import { EPOCH, type Run, SEGMENT, simulate } from '../simulation/world.ts';
import { type Material, PROPERTIES } from '../support/observer-properties.ts';
import { Random } from '../support/random.ts';
import { interleave, play, withClock } from '../support/segment-player.ts';

/** Other worlds than those of test/simulation. */
const FIRST_SEED = 50_001;
const SEEDS = Array.from({ length: 25 }, (_, i) => FIRST_SEED + i);

function materialOf(run: Run): Material {
  return { name: `seed ${run.seed}`, observations: run.observations, end: plusUs(EPOCH, run.end) };
}

describe.each(PROPERTIES)('$name', ({ check }) => {
  it.each(SEEDS)('seed %i', (seed) => {
    expect(check(materialOf(simulate(seed)), new Random(seed).fork('property'))).toBeNull();
  });
});

/** A second cluster on the same segment: another VRID, other machines, other VIPs. */
const OTHER_SITE = { vrid: 52, subnet: 2 };

describe('two virtual routers on one segment', () => {
  const pairs = SEEDS.map((seed) => [seed, seed + 1_000] as const);
  it.each(pairs)('seeds %i and %i: each as if it were alone', (one, other) => {
    const a = simulate(one);
    const b = simulate(other, OTHER_SITE);
    // One observer for both: blind for one is blind for the other.
    if (a.blind.length + b.blind.length > 0) return;
    const end = plusUs(EPOCH, Math.max(a.end, b.end));
    // Other hosts talk all the time: without any frame, two silent virtual routers would be a blind observer.
    const talk = traffic(end);
    const first = timelineOf(interleave(a.observations, talk), end);
    const second = timelineOf(interleave(b.observations, talk), end);
    const both = timelineOf(interleave(interleave(a.observations, b.observations), talk), end);
    expect(bySubject(both)).toEqual(bySubject([...first, ...second]));
  });
});

function timelineOf(observations: readonly Observation[], end: Instant): TimelineEvent[] {
  return play(withClock(observations, () => 100 * MS, end));
}

function traffic(end: Instant): Observation[] {
  const talk: Observation[] = [];
  for (let at = EPOCH; at < end; at = plusUs(at, 40 * MS)) {
    talk.push({ kind: 'traffic', at, segment: SEGMENT, addressTalk: 'ipv4' });
  }
  return talk;
}

/**
 * Each subject's events as a set of texts: what is said of one does not depend on the other. But for when a loss is
 * known: whether several fell silent at once (which would be a blind observer) takes a moment to see.
 */
function bySubject(events: readonly TimelineEvent[]): Record<string, string[]> {
  const texts = new Map<string, string[]>();
  for (const event of events) {
    const of = texts.get(event.subject) ?? [];
    of.push(JSON.stringify(event.kind === 'master-lost' ? { ...event, detectedAt: null } : event));
    texts.set(event.subject, of);
  }
  return Object.fromEntries([...texts].sort().map(([subject, of]) => [subject, of.sort()]));
}
