/** Events and samples for tests of what comes after the observer: short to write, of the shape that it makes. */
import type { Phase, Severity, TimelineEvent } from '../../src/events.ts';
import type { Sample } from '../../src/samples.ts';
import { type Instant, instantFromUs, SECOND } from '../../src/time.ts';
import type { Random } from './random.ts';

/** 2026-11-20T10:00:00Z, and so many seconds. */
export function at(seconds: number): Instant {
  return instantFromUs(1_795_168_800 * SECOND + seconds * SECOND);
}

export interface EventTraits {
  readonly id?: string;
  readonly kind?: string;
  readonly phase?: Phase;
  readonly severity?: Severity;
  readonly cluster?: string | null;
  readonly subject?: string;
  readonly summary?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly beginId?: string | null;
  /** seconds after `time` at which it was known */
  readonly late?: number;
}

let count = 0;

/** A failover of 10.0.0.100 at that second, unless said otherwise. */
export function event(seconds: number, traits: EventTraits = {}): TimelineEvent {
  const { late = 0, ...rest } = traits;
  const made = {
    id: `e${++count}`,
    time: at(seconds),
    detectedAt: at(seconds + late),
    kind: 'failover',
    phase: 'instant',
    severity: 'warning',
    cluster: null,
    subject: 'vr:eth0/ipv4/51',
    summary: '10.0.0.100 moved',
    details: { vips: ['10.0.0.100'] },
    beginId: null,
    about: null,
    ...rest,
  };
  return made as unknown as TimelineEvent;
}

/** A split-brain begins. */
export function begin(seconds: number, traits: EventTraits = {}): TimelineEvent {
  return event(seconds, {
    kind: 'split-brain',
    phase: 'begin',
    severity: 'critical',
    summary: 'split-brain',
    ...traits,
  });
}

export function end(of: TimelineEvent, seconds: number, traits: EventTraits = {}): TimelineEvent {
  const { kind, severity, cluster, subject } = of;
  return event(seconds, {
    kind,
    severity,
    cluster,
    subject,
    phase: 'end',
    summary: 'over',
    beginId: of.id,
    ...traits,
  });
}

export function sample(seconds: number, vrid = 51, priority = 100n): Sample {
  return {
    measurement: 'vrrp',
    time: at(seconds),
    tags: { segment: 'eth0', family: 'ipv4', vrid: String(vrid) },
    fields: {
      master: '10.0.0.1',
      master_node: 'h1',
      state_code: 1n,
      speakers: 1n,
      priority,
      interval_ms: 1000,
      jitter_ms: 0.352,
      missed: 0n,
    },
  };
}

/** A life of some virtual routers: instants, conditions that begin and end, some known late. */
export function randomEvents(random: Random, length: number): readonly TimelineEvent[] {
  const open: TimelineEvent[] = [];
  const events: TimelineEvent[] = [];
  let now = 0;
  for (let i = 0; i < length; i++) {
    now += random.chance(0.1) ? random.between(30, 4_000) : random.between(0, 20);
    const vrid = random.whole(1, 4);
    const subject = random.chance(0.3) ? `vip:eth0/10.0.0.${vrid}` : `vr:eth0/ipv4/${vrid}`;
    const traits: EventTraits = {
      id: `r${i}`,
      cluster: random.chance(0.3) ? 'web' : null,
      subject,
      severity: random.pick(['info', 'warning', 'critical']),
      details: subject.startsWith('vr:') ? { vips: [`10.0.0.${random.whole(1, 4)}`] } : {},
    };
    const time = now - random.between(0, 5);
    const known = { ...traits, late: now - time };
    const ending = open.length > 0 && random.chance(0.3) ? random.pick(open) : null;
    if (ending !== null) {
      open.splice(open.indexOf(ending), 1);
      events.push(end(ending, time, { id: `r${i}`, late: now - time }));
    } else if (random.chance(0.3)) {
      const begun = begin(time, { ...known, kind: random.pick(['split-brain', 'garp-missing']) });
      open.push(begun);
      events.push(begun);
    } else {
      events.push(event(time, { ...known, kind: random.pick(['failover', 'vip-moved', 'config-changed']) }));
    }
  }
  return events;
}
