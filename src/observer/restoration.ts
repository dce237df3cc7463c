/**
 * What the journal says of the time before a restart, as the observer needs it to go on: who held what, who spoke
 * how, which conditions are open. A pure fold over events and the last samples.
 *
 * Nothing is concluded here and nothing told: the parts of the observer take their piece and end it by their usual
 * rules. What the journal does not say (a password, a checksum style, who was about to take over) stays unknown
 * until it is heard again.
 */
import type { EventKind, EventOf, TimelineEvent } from '../events.ts';
import type { Sample } from '../samples.ts';
import { type Instant, SECOND } from '../time.ts';
import type { Advert, Family } from '../wire/packet.ts';
import { familyOf } from './addresses.ts';

export interface RestoredFacts {
  /** the last sign of life of the run before: nothing is known from there on */
  readonly until: Instant;
  /** what is captured now: the parts before a segment's VLAN tags */
  readonly captures: readonly string[];
  /**
   * The journal's events in order of `seq`: those of the last hour at least, the begin of every open condition
   * however old, and the latest `master-seen`, `failover` and `vip-moved` of each subject for as long as the
   * journal has them (the more, the better are dates and names).
   */
  readonly events: readonly TimelineEvent[];
  /** the latest sample of each series */
  readonly samples: readonly Sample[];
}

export interface Recollection {
  readonly until: Instant;
  readonly routers: readonly RecalledRouter[];
  /** begins of conditions that have not ended, oldest first */
  readonly open: readonly TimelineEvent[];
  /** who claimed which address last */
  readonly claims: readonly { readonly segment: string; readonly address: string; readonly mac: string }[];
}

export interface RecalledRouter {
  readonly subject: string;
  readonly segment: string;
  readonly family: Family;
  readonly vrid: number;
  /** the destination group where it is not the standard one, else '' */
  readonly group: string;
  readonly master: string;
  /** when the master's reign began, as far as the journal says */
  readonly since: Instant;
  /** `until`; of a lost one its last advert */
  readonly lastAdvertAt: Instant;
  readonly lost: EventOf<'master-lost'> | null;
  /** the master first */
  readonly speakers: readonly RecalledSpeaker[];
  /** latest last */
  readonly failovers: readonly Instant[];
}

export interface RecalledSpeaker {
  readonly advert: Advert;
  /** settings by field, as events showed them; those not named are not known */
  readonly settings: ReadonlyMap<string, string>;
  readonly priorityKnown: boolean;
}

/** Samples are taken every 30 s: a virtual router without one for longer had been forgotten. */
const SAMPLED_WITHIN_US = 31 * SECOND;

