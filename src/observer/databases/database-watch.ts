/** One polled server: its answers, one after another, and what follows from them for itself and its channels. */
import type { DatabaseObservation } from '../../observation.ts';
import type { ChannelReading, DatabaseReading } from '../../reading/database.ts';
import { type Instant, MS } from '../../time.ts';
import { Reach } from '../polled/reach.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import type { Services } from '../services.ts';
import { ChannelWatch } from './channel-watch.ts';
import { ErrantWatch } from './errant.ts';
import { GaleraNode } from './galera-node.ts';
import { rowsOfOthers } from './heartbeat.ts';
import { History } from './history.ts';
import { lagOf } from './lag.ts';
import { type Position, positionOf } from './position.ts';
import type { Topology } from './topology.ts';
import type { WatchedDatabase } from './watched.ts';
import { Writes } from './writes.ts';

/** Channels of one server; MySQL allows 256. */
const CHANNELS_MAX = 64;
const NAME_MAX = 64;
/** A server that runs for less is still starting: its threads and its cluster have yet to find each other. */
const STARTING_S = 10;
/** An answer older than so many intervals is not the present. */
const RECENT_INTERVALS = 3;

export interface WatchedChannel {
  /** `default` for the one without a name */
  readonly name: string;
  readonly watch: ChannelWatch;
  readonly errant: ErrantWatch;
  /** its latest answer; null where it was known before a restart only */
  reading: ChannelReading | null;
  /** when the replica was asked for what was compared last with its source */
  comparedAt: Instant | null;
}

export class DatabaseWatch {
  readonly watched: WatchedDatabase;
  readonly reach: Reach;
  readonly galera: GaleraNode;
  readonly history = new History();
  readonly writes = new Writes();
  /** by name */
  readonly channels = new Map<string, WatchedChannel>();
  /** the latest, however old */
  reading: DatabaseReading | null = null;
  /** when it was asked for, and complete */
  askedAt: Instant | null = null;
  at: Instant | null = null;
  position: Position | null = null;
  isStarting = false;
  readonly #services: Services;
  readonly #voice: Voice;

  constructor(watched: WatchedDatabase, services: Services, voice: Voice) {
    this.watched = watched;
    this.#services = services;
    this.#voice = voice;
    const { thresholds } = services.configuration;
    const { subject, database } = watched;
    const asked = { kind: 'database-unreachable', subject, target: database.target } as const;
    this.reach = new Reach(asked, services, voice);
    this.galera = new GaleraNode(watched.subject, thresholds, voice);
  }

  /** It was asked, and what it said last is not the present. */
  get isInDoubt(): boolean {
    if (this.reach.isInDoubt) return true;
    if (this.askedAt === null) return false;
    const { now } = this.#services.timeline;
    return now - this.askedAt > RECENT_INTERVALS * this.watched.database.everyMs * MS;
  }

  /** Answers whether it is known to be unreachable from now on. */
  failed({ askedAt, at, failure }: DatabaseObservation): boolean {
    if (failure === null || !this.reach.failed(askedAt, at, failure)) return false;
    this.#interrupted();
    return true;
  }

  answered(reading: DatabaseReading, { askedAt, at }: DatabaseObservation, topology: Topology): void {
    this.reach.answered(askedAt, at);
    const before = this.reading?.uptimeS ?? null;
    const restarted = before !== null && reading.uptimeS !== null && reading.uptimeS < before;
    if (restarted) this.#interrupted();
    this.reading = reading;
    this.askedAt = askedAt;
    this.at = at;
    this.isStarting = reading.uptimeS !== null && reading.uptimeS < STARTING_S;
    this.position = positionOf(reading);
    this.history.seen(at, this.position, reading.binlog ?? null);
    this.writes.look(reading, askedAt);
    if (reading.galera !== null) this.galera.look(reading.galera, askedAt, this.isStarting);
    else this.galera.leave(askedAt, 'removed');
    if (reading.channels !== null) this.#lookAtChannels(reading, reading.channels, askedAt, at, topology);
  }

