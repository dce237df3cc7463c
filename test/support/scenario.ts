/**
 * Scenario texts: stories of a segment that anybody who knows keepalived can read, and write in two minutes.
 *
 * A file holds steps: commands, a line `----`, and the events that follow from them. Within a step commands are
 * played in order of their times, so that series of several nodes interleave. Times are seconds since the start.
 *
 *   let vrid=51 version=2 interval=1000 vips=10.0.0.100 auth=secret   what adverts say from here on
 *   node d 10.0.0.4                                                    beside a, b, c, d (10.0.0.1 …)
 *   adverts a 0..10 priority=100          one every interval, first at 0, last not after 10
 *   advert a 10.5 priority=0              one advert; `copy` sends the same frame once more
 *   claim a 10.6 [vip=…] [form=arp-reply] from a node's own MAC; `claim vmac` from the virtual router MAC
 *                                          `ipid=1` restarts the identification, `skip=1` leaves one number out
 *   invalid a 3 problem=ttl-not-255       an advert that every receiver drops
 *   carp 3..20                            a CARP speaker on the same number, one a second
 *   talk 3                                somebody's ordinary ARP request
 *   blind 3 reason=link-down | sight 9    the capture cannot see (`dropped=7`, `since=2`); it sees again
 *   clock 14.5                            time passes
 *   run 0 | stop 20                       the observer begins to watch, or stops
 *   restart 30 since=20 [killed] [blind]  it was away from 20 on (frames in between are lost), and goes on with what
 *                                          it told and its last samples; `blind`: no capture sees yet
 *   proxy a 0..20 every=2000 db/one=UP db/two=DOWN:L4CON,since=3    what a polled proxy says (proxy-commands.ts)
 *   proxy a 22 refused                    or why it says nothing
 *   sink 3 name=journal error=disk-full waiting=2 | sink 9 name=journal     takes no events; takes them again
 *   reconfigured cluster=…                from the next restart on, instead of what was configured
 *   configured cluster=web vrid=51 vips=… nodes=a,b [unicast]   before the first command that takes time
 *     … proxies=a,b [runs=on-holder grace=5]                    and these nodes' proxies are polled
 *     … service=http://10.0.0.100/ every=200 rise=3             and the service behind the VIP is probed
 *     … databases=a,b [every=5000]                              and these nodes' databases are polled
 *     … and=52:10.0.0.101                                       and the cluster has one more virtual router
 *   probe 3..5 fail=refused | probe 5.2 [node=a] [by=host-b]    probes that begin then, one every `every`, fail or
 *                                          succeed: through the VIP, or at a node; known `took=1` ms later
 *   database a 3..20 [every=5000] …       what its database answers: see database-words.ts
 *
 * Any `let` setting may also stand on an advert (`mac=`, `src=`, `segment=` too). Addresses and MACs of nodes show
 * as their names in the events.
 */

import type { TimelineEvent } from '../../src/events.ts';
import type { Observation, PollFailure, RunObservation, Segment } from '../../src/observation.ts';
import { familyOf } from '../../src/observer/addresses.ts';
import {
  DEFAULT_THRESHOLDS,
  type ObservedProxy,
  type ObservedService,
  type ObserverConfiguration,
} from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import type { Sample } from '../../src/samples.ts';
import { type Instant, instantFromUs, MS, SECOND } from '../../src/time.ts';
import { type Advert, INVALIDATING, type Problem } from '../../src/wire/packet.ts';
import { databaseObservation } from './database-words.ts';
import { proxyPoll } from './proxy-commands.ts';

/** Plays a scenario and answers it with the events that really followed. */
export function playScenario(text: string): string {
  const scenario = new Scenario();
  const out: string[] = [];
  for (const block of steps(text)) {
    out.push(...block.head, '----', ...scenario.play(block.head), '');
  }
  return `${out.join('\n').trimEnd()}\n`;
}

/** All that is told in a scenario, in the order in which it was known. */
export function scenarioEvents(text: string): readonly TimelineEvent[] {
  const scenario = new Scenario();
  for (const block of steps(text)) scenario.play(block.head);
  return scenario.told;
}

