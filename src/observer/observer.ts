/**
 * The observer: observations in, timeline events out.
 *
 * Pure: no I/O, no clock, no randomness. Time arrives with each observation; before one is taken in, every
 * deadline that lies before it falls due, in order, each at its own instant, so that smaller steps of time change
 * nothing. The same input gives the same events. Everything that somebody on the segment can grow is bounded.
 */
import type { TimelineEvent } from '../events.ts';
import type {
  AdvertObservation,
  CarpObservation,
  ClaimObservation,
  Observation,
  Segment,
} from '../observation.ts';
import type { Sample } from '../samples.ts';
import type { DatabaseState, ProxyState, RouterState, ServiceState } from '../state.ts';
import type { Instant } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import { AddressBook } from './address-book.ts';
import { Collisions } from './collisions.ts';
import {
  configuredFor,
  DEFAULT_CONFIGURATION,
  isForeign,
  type ObserverConfiguration,
} from './configuration.ts';
import { Databases } from './databases/databases.ts';
import { Deadlines } from './deadlines.ts';
import { Expectations } from './expectations.ts';
import { InvalidAdverts } from './invalid-adverts.ts';
import { MovedClaims } from './moved-claims.ts';
import { Names } from './names.ts';
import { OwnEvents } from './own-events.ts';
import { routerState } from './present.ts';
import { Probing } from './probing/probing.ts';
import { Proxies } from './proxies/proxies.ts';
import { RateLimit } from './rate-limit.ts';
import type { RestoredFacts } from './restoration.ts';
import { resume } from './resumption.ts';
import { Routers } from './routers.ts';
import { SampleTaker } from './sample-taker.ts';
import type { Services } from './services.ts';
import type { Sight } from './sight.ts';
import { Sights } from './sights.ts';
import { placeOf, plainSubject, Slots } from './slots.ts';
import type { Speaker } from './speaker.ts';
import { summarize } from './summaries.ts';
import { Timeline } from './timeline.ts';
import { VipIndex } from './vip-index.ts';
import type { VirtualRouter } from './virtual-router.ts';

export interface ObserverOptions {
  readonly configuration?: ObserverConfiguration;
  /** also make samples, at every change and every 30 s */
  readonly samples?: boolean;
  /** what the journal says of the time before; the first observation is then to be a `run` */
  readonly restored?: RestoredFacts;
  /** who observes, for events about the observer itself: a host name, or `replay` */
  readonly name?: string;
}

/** New sources of bad adverts, rogue speakers and colliding virtual routers told a minute and segment. */
const NEW_SOURCES_A_MINUTE = 10;
const SEGMENTS_MAX = 4_096;

/** Whose last advert an advert object is. */
interface Voice {
  readonly segment: Segment;
  readonly sight: Sight;
  readonly router: VirtualRouter;
  readonly speaker: Speaker;
}

export class Observer {
  readonly #timeline = new Timeline();
  readonly #deadlines = new Deadlines();
  readonly #slots = new Slots();
  readonly #vips = new VipIndex();
  readonly #book = new AddressBook((key) => this.#vips.has(key));
  readonly #own: OwnEvents;
  readonly #services: Services;
  readonly #expectations: Expectations;
  readonly #collisions: Collisions;
  readonly #routers: Routers;
  readonly #moved: MovedClaims;
  readonly #invalid: InvalidAdverts;
  readonly #proxies: Proxies;
  readonly #probing: Probing;
  readonly #databases: Databases;
  readonly #samples: SampleTaker | null;
  /** equal adverts are one object, so most need no further look */
  readonly #voices = new WeakMap<Advert, Voice>();
  /** the last voice under each VRID: nearly always the one looked for */
  readonly #lastVoices: (Voice | null)[] = new Array(256).fill(null);
  #restored: RestoredFacts | null;
  #started = false;