  /** By name; made where it is not known yet. Null: there are too many. */
  channel(name: string): WatchedChannel | null {
    const known = this.channels.get(name);
    if (known !== undefined) return known;
    if (this.channels.size >= CHANNELS_MAX) return null;
    const subject = `replica:${this.watched.name}/${name}`;
    const made: WatchedChannel = {
      name,
      watch: new ChannelWatch(subject, this.#services.configuration.thresholds, this.#voice),
      errant: new ErrantWatch(subject, this.watched.name, this.#voice),
      reading: null,
      comparedAt: null,
    };
    this.channels.set(name, made);
    return made;
  }

  /** `source` answered to a question that was asked after our last answer: it must have what we have. */
  compareWith(source: DatabaseWatch, topology: Topology): void {
    const { reading } = this;
    if (reading === null || this.at === null || source.reading === null || source.askedAt === null) return;
    if (this.at > source.askedAt || this.reach.isInDoubt) return;
    for (const channel of this.channels.values()) {
      if (channel.reading === null || channel.comparedAt === this.askedAt) continue;
      if (topology.sourceOf(channel.reading, this) !== source) continue;
      channel.comparedAt = this.askedAt;
      const upstream = topology.upstream(source);
      if (upstream.servers.has(this)) channel.errant.leave(source.askedAt, 'removed');
      else if (upstream.complete) channel.errant.compare(reading, source.reading, source.askedAt);
    }
  }

  #lookAtChannels(
    reading: DatabaseReading,
    channels: readonly ChannelReading[],
    askedAt: Instant,
    at: Instant,
    topology: Topology,
  ): void {
    const seen = new Set<string>();
    for (const channel of channels.slice(0, CHANNELS_MAX)) {
      const name = channelName(channel);
      const known = this.channel(name);
      if (known === null) continue;
      seen.add(name);
      known.reading = channel;
      const source = topology.sourceOf(channel, this);
      const progress = reading.gtid?.executed || `${channel.applied?.file}:${channel.applied?.position}`;
      const lag = lagOf({
        channel,
        askedAt,
        at,
        heartbeatS: known.watch.heartbeats.ageS(
          rowsOfOthers(reading.heartbeats, () => !this.#mayWrite(source, topology)),
          topology.writersOf(channel, this),
          progress,
          askedAt,
        ),
        gap: source === null ? null : this.gapTo(source, channel, askedAt),
        sourceAskedAt: source !== null && (source.askedAt ?? at) <= askedAt ? source.askedAt : null,
        sourceInDoubt: source?.isInDoubt ?? false,
      });
      known.watch.look(channel, lag, askedAt, this.isStarting);
    }
    for (const [name, channel] of this.channels) {
      if (!seen.has(name)) this.#remove(channel, askedAt, 'removed');
    }
  }

  /** What it lacks of all that its source was seen to have until then. */
  gapTo(source: DatabaseWatch, channel: ChannelReading | null, until: Instant) {
    const byGtid = this.position === null ? null : source.history.gtidGap(this.position, until);
    if (byGtid !== null) return byGtid;
    const applied = channel?.applied ?? null;
    return applied === null ? null : source.history.binlogGap(applied, until);
  }

  /** By its own transactions of late; where these are not known, also where whatever it writes comes back to it. */
  #mayWrite(source: DatabaseWatch | null, topology: Topology): boolean {
    const { writesNow } = this.writes;
    if (writesNow !== null || source === null) return writesNow ?? true;
    const { servers, complete } = topology.upstream(source);
    return !complete || servers.has(this);
  }

  #remove(channel: WatchedChannel, at: Instant, reason: EndReason): void {
    channel.watch.leave(at, reason);
    channel.errant.leave(at, 'removed');
    this.channels.delete(channel.name);
  }

  #interrupted(): void {
    this.galera.interrupted();
    this.writes.forget();
    for (const { watch, errant } of this.channels.values()) {
      watch.interrupted();
      errant.interrupted();
    }
  }
}

export function channelName({ name }: ChannelReading): string {
  return name === '' ? 'default' : name.slice(0, NAME_MAX);
}
