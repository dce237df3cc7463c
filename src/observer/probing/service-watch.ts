/**
 * Whether the service behind one VIP answers: `vip-dark`, measured by probes through the VIP, and what the probes of
 * single nodes say beside it. The rules, with their reasons, are in docs/probe-rules.md.
 *
 * An end waits while a takeover is pending: most failovers are known a moment after the new master answers, and the
 * end is to name the failover that it belongs to.
 */
import type { EventOf, TimelineEvent } from '../../events.ts';
import type { PollFailure, ProbeObservation } from '../../observation.ts';
import type { Sample } from '../../samples.ts';
import type { NodeServiceState, ServiceState } from '../../state.ts';
import { type Instant, MS, msFromUs, SECOND } from '../../time.ts';
import type { ObservedService } from '../configuration.ts';
import type { DeadlineOwner } from '../deadlines.ts';
import type { RestoredFacts } from '../restoration.ts';
import { type Condition, resumed } from '../timeline.ts';
import { type ConfiguredVip, unseen } from './configured-vip.ts';
import { Outcome } from './outcome.ts';

/** A failover so long before the first failure may have caused it: services start, ARP entries grow old. */
const FAILOVER_BEFORE_US = 5 * SECOND;
const FAILOVERS_MAX = 16;
/** An end waits for a pending takeover so long, and asks so often whether it is still pending. */
const PENDING_MAX_US = 10 * SECOND;
const PENDING_EVERY_US = 100 * MS;
/** Probes further apart than so many intervals left a stretch unwatched. */
const GAP_INTERVALS = 3;
const LATELY_MIN_US = 10 * SECOND;

/** So it is, too, where our own packets do not arrive. */
const SILENT: ReadonlySet<PollFailure['reason']> = new Set(['timeout', 'unreachable']);

/** Failures in a row that are no blackout yet. */
interface Run {
  readonly firstAt: Instant;
  /** the last probe before that counted; null: there was none */
  readonly before: Instant | null;
  count: number;
  unseenUs: number;
}

/** An open `vip-dark`. */
export interface Dark {
  readonly condition: Condition<'vip-dark'>;
  readonly knownAt: Instant;
  /** the start of the latest failure */
  failedAt: Instant;
  error: string;
  unseenUs: number;
  neverAnnounced: boolean;
  /** the success that ends it */
  answer: Answer | null;
}

interface Answer {
  readonly startedAt: Instant;
  readonly answeredBy: string | null;
  /** since the last failure */
  readonly gapUs: number;
  readonly heldSince: Instant;
}

export class ServiceWatch implements DeadlineOwner {
  readonly ordinal: number;
  scheduledAt = Number.POSITIVE_INFINITY;
  readonly #vip: ConfiguredVip;
  readonly #service: ObservedService;
  readonly #sampled: (sample: Sample) => void;
  readonly #outcome = new Outcome();
  /** by node */
  readonly #nodes = new Map<string, Outcome>();
  readonly #failovers: { readonly id: string; readonly time: Instant }[] = [];
  #answerAt: number = Number.NEGATIVE_INFINITY;
  #run: Run | null = null;
  #dark: Dark | null = null;
  /** the holder of which it is told that it did not announce the VIP */
  #unannounced: string | null = null;

  constructor(vip: ConfiguredVip, service: ObservedService, sampled: (sample: Sample) => void) {
    this.#vip = vip;
    this.#service = service;
    this.#sampled = sampled;
    this.ordinal = vip.services.nextOrdinal();
  }

  get label(): string {
    return this.#service.probe;
  }

  /** Null once the service answers, though the end may not be told yet. */
  get dark(): Dark | null {
    return this.#dark?.answer === null ? this.#dark : null;
  }

  /** The start of the latest probe, through the VIP or at a node, to which somebody answered, if only by a refusal. */
  get answerAt(): number {
    return this.#answerAt;
  }

  /** A probe of this service has succeeded, so it is a sound one. */
  get isProven(): boolean {
    return this.#outcome.everSucceeded || this.#dark?.condition.begin.details.uncertaintyMs !== undefined;
  }

  /** It answers, and no blackout waits for its end to be told. */
  get isAnswering(): boolean {
    return this.#dark === null && this.#outcome.up === true;
  }