  constructor(options: ObserverOptions = {}) {
    this.#restored = options.restored ?? null;
    this.#own = new OwnEvents(this.#timeline, options.name ?? 'replay');
    this.#services = this.#makeServices(options.configuration ?? DEFAULT_CONFIGURATION);
    this.#collisions = new Collisions(this.#services);
    this.#expectations = new Expectations(this.#services);
    this.#moved = new MovedClaims(this.#services);
    this.#routers = new Routers(this.#services, this.#vips, {
      collisions: this.#collisions,
      expectations: this.#expectations,
      moved: this.#moved,
    });
    this.#invalid = new InvalidAdverts(({ segment, at }) => this.#services.newSource(segment, at));
    const withSamples = options.samples === true;
    const addSample = (sample: Sample) => this.#samples?.add(sample);
    this.#proxies = new Proxies(this.#services, withSamples ? addSample : null);
    this.#probing = new Probing(this.#services, this.#proxies, addSample);
    this.#samples = withSamples ? new SampleTaker(this.#services, this.#vips, this.#probing) : null;
    this.#databases = new Databases(this.#services, withSamples ? addSample : null, (cluster, node) =>
      this.#proxies.answersOn(cluster, node),
    );
  }

  #makeServices(configuration: ObserverConfiguration): Services {
    const timeline = this.#timeline;
    const newSources = new RateLimit(NEW_SOURCES_A_MINUTE, SEGMENTS_MAX);
    let ordinals = 0;
    return {
      configuration,
      timeline,
      slots: this.#slots,
      sights: new Sights(this.#slots, this.#own),
      names: new Names(this.#book, this.#slots),
      nextOrdinal: () => ordinals++,
      ensure: (owner, at) => this.#deadlines.ensure(owner, Math.max(at, timeline.now)),
      darkId: (subject) => this.#probing.darkId(subject),
      newSource: (segment, at) => newSources.take(segment.name, at),
    };
  }

  /** Takes in one observation and answers what is known now that was not before. */
  observe(observation: Observation): readonly TimelineEvent[] {
    if (observation.kind === 'advert') {
      const { at, segment, advert, ipId } = observation;
      if (this.heardAgain(at, segment, advert, ipId)) return [];
    }
    const at = Math.max(observation.at, this.#timeline.now) as Instant;
    if (!this.#started) this.#start(at);
    this.#passTo(at, observation.kind === 'clock');
    this.#timeline.now = at;
    if (observation.kind !== 'run') this.#goOn(at);
    this.#takeIn(observation.at === at ? observation : { ...observation, at });
    const events = this.#timeline.take();
    if (this.#samples !== null && events.length > 0) this.#samples.changed(events, at);
    return events;
  }

  /**
   * The fast path of `observe`, which may be asked first to spare the observation: true of an advert that changes
   * nothing but times, which it has then taken in. False of any other, which is to be observed.
   */
  heardAgain(at: Instant, segment: Segment, advert: Advert, ipId: number | null): boolean {
    const voice = this.#voiceOf(advert, segment);
    if (voice === null || at < this.#timeline.now) return false;
    if (this.#deadlines.next < at) this.#passTo(at, false);
    if (this.#timeline.hasEvents || voice.sight.blind) return false;
    if (!voice.router.hearSteady(voice.speaker, at, ipId)) return false;
    voice.sight.lastFrameAt = at;
    this.#timeline.now = at;
    return true;
  }

  /** The samples made since the last call. */
  takeSamples(): readonly Sample[] {
    return this.#samples?.take() ?? [];
  }

  /** The present, as of the latest observation: every virtual router that was heard. */
  state(): readonly RouterState[] {
    const { configuration, names } = this.#services;
    return [...this.#slots.existing()].flatMap((router) => {
      const { identity } = router;
      const nodeOf = (address: string) => names.nodeOf(identity, address);
      const foreign = isForeign(configuration, identity.configured);
      const state = routerState(router, { foreign, nodeOf }, this.#timeline.now);
      return state === null ? [] : [state];
    });
  }

  /** The present, as of the latest observation: every proxy that is polled. */
  proxies(): readonly ProxyState[] {
    return this.#proxies.state();
  }

  /** The present, as of the latest observation: every database that is polled. */
  databases(): readonly DatabaseState[] {
    return this.#databases.states();
  }

  /** The present of every service that is probed, as of the latest observation. */
  services(): readonly ServiceState[] {
    return this.#probing.states(this.#timeline.now);
  }

  /** Something is about to be decided of a virtual router of ours: who is master, or whether anybody is. */
  get isUnsettled(): boolean {
    const { configuration } = this.#services;
    for (const router of this.#slots.existing())
      if (!isForeign(configuration, router.identity.configured) && router.isUnsettled(this.#timeline.now))
        return true;
    return false;
  }

  #start(at: Instant): void {
    this.#started = true;
    this.#timeline.now = at;
    this.#expectations.start(at);
    this.#probing.start(at);
    this.#databases.start(at);
    if (this.#samples !== null) this.#deadlines.ensure(this.#samples, at);
  }

  /** Takes up what the journal says of the time before, with the first observation. */
  #goOn(at: Instant): void {
    const facts = this.#restored;
    if (facts === null) return;
    this.#restored = null;
    resume(facts, at, {
      services: this.#services,
      routers: this.#routers,
      vips: this.#vips,
      book: this.#book,
      own: this.#own,
      collisions: this.#collisions,
      expectations: this.#expectations,
      proxies: this.#proxies,
      probing: this.#probing,
      databases: this.#databases,
    });
  }

  /** What falls due before `at`, or on it at the latest, happens. */
  #passTo(at: Instant, inclusive: boolean): void {
    const deadlines = this.#deadlines;
    while (deadlines.next < at || (inclusive && deadlines.next === at)) {
      this.#timeline.now = Math.max(deadlines.next, this.#timeline.now) as Instant;
      deadlines.fire();
    }
  }

  #takeIn(observation: Observation): void {
    const { sights } = this.#services;
    switch (observation.kind) {
      case 'advert':
        this.#advert(observation);
        break;
      case 'claim':
        this.#claim(observation);
        break;
      case 'carp':
        this.#carp(observation);
        break;
      case 'traffic': {
        const sight = sights.frame(observation.segment, observation.at);
        if (observation.addressTalk !== null) sight.heardTalk(observation.addressTalk);
        break;
      }
      case 'sight':
        sights.changed(observation);
        break;
      case 'run':
        this.#own.run(observation);
        this.#goOn(observation.at);
        break;
      case 'sink':
        this.#own.sink(observation);
        break;
      case 'database':
        this.#databases.polled(observation);
        break;
      case 'proxy':
        this.#proxies.polled(observation);
        break;
      case 'probe':
        this.#probing.heard(observation);
        break;
      case 'clock':
        break;
      default:
        observation satisfies never;
    }
  }

  #voiceOf(advert: Advert, segment: Segment): Voice | null {
    const last = this.#lastVoices[advert.vrid];
    if (last && last.speaker.advert === advert && last.segment === segment) return last;
    const voice = this.#voices.get(advert);
    if (voice === undefined || voice.segment !== segment || voice.speaker.advert !== advert) return null;
    this.#lastVoices[advert.vrid] = voice;
    return voice;
  }

  #advert(observation: AdvertObservation): void {
    const { advert, at, segment } = observation;
    this.#services.sights.frame(segment, at);
    if (!advert.valid) {
      this.#invalidAdvert(observation);
      return;
    }
    const router = this.#routers.hear(observation);
    const speaker = router?.speakers.get(advert.src);
    if (router !== null && speaker !== undefined)
      this.#voices.set(speaker.advert, { segment, sight: router.sight, router, speaker });
  }

  #invalidAdvert(observation: AdvertObservation): void {
    const { advert, at, segment } = observation;
    const { configuration } = this.#services;
    const place = placeOf(segment, advert);
    this.#routers.rejected(place, at);
    const told = this.#invalid.heard(observation);
    if (told === null) return;
    const configured = configuredFor(configuration, segment.name, advert.vrid, null);
    const details = { ...told, source: advert.src };
    this.#timeline.publish(
      this.#timeline.draft('instant', {
        kind: 'advert-invalid',
        time: at,
        severity: isForeign(configuration, configured) ? 'info' : 'warning',
        cluster: configured?.cluster.name ?? null,
        subject: plainSubject(place),
        summary: summarize('advert-invalid', 'instant', details, (address) => address),
        details,
      }),
    );
  }

  #claim(observation: ClaimObservation): void {
    const { claim, at, segment } = observation;
    this.#services.sights.frame(segment, at).heardTalk(claim.family);
    const routers = this.#vips.of(segment, claim.address);
    const fromMac = this.#book.claimed(segment, claim);
    if (fromMac !== null) this.#moved.moved(observation, fromMac, routers);
    for (const router of [...routers]) router.claimed(claim, at);
    this.#routers.claimed(observation);
  }

  #carp({ carp, at, segment }: CarpObservation): void {
    this.#services.sights.frame(segment, at);
    this.#routers.rejected({ segment, family: carp.family, vrid: carp.vhid, group: '' }, at);
  }
}
