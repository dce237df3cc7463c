/**
 * Who is told of what, and when: a fold over the journal's events and time. No I/O and no clock; the same events at
 * the same times give the same notifications, and a fold restored from its records goes on as the earlier one would.
 *
 * - One thread an incident and receiver. The first notification comes after a short wait for what belongs to it (none
 *   for what is critical), updates at intervals, at once only where it gets worse. When all that lasts is over, that is
 *   said, after a moment in which nothing new began; never for what was not told. What is over when it is first told,
 *   as a failover is, makes one notification, whose alerts are all resolved; nothing follows.
 * - Effects are not told while their cause lasts, nor what a silence or a maintenance covers. What still lasts after
 *   that is told then. An all-clear is never silenced.
 * - The cap: so many notifications a receiver within a time, the last of which is for what the others would have been.
 *   What it holds back comes in one thread of its own.
 * - Near misses are counted, and told of in a digest.
 *
 * Bounds: 1,000 threads, beyond which what is new joins the held back; 256 alerts a thread, 100 of them held back;
 * 2,000 causes; 200 lines a digest. What does not fit is counted in `heldBack`.
 */
import type { Severity, TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs, SECOND } from '../time.ts';
import { adviceFor } from '../timeline/advice.ts';
import { routersByVip } from '../timeline/incidents.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import type { Draft } from './compose.ts';
import type { MaintenanceWindow, Silence } from './configuration.ts';
import type { NotificationStatus, NotifiedAlert } from './notification.ts';
import { type Quiet, quietFor } from './quiet.ts';
import { type Rule, type RuleBook, Rules } from './rules.ts';
import { type Alert, hashOf, isFresh, isOver, isWorse, notified, type Thread, worstOf } from './thread.ts';

export interface DispatchSettings {
  readonly book: RuleBook;
  /** names */
  readonly receivers: readonly string[];
  /** other people's virtual routers are told of to nobody */
  readonly mutesForeign: boolean;
  readonly maintenance: readonly MaintenanceWindow[];
  /**
   * When this run began, and how far the journal had come: what becomes known later of an earlier time is told only if
   * it still lasts. Null: all is told.
   */
  readonly start: { readonly at: Instant; readonly seq: number } | null;
  /** why something is told, or not: for people */
  readonly onDecision?: (decision: Decision) => void;
}

export interface Decision {
  readonly at: Instant;
  readonly seq: number;
  readonly kind: string;
  readonly subject: string;
  readonly rule: string | null;
  /** null: all of them */
  readonly receiver: string | null;
  readonly why: string;
}

/** What is to be kept between runs, by name; a null value is to be forgotten. */
export interface DispatchRecord {
  readonly name: string;
  readonly value: string | null;
}

/** Something that may be the cause of other things. */
interface Cause {
  readonly id: string;
  readonly kind: string;
  readonly router: string | null;
  readonly subject: string;
  readonly cluster: string | null;
  readonly incident: number | null;
  readonly inhibits: readonly string[];
  readonly startsAt: Instant;
  endsAt: Instant | null;
  endKnownAt: Instant | null;
}

interface ReceiverState {
  /** of the notifications within the cap's time */
  sent: Instant[];
  heldBack: number;
  digest: DigestLine[];
  digestAt: Instant | null;
}

type DigestLine = Omit<NotifiedAlert, 'status' | 'count'> & { count: number };

const THREADS_MAX = 1_000;
const ALERTS_MAX = 256;
const STORM_ALERTS_MAX = 100;
const CAUSES_MAX = 2_000;
const DIGEST_LINES_MAX = 200;
const ROUTERS_MAX = 2_000;
const TOLD_ALERTS_MAX = 50;
/** An instant this close to its cause is its effect, too. */
const EFFECT_WITHIN_US = 10 * SECOND;
/** For what began before the start: time enough to learn that it is over. */
const PAST_WAIT_US = 2 * SECOND;
const CAUGHT_UP_US = 3_600 * SECOND;
const CAUSE_KEPT_US = 60 * SECOND;
const STORM_WAIT_US = 10 * SECOND;
const THREAD_KEPT_US = 6 * 3_600 * SECOND;
const SILENCE_KEPT_US = 24 * 3_600 * SECOND;
const NEVER = Number.MAX_SAFE_INTEGER as Instant;

export class Dispatch {
  readonly #settings: DispatchSettings;
  readonly #rules: Rules;
  readonly #threads = new Map<string, Thread>();
  /** by the id of a begin, the threads that are told of it */
  readonly #threadsOf = new Map<string, Set<string>>();
  readonly #causes = new Map<string, Cause>();
  /** the same by what they may have effects on */
  readonly #causesOf = new Map<string, Set<Cause>>();
  readonly #receivers = new Map<string, ReceiverState>();
  readonly #silences = new Map<string, Silence>();
  readonly #routers = new Map<string, string>();
  readonly #changed = new Set<string>();
  /** receivers of whom nothing was kept */
  readonly #newcomers = new Set<string>();
  #now = 0 as Instant;
  /** the latest event that was taken: stories go up to there */
  #seq: number;

