/**
 * What one seed decides before anything runs: the routers, their daemons, the segment and which faults the run may
 * contain. Each run enables a random subset of the faults (swarm testing): a run with every fault at once hides
 * more than it shows.
 */
import { MS, SECOND } from '../../src/time.ts';
import type { Family } from '../../src/wire/packet.ts';
import type { Random } from '../support/random.ts';
import type { LinkConditions } from './link.ts';
import type { Contents, Habits, RouterSettings } from './router.ts';

/** Faults that come and go during the run. */
export const TIMED_FAULTS = [
  'stop',
  'crash',
  'fail',
  'pause',
  'reload',
  'priority',
  'everybody-down',
  'partition',
  'one-way',
  'loss-burst',
  'mismatch',
  'junk',
  'stray',
  'blind',
] as const;

/** Weather of the segment as long as the run may contain faults. */
export const AMBIENT_FAULTS = ['loss', 'duplication', 'slow', 'reordering', 'observer-loss'] as const;

export type TimedFault = (typeof TIMED_FAULTS)[number];
export type AmbientFault = (typeof AMBIENT_FAULTS)[number];
export type FaultKind = TimedFault | AmbientFault;

export interface Profile {
  readonly site: Site;
  readonly contents: Contents;
  readonly family: Family;
  readonly routers: readonly RouterSettings[];
  readonly conditions: LinkConditions;
  readonly timed: readonly TimedFault[];
  readonly enabled: ReadonlySet<FaultKind>;
  readonly observerMayGetCopies: boolean;
  /** other hosts talk on the segment: proof that the capture works */
  readonly background: boolean;
  /** when the observer begins to look */
  readonly observerStartsAt: number;
  readonly faultsFrom: number;
  readonly faultsUntil: number;
  readonly end: number;
}

/** A quarter of all runs: only what operators do on purpose, and crashes. Nothing may be called split-brain there. */
const HEALTHY_PROBABILITY = 0.25;
const HARMLESS_TIMED: readonly TimedFault[] = [
  'stop',
  'crash',
  'fail',
  'reload',
  'priority',
  'everybody-down',
];
const HARMLESS_AMBIENT: readonly AmbientFault[] = ['duplication', 'slow', 'reordering'];

/** Which members of one cluster share is drawn, so that every seed is another site. */
export function drawProfile(random: Random, site: Site = SITE): Profile {
  const { contents, family } = random.pick(PROTOCOLS);
  const routers = drawRouters(random.fork('routers'), contents, family, site);
  const healthy = random.chance(HEALTHY_PROBABILITY);
  const timed = random
    .some(healthy ? HARMLESS_TIMED : TIMED_FAULTS, healthy ? 0.6 : 0.35)
    .filter((fault) => fault !== 'mismatch' || contents.version === 2);
  const ambient = random.some(healthy ? HARMLESS_AMBIENT : AMBIENT_FAULTS, 0.3);
  if (timed.length === 0) timed.push('stop');
  const enabled = new Set<FaultKind>([...timed, ...ambient]);
  const limitUs = silenceLimitUs(contents);
  const faultsFrom = random.between(1, 3) * limitUs;
  const faultsUntil = faultsFrom + random.between(10, 40) * limitUs;
  // Speakers that rejected each other may stay silent for 30 s before their split-brain is over (docs/vrrp-rules.md).
  const tail = 8 * limitUs + (enabled.has('mismatch') ? 40 * SECOND : 6 * SECOND);
  return {
    site,
    contents,
    family,
    routers,
    conditions: drawConditions(random.fork('link'), contents, enabled),
    timed,
    enabled,
    observerMayGetCopies: family === 'ipv4' && routers.every((router) => router.habits.ipIds === 'counting'),
    background: random.chance(0.5),
    observerStartsAt: random.chance(0.25) ? Math.round(random.between(0, 2) * limitUs) : 0,
    faultsFrom: Math.round(faultsFrom),
    faultsUntil: Math.round(faultsUntil),
    end: Math.round(faultsUntil + tail),
  };
}

/** What keeps two clusters on one segment apart. */
export interface Site {
  readonly vrid: number;
  /** last byte of MACs and third of addresses */
  readonly subnet: number;
}

const SITE: Site = { vrid: 51, subnet: 1 };

interface Protocol {
  readonly contents: Contents;
  readonly family: Family;
}

function v3(intervalUs: number, family: Family): Protocol {
  return { contents: { version: 3, intervalUs, password: null }, family };
}

/** Not to be found in any event. The second is the one of a misconfigured router. */
export const PASSWORDS = ['geheim', 'anders'] as const;

const V2_PLAIN: Protocol = {
  contents: { version: 2, intervalUs: SECOND, password: null },
  family: 'ipv4',
};
const V2_PASSWORD: Protocol = {
  contents: { version: 2, intervalUs: SECOND, password: PASSWORDS[0] },
  family: 'ipv4',
};

/** keepalived's default first, as often as all others together. */
const PROTOCOLS: readonly Protocol[] = [
  V2_PLAIN,
  V2_PASSWORD,
  V2_PASSWORD,
  V2_PASSWORD,
  v3(100 * MS, 'ipv4'),
  v3(250 * MS, 'ipv4'),
  v3(1_000 * MS, 'ipv4'),
  v3(100 * MS, 'ipv6'),
  v3(250 * MS, 'ipv6'),
  v3(1_000 * MS, 'ipv6'),
];