/** What a virtual router, speaker or segment is called in a subject: `vr:eth0.100/ipv4/51@224.0.0.99#10.0.0.1`. */
const ROUTER_SUBJECT = /^vr:([^/]+)\/(ipv4|ipv6)\/(\d+)(?:@([^#]+))?(?:#.*)?$/;
const VIP_SUBJECT = /^vip:([^/]+)\/(.+)$/;

export function recollect({ until, events, samples }: RestoredFacts): Recollection {
  const routers = new Map<string, RouterFold>();
  const claims = new Map<string, { segment: string; address: string; mac: string }>();
  const states = samples.filter((sample) => sample.measurement === 'vrrp');
  const sampledAt = Math.max(...states.map((sample) => sample.time), Number.NEGATIVE_INFINITY);
  const foldOf = (subject: string): RouterFold | null => {
    const known = routers.get(subject);
    if (known !== undefined) return known;
    const made = RouterFold.named(subject);
    if (made !== null) routers.set(subject, made);
    return made;
  };

  // a sample repeats what events said until then: those that came later say more
  const facts = [
    ...events.map((event) => ({ at: event.detectedAt, event, sample: null })),
    ...states.map((sample) => ({ at: sample.time, event: null, sample })),
  ].sort((a, b) => a.at - b.at);
  for (const { event, sample } of facts) {
    if (sample !== null) {
      const { segment, family, vrid } = sample.tags;
      foldOf(`vr:${segment}/${family}/${vrid}`)?.sampled(sample);
    } else if (event.subject.startsWith('vr:')) {
      foldOf(event.subject)?.take(event);
    } else if (event.kind === 'vip-moved') {
      const [, segment, address] = VIP_SUBJECT.exec(event.subject) ?? [];
      if (segment !== undefined && address !== undefined)
        claims.set(event.subject, { segment, address, mac: event.details.toMac });
    }
  }
  const holders = holdersOf(events, samples);
  for (const fold of routers.values()) fold.learnMacs(holders);

  const ended = new Set(events.map((event) => event.beginId));
  const open = events.filter((event) => event.phase === 'begin' && !ended.has(event.id));
  return {
    until,
    routers: [...routers.values()]
      .filter((fold) => fold.lastSaidAt >= sampledAt - SAMPLED_WITHIN_US)
      .map((fold) => fold.recall(open, until))
      .filter((router) => router !== null)
      // those with the plain form come first: they keep it
      .sort((a, b) => a.subject.length - b.subject.length || (a.subject < b.subject ? -1 : 1)),
    open,
    claims: [...claims.values()],
  };
}

/** The capture that a segment belongs to: its name without VLAN tags, and an interface may itself have a dot. */
export function captureOf(segment: string, captures: readonly string[]): string | null {
  const fitting = captures.filter((capture) => segment === capture || segment.startsWith(`${capture}.`));
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null;
}

/** `vip:SEGMENT/ADDRESS`, taken apart. */
export function vipOf(subject: string): { readonly segment: string; readonly address: string } | null {
  const [, segment, address] = VIP_SUBJECT.exec(subject) ?? [];
  return segment === undefined || address === undefined ? null : { segment, address };
}

/** The parts of a virtual router's subject. */
export function routerOf(subject: string): {
  readonly segment: string;
  readonly family: Family;
  readonly vrid: number;
  readonly group: string;
} | null {
  const [, segment, family, vrid, group] = ROUTER_SUBJECT.exec(subject) ?? [];
  if (segment === undefined || vrid === undefined) return null;
  return {
    segment,
    family: family === 'ipv6' ? 'ipv6' : 'ipv4',
    vrid: Number.parseInt(vrid, 10),
    group: group ?? '',
  };
}

interface Holder {
  readonly at: Instant;
  /** null: whoever was master then */
  readonly address: string | null;
  readonly mac: string;
}

/** By VIP: under which MAC somebody was said to hold it. */
function holdersOf(events: readonly TimelineEvent[], samples: readonly Sample[]): Map<string, Holder[]> {
  const holders = new Map<string, Holder[]>();
  const add = (subject: string, holder: Holder) =>
    holders.set(subject, [...(holders.get(subject) ?? []), holder]);
  for (const event of events) {
    if (event.kind !== 'garp-missing' && event.kind !== 'ip-conflict') continue;
    const { holder, holderMac } = event.details;
    add(event.subject, { at: event.detectedAt, address: holder, mac: holderMac });
  }
  for (const { measurement, time, tags, fields } of samples) {
    if (measurement !== 'vip' || typeof fields.mac !== 'string' || fields.mac === '') continue;
    add(`vip:${tags.segment}/${tags.address}`, { at: time, address: null, mac: fields.mac });
  }
  return holders;
}

interface SpeakerFold {
  priority: number | null;
  mac: string;
  readonly settings: Map<string, string>;
}

class RouterFold {
  readonly #subject: string;
  readonly #segment: string;
  readonly #family: Family;
  readonly #vrid: number;
  readonly #group: string;
  readonly #speakers = new Map<string, SpeakerFold>();
  #master: string | null = null;
  #since: Instant | null = null;
  #vips: readonly string[] = [];
  readonly #failovers: Instant[] = [];
  lastSaidAt: number = Number.NEGATIVE_INFINITY;

  private constructor(subject: string, segment: string, family: Family, vrid: number, group: string) {
    this.#subject = subject;
    this.#segment = segment;
    this.#family = family;
    this.#vrid = vrid;
    this.#group = group;
  }

  static named(subject: string): RouterFold | null {
    const place = routerOf(subject);
    return place === null
      ? null
      : new RouterFold(subject, place.segment, place.family, place.vrid, place.group);
  }

  take(event: TimelineEvent): void {
    this.lastSaidAt = Math.max(this.lastSaidAt, event.detectedAt);
    switch (event.kind) {
      case 'master-seen': {
        const { master, priority, intervalMs, version, vips } = event.details;
        this.#holds(master, event.time);
        this.#advertises(master, { priority, intervalMs, version, vips });
        break;
      }
      case 'failover': {
        const { from, to, fromPriority, toPriority, vips } = event.details;
        if (event.details.cause === 'claim-only') break;
        this.#advertises(from, fromPriority === null ? {} : { priority: fromPriority });
        this.#holds(to, event.time);
        this.#advertises(to, toPriority === null ? { vips } : { priority: toPriority, vips });
        this.#failovers.push(event.time);
        break;
      }
      case 'master-lost': {
        const { by, last, vips } = event.details;
        if (event.phase === 'begin') {
          if (last !== null) this.#advertises(last, vips === undefined ? {} : { vips });
        } else if (by === null) {
          this.#forget();
        } else {
          this.#holds(this.#master ?? by, event.time);
        }
        break;
      }
      case 'split-brain': {
        const { survivor, speakers, vips } = event.details;
        for (const speaker of speakers) this.#advertises(speaker, {});
        if (this.#vips.length === 0) this.#vips = vips;
        if (event.phase === 'end' && survivor !== undefined && survivor !== this.#master)
          this.#holds(survivor, event.time);
        break;
      }
      case 'priority-change':
        this.#advertises(event.details.speaker, { priority: event.details.newPriority });
        break;
      case 'config-changed':
        this.#changed(event.details);
        break;
      case 'config-mismatch':
        if (event.phase === 'begin') {
          for (const [speaker, value] of Object.entries(event.details.values))
            this.#speaker(speaker).settings.set(event.details.field, value);
        }
        break;
      case 'rogue-speaker':
        this.#speaker(event.details.speaker).mac = event.details.mac;
        break;
      default:
        break;
    }
  }

  sampled({ time, fields }: Sample): void {
    this.lastSaidAt = Math.max(this.lastSaidAt, time);
    const { master, priority, interval_ms: intervalMs, version, vips } = fields;
    if (typeof master !== 'string' || master === '') return; // lost: events say what is known
    if (master !== this.#master) this.#holds(master, time);
    this.#advertises(master, {
      priority: Number(priority),
      intervalMs: Number(intervalMs),
      ...(version === undefined ? {} : { version: Number(version) }),
      ...(typeof vips === 'string' ? { vips: vips.split(' ').filter((vip) => vip !== '') } : {}),
    });
  }

  /** MACs stand in what is told of the VIPs. */
  learnMacs(holders: ReadonlyMap<string, readonly Holder[]>): void {
    for (const vip of this.#vips) {
      for (const { at, address, mac } of holders.get(`vip:${this.#segment}/${vip}`) ?? []) {
        if (address !== null) this.#speaker(address).mac = mac;
        else if (this.#master !== null && (this.#since === null || at >= this.#since))
          this.#speaker(this.#master).mac = mac;
      }
    }
  }

  /** Null where nothing is known of who held it. */
  recall(open: readonly TimelineEvent[], until: Instant): RecalledRouter | null {
    const master = this.#master;
    if (master === null) return null;
    const ours = open.filter((event) => event.subject === this.#subject);
    const lost = only('master-lost', ours)[0] ?? null;
    const winners = new Set(only('split-brain', ours).map((event) => event.details.winner));
    const present = new Set([master]);
    for (const event of ours) {
      if (event.kind === 'split-brain') for (const speaker of event.details.speakers) present.add(speaker);
      if (event.kind === 'config-mismatch')
        for (const speaker of Object.keys(event.details.values)) present.add(speaker);
      if (event.kind === 'rogue-speaker') present.add(event.details.speaker);
    }
    return {
      subject: this.#subject,
      segment: this.#segment,
      family: this.#family,
      vrid: this.#vrid,
      group: this.#group,
      master,
      since: this.#since ?? until,
      lastAdvertAt: lost?.time ?? until,
      lost,
      speakers: [...present].map((address) =>
        this.#recallSpeaker(address, master, winners.has(address) ? 254 : 1),
      ),
      failovers: this.#failovers,
    };
  }

  #recallSpeaker(address: string, master: string, unknownPriority: number): RecalledSpeaker {
    const { priority, mac, settings } = this.#speaker(address);
    // of whom nothing was told: as the master, until it is heard
    const like = this.#speaker(master).settings;
    const setting = (field: string) => settings.get(field) ?? like.get(field) ?? '';
    const vips = setting('vips')
      .split(' ')
      .filter((vip) => vip !== '');
    return {
      settings,
      priorityKnown: priority !== null,
      advert: {
        type: 'advert',
        srcMac: mac,
        family: familyOf(address),
        src: address,
        dst: this.#group !== '' ? this.#group : this.#family === 'ipv4' ? '224.0.0.18' : 'ff02::12',
        ttl: 255,
        ah: false,
        version: Number(setting('version') || 2),
        vrid: this.#vrid,
        priority: priority ?? unknownPriority,
        intervalMs: Number.parseFloat(setting('advert-interval')) || 1_000,
        authType: null,
        authData: null,
        hmac: false,
        vips: vips.length === 0 ? this.#vips : vips,
        checksum: 'unverifiable',
        problems: [],
        valid: true,
      },
    };
  }

  #speaker(address: string): SpeakerFold {
    let speaker = this.#speakers.get(address);
    if (speaker === undefined) {
      speaker = { priority: null, mac: '', settings: new Map() };
      this.#speakers.set(address, speaker);
    }
    return speaker;
  }

  #holds(master: string, since: Instant): void {
    this.#master = master;
    this.#since = since;
  }

  #advertises(
    address: string,
    said: {
      readonly priority?: number;
      readonly intervalMs?: number;
      readonly version?: number;
      readonly vips?: readonly string[];
    },
  ): void {
    const speaker = this.#speaker(address);
    if (said.priority !== undefined && said.priority > 0) speaker.priority = said.priority;
    if (said.intervalMs !== undefined) speaker.settings.set('advert-interval', `${said.intervalMs} ms`);
    if (said.version !== undefined) speaker.settings.set('version', String(said.version));
    if (said.vips === undefined) return;
    speaker.settings.set('vips', [...said.vips].sort().join(' '));
    if (address === this.#master) this.#vips = said.vips;
  }

  #changed({ speaker: address, field, before, after }: EventOf<'config-changed'>['details']): void {
    const speaker = this.#speaker(address);
    switch (field) {
      case 'mac':
        speaker.mac = after;
        break;
      case 'source': {
        const old = this.#speaker(before);
        this.#speakers.set(after, { ...old, settings: new Map(old.settings) });
        if (this.#master === before) this.#master = after;
        break;
      }
      case 'vrid':
        this.#forget(); // it goes on under another one
        break;
      default:
        speaker.settings.set(field, after);
        if (field === 'vips' && address === this.#master) this.#vips = after.split(' ');
    }
  }

  #forget(): void {
    this.#master = null;
    this.#since = null;
    this.#speakers.clear();
    this.#failovers.length = 0;
  }
}

/** Those of one kind. */
export function only<K extends EventKind>(kind: K, events: readonly TimelineEvent[]): EventOf<K>[] {
  return events.filter((event) => event.kind === kind) as unknown as EventOf<K>[];
}