  heard(probe: ProbeObservation): void {
    const { node, failure, startedAt } = probe;
    if (failure?.reason === 'blind') return;
    if (failure !== null && this.#ownFault(startedAt)) {
      if (node === null) this.#run = null;
      return;
    }
    const outcome = node === null ? this.#outcome : this.#outcomeOf(node);
    if (outcome === null) return;
    if (failure === null || !SILENT.has(failure.reason)) this.#answerAt = Math.max(this.#answerAt, startedAt);
    const before = outcome.lastAt;
    const changed = outcome.take(probe);
    if (changed) this.#sampled(this.#sample(node, outcome, probe.at));
    if (node !== null) return;
    const gapUs = before === null ? 0 : startedAt - before;
    if (this.#dark !== null && this.#dark.answer === null) this.#dark.unseenUs += this.#unseenUs(gapUs);
    if (failure === null) this.#answered(probe, gapUs);
    else this.#failed(probe, failure.error, before, gapUs);
  }

  /** The virtual router's failovers, and whether its VIP was announced, decide what a blackout was. */
  told(event: TimelineEvent): void {
    if (event.kind === 'failover' && this.#vip.isOfRouter(event)) {
      this.#knowFailover(event);
      if (this.#dark?.answer) this.#end(this.#dark, this.#dark.answer);
    } else if (event.kind === 'garp-missing' && event.subject === this.#vip.subject) {
      this.#unannounced = event.phase === 'begin' ? event.details.holder : null;
      if (this.dark !== null)
        this.dark.neverAnnounced ||= this.#neverAnnounced(this.dark.condition.begin.time);
    }
  }

  due(now: Instant): number {
    const dark = this.#dark;
    if (dark?.answer == null) return Number.POSITIVE_INFINITY;
    if (this.#takeoverPending() && now < dark.answer.heldSince + PENDING_MAX_US)
      return now + PENDING_EVERY_US;
    this.#end(dark, dark.answer);
    return Number.POSITIVE_INFINITY;
  }

  /** What the journal says of the run before. `until`: its last sign of life. */
  recall({ events, samples }: RestoredFacts, until: Instant): void {
    for (const event of events) {
      if (event.kind === 'failover' && this.#vip.isOfRouter(event)) this.#knowFailover(event);
    }
    this.#outcome.lastAt = until;
    this.#outcome.everSucceeded = samples.some(
      ({ measurement, tags, fields }) =>
        measurement === 'probe' &&
        tags.cluster === this.#vip.cluster &&
        tags.probe === this.#service.probe &&
        tags.node === undefined &&
        fields.up === 1n,
    );
  }

  /** Dark since before the restart. `unannounced`: so was the lack of an announcement, and it belongs to it. */
  resume(event: EventOf<'vip-dark'>, unannounced: boolean, at: Instant): void {
    this.#dark = {
      condition: resumed(event, at),
      knownAt: at,
      failedAt: event.time,
      error: event.details.error,
      unseenUs: 0,
      neverAnnounced: unannounced || event.details.neverAnnounced === true,
      answer: null,
    };
  }

  /** Whether a node's own probe succeeds; null where it is not probed, or was not lately. */
  isUp(node: string, now: Instant): boolean | null {
    return this.#nodes.get(node)?.lately(now, this.#latelyUs) ?? null;
  }

  state(now: Instant): ServiceState {
    const { cluster, routerSubject, address } = this.#vip;
    const { dark } = this;
    const cutOff = this.#vip.sight?.cutOff ?? false;
    const known = cutOff ? null : this.#outcome.lately(now, this.#latelyUs);
    // fewer failures in a row than a blackout has are none
    const few = (this.#run?.count ?? 0) < this.#service.rise;
    const up = known === true || (known === false && this.#outcome.everSucceeded && few);
    return {
      cluster,
      subject: routerSubject,
      vip: address,
      probe: this.#service.probe,
      state: known !== null && dark !== null ? 'dark' : up ? 'up' : 'unknown',
      since: dark !== null ? dark.condition.begin.time : this.#upSince(known),
      latencyMs: this.#outcome.latencyMs,
      error: this.#outcome.error,
      nodes: [...this.#nodes].map(([node, outcome]) => this.#nodeState(node, outcome, now)),
    };
  }

  samples(now: Instant): readonly Sample[] {
    const targets: readonly (readonly [string | null, Outcome])[] = [[null, this.#outcome], ...this.#nodes];
    return targets
      .filter(([, outcome]) => outcome.lately(now, this.#latelyUs) !== null)
      .map(([node, outcome]) => this.#sample(node, outcome, now));
  }

  // through the VIP

  #failed(probe: ProbeObservation, error: string, before: Instant | null, gapUs: number): void {
    const { startedAt } = probe;
    const cutOffUntil = this.#vip.sight?.cutOffUntil ?? Number.NEGATIVE_INFINITY;
    let run = this.#run;
    if (run === null || run.firstAt < cutOffUntil)
      run = { firstAt: startedAt, before, count: 0, unseenUs: 0 };
    else run.unseenUs += this.#unseenUs(gapUs);
    run.count++;
    this.#run = run;
    const { dark } = this;
    if (dark !== null) {
      dark.error = error;
      dark.failedAt = startedAt;
    } else if (run.count >= this.#service.rise) {
      this.#begin(run, error, probe);
    }
  }

  #begin(run: Run, error: string, { startedAt, at }: ProbeObservation): void {
    const { subject } = this.#vip;
    if (subject === null) return; // told as soon as it is known where
    if (this.#dark?.answer) this.#end(this.#dark, this.#dark.answer);
    const neverAnnounced = this.#neverAnnounced(run.firstAt);
    const condition = this.#vip.begin(
      'vip-dark',
      run.firstAt,
      {
        probe: this.#service.probe,
        error,
        ...(this.#outcome.everSucceeded && run.before !== null
          ? { uncertaintyMs: this.#edgeMs(run.firstAt - run.before) }
          : {}),
        ...(neverAnnounced ? { neverAnnounced } : {}),
      },
      { subject, about: this.#failoverOf(run.firstAt, at) },
    );
    this.#dark = {
      condition,
      knownAt: at,
      failedAt: startedAt,
      error,
      unseenUs: run.unseenUs,
      neverAnnounced,
      answer: null,
    };
  }

  #answered({ startedAt, answeredBy, at }: ProbeObservation, gapUs: number): void {
    this.#run = null;
    const { dark } = this;
    if (dark === null) return;
    const answer = { startedAt, answeredBy, gapUs, heldSince: at };
    dark.answer = answer;
    if (this.#takeoverPending()) this.#vip.services.ensure(this, at + PENDING_EVERY_US);
    else this.#end(dark, answer);
  }

  #end(dark: Dark, { startedAt, answeredBy, gapUs }: Answer): void {
    const { begin } = dark.condition;
    this.#dark = null;
    const { uncertaintyMs } = begin.details;
    this.#vip.end(
      dark.condition,
      startedAt,
      {
        ...(uncertaintyMs === undefined
          ? {}
          : { uncertaintyMs: Math.max(uncertaintyMs, this.#edgeMs(gapUs)) }),
        answeredBy: this.#nodeNamed(answeredBy),
        ...(dark.neverAnnounced ? { neverAnnounced: true } : {}),
        ...unseen(dark.unseenUs),
      },
      begin.about ?? this.#failoverOf(begin.time, startedAt),
    );
  }

  /** It is not known yet whether the master was replaced. */
  #takeoverPending(): boolean {
    const { router } = this.#vip;
    return router?.inQuestion === true && !router.isSplit && !router.sight.blind;
  }

  /** The present master took over while it was dark, or just before, and nobody heard it announce the VIP. */
  #neverAnnounced(darkSince: Instant): boolean {
    const { router } = this.#vip;
    if (router === null || router.master === null || this.#unannounced !== router.master.address)
      return false;
    const { byFailover, since } = router.reign;
    return byFailover && darkSince <= since + this.#everyUs;
  }

  #knowFailover({ id, time }: TimelineEvent): void {
    this.#failovers.push({ id, time });
    if (this.#failovers.length > FAILOVERS_MAX) this.#failovers.shift();
  }

  /** The first within the stretch, else the last shortly before it. */
  #failoverOf(begin: Instant, end: Instant): string | null {
    const within = this.#failovers.find(({ time }) => time >= begin && time <= end);
    const before = this.#failovers.findLast(({ time }) => time < begin && time >= begin - FAILOVER_BEFORE_US);
    return (within ?? before)?.id ?? null;
  }

  /** A failure says nothing of the service while, or just before, our own link was down or our machine stood still. */
  #ownFault(startedAt: Instant): boolean {
    const { sight } = this.#vip;
    return sight !== null && (sight.cutOff || startedAt < sight.cutOffUntil);
  }

  /** Of the time between two probes that counted. */
  #unseenUs(gapUs: number): number {
    return gapUs > GAP_INTERVALS * this.#everyUs ? gapUs - this.#everyUs : 0;
  }

  /** By how much an edge of the stretch can be off: one interval, or more where probes are missing there. */
  #edgeMs(gapUs: number): number {
    return gapUs > 2 * this.#everyUs ? msFromUs(gapUs) : this.#service.everyMs;
  }

  get #everyUs(): number {
    return this.#service.everyMs * MS;
  }

  get #latelyUs(): number {
    return Math.max(3 * this.#everyUs, LATELY_MIN_US);
  }

  #nodeNamed(known: string | null): string | null {
    const { nodes } = this.#vip.configured.cluster;
    return (
      nodes.find(({ name, addresses }) => name === known || addresses.includes(known ?? ''))?.name ?? known
    );
  }

  // nodes

  #outcomeOf(node: string): Outcome | null {
    const known = this.#nodes.get(node);
    if (known !== undefined) return known;
    if (!this.#vip.configured.cluster.nodes.some(({ name }) => name === node)) return null;
    const made = new Outcome();
    this.#nodes.set(node, made);
    return made;
  }

  #nodeState(node: string, outcome: Outcome, now: Instant): NodeServiceState {
    const up = outcome.lately(now, this.#latelyUs);
    return { node, up, since: up === null ? null : outcome.since, error: outcome.error };
  }

  #upSince(known: boolean | null): Instant | null {
    return known === true ? this.#outcome.since : null;
  }

  #sample(node: string | null, { up, latencyMs, error }: Outcome, time: Instant): Sample {
    const { cluster, address } = this.#vip;
    return {
      measurement: 'probe',
      time,
      tags: {
        cluster,
        vip: address ?? '',
        probe: this.#service.probe,
        ...(node === null ? {} : { node }),
      },
      fields: {
        up: up === true ? 1n : 0n,
        ...(latencyMs === null ? {} : { latency_ms: latencyMs }),
        error: error ?? '',
      },
    };
  }
}