const KEEPALIVED: Habits = {
  flavour: 'keepalived',
  restartsTimerOnAnyPacket: true,
  answersLower: true,
  claimsAgainAfterLower: true,
  claimRounds: 5,
  claimsLater: true,
  speaksLate: false,
  ipIds: 'counting',
  virtualMac: false,
  timerBeforePackets: true,
};

/** `lower_prio_no_advert`, `vrrp_min_garp`. */
const KEEPALIVED_STRICT: Habits = {
  ...KEEPALIVED,
  flavour: 'keepalived, strict',
  restartsTimerOnAnyPacket: false,
  answersLower: false,
  claimsAgainAfterLower: false,
  claimRounds: 1,
  claimsLater: false,
};

/** The text of RFC 5798, as other vendors follow it. */
const RFC_5798: Habits = {
  ...KEEPALIVED_STRICT,
  flavour: 'RFC 5798',
  claimsLater: false,
  ipIds: 'zero',
  timerBeforePackets: false,
};

const RFC_9568: Habits = { ...RFC_5798, flavour: 'RFC 9568', answersLower: true };

const FRR: Habits = { ...RFC_5798, flavour: 'FRR', virtualMac: true };

const FLAVOURS: readonly Habits[] = [
  KEEPALIVED,
  { ...KEEPALIVED, flavour: 'keepalived, vmac', virtualMac: true },
  { ...KEEPALIVED, flavour: 'keepalived, packets first', timerBeforePackets: false },
  KEEPALIVED_STRICT,
  RFC_5798,
  RFC_9568,
  FRR,
];

/** Host numbers whose order as text is not their order as numbers. */
const HOSTS: readonly number[] = [9, 10, 100, 200];

function drawRouters(
  random: Random,
  contents: Contents,
  family: Family,
  site: Site,
): readonly RouterSettings[] {
  const count = random.pick([2, 2, 2, 2, 3, 3, 4]);
  const habits = random.chance(0.6) ? [KEEPALIVED] : random.some(FLAVOURS, 0.4);
  const allPreempt = random.chance(0.8);
  const vips = family === 'ipv4' ? ipv4Vips(site, random.whole(1, 2)) : ipv6Vips(site);
  const hosts = random.chance(0.5) ? HOSTS : [...HOSTS].reverse();
  const names = ['a', 'b', 'c', 'd'].slice(0, count);
  const priorities = drawPriorities(random, count);
  return names.map((name, i): RouterSettings => {
    const host = hosts[i] ?? i;
    const drawn = random.pick(habits.length === 0 ? [KEEPALIVED] : habits);
    return {
      name,
      address:
        family === 'ipv4' ? `10.0.${site.subnet}.${host}` : `fe80::${site.subnet}:${host.toString(16)}`,
      addressOrder: host,
      mac: `02:42:0a:00:${hex(site.subnet)}:${hex(host)}`,
      family,
      vrid: site.vrid,
      vips,
      priority: priorities[i] ?? 100,
      preempts: allPreempt || random.chance(0.5),
      contents,
      habits: drawn.flavour === 'FRR' && family === 'ipv6' ? { ...drawn, speaksLate: true } : drawn,
      lateUs: random.between(0.2, 1.5) * MS,
    };
  });
}

/** The usual 150/100, equal ones, neighbours, and anything from 1 to 254. */
function drawPriorities(random: Random, count: number): number[] {
  const usual = [150, 100, 90, 80];
  const shape = random.fraction();
  if (shape < 0.4) return usual;
  if (shape < 0.55) return usual.map(() => 100);
  if (shape < 0.7) return usual.map((_, i) => 101 - i);
  return usual.slice(0, count).map(() => random.whole(1, 254));
}

function drawConditions(random: Random, contents: Contents, enabled: ReadonlySet<FaultKind>): LinkConditions {
  // A frame's flight must stay well within `grace` (a quarter interval): the observer takes what comes later than
  // that for deafness, and no switch holds frames for 25 ms. Hence 10 ms at 0.1 s.
  const slowest = Math.min(20 * MS, contents.intervalUs / 10);
  return {
    loss: enabled.has('loss') ? random.pick([0.01, 0.05, 0.15, 0.3]) : 0,
    duplication: enabled.has('duplication') ? random.pick([0.02, 0.2]) : 0,
    delayMinUs: 40,
    delayMaxUs: enabled.has('slow') ? random.between(1 * MS, slowest) : 400,
    reordering: enabled.has('reordering'),
    observerLoss: enabled.has('observer-loss') ? random.pick([0.002, 0.01, 0.02]) : 0,
  };
}

function ipv4Vips(site: Site, count: number): string[] {
  return [`10.0.${site.subnet}.250`, `10.0.${site.subnet}.251`].slice(0, count);
}

function ipv6Vips(site: Site): string[] {
  return [`fe80::77:${site.vrid}`, `2001:db8:${site.vrid}::100`];
}

/** The silence limit of docs/vrrp-rules.md: 3 intervals and the largest skew. */
export function silenceLimitUs(contents: Contents): number {
  return 3 * contents.intervalUs + (contents.version === 2 ? SECOND : contents.intervalUs);
}

/** The grace of docs/vrrp-rules.md: how long a frame may have been on its way. */
export function graceUs(contents: Contents): number {
  return Math.min(100 * MS, contents.intervalUs / 4);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
