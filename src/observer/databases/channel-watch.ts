/**
 * One channel of a replica: whether its threads run (`replication-broken`), and how far it is behind (`replication-lag`).
 *
 * Of the lag there are two conditions, one inside the other: the warning stays open while it is critical, and the critical
 * one is `about` it.
 */
import type { EventOf } from '../../events.ts';
import type { ChannelReading, ReplicaThread } from '../../reading/database.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { Thresholds } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';
import { HeartbeatTrust } from './heartbeat.ts';
import { type Lag, NOBODY_KNOWS } from './lag.ts';

/** A thread that tries to connect, and says no error, is given so long. */
const CONNECTING_US = 10 * SECOND;
/** of the threshold: over below */
const OVER_AT = 0.8;
const ERROR_MAX = 256;

/** Polls in a row in which a thread did not run. */
interface Standstill {
  readonly since: Instant;
  polls: number;
  /** of these, the last ones in which it had stopped for good */
  stopped: number;
}

interface Level {
  readonly severity: 'warning' | 'critical';
  readonly thresholdS: number;
  /** behind by more than the threshold without a break since then */
  since: Instant | null;
  open: Condition<'replication-lag'> | null;
}

export class ChannelWatch {
  readonly heartbeats = new HeartbeatTrust();
  readonly #subject: string;
  readonly #thresholds: Thresholds;
  readonly #voice: Voice;
  readonly #standstills: { io: Standstill | null; sql: Standstill | null } = { io: null, sql: null };
  readonly #warning: Level;
  readonly #critical: Level;
  #broken: Condition<'replication-broken'> | null = null;
  #lag: Lag = NOBODY_KNOWS;

  constructor(subject: string, thresholds: Thresholds, voice: Voice) {
    this.#subject = subject;
    this.#thresholds = thresholds;
    this.#voice = voice;
    const { lagWarningS, lagCriticalS } = thresholds;
    this.#warning = { severity: 'warning', thresholdS: lagWarningS, since: null, open: null };
    this.#critical = { severity: 'critical', thresholdS: lagCriticalS, since: null, open: null };
  }

  get lag(): Lag {
    return this.#lag;
  }

  get isLagging(): boolean {
    return this.#warning.open !== null || this.#critical.open !== null;
  }

  resumeBroken(event: EventOf<'replication-broken'>, notBefore: Instant): void {
    this.#broken = resumed(event, notBefore);
  }

  resumeLag(event: EventOf<'replication-lag'>, notBefore: Instant): void {
    const level = event.severity === 'critical' ? this.#critical : this.#warning;
    level.open = resumed(event, notBefore);
    level.since = event.time;
  }

  /** `starting`: the server was started a moment ago, and a thread that does not run yet says nothing. */
  look(channel: ChannelReading, lag: Lag, askedAt: Instant, starting: boolean): void {
    if (!starting) {
      this.#count('io', channel.io, askedAt);
      this.#count('sql', channel.sql, askedAt);
    }
    this.#judgeThreads(channel, askedAt);
    this.#lag = lag;
    if (lag.lagS === null) {
      this.#forgetPending();
      return;
    }
    this.#measure(this.#critical, lag.lagS, lag.lagSource, askedAt);
    this.#measure(this.#warning, lag.lagS, lag.lagSource, askedAt);
  }

  /** It does not answer, or began anew: how long something had been so is not known any more. */
  interrupted(): void {
    this.#standstills.io = null;
    this.#standstills.sql = null;
    this.#lag = NOBODY_KNOWS;
    this.#forgetPending();
  }

  leave(at: Instant, reason: EndReason): void {
    if (this.#broken !== null) this.#voice.end(this.#broken, at, { reason });
    this.#broken = null;
    for (const level of [this.#critical, this.#warning]) {
      if (level.open !== null) this.#voice.end(level.open, at, { reason });
      level.open = null;
    }
    this.interrupted();
  }

  #forgetPending(): void {
    for (const level of [this.#warning, this.#critical]) if (level.open === null) level.since = null;
  }

  // threads

  #count(name: 'io' | 'sql', { state }: ReplicaThread, askedAt: Instant): void {
    if (state === 'yes') {
      this.#standstills[name] = null;
      return;
    }
    const known = this.#standstills[name] ?? { since: askedAt, polls: 0, stopped: 0 };
    known.polls++;
    known.stopped = state === 'no' ? known.stopped + 1 : 0;
    this.#standstills[name] = known;
  }

  #judgeThreads(channel: ChannelReading, askedAt: Instant): void {
    if (channel.io.state === 'yes' && channel.sql.state === 'yes') {
      if (this.#broken !== null) this.#voice.end(this.#broken, askedAt);
      this.#broken = null;
      return;
    }
    if (this.#broken !== null) return;
    const { io, sql } = this.#standstills;
    const ioBroken = io !== null && this.#isBroken(io, channel.io, askedAt);
    const sqlBroken = sql !== null && this.#isBroken(sql, channel.sql, askedAt);
    if (!ioBroken && !sqlBroken) return;
    const thread = sqlBroken && (!ioBroken || channel.sql.errno !== 0) ? 'sql' : 'io';
    const { errno, error, state } = channel[thread];
    const since = (thread === 'io' ? io : sql)?.since ?? askedAt;
    const said = error !== '' ? error : state === 'connecting' ? 'still connecting' : 'stopped';
    this.#broken = this.#voice.begin('replication-broken', this.#subject, since, {
      thread,
      errno,
      error: said.length > ERROR_MAX ? `${said.slice(0, ERROR_MAX - 1)}…` : said,
    });
  }

  #isBroken({ since, polls, stopped }: Standstill, { errno }: ReplicaThread, askedAt: Instant): boolean {
    const { badPolls } = this.#thresholds;
    if (polls < badPolls) return false;
    return stopped >= badPolls || errno !== 0 || askedAt - since >= CONNECTING_US;
  }

  // lag

  #measure(level: Level, lagS: number, lagSource: Lag['lagSource'], askedAt: Instant): void {
    const { thresholdS, severity } = level;
    if (lagS < thresholdS && (level.open === null || lagS < OVER_AT * thresholdS)) {
      if (level.open !== null) this.#voice.end(level.open, askedAt, { lagS, lagSource });
      level.open = null;
      level.since = null;
      return;
    }
    level.since ??= askedAt;
    if (level.open !== null || askedAt - level.since < this.#thresholds.beyondForMs * MS) return;
    if (level === this.#warning && this.#critical.open !== null) return; // it says more
    level.open = this.#voice.begin(
      'replication-lag',
      this.#subject,
      level.since,
      { lagS, lagSource, thresholdS },
      { severity, about: level === this.#critical ? (this.#warning.open?.begin.id ?? null) : null },
    );
  }
}