function steps(text: string): { head: string[] }[] {
  const blocks: { head: string[] }[] = [];
  let head: string[] = [];
  let inEvents = false;
  for (const line of text.split('\n')) {
    if (line === '----') {
      blocks.push({ head });
      head = [];
      inEvents = true;
    } else if (inEvents && line === '') {
      inEvents = false;
    } else if (!inEvents) {
      head.push(line);
    }
  }
  if (head.some((line) => line.trim() !== ''))
    throw new Error(`commands after the last ----: ${head.join(' / ')}`);
  return blocks;
}

type Settings = Readonly<Record<string, string>>;

interface Ordered {
  o: Observation;
  readonly order: number;
}

class Scenario {
  readonly #segments = new Map<string, Segment>();
  readonly #names = new Map<string, string>();
  readonly #addresses = new Map<string, string>();
  readonly #ipIds = new Map<string, number>();
  #settings: Settings = {
    vrid: '51',
    version: '2',
    interval: '1000',
    priority: '100',
    vips: '10.0.0.100',
    auth: '',
    segment: 'eth0',
  };
  #configuration: ObserverConfiguration | null = null;
  #probeEvery = '200';
  #observer: Observer | null = null;
  /** what a journal would hold: all that was told, and the latest sample of each series */
  readonly #told: TimelineEvent[] = [];
  readonly #samples = new Map<string, Sample>();

  constructor() {
    for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) this.#node(name, `10.0.0.${i + 1}`);
  }

  get told(): readonly TimelineEvent[] {
    return this.#told;
  }

  play(lines: readonly string[]): string[] {
    const observations: Ordered[] = [];
    for (const line of lines) {
      const command = line.replace(/#.*/, '').trim();
      if (command === '') continue;
      const first = command.startsWith('restart') ? -1_000_000 : 0;
      for (const o of this.#expand(command)) observations.push({ o, order: first + observations.length });
    }
    inOrderOfBegin(observations);
    observations.sort((x, y) => x.o.at - y.o.at || x.order - y.order);
    const away = observations.flatMap(({ o }) =>
      o.kind === 'run' && o.phase === 'started' && o.previousUntil !== null
        ? [{ since: o.previousUntil, until: o.at }]
        : [],
    );
    const events: string[] = [];
    for (const { o } of observations) {
      if (away.some(({ since, until }) => o.at > since && o.at < until)) continue;
      if (o.kind === 'run' && o.phase === 'started' && o.previousUntil !== null)
        this.#observer = this.#restarted(o.previousUntil);
      this.#observer ??= new Observer(this.#options());
      for (const event of this.#observer.observe(o)) {
        this.#told.push(event);
        events.push(this.#show(event));
      }
      for (const sample of this.#observer.takeSamples())
        this.#samples.set(`${sample.measurement} ${JSON.stringify(sample.tags)}`, sample);
    }
    return events.length === 0 ? ['(nothing)'] : events;
  }

  #options() {
    return {
      samples: true,
      ...(this.#configuration === null ? {} : { configuration: this.#configuration }),
    };
  }

  #restarted(until: Instant): Observer {
    return new Observer({
      ...this.#options(),
      restored: {
        until,
        captures: this.#captures(),
        events: this.#told,
        samples: [...this.#samples.values()],
      },
    });
  }

  #captures(): string[] {
    return [...new Set(['eth0', ...[...this.#segments.values()].map(({ capture }) => capture)])];
  }

  #expand(command: string): Observation[] {
    const [verb = '', ...words] = command.split(/\s+/);
    const plain = words.filter((word) => !word.includes('='));
    const settings: Settings = {
      ...this.#settings,
      ...Object.fromEntries(
        words.filter((word) => word.includes('=')).map((word) => word.split('=', 2) as [string, string]),
      ),
    };
    const [first = '', second = ''] = plain;
    switch (verb) {
      case 'let':
        this.#settings = settings;
        return [];
      case 'node':
        this.#node(first, second);
        return [];
      case 'reconfigured':
        this.#configuration = null;
        this.#configure(settings, plain.includes('unicast'));
        return [];
      case 'configured':
        this.#configure(settings, plain.includes('unicast'));
        return [];
      case 'adverts':
      case 'advert':
        return times(second, settings).flatMap((at) =>
          this.#advert(first, at, settings, plain.includes('copy')),
        );
      case 'invalid':
        return times(second, settings).flatMap((at) =>
          this.#advert(first, at, { ...settings, valid: 'no' }, false),
        );
      case 'claim':
        return this.#claim(first, Number(second), settings);
      case 'carp':
        return times(first, { ...settings, interval: '1000' }).map((at) => ({
          kind: 'carp',
          at: us(at),
          segment: this.#segment(settings),
          carp: {
            type: 'carp',
            srcMac: '02:00:00:00:00:cc',
            family: 'ipv4',
            src: '10.0.0.200',
            vhid: Number(settings.vrid),
            advSkew: 0,
            problems: [],
          },
        }));
      case 'talk':
        return [
          { kind: 'traffic', at: us(Number(first)), segment: this.#segment(settings), addressTalk: 'ipv4' },
        ];
      case 'blind':
      case 'sight':
        return [
          {
            kind: 'sight',
            at: us(Number(first)),
            capture: settings.segment?.split('.')[0] ?? '',
            seeing: verb === 'sight',
            reason: settings.reason ?? 'unknown',
            dropped: settings.dropped === undefined ? null : Number(settings.dropped),
            ...(settings.since === undefined ? {} : { since: us(Number(settings.since)) }),
          },
        ];
      case 'run':
      case 'stop':
        return [run(Number(first), verb === 'run' ? 'started' : 'stopped')];
      case 'restart':
        return this.#restart(Number(first), settings, plain);
      case 'proxy':
        return times(second, settings).map((at, _, [from = 0]) =>
          proxyPoll(first, us(at), at - from, words.slice(2), settings.cluster ?? 'web'),
        );
      case 'database':
        return times(second, { ...settings, interval: settings.every ?? '5000' }).map((at, i) =>
          databaseObservation(
            { at: us(at), poll: i, node: first, cluster: settings.cluster ?? 'web' },
            words,
          ),
        );
      case 'sink':
        return [
          {
            kind: 'sink',
            at: us(Number(first)),
            sink: settings.name ?? 'journal',
            failing: settings.error !== undefined,
            error: settings.error ?? null,
            waiting: Number(settings.waiting ?? 0),
          },
        ];
      case 'probe':
        return times(first, { ...settings, every: settings.every ?? this.#probeEvery }).map((at) =>
          probe(at, settings),
        );
      case 'clock':
        return [{ kind: 'clock', at: us(Number(first)) }];
      default:
        throw new Error(`unknown command: ${command}`);
    }
  }

  #restart(at: number, settings: Settings, words: readonly string[]): Observation[] {
    const since = Number(settings.since ?? at - 0.5);
    const killed = words.includes('killed');
    const seeing = (capture: string): Observation => ({
      kind: 'sight',
      at: us(at),
      capture,
      seeing: true,
      reason: 'started',
      dropped: null,
    });
    return [
      killed ? { kind: 'clock', at: us(since) } : run(since, 'stopped'),
      { ...run(at, 'started'), previous: killed ? 'killed' : 'stopped', previousUntil: us(since) },
      ...(words.includes('blind') ? [] : this.#captures().map(seeing)),
    ];
  }

  #advert(node: string, at: number, settings: Settings, copy: boolean): Observation[] {
    const src = settings.src ?? this.#address(node);
    const next = (this.#ipIds.get(src) ?? 0) + (copy ? 0 : 1 + Number(settings.skip ?? 0));
    const ipId = settings.ipid === 'none' ? null : Number(settings.ipid ?? next);
    if (ipId !== null) this.#ipIds.set(src, ipId);
    const family = familyOf(src);
    const version = Number(settings.version);
    const problem = settings.problem as Problem | undefined;
    const advert: Advert = {
      type: 'advert',
      srcMac: settings.mac === undefined ? mac(node) : mac(settings.mac),
      family,
      src,
      dst: settings.dst ?? (family === 'ipv4' ? '224.0.0.18' : 'ff02::12'),
      ttl: 255,
      ah: settings.auth === 'ah',
      version,
      vrid: Number(settings.vrid),
      priority: Number(settings.priority),
      intervalMs: Number(settings.interval),
      authType: version === 2 ? (settings.auth === '' ? 0 : settings.auth === 'ah' ? 2 : 1) : null,
      authData:
        version === 2 && settings.auth !== '' && settings.auth !== 'ah' ? (settings.auth ?? '') : null,
      hmac: settings.auth === 'hmac',
      vips: (settings.vips ?? '').split(',').filter((vip) => vip !== ''),
      checksum: (settings.checksum ?? 'ok') as Advert['checksum'],
      problems: problem === undefined ? [] : [problem],
      valid: problem === undefined || !INVALIDATING.has(problem),
    };
    return [{ kind: 'advert', at: us(at), segment: this.#segment(settings), advert, ipId }];
  }

  #claim(node: string, at: number, settings: Settings): Observation[] {
    const from =
      node === 'vmac' ? virtualMac(Number(settings.vrid), settings.vip ?? settings.vips ?? '') : mac(node);
    const form = (settings.form ?? 'arp-request') as 'arp-request' | 'arp-reply' | 'na';
    const addresses = (settings.vip ?? settings.vips ?? '').split(',');
    return addresses.map((address) => ({
      kind: 'claim',
      at: us(at),
      segment: this.#segment(settings),
      claim: {
        type: 'claim',
        mac: from,
        srcMac: from,
        family: familyOf(address),
        address: this.#addresses.get(address) ?? address,
        form,
        gratuitous: form !== 'arp-reply',
        problems: [],
      },
    }));
  }

  #configure(settings: Settings, unicast: boolean): void {
    this.#probeEvery = settings.every ?? this.#probeEvery;
    const nodes = (settings.nodes ?? 'a,b').split(',');
    this.#configuration = {
      thresholds: DEFAULT_THRESHOLDS,
      clusters: [
        ...(this.#configuration?.clusters ?? []),
        {
          name: settings.cluster ?? 'web',
          nodes: nodes.map((name) => ({
            name: `host-${name}`,
            addresses: [this.#address(name)],
            proxies: proxiesOf(name, settings),
            databases: (settings.databases ?? '').split(',').includes(name)
              ? [
                  {
                    target: `mysql://host-${name}:3306`,
                    host: this.#address(name),
                    port: 3306,
                    everyMs: Number(settings.every ?? 5_000),
                  },
                ]
              : [],
          })),
          virtualRouters: [`${settings.vrid}:${settings.vips ?? ''}`, ...(settings.and ? [settings.and] : [])]
            .map((place) => pair(place, ':'))
            .map(([vrid, vips], i) => ({
              vrid: Number(vrid),
              segment: null,
              vips: vips.split(','),
              nodes: nodes.map((name) => `host-${name}`),
              unicast,
              service: i === 0 ? service(settings) : null,
            })),
        },
      ],
    };
  }

  #node(name: string, address: string): void {
    this.#addresses.set(name, address);
    this.#names.set(address, name);
    this.#names.set(mac(name), `mac-of-${name}`);
  }

  #address(node: string): string {
    const address = this.#addresses.get(node);
    if (address === undefined) throw new Error(`unknown node ${node}`);
    return address;
  }

  #segment(settings: Settings): Segment {
    const name = settings.segment ?? 'eth0';
    let segment = this.#segments.get(name);
    if (segment === undefined) {
      segment = { name, capture: name.split('.')[0] ?? name };
      this.#segments.set(name, segment);
    }
    return segment;
  }

  /** `when (known) severity kind phase subject: summary {details that matter}` */
  #show(event: TimelineEvent): string {
    const known = event.detectedAt === event.time ? '' : ` (known ${seconds(event.detectedAt)})`;
    const phase = event.phase === 'instant' ? '' : ` ${event.phase}`;
    const cluster = event.cluster === null ? '' : ` [${event.cluster}]`;
    const text = `${seconds(event.time)}${known} ${event.severity} ${event.kind}${phase} ${event.subject}${cluster}: ${event.summary}${details(event)}${this.#about(event)}`;
    let named = text;
    for (const [address, name] of this.#names) {
      named = named.replaceAll(
        new RegExp(`(?<![\\d.:])${address.replaceAll('.', '\\.')}(?![\\d.])`, 'g'),
        name,
      );
    }
    return named;
  }

  #about({ kind, about }: TimelineEvent): string {
    if (about === null || (kind !== 'vip-dark' && kind !== 'garp-missing')) return '';
    const older = this.#told.find((event) => event.id === about);
    return older === undefined ? ' about ?' : ` about ${older.kind} of ${seconds(older.time)}`;
  }
}

function pair(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/** Those that the configuration lists for a node: one for each time that `proxies=` names it. */
function proxiesOf(node: string, settings: Settings): ObservedProxy[] {
  const named = (settings.proxies ?? '').split(',').filter((name) => name === node);
  return named.map((_, index) => ({
    target: `http://host-${node}:${8888 + index}/status`,
    everyMs: 2_000,
    runs: settings.runs === 'on-holder' ? 'on-holder' : 'always',
    startupGraceMs: Number(settings.grace ?? 5) * 1_000,
  }));
}

function run(at: number, phase: RunObservation['phase']): RunObservation {
  return { kind: 'run', at: us(at), phase, release: '1.2.3', previous: 'none', previousUntil: null };
}

function service({ service: url, vips, every, rise }: Settings): ObservedService | null {
  if (url === undefined) return null;
  const vip = (vips ?? '').split(',').find((address) => url.includes(address)) ?? null;
  return { probe: url, vip, everyMs: Number(every ?? 200), timeoutMs: 1_000, rise: Number(rise ?? 3) };
}

function probe(at: number, { cluster, node, fail, took, by }: Settings): Observation {
  const reason = fail as PollFailure['reason'] | undefined;
  const tookMs = Number(took ?? 1);
  return {
    kind: 'probe',
    at: us(at + tookMs / 1000),
    startedAt: us(at),
    cluster: cluster ?? 'web',
    router: 0,
    node: node === undefined ? null : `host-${node}`,
    failure: reason === undefined ? null : { reason, error: reason },
    latencyMs: reason === undefined ? tookMs : null,
    answeredBy: by ?? null,
  };
}

/** A probe is known when those of its target that began before it are. */
function inOrderOfBegin(observations: readonly Ordered[]): void {
  const knownAt = new Map<string, Instant>();
  const probes = observations.flatMap((each) => (each.o.kind === 'probe' ? [{ each, probe: each.o }] : []));
  for (const { each, probe } of probes.sort((a, b) => a.probe.startedAt - b.probe.startedAt)) {
    const target = `${probe.cluster}/${probe.node}`;
    const at = Math.max(probe.at, knownAt.get(target) ?? probe.at) as Instant;
    knownAt.set(target, at);
    each.o = { ...probe, at };
  }
}

function details(event: TimelineEvent): string {
  const d = event.details;
  const shown: Record<string, unknown> =
    event.kind === 'failover'
      ? {
          cause: d.cause,
          silenceMs: d.silenceMs,
          darkMs: d.darkMs?.join('..'),
          claimMs: d.claimMs,
          fault: d.fault || undefined,
          blindMs: d.blindMs,
        }
      : event.kind === 'vip-dark'
        ? { uncertaintyMs: d.uncertaintyMs, neverAnnounced: d.neverAnnounced, blindMs: d.blindMs }
        : event.kind === 'advert-gap'
          ? { missed: d.missed, lostBy: d.lostBy }
          : event.kind === 'overlap'
            ? { overlapMs: d.overlapMs }
            : event.kind === 'master-lost' && event.phase === 'begin'
              ? { reason: d.reason, blindMs: d.blindMs }
              : event.phase === 'end'
                ? { blindMs: d.blindMs }
                : {};
  const parts = Object.entries(shown).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${String(value)}`],
  );
  return parts.length === 0 ? '' : ` {${parts.join(' ')}}`;
}

/** `3`, or `3..10` in steps of the interval. */
function times(span: string, settings: Settings): number[] {
  const [from = '', to] = span.split('..');
  if (to === undefined) return [Number(from)];
  const every = Number(settings.every ?? settings.interval) * MS;
  const all: number[] = [];
  for (let at = Number(from) * SECOND; at <= Number(to) * SECOND + 1; at += every) all.push(at / SECOND);
  return all;
}

function mac(node: string): string {
  if (node.includes(':')) return node;
  const number = [...node].reduce((sum, letter) => sum + letter.charCodeAt(0) - 96, 0);
  return `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;
}

/** RFC 9568 section 7.3 */
function virtualMac(vrid: number, vip: string): string {
  return `00:00:5e:00:0${vip.includes(':') ? 2 : 1}:${vrid.toString(16).padStart(2, '0')}`;
}

function us(at: number) {
  return instantFromUs(Math.round(at * SECOND));
}

function seconds(at: number): string {
  return (at / SECOND).toFixed(3);
}