  constructor(settings: DispatchSettings, records: Iterable<DispatchRecord> = []) {
    this.#settings = settings;
    this.#rules = new Rules(settings.book);
    this.#seq = settings.start?.seq ?? 0;
    for (const { name, value } of records) if (value !== null) this.#restore(name, JSON.parse(value));
    for (const name of settings.receivers) {
      if (this.#receivers.has(name)) continue;
      this.#receivers.set(name, { sent: [], heldBack: 0, digest: [], digestAt: null });
      this.#newcomers.add(name);
      this.#changed.add(`receiver:${name}`);
    }
  }

  /** A condition that is open since before this run: for receivers that are told of something for the first time. */
  adopt(entry: JournalledEvent, now: Instant): void {
    this.#now = Math.max(this.#now, now) as Instant;
    const rule = this.#newcomers.size === 0 ? null : this.#rules.ruleFor(entry.event);
    if (rule === null || rule.notify === 'digest' || this.#whyNot(entry, rule) !== null) return;
    for (const receiver of this.#receiversOf(entry.event, rule))
      if (this.#newcomers.has(receiver)) this.#raise(entry, rule, receiver);
  }

  /** Something of what it knows is not in `changes` yet. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** An event that the journal holds. What it leads to comes out of `advance`. */
  take(entry: JournalledEvent, now: Instant): void {
    this.#now = Math.max(this.#now, now) as Instant;
    const { event, seq } = entry;
    this.#seq = Math.max(this.#seq, seq);
    this.#learnRouters(event);
    if (event.phase === 'end') {
      this.#end(event, seq);
      return;
    }
    this.#count(event);
    const rule = this.#rules.ruleFor(event);
    if (rule === null) {
      this.#decide(entry, null, null, 'no rule fits');
      return;
    }
    if (this.#rules.isCause(event.kind, rule)) this.#addCause(entry, rule);
    const why = this.#whyNot(entry, rule);
    if (why !== null) {
      this.#decide(entry, rule, null, why);
      return;
    }
    for (const receiver of this.#receiversOf(event, rule)) {
      if (rule.notify === 'digest') this.#addToDigest(entry, rule, receiver);
      else this.#raise(entry, rule, receiver);
    }
  }

  /** Time has come to this: what is to be told now, oldest decision first. */
  advance(now: Instant): readonly Draft[] {
    this.#now = Math.max(this.#now, now) as Instant;
    const drafts: Draft[] = [];
    const due = [...this.#threads].filter(([, thread]) => thread.nextAt <= this.#now);
    const urgency = (thread: Thread) => (worstOf(thread.alerts.filter(isFresh)) === 'critical' ? 0 : 1);
    due.sort(([, a], [, b]) => urgency(a) - urgency(b) || a.nextAt - b.nextAt);
    for (const [key, thread] of due) drafts.push(...this.#look(key, thread));
    for (const [name, thread] of this.#threads)
      if (thread.about === 'storm' && thread.nextAt <= this.#now) drafts.push(...this.#look(name, thread));
    for (const receiver of this.#receivers.keys()) drafts.push(...this.#digest(receiver));
    this.#forget();
    return drafts;
  }

  /** When `advance` has something to do; null: not before another event. */
  dueAt(): Instant | null {
    let at: number = NEVER;
    for (const { nextAt } of this.#threads.values()) at = Math.min(at, nextAt);
    for (const { digestAt } of this.#receivers.values()) at = Math.min(at, digestAt ?? NEVER);
    return at === NEVER ? null : (at as Instant);
  }

  /** What has changed since it was last asked. */
  changes(): readonly DispatchRecord[] {
    const records = [...this.#changed].map((name): DispatchRecord => {
      const value = this.#record(name);
      return { name, value: value === undefined ? null : JSON.stringify(value) };
    });
    this.#changed.clear();
    return records;
  }

  /** Conditions that are not among these have ended, whoever failed to say so. */
  reconcile(openBeginIds: ReadonlySet<string>, now: Instant): void {
    this.#now = Math.max(this.#now, now) as Instant;
    const gone = [...this.#threadsOf.keys(), ...this.#causes.keys()].filter((id) => !openBeginIds.has(id));
    for (const id of gone) {
      const cause = this.#causes.get(id);
      if (this.#threadsOf.has(id) || (cause !== undefined && cause.endsAt === null))
        this.#endOf(id, this.#now, null);
    }
  }

  silence(silence: Silence): void {
    this.#silences.set(silence.id, silence);
    this.#changed.add(`silence:${silence.id}`);
    this.#lookAgain();
  }

  /** False: there is no such silence, or it is over. */
  expireSilence(id: string, now: Instant): boolean {
    this.#now = Math.max(this.#now, now) as Instant;
    const silence = this.#silences.get(id);
    if (silence === undefined || silence.until <= this.#now) return false;
    this.#silences.set(id, { ...silence, until: this.#now });
    this.#changed.add(`silence:${id}`);
    this.#lookAgain();
    return true;
  }

  /** Those that are over stay for a day. */
  silences(): readonly Silence[] {
    return [...this.#silences.values()];
  }

  #whyNot({ event, seq }: JournalledEvent, rule: Rule): string | null {
    if (rule.notify === 'none') return rule.reason ?? 'its rule tells nobody';
    const { mutesForeign, start } = this.#settings;
    if (
      mutesForeign &&
      event.cluster === null &&
      event.severity === 'info' &&
      /^v(r|ip):/.test(event.subject)
    )
      return "somebody else's virtual router (alerts.foreign)";
    if (start !== null && event.phase === 'instant' && event.time < start.at) {
      if (seq > start.seq) return 'it was over before this run began';
      // What a run before this one had not judged yet is told, what happened while nobody was to be told is not.
      if (event.detectedAt < start.at - CAUGHT_UP_US) return 'it was over long before this run began';
    }
    return null;
  }

  #receiversOf(event: TimelineEvent, { to }: Rule): readonly string[] {
    return this.#settings.receivers.filter(
      (name) =>
        (to === null || to.includes(name)) &&
        // It could be told of its own trouble only when that is over.
        (event.kind !== 'sink-failing' || event.details.sink !== name),
    );
  }

  #raise({ event, seq, incident, ofLaterVersion }: JournalledEvent, rule: Rule, receiver: string): void {
    const { waitMs } = this.#settings.book.timing;
    const key = this.#threadKey(event, incident, receiver);
    const thread = this.#threads.get(key) ?? this.#newThread(key, event, incident, receiver);
    thread.lastSeq = Math.max(thread.lastSeq, seq);
    thread.activeAt = this.#now;

    const lasts = event.phase === 'begin';
    const fingerprint = hashOf(rule.name, event.kind, event.subject);
    const ripeAt = plusUs(event.detectedAt, lasts ? rule.forMs * MS : 0);
    const wait = rule.forMs > 0 && lasts ? 0 : waitMs[event.severity] * MS;
    const isPast = this.#settings.start !== null && event.time < this.#settings.start.at;
    const dueAt = plusUs(ripeAt, wait);
    const news = {
      summary: event.summary,
      advice: ofLaterVersion === true ? null : adviceFor(event),
      endsAt: lasts ? null : event.time,
      endKnownAt: lasts ? null : this.#now,
    };
    const known = thread.alerts.find((alert) => alert.fingerprint === fingerprint);
    if (known === undefined) {
      if (thread.alerts.length >= (thread.about === 'storm' ? STORM_ALERTS_MAX : ALERTS_MAX)) {
        this.#holdBack(receiver);
        return;
      }
      thread.alerts.push({
        fingerprint,
        rule: rule.name,
        kind: event.kind,
        subject: event.subject,
        cluster: event.cluster,
        router: this.#routerOf(event.subject),
        incident,
        lasts,
        repeatMs: rule.repeatMs,
        inhibitedBy: rule.inhibitedBy,
        counts: rule.counts,
        runbook: rule.runbook,
        severity: event.severity,
        startsAt: event.time,
        count: countIn(event),
        open: lasts ? [event.id] : [],
        told: 'no',
        toldSeverity: null,
        recurs: false,
        episode: thread.episode,
        ripeAt,
        dueAt: isPast ? (Math.max(dueAt, this.#now + PAST_WAIT_US) as Instant) : dueAt,
        ...news,
      });
    } else {
      known.count += countIn(event);
      if (lasts) known.open.push(event.id);
      if (known.told === 'over') {
        Object.assign(known, { told: 'no', recurs: true, startsAt: event.time, severity: event.severity });
        Object.assign(known, { ripeAt, dueAt });
      }
      if (isWorse(event.severity, known.severity)) {
        known.severity = event.severity;
        known.dueAt = dueAt;
      }
      Object.assign(known, news);
    }
    if (lasts) this.#index(event.id, key);
    this.#touch(key, thread);
  }

  #end(event: TimelineEvent, seq: number): void {
    if (event.beginId !== null) this.#endOf(event.beginId, event.time, seq);
  }

  #endOf(beginId: string, time: Instant, seq: number | null): void {
    const cause = this.#causes.get(beginId);
    if (cause !== undefined) {
      cause.endsAt = time;
      cause.endKnownAt = this.#now;
      this.#changed.add(`cause:${beginId}`);
      this.#lookAgain();
    }
    for (const key of this.#threadsOf.get(beginId) ?? []) {
      const thread = this.#threads.get(key);
      const alert = thread?.alerts.find(({ open }) => open.includes(beginId));
      if (thread === undefined || alert === undefined) continue;
      alert.open = alert.open.filter((id) => id !== beginId);
      if (isOver(alert)) {
        alert.endsAt = Math.max(alert.startsAt, time) as Instant;
        alert.endKnownAt = this.#now;
      }
      thread.lastSeq = Math.max(thread.lastSeq, seq ?? 0);
      thread.activeAt = this.#now;
      this.#touch(key, thread);
    }
    this.#threadsOf.delete(beginId);
  }

  /** What the thread has to tell now, if anything; knows afterwards when to look again. */
  #look(key: string, thread: Thread): readonly Draft[] {
    const draft = this.#judge(key, thread);
    if (draft !== null) this.#judge(key, thread); // for the time of the next look
    this.#changed.add(`thread:${key}`);
    if (thread.alerts.length === 0 && thread.revision === 0) this.#threads.delete(key);
    return draft === null ? [] : [draft];
  }

  #judge(key: string, thread: Thread): Draft | null {
    const now = this.#now;
    const { timing } = this.#settings.book;
    this.#dropWhatEndedUntold(thread);
    const { fresh, ripe, lookAt } = this.#freshOf(thread);
    let nextAt: number = lookAt;
    const told = thread.alerts.filter((alert) => alert.told === 'firing');
    const lasting = told.filter((alert) => !isOver(alert));
    const { sentAt } = thread;

    let newsAt: number = fresh.length === 0 ? NEVER : this.#newsAt(thread, fresh, told);
    if (sentAt !== null && lasting.length < told.length && lasting.some((a) => this.#muteOf(a) === null)) {
      // Some of it is over.
      newsAt = Math.min(newsAt, sentAt + timing.updateMs[worstOf(told) ?? 'info'] * MS);
    }
    let overAt: number = NEVER;
    if (thread.isOpen && lasting.length === 0) {
      const waitMs = thread.episode === 0 ? timing.resolveWaitMs : timing.updateMs.warning;
      overAt = Math.max(0, ...told.map(({ endKnownAt }) => endKnownAt ?? now)) + waitMs * MS;
    }
    const repeatAt = sentAt === null ? NEVER : this.#repeatAt(sentAt, lasting);

    const dueAt = Math.min(newsAt, overAt, repeatAt);
    if (dueAt > now) {
      nextAt = Math.min(nextAt, dueAt);
      if (nextAt !== NEVER) thread.nextAt = Math.max(nextAt, now + 1) as Instant;
      else thread.nextAt = isKept(thread) ? NEVER : plusUs(thread.activeAt, THREAD_KEPT_US);
      return null;
    }
    const receiver = this.#receiver(thread.receiver);
    const freeAt = this.#freeAt(receiver, thread.about === 'storm');
    if (freeAt > now) {
      this.#hold(key, thread, fresh, freeAt);
      return null;
    }
    // What is about to be told still lasts: that is an update, which tells of it too.
    const isOverNow = overAt <= now && [...fresh, ...ripe].every(isOver);
    const status: NotificationStatus = isOverNow
      ? 'resolved'
      : newsAt > now && overAt > now
        ? 'repeat'
        : thread.isOpen || (thread.revision > 0 && fresh.every(isOver))
          ? 'update'
          : 'firing';
    return this.#tell(thread, status, fresh, ripe);
  }

  /** What is to be told as far as it goes by itself, and when another look is due for what is not yet. */
  #freshOf(thread: Thread): { fresh: Alert[]; ripe: Alert[]; lookAt: Instant } {
    const now = this.#now;
    const fresh: Alert[] = [];
    const ripe: Alert[] = [];
    let lookAt: number = NEVER;
    for (const alert of thread.alerts.filter(isFresh)) {
      if (alert.ripeAt > now) {
        lookAt = Math.min(lookAt, alert.ripeAt);
        continue;
      }
      const mute = this.#muteOf(alert);
      if (mute === null) {
        if (alert.dueAt <= now) fresh.push(alert);
        else {
          ripe.push(alert);
          lookAt = Math.min(lookAt, alert.dueAt);
        }
      } else if (alert.lasts) {
        lookAt = Math.min(lookAt, mute.until);
      } else if (alert.dueAt <= now || mute.isEffect) {
        this.#drop(thread, alert, mute.why);
      } else lookAt = Math.min(lookAt, alert.dueAt);
    }
    return { fresh, ripe, lookAt: lookAt as Instant };
  }

  #newsAt(thread: Thread, fresh: readonly Alert[], told: readonly Alert[]): number {
    const { sentAt } = thread;
    if (sentAt === null) return this.#now;
    const worst = worstOf(fresh) ?? 'info';
    const heard = thread.isOpen
      ? told.reduce<Severity | null>(
          (sum, { toldSeverity }) =>
            toldSeverity !== null && isWorse(toldSeverity, sum) ? toldSeverity : sum,
          null,
        )
      : fresh.every(isOver)
        ? thread.worst
        : null;
    if (isWorse(worst, heard)) return this.#now;
    const { updateMs, repeatMs } = this.#settings.book.timing;
    // What happens again and again is told ever more rarely.
    const interval = fresh.every(({ recurs }) => recurs)
      ? Math.min(updateMs.warning * 2 ** thread.recurrences, Math.max(repeatMs, updateMs.warning))
      : updateMs[worst];
    return sentAt + interval * MS;
  }

  #repeatAt(sentAt: Instant, lasting: readonly Alert[]): number {
    let at: number = NEVER;
    for (const alert of lasting) {
      if (alert.repeatMs === null) continue;
      const mute = this.#muteOf(alert);
      const due = sentAt + alert.repeatMs * MS;
      at = Math.min(at, mute === null ? due : Math.max(due, mute.until));
    }
    return at;
  }

  #tell(thread: Thread, status: NotificationStatus, fresh: readonly Alert[], ripe: readonly Alert[]): Draft {
    const now = this.#now;
    const receiver = this.#receiver(thread.receiver);
    const news = new Set([...fresh, ...ripe]);
    const listed = thread.alerts.filter(
      (alert) =>
        news.has(alert) ||
        alert.told === 'firing' ||
        (status !== 'repeat' && alert.told === 'over' && alert.episode === thread.episode),
    );
    const severity = worstOf(listed) ?? 'info';
    const draft: Draft = {
      id: `${thread.id}-${thread.revision}`,
      receiver: thread.receiver,
      thread: thread.id,
      revision: thread.revision,
      status,
      severity,
      cluster: thread.cluster,
      incident: thread.incident,
      at: now,
      alerts: notified(listed).slice(0, TOLD_ALERTS_MAX),
      heldBack: receiver.heldBack,
      about: thread.about,
      throughSeq: Math.max(thread.lastSeq, this.#seq),
    };
    for (const alert of listed) {
      alert.told = isOver(alert) ? 'over' : 'firing';
      alert.toldSeverity = alert.severity;
      alert.episode = thread.episode;
    }
    const wasOpen = thread.isOpen;
    thread.isOpen = listed.some(({ told }) => told === 'firing');
    if (wasOpen && !thread.isOpen) thread.episode++;
    thread.recurrences = fresh.length > 0 && fresh.every(({ recurs }) => recurs) ? thread.recurrences + 1 : 0;
    thread.worst = isWorse(severity, thread.worst) ? severity : thread.worst;
    thread.revision++;
    thread.sentAt = now;
    thread.isHeld = false;
    receiver.sent.push(now);
    receiver.heldBack = 0;
    this.#changed.add(`receiver:${thread.receiver}`);
    return draft;
  }

  #dropWhatEndedUntold(thread: Thread): void {
    for (const alert of thread.alerts)
      if (alert.lasts && isOver(alert) && alert.told === 'no')
        this.#drop(thread, alert, 'it was over before it was to be told');
  }

  #drop(thread: Thread, alert: Alert, why: string): void {
    // What had been told before keeps its count.
    if (alert.recurs) alert.told = 'over';
    else thread.alerts = thread.alerts.filter((other) => other !== alert);
    this.#settings.onDecision?.({
      at: this.#now,
      seq: thread.lastSeq,
      kind: alert.kind,
      subject: alert.subject,
      rule: alert.rule,
      receiver: thread.receiver,
      why,
    });
  }

  #muteOf(alert: Alert): (Quiet & { readonly isEffect: boolean }) | null {
    for (const cause of this.#causesOf.get(groupOf(alert)) ?? []) {
      if (!cause.inhibits.includes(alert.kind) && !alert.inhibitedBy.includes(cause.kind)) continue;
      if (alert.open.includes(cause.id) || !isRelated(cause, alert)) continue;
      const why = `an effect of ${cause.kind} (${cause.subject})`;
      if (alert.lasts) {
        // What is an effect ends soon after its cause, if not before.
        const until =
          cause.endKnownAt === null
            ? NEVER
            : plusUs(cause.endKnownAt, this.#settings.book.timing.resolveWaitMs * MS);
        if (this.#now < until) return { why, until, isEffect: true };
      } else if (
        alert.startsAt >= cause.startsAt - EFFECT_WITHIN_US &&
        alert.startsAt <= (cause.endsAt ?? NEVER) + EFFECT_WITHIN_US
      ) {
        return { why, until: NEVER, isEffect: true };
      }
    }
    const { maintenance } = this.#settings;
    const quiet = quietFor(alert, this.#now, this.#silences.values(), maintenance);
    return quiet === null ? null : { ...quiet, isEffect: false };
  }

  /** What happened meanwhile adds to the count of what lasts, where its rule says so. */
  #count(event: TimelineEvent): void {
    if (!this.#rules.isCounted(event.kind)) return;
    for (const [key, thread] of this.#threads) {
      for (const alert of thread.alerts) {
        if (isOver(alert) || !alert.counts.includes(event.kind) || event.time <= alert.startsAt) continue;
        if (!isRelated(alert, { ...event, router: this.#routerOf(event.subject), incident: null })) continue;
        alert.count += countIn(event);
        this.#changed.add(`thread:${key}`);
      }
    }
  }

  #freeAt(receiver: ReceiverState, isStorm: boolean): number {
    const { notifications, withinMs } = this.#settings.book.timing.storm;
    receiver.sent = receiver.sent.filter((at) => at > this.#now - withinMs * MS);
    const most = isStorm ? notifications : notifications - 1;
    const blocking = receiver.sent.at(-most);
    return blocking === undefined ? 0 : blocking + withinMs * MS;
  }

  #hold(key: string, thread: Thread, fresh: readonly Alert[], freeAt: number): void {
    if (!thread.isHeld) {
      thread.isHeld = true;
      this.#holdBack(thread.receiver);
    }
    if (thread.revision > 0 || thread.about === 'storm') {
      thread.nextAt = freeAt as Instant;
      return;
    }
    // Never told: what it would have said goes with the rest, but for what lasts and finds no room there.
    const storm = this.#stormOf(thread.receiver, thread.id);
    const dueAt = plusUs(this.#now, STORM_WAIT_US);
    const kept = new Set<Alert>();
    for (const alert of fresh) {
      const known = storm.thread.alerts.find(({ fingerprint }) => fingerprint === alert.fingerprint);
      if (known !== undefined) {
        addTo(known, alert, dueAt);
      } else if (storm.thread.alerts.length < STORM_ALERTS_MAX || this.#makeRoom(storm, alert)) {
        storm.thread.alerts.push({ ...alert, dueAt, recurs: false });
      } else {
        if (!isOver(alert)) kept.add(alert);
        continue;
      }
      for (const id of alert.open) this.#index(id, storm.key);
    }
    const gone = fresh.filter((alert) => !kept.has(alert));
    thread.alerts = thread.alerts.filter((alert) => !gone.includes(alert));
    thread.isHeld = kept.size > 0;
    const laterUs = thread.alerts.length === 0 ? THREAD_KEPT_US : SECOND;
    thread.nextAt = kept.size > 0 ? (freeAt as Instant) : plusUs(this.#now, laterUs);
    for (const id of gone.flatMap(({ open }) => open)) this.#threadsOf.get(id)?.delete(key);
    if (gone.length > 0) {
      storm.thread.activeAt = this.#now;
      this.#touch(storm.key, storm.thread, dueAt);
    }
    this.#changed.add(`receiver:${thread.receiver}`);
  }

  /** Of what is held back already, what is over gives way, then what is less severe and was not told. False: none does. */
  #makeRoom({ key, thread }: { key: string; thread: Thread }, { severity }: Alert): boolean {
    const { alerts } = thread;
    const least =
      alerts.find(isOver) ?? alerts.find((other) => other.told === 'no' && isWorse(severity, other.severity));
    if (least === undefined) return false;
    thread.alerts = alerts.filter((other) => other !== least);
    for (const id of least.open) this.#threadsOf.get(id)?.delete(key);
    return true;
  }

  #holdBack(receiver: string): void {
    this.#receiver(receiver).heldBack++;
    this.#changed.add(`receiver:${receiver}`);
  }

  #threadKey(event: TimelineEvent, incident: number | null, receiver: string): string {
    const scope =
      event.cluster === null ? (this.#routerOf(event.subject) ?? event.subject) : `cluster:${event.cluster}`;
    const loose = `${receiver} ${scope}`;
    const isFull = this.#threads.size >= THREADS_MAX;
    if (incident === null)
      return isFull && !this.#threads.has(loose) ? this.#stormOf(receiver, event.id).key : loose;
    const key = `${receiver} ${incident}`;
    // What led to it came before it was an incident.
    const led = this.#threads.get(loose);
    if (led !== undefined && led.revision === 0 && !this.#threads.has(key)) {
      this.#threads.delete(loose);
      led.incident = incident;
      this.#threads.set(key, led);
      for (const keys of this.#threadsOf.values()) if (keys.delete(loose)) keys.add(key);
      this.#changed.add(`thread:${loose}`).add(`thread:${key}`);
    }
    return isFull && !this.#threads.has(key) ? this.#stormOf(receiver, event.id).key : key;
  }

  #stormOf(receiver: string, first: string): { key: string; thread: Thread } {
    const key = `${receiver} storm`;
    const thread =
      this.#threads.get(key) ??
      this.#addThread(key, { receiver, about: 'storm', cluster: null, incident: null, first });
    return { key, thread };
  }

  #newThread(key: string, event: TimelineEvent, incident: number | null, receiver: string): Thread {
    const { cluster, id: first } = event;
    return this.#addThread(key, { receiver, about: 'incident', cluster, incident, first });
  }

  #addThread(
    key: string,
    { first, ...traits }: Pick<Thread, 'receiver' | 'about' | 'cluster' | 'incident'> & { first: string },
  ): Thread {
    const thread: Thread = {
      ...traits,
      // Numbers of incidents begin again with another journal; ids of events never do.
      id: `${traits.about === 'storm' ? 'storm' : (traits.incident ?? 'x')}-${hashOf(first, traits.receiver)}`,
      revision: 0,
      alerts: [],
      isOpen: false,
      episode: 0,
      recurrences: 0,
      isHeld: false,
      worst: null,
      sentAt: null,
      activeAt: this.#now,
      lastSeq: 0,
      nextAt: this.#now,
    };
    this.#threads.set(key, thread);
    return thread;
  }

  #addToDigest({ event, ofLaterVersion }: JournalledEvent, rule: Rule, receiver: string): void {
    const { maintenance, book } = this.#settings;
    if (quietFor(event, this.#now, this.#silences.values(), maintenance) !== null) return;
    const state = this.#receiver(receiver);
    this.#changed.add(`receiver:${receiver}`);
    const { atMinute, everyMs } = book.timing.digest;
    state.digestAt ??= nextOnGrid(this.#now, atMinute, everyMs);
    const fingerprint = hashOf(rule.name, event.kind, event.subject);
    const line = state.digest.find((each) => each.fingerprint === fingerprint);
    if (line !== undefined) {
      const { severity, summary, time } = event;
      Object.assign(line, { count: line.count + countIn(event), summary, endsAt: time });
      if (isWorse(severity, line.severity)) Object.assign(line, { severity });
    } else if (state.digest.length < DIGEST_LINES_MAX) {
      state.digest.push({
        rule: rule.name,
        kind: event.kind,
        subject: event.subject,
        severity: event.severity,
        startsAt: event.time,
        endsAt: event.time,
        summary: event.summary,
        advice: ofLaterVersion === true ? null : adviceFor(event),
        runbook: rule.runbook,
        count: countIn(event),
        fingerprint,
      });
    } else state.heldBack++;
  }

  #digest(name: string): readonly Draft[] {
    const state = this.#receiver(name);
    if (state.digestAt === null || state.digestAt > this.#now) return [];
    const freeAt = this.#freeAt(state, true);
    this.#changed.add(`receiver:${name}`);
    if (freeAt > this.#now) {
      state.digestAt = freeAt as Instant;
      return [];
    }
    const lines = [...state.digest].sort((a, b) => b.count - a.count);
    const thread = `digest-${hashOf(name, String(state.digestAt), lines[0]?.fingerprint ?? '')}`;
    const draft: Draft = {
      id: `${thread}-0`,
      receiver: name,
      thread,
      revision: 0,
      status: 'digest',
      severity: worstOf(lines) ?? 'info',
      cluster: null,
      incident: null,
      at: this.#now,
      alerts: lines.map((line) => ({ ...line, status: 'resolved' })),
      heldBack: state.heldBack,
      about: 'digest',
      throughSeq: 0,
    };
    Object.assign(state, { digest: [], digestAt: null, heldBack: 0 });
    state.sent.push(this.#now);
    return [draft];
  }

  #addCause({ event, incident }: JournalledEvent, rule: Rule): void {
    const isInstant = event.phase === 'instant';
    this.#rememberCause({
      id: event.id,
      kind: event.kind,
      router: this.#routerOf(event.subject),
      subject: event.subject,
      cluster: event.cluster,
      incident,
      inhibits: rule.inhibits,
      startsAt: event.time,
      endsAt: isInstant ? event.time : null,
      endKnownAt: isInstant ? this.#now : null,
    });
    this.#changed.add(`cause:${event.id}`);
    if (this.#causes.size <= CAUSES_MAX) return;
    for (const oldest of this.#causes.values()) {
      this.#forgetCause(oldest);
      break;
    }
  }

  #rememberCause(cause: Cause): void {
    this.#causes.set(cause.id, cause);
    const group = groupOf(cause);
    const others = this.#causesOf.get(group);
    if (others === undefined) this.#causesOf.set(group, new Set([cause]));
    else others.add(cause);
  }

  #forgetCause(cause: Cause): void {
    this.#causes.delete(cause.id);
    this.#changed.add(`cause:${cause.id}`);
    const group = groupOf(cause);
    const others = this.#causesOf.get(group);
    others?.delete(cause);
    if (others?.size === 0) this.#causesOf.delete(group);
  }

  #forget(): void {
    for (const cause of this.#causes.values()) {
      // Longer than any wait: what it caused is judged by then.
      if (cause.endKnownAt === null || cause.endKnownAt > this.#now - CAUSE_KEPT_US) continue;
      this.#forgetCause(cause);
    }
    for (const [key, thread] of this.#threads) {
      if (isKept(thread)) continue;
      if (thread.activeAt > this.#now - THREAD_KEPT_US) continue;
      this.#threads.delete(key);
      this.#changed.add(`thread:${key}`);
    }
    for (const [id, { until }] of this.#silences) {
      if (until > this.#now - SILENCE_KEPT_US) continue;
      this.#silences.delete(id);
      this.#changed.add(`silence:${id}`);
    }
  }

  /** Whatever was muted may not be so any more. */
  #lookAgain(): void {
    for (const thread of this.#threads.values()) if (isKept(thread)) thread.nextAt = this.#now;
  }

  #touch(key: string, thread: Thread, nextAt: Instant = this.#now): void {
    thread.nextAt = Math.min(thread.nextAt, nextAt) as Instant;
    this.#changed.add(`thread:${key}`);
  }

  #index(beginId: string, key: string): void {
    const keys = this.#threadsOf.get(beginId);
    if (keys === undefined) this.#threadsOf.set(beginId, new Set([key]));
    else keys.add(key);
  }

  #receiver(name: string): ReceiverState {
    const state = this.#receivers.get(name);
    if (state === undefined) throw new Error(`no receiver is named ${name}`);
    return state;
  }

  #learnRouters(event: TimelineEvent): void {
    for (const [vip, router] of routersByVip(event)) {
      if (this.#routers.get(vip) === router) continue;
      this.#routers.set(vip, router);
      this.#changed.add('routers');
      if (this.#routers.size <= ROUTERS_MAX) continue;
      for (const oldest of this.#routers.keys()) {
        this.#routers.delete(oldest);
        break;
      }
    }
  }

  #routerOf(subject: string): string | null {
    return subject.startsWith('vr:') ? subject : (this.#routers.get(subject) ?? null);
  }

  #decide(entry: JournalledEvent, rule: Rule | null, receiver: string | null, why: string): void {
    const { event, seq } = entry;
    const { kind, subject } = event;
    this.#settings.onDecision?.({
      at: this.#now,
      seq,
      kind,
      subject,
      rule: rule?.name ?? null,
      receiver,
      why,
    });
  }

  #record(name: string): unknown {
    const [what = '', rest = ''] = splitOnce(name);
    switch (what) {
      case 'thread':
        return this.#threads.get(rest);
      case 'receiver':
        return this.#receivers.get(rest);
      case 'cause':
        return this.#causes.get(rest);
      case 'silence':
        return this.#silences.get(rest);
      default:
        return [...this.#routers];
    }
  }

  #restore(name: string, value: unknown): void {
    const [what = '', rest = ''] = splitOnce(name);
    switch (what) {
      case 'thread': {
        const thread = value as Thread;
        // A receiver that is configured no more is told nothing more.
        if (!this.#settings.receivers.includes(thread.receiver)) {
          this.#changed.add(name);
          return;
        }
        this.#threads.set(rest, thread);
        for (const { open } of thread.alerts) for (const id of open) this.#index(id, rest);
        return;
      }
      case 'receiver':
        if (this.#settings.receivers.includes(rest)) this.#receivers.set(rest, value as ReceiverState);
        else this.#changed.add(name);
        return;
      case 'cause':
        this.#rememberCause(value as Cause);
        return;
      case 'silence':
        this.#silences.set(rest, value as Silence);
        return;
      default:
        for (const [vip, router] of value as readonly (readonly [string, string])[])
          this.#routers.set(vip, router);
    }
  }
}

/** It has something to tell yet, if only that it is over: an event or the end of a silence brings it back. */
function isKept({ isOpen, alerts }: Thread): boolean {
  return isOpen || alerts.some(isFresh);
}

/** What is held back already has happened again. */
function addTo(known: Alert, alert: Alert, dueAt: Instant): void {
  known.count += alert.count;
  known.open = [...new Set([...known.open, ...alert.open])];
  if (known.told !== 'firing') {
    const { startsAt, severity, ripeAt } = alert;
    Object.assign(known, { told: 'no', recurs: known.told === 'over', startsAt, severity, ripeAt, dueAt });
  } else if (isWorse(alert.severity, known.severity)) {
    known.severity = alert.severity;
  }
  const { summary, advice, endsAt, endKnownAt } = alert;
  Object.assign(known, { summary, advice, endsAt, endKnownAt });
}

/** Of the same subject or virtual router; where one of them is about none, of the same cluster or incident. */
function isRelated(a: Related, b: Related): boolean {
  if (a.subject === b.subject) return true;
  if (isOfRouter(a) && isOfRouter(b)) return a.router !== null && a.router === b.router;
  if (a.cluster !== null || b.cluster !== null) return a.cluster === b.cluster;
  return a.incident !== null && a.incident === b.incident;
}

/** What is related is of one group; not all of a group is related. */
function groupOf({ cluster, router, subject, incident }: Related): string {
  if (cluster !== null) return `cluster:${cluster}`;
  return router ?? (incident === null ? subject : `#${incident}`);
}

type Related = Pick<Alert, 'subject' | 'router' | 'cluster' | 'incident'>;

function isOfRouter({ subject }: Related): boolean {
  return /^v(r|ip):/.test(subject);
}

/** How often it happened, by what the event says of those before it. */
function countIn({ details }: TimelineEvent): number {
  return details.count ?? details.failovers ?? 1;
}

function nextOnGrid(now: Instant, atMinute: number, everyMs: number): Instant {
  const offset = atMinute * 60 * SECOND;
  const every = everyMs * MS;
  return ((Math.floor((now - offset) / every) + 1) * every + offset) as Instant;
}

function splitOnce(name: string): readonly string[] {
  const at = name.indexOf(':');
  return at === -1 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}
