/**
 * Why it happened, as one sentence: what was wrong first, what keepalived did about it, who took the VIP, how long
 * clients were dark, whether the new holder was fit to serve, and what is broken since. A pure fold over the events of
 * one incident.
 *
 * - No clause without an event that says so (`eventIds`). That one thing caused another is never said: the order of what
 *   happened, and the times, speak for themselves.
 * - Of causes only what concerns the old holder's node, or the cluster as a whole, is told.
 * - What happened stands in order of time; what came of it (darkness, fitness, damage) follows.
 * - Bounded: the first move and the last are told and those between counted, as is everything beyond a few of a sort.
 */
import type { EventOf, TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs, SECOND } from '../time.ts';
import type { Clause } from './clauses.ts';
import {
  type ConditionWords,
  conditionWords,
  lagWords,
  type NameOf,
  nodeOfSubject,
  vipOf,
} from './condition-words.ts';
import { type Move, movesOf } from './moves.ts';
import type { DarkRange } from './summary.ts';
import { briefly, listed, range, seconds } from './words.ts';

/** How long clients were in the dark: of the virtual router or VIP that was for longest. */
export interface Darkness {
  readonly range: DarkRange | null;
  /** by probes, not by what adverts and claims tell */
  readonly measured: boolean;
  /** it still is so */
  readonly open: boolean;
}

/** `ordered`: by time. `until`: now, or the end of what is told. */
export function causeChain(
  ordered: readonly TimelineEvent[],
  names: ReadonlyMap<string, string>,
  dark: Darkness,
  until: Instant,
): readonly Clause[] {
  return new Chain(ordered, names, dark, until).clauses();
}

/** What happened so long before a move can have led to it; what was found so soon after it can have begun before. */
const LEAD_US = 30 * SECOND;
const FOUND_US = 10 * SECOND;

/** What happened, told one by one: so much of the begin, and of the end. */
const FIRST_MAX = 6;
const LAST_MAX = 4;
const CAUSES_MAX = 3;
const CAUSES_SEEN_MAX = 50;
const CONDITIONS_MAX = 5;
const DAMAGE_MAX = 4;

/** A clause before it has its place. */
interface Draft extends Clause {
  readonly time: Instant;
  /** its place, where that is not its time's */
  readonly place?: Instant;
}

class Chain {
  readonly #ordered: readonly TimelineEvent[];
  readonly #dark: Darkness;
  readonly #until: Instant;
  readonly #name: NameOf;
  readonly #moves: readonly Move[];
  readonly #ends = new Map<string, TimelineEvent>();
  /** subjects of backends that were down */
  readonly #deadBackends: ReadonlySet<string>;
  /** ids of events that a clause stands for */
  readonly #told = new Set<string>();

  constructor(
    ordered: readonly TimelineEvent[],
    names: ReadonlyMap<string, string>,
    dark: Darkness,
    until: Instant,
  ) {
    this.#ordered = ordered;
    this.#dark = dark;
    this.#until = until;
    this.#name = (address) => names.get(address) ?? address;
    this.#moves = movesOf(ordered, this.#name);
    this.#deadBackends = new Set(this.#begun('backend-down').map(({ subject }) => subject));
    for (const event of ordered) if (event.beginId !== null) this.#ends.set(event.beginId, event);
  }

  clauses(): readonly Clause[] {
    const happened = [...this.#moved(), ...this.#lost(), ...this.#split()];
    happened.push(...(this.#moves.length > 0 ? this.#deadServices() : this.#stood(happened.length === 0)));
    // sort() is stable: of what happened at once, causes stand before what they led to
    happened.sort((a, b) => (a.place ?? a.time) - (b.place ?? b.time));
    if (happened.length === 0) return [];
    return [
      ...withoutMiddle(happened),
      ...this.#clients(),
      ...this.#fitness(),
      ...this.#damage(),
      ...this.#stillOpen(),
    ];
  }

  *#moved(): Generator<Draft> {
    const [first, ...others] = this.#moves;
    if (first === undefined) return;
    const last = others.pop();
    yield* this.#move(first, null);
    const [middle] = others;
    if (middle !== undefined) yield this.#between(middle, others, first);
    if (last !== undefined) yield* this.#move(last, others.at(-1) ?? first);
  }

  #between(middle: Move, all: readonly Move[], first: Move): Draft {
    const failovers = all.flatMap((move) => move.failovers);
    const flapping = this.#ordered.filter(({ kind }) => kind === 'flapping');
    const eventIds = this.#tell([...failovers, ...flapping]);
    const at = all.at(-1)?.time ?? middle.time;
    const count = all.length;
    if (count === 1) {
      const back = middle.to === first.from ? 'took it back' : `took ${listed(middle.vips)}`;
      return { time: at, words: [`${middle.to} ${back} at `, at], eventIds };
    }
    const remark = flapping.length > 0 ? ' (flapping)' : '';
    return { time: at, words: [`the VIP moved ${count} more times until `, at, remark], eventIds };
  }

  /** What led to it, what keepalived said, who took over. */
  *#move(move: Move, before: Move | null): Generator<Draft> {
    yield* this.#causes(move, before);
    const { from, left, time, vips, failovers } = move;
    const [{ details }] = failovers;
    const to = move.to === from ? `another node at ${from}` : move.to;
    const eventIds = this.#tell(failovers);
    const whose = `keepalived on ${from}`;
    const what = listed(vips);
    const unseenMs = Math.max(...failovers.map((failover) => failover.details.blindMs ?? 0));
    const unseen = unseenMs === 0 ? '' : `, ${seconds(unseenMs)} of it unseen`;
    switch (details.cause) {
      case 'graceful':
      case 'silence': {
        const did =
          details.cause === 'silence' ? 'fell silent' : details.fault ? 'went to FAULT' : 'resigned';
        if (left === null) {
          yield { time, words: [`${whose} ${did}, and ${to} took ${what} at `, time], eventIds };
          return;
        }
        yield { time: left, words: [`${whose} ${did} at `, left], eventIds };
        const after = seconds((time - left) / MS);
        yield { time, words: [`${to} took ${what} after ${after}${unseen}`], eventIds };
        return;
      }
      case 'priority-drop': {
        const isTold = this.#ordered.some(
          (event) =>
            event.kind === 'priority-change' &&
            event.time > (before?.time ?? 0) &&
            event.time <= time &&
            this.#told.has(event.id),
        );
        const priority = details.fromPriority === null ? '' : ` to ${details.fromPriority}`;
        const as = isTold ? '' : `, as ${whose} had lowered its priority${priority}`;
        yield { time, words: [`${to} took ${what} at `, time, `${as}${unseen}`], eventIds };
        return;
      }
      case 'preemption': {
        const isBack = this.#moves.some((each) => each.time < time && each.from === to);
        const { fromPriority, toPriority } = details;
        const by =
          fromPriority === null || toPriority === null ? '' : ` (${toPriority} over ${fromPriority})`;
        const how = `${isBack ? 'back with' : 'with'} the higher priority${by}`;
        yield { time, words: [`${to}, ${how}, took ${what} over from ${from} at `, time, unseen], eventIds };
        return;
      }
      case 'claim-only': {
        const until = move.to === from ? '' : `, ${from}'s until then,`;
        yield { time, words: [`${to} claimed ${what}${until} at `, time], eventIds };
        return;
      }
      default:
        details.cause satisfies never;
    }
  }

  /** What was wrong at the old holder's, or with all of the cluster, when the move came. */
  *#causes(move: Move, before: Move | null): Generator<Draft> {
    const moment = move.left ?? move.time;
    const from = Math.max(moment - LEAD_US, before === null ? 0 : before.time + 1);
    const next = this.#moves.find(({ time }) => time > move.time)?.time ?? Number.POSITIVE_INFINITY;
    const until = Math.min(plusUs(move.time, FOUND_US), next);
    const near = this.#ordered.filter((event) => {
      if (event.phase === 'end' || this.#told.has(event.id) || event.time > until) return false;
      if (event.time >= from) return true;
      const end = this.#ends.get(event.id);
      return event.phase === 'begin' && (end === undefined || end.time >= moment);
    });
    const causes = near.filter((event) => this.#isCause(event, move, moment)).slice(0, CAUSES_SEEN_MAX);
    const kept = this.#withoutRepeats(causes);
    for (const event of kept.slice(0, CAUSES_MAX)) {
      if (event.kind === 'priority-change') {
        const { oldPriority, newPriority } = event.details;
        const what = `lowered its priority from ${oldPriority} to ${newPriority}`;
        const eventIds = this.#tell([event]);
        yield { time: event.time, words: [`keepalived on ${move.from} ${what} at `, event.time], eventIds };
      } else {
        const end = this.#ends.get(event.id);
        const draft = this.#condition(event, end !== undefined && end.time < moment);
        yield { ...draft, place: foundLate(event, move) };
      }
    }
    this.#tell(causes);
  }

  #isCause(event: TimelineEvent, move: Move, moment: Instant): boolean {
    switch (event.kind) {
      case 'database-unreachable':
      case 'proxy-unreachable':
      case 'backend-down':
      case 'galera-not-primary':
        return nodeOfSubject(event.subject) === move.from;
      case 'galera-size':
        return event.time <= moment;
      case 'priority-change':
        return (
          this.#name(event.details.speaker) === move.from &&
          event.details.newPriority < event.details.oldPriority &&
          event.time <= move.time
        );
      case 'vip-on-dead-service':
        return this.#name(event.details.holder) === move.from && event.time <= moment;
      case 'vip-dark':
        // As a consequence it begins after the old holder has left.
        return event.time < moment && move.vips.includes(vipOf(event.subject));
      default:
        return false;
    }
  }

  /** That the VIP is dark, or on a dead service, says no more where it is told what is dead. */
  #withoutRepeats(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
    const dead = events.filter(({ kind }) => kind === 'vip-on-dead-service');
    const saysWhy = events.some(({ kind }) => !SAYS_NOT_WHY.has(kind));
    return events.filter((event) => {
      if (event.kind === 'vip-dark') return !saysWhy;
      if (event.kind !== 'vip-on-dead-service') return true;
      const isFirst = dead.find(({ subject }) => subject === event.subject) === event;
      return isFirst && !events.some((each) => isTwin(each, event));
    });
  }

  /** Nobody took over: where a failover ended it, that tells it. */
  *#lost(): Generator<Draft> {
    const key = ({ subject, time }: TimelineEvent) => `${subject} ${time}`;
    const taken = new Set(this.#moves.flatMap((move) => move.failovers).map(key));
    for (const event of this.#begun('master-lost')) {
      const end = this.#ends.get(event.id);
      const { details } = event;
      if (end !== undefined && taken.has(key(end))) {
        this.#tell([event]);
        continue;
      }
      const eventIds = this.#tell(end === undefined ? [event] : [event, end]);
      const what = details.vips === undefined || details.vips.length === 0 ? 'the VIP' : listed(details.vips);
      const unheard = details.nothingElseHeard
        ? ', and nothing else was heard: vipwatch itself may be cut off'
        : '';
      if (details.reason === 'never-heard') {
        const words = [
          `nobody has spoken for ${what} since vipwatch began to listen at `,
          event.time,
          unheard,
        ];
        yield { time: event.time, words, eventIds };
      } else {
        const last = details.last === null ? 'its master' : `keepalived on ${this.#name(details.last)}`;
        const did = details.reason === 'resigned' ? 'resigned' : 'fell silent';
        const nobody = end === undefined ? 'nobody has taken' : 'nobody took';
        const words = [`${last} ${did} at `, event.time, ` and ${nobody} ${what} over${unheard}`];
        yield { time: event.time, words, eventIds };
      }
      if (end?.kind === 'master-lost' && end.details.by !== null) {
        const after = seconds((end.time - event.time) / MS);
        const by = this.#name(end.details.by);
        const spoke = details.reason === 'never-heard' ? 'spoke' : 'spoke again';
        yield { time: end.time, words: [`${by} ${spoke} at `, end.time, `, ${after} later`], eventIds };
      }
    }
  }

  *#split(): Generator<Draft> {
    for (const event of this.#begun('split-brain')) {
      const end = this.#ends.get(event.id);
      const eventIds = this.#tell(end === undefined ? [event] : [event, end]);
      const { winner, loser, vips, reason, rejects } = event.details;
      const who = `${this.#name(winner)} and ${this.#name(loser)}`;
      const why =
        reason === 'rejects'
          ? `each drops the other's adverts: different ${rejects.join(', ')}`
          : `${this.#name(loser)}, outranked, did not yield`;
      const what = `${listed(vips)} (${why})`;
      const length = seconds(Math.max(0, (end?.time ?? this.#until) - event.time) / MS);
      if (end === undefined) {
        const words = [
          `split-brain: ${who} have both held ${what} since `,
          event.time,
          `, for ${length} so far`,
        ];
        yield { time: event.time, words, eventIds };
        continue;
      }
      const survivor = end.kind === 'split-brain' ? end.details.survivor : undefined;
      const on = survivor === undefined ? '' : `, then ${this.#name(survivor)} alone`;
      const words = [`split-brain: ${who} both held ${what} from `, event.time, ` for ${length}${on}`];
      yield { time: event.time, words, eventIds };
    }
  }

  /** A move, and the VIP was on a dead service after all, or was so long before. */
  *#deadServices(): Generator<Draft> {
    const begun = this.#begun('vip-on-dead-service').filter(({ id }) => !this.#told.has(id));
    for (const event of begun.slice(0, CAUSES_MAX)) {
      const twin = this.#twinOf(event);
      if (twin === null || this.#told.has(twin.id)) yield this.#condition(event, true);
      else yield this.#condition(twin, true);
      this.#tell([event]);
    }
  }

  /** Nothing moved: what was wrong, and for how long. `alone`: nothing else is told, so that lesser things count. */
  *#stood(alone: boolean): Generator<Draft> {
    const begun = this.#ordered.filter(
      ({ id, phase, severity }) => phase !== 'end' && severity !== 'info' && !this.#told.has(id),
    );
    const critical = begun.filter((event) => event.severity === 'critical');
    const isAllTold = critical.length > 0 || !alone;
    const all = (isAllTold ? critical : begun).filter((event) => !this.#isLesser(event));
    const series = firstOfSeries(all);
    const dead = this.#begun('vip-on-dead-service').slice(0, CAUSES_SEEN_MAX);
    // That it is dark says no more where it is told what is dead, as the time of that is told with the clients'.
    const others = series.filter(
      (event) => event.kind !== 'vip-dark' && !dead.some((each) => isTwin(event, each)),
    );
    const told = others.length > 0 ? others : alone ? series : [];
    const kept = new Set(told);
    this.#tell(critical.filter((event) => !kept.has(event)));
    for (const event of told.slice(0, CONDITIONS_MAX)) {
      if (event.kind === 'vip-on-dead-service') yield this.#deadService(event);
      else {
        const again = all.filter((each) => each !== event && seriesOf(each) === seriesOf(event));
        yield this.#withMore(this.#condition(event, event.kind !== 'vip-dark'), again);
      }
    }
    const rest = told.slice(CONDITIONS_MAX);
    const [next] = rest;
    if (next === undefined) return;
    const more = `${rest.length} more ${rest.length === 1 ? 'thing' : 'things'} went wrong from `;
    yield { time: next.time, words: [more, next.time, ' on'], eventIds: this.#tell(rest) };
  }

  /** It happened again: so often, until then. What lasts is told for itself. */
  #withMore(draft: Draft, again: readonly TimelineEvent[]): Draft {
    const over = again.filter(({ id, phase }) => phase === 'instant' || this.#ends.has(id));
    const last = over.at(-1);
    if (last === undefined) return draft;
    const times = over.length === 1 ? ', and once more at ' : `, and ${over.length} more times until `;
    const eventIds = [...draft.eventIds, ...this.#tell(over)].slice(0, EVENT_IDS_MAX);
    return { ...draft, words: [...draft.words, times, last.time], eventIds };
  }

  /** A server that is down says no more where its backend is. */
  #isLesser(event: TimelineEvent): boolean {
    const { kind, subject } = event;
    return kind === 'server-down' && this.#deadBackends.has(subject.slice(0, subject.lastIndexOf('/')));
  }

  #twinOf(event: EventOf<'vip-on-dead-service'>): TimelineEvent | null {
    return this.#ordered.find((each) => each.phase === 'begin' && isTwin(each, event)) ?? null;
  }

  /** VRRP looks healthy, and clients fail. */
  #deadService(event: EventOf<'vip-on-dead-service'>): Draft {
    const { holder, error, fitElsewhere } = event.details;
    const end = this.#ends.get(event.id);
    const twin = this.#twinOf(event);
    const service = (twin === null ? null : conditionWords(twin, this.#name)) ?? {
      past: 'its service was dead',
      perfect: 'its service has been dead',
      remark: ` (${briefly(error)})`,
    };
    const place = `${vipOf(event.subject)} and keepalived`;
    const other = fitElsewhere ?? null;
    const elsewhere = (answers: string) =>
      other === null ? '' : `; ${other}'s ${answers}, so keepalived should have failed over`;
    const eventIds = this.#tell([event, end ?? null, twin].filter((each) => each !== null));
    const { time } = event;
    const who = this.#name(holder);
    if (end === undefined) {
      const begin = `${who} holds ${place} is alive there, but ${service.perfect} since `;
      return { time, words: [begin, time, service.remark, elsewhere('answers')], eventIds };
    }
    const begin = `${who} held ${place} was alive there, but ${service.past} from `;
    const length = ` for ${seconds((end.time - time) / MS)}`;
    return { time, words: [begin, time, length, service.remark, elsewhere('answered')], eventIds };
  }

  /** At, or since when; `lasting`: and for how long. */
  #condition(event: TimelineEvent, lasting: boolean): Draft {
    const end = this.#ends.get(event.id);
    const eventIds = this.#tell(lasting && end !== undefined ? [event, end] : [event]);
    const { time } = event;
    const words = conditionWords(event, this.#name);
    const isOpen = event.phase === 'begin' && end === undefined;
    if (isOpen)
      return {
        time,
        words: words === null ? ['since ', time, `: ${event.summary}`] : since(words, time),
        eventIds,
      };
    const length = end === undefined || !lasting ? '' : seconds((end.time - time) / MS);
    if (words === null) {
      const when = length === '' ? ['at ', time] : ['from ', time, ` for ${length}`];
      return { time, words: [...when, `: ${event.summary}`], eventIds };
    }
    return {
      time,
      words:
        length === ''
          ? [`${words.past} at `, time, words.remark]
          : [`${words.past} from `, time, ` for ${length}${words.remark}`],
      eventIds,
    };
  }

  *#clients(): Generator<Clause> {
    const { range: dark, measured, open } = this.#dark;
    if (dark === null) return;
    const wants = measured ? ['vip-dark'] : ['failover', 'master-lost'];
    const events = this.#ordered.filter(({ kind }) => wants.includes(kind));
    if (events.length === 0) return;
    const [least, most] = dark;
    const eventIds = events.slice(0, EVENT_IDS_MAX).map(({ id }) => id);
    const all = this.#moves.length > 1 ? ' in all' : '';
    const about = measured ? '' : ', as far as adverts tell';
    const length = least === 0 && most > 0 ? `at most ${seconds(most)}` : range(dark);
    if (open) yield { time: null, words: [`clients dark for ${length} so far${about}`], eventIds };
    else if (most >= 1) yield { time: null, words: [`clients dark ${length}${all}${about}`], eventIds };
    this.#tell(events.filter(({ kind }) => kind === 'vip-dark'));
  }

  /** Of who took over first, and who did last. */
  *#fitness(): Generator<Clause> {
    const [first, last] = [this.#moves[0], this.#moves.at(-1)];
    for (const move of new Set([first, last])) {
      if (move === undefined) continue;
      const ids = new Set(move.failovers.map(({ id }) => id));
      const about = this.#ordered.filter(({ about: id }) => id !== null && ids.has(id));
      const lagging = about.find((event) => event.kind === 'failover-to-lagging-replica');
      const fitness = about.find((event) => event.kind === 'takeover-fitness');
      const isToldReadOnly = this.#begun('vip-on-read-only').some(
        (event) => this.#name(event.details.holder) === move.to,
      );
      const facts = fitnessFacts(move.to, lagging ?? fitness, fitness, isToldReadOnly);
      const sources = [lagging, fitness].filter((event) => event !== undefined);
      if (facts.length > 0)
        yield { time: move.time, words: [facts.join(', ')], eventIds: this.#tell(sources) };
      const unannounced = about.find(
        (event) => event.kind === 'vip-dark' && event.details.neverAnnounced === true,
      );
      if (unannounced !== undefined && this.#begun('garp-missing').length === 0)
        yield {
          time: move.time,
          words: [`${move.to} was not heard to announce ${listed(move.vips)}`],
          eventIds: [unannounced.id],
        };
    }
  }

  /** What came after the first move, or lasted into it; before it, only what is a cause is told. */
  *#damage(): Generator<Clause> {
    const moved = this.#moves[0]?.time ?? 0;
    const isDamage = ({ kind, severity }: TimelineEvent) =>
      kind === 'dual-writes' ||
      kind === 'errant-transactions' ||
      kind === 'garp-missing' ||
      (severity === 'critical' && !ELSEWHERE.has(kind));
    const damage = this.#ordered.filter(
      (event) =>
        event.phase !== 'end' &&
        !this.#told.has(event.id) &&
        isDamage(event) &&
        (this.#ends.get(event.id)?.time ?? this.#until) >= moved,
    );
    for (const event of damage.slice(0, DAMAGE_MAX)) yield this.#condition(event, true);
    yield* this.#more(damage.slice(DAMAGE_MAX), 'things were wrong', 'thing was wrong');
  }

  /** What has not ended, and no clause has told. */
  *#stillOpen(): Generator<Clause> {
    const open = firstOfSeries(
      this.#ordered.filter(
        (event) =>
          event.phase === 'begin' &&
          event.severity !== 'info' &&
          !this.#ends.has(event.id) &&
          !this.#told.has(event.id) &&
          !this.#isLesser(event),
      ),
    );
    for (const event of open.slice(0, DAMAGE_MAX)) yield this.#condition(event, false);
    yield* this.#more(open.slice(DAMAGE_MAX), 'things are not over', 'thing is not over');
  }

  *#more(rest: readonly TimelineEvent[], many: string, one: string): Generator<Clause> {
    if (rest.length === 0) return;
    const words = [`${rest.length} more ${rest.length === 1 ? one : many}`];
    yield { time: rest[0]?.time ?? null, words, eventIds: this.#tell(rest) };
  }

  #begun<K extends TimelineEvent['kind']>(kind: K): readonly EventOf<K>[] {
    const isOfKind = (event: TimelineEvent): event is TimelineEvent & EventOf<K> => event.kind === kind;
    return this.#ordered.filter(isOfKind).filter(({ phase }) => phase === 'begin');
  }

  /** Marks them as told; answers as many of their ids as a clause names. */
  #tell(events: readonly TimelineEvent[]): readonly string[] {
    for (const { id } of events) this.#told.add(id);
    return events.slice(0, EVENT_IDS_MAX).map(({ id }) => id);
  }
}

const EVENT_IDS_MAX = 16;

/**
 * keepalived's own check failed, and a poll found it out later: what it checks was dead before, if it can have been by when
 * it last answered.
 */
function foundLate({ time, details }: TimelineEvent, { left, time: moved, failovers }: Move): Instant {
  const [{ details: failover }] = failovers;
  const checked = failover.fault || failover.cause === 'priority-drop';
  const moment = left ?? moved;
  const earliest = plusUs(time, -(details.uncertaintyMs ?? 0) * MS);
  return checked && time > moment && earliest <= moment ? moment : time;
}

function withoutMiddle(happened: readonly Draft[]): readonly Draft[] {
  const middle = happened.slice(FIRST_MAX, -LAST_MAX);
  const [next] = middle;
  if (next === undefined) return happened;
  const eventIds = middle.flatMap((draft) => draft.eventIds).slice(0, EVENT_IDS_MAX);
  const counted = {
    time: next.time,
    words: [`${middle.length} more of these until `, middle.at(-1)?.time ?? next.time],
    eventIds,
  };
  return [...happened.slice(0, FIRST_MAX), counted, ...happened.slice(-LAST_MAX)];
}

/** Whether it tells of the very service that the VIP's holder misses. */
function isTwin(event: TimelineEvent, dead: EventOf<'vip-on-dead-service'>): boolean {
  const isUnreachable = event.kind === 'proxy-unreachable' || event.kind === 'database-unreachable';
  return isUnreachable && event.details.target === dead.details.service;
}

/** Of what comes again and again (near misses, lost frames) the first. */
function firstOfSeries(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const seen = new Set<string>();
  return events.filter((event) => {
    const series = seriesOf(event);
    if (seen.has(series)) return false;
    seen.add(series);
    return true;
  });
}

function seriesOf({ kind, subject }: TimelineEvent): string {
  return `${kind} ${subject}`;
}

/** That a service does not answer is not explained by these. */
const SAYS_NOT_WHY: ReadonlySet<TimelineEvent['kind']> = new Set<TimelineEvent['kind']>([
  'galera-size',
  'priority-change',
  'vip-dark',
]);

/** Told by clauses of their own. */
const ELSEWHERE: ReadonlySet<TimelineEvent['kind']> = new Set<TimelineEvent['kind']>([
  'failover-to-lagging-replica',
  'flapping',
  'vip-dark',
]);

function since({ perfect, remark }: ConditionWords, time: Instant): readonly (string | Instant)[] {
  return [`${perfect} since `, time, remark];
}

function fitnessFacts(
  to: string,
  lag: EventOf<'takeover-fitness'> | EventOf<'failover-to-lagging-replica'> | undefined,
  fitness: EventOf<'takeover-fitness'> | undefined,
  isToldReadOnly: boolean,
): readonly string[] {
  const facts: string[] = [];
  if (fitness?.details.proxyUp === false) facts.push('haproxy did not answer');
  if (fitness?.details.readOnly === true && !isToldReadOnly) facts.push('database was read-only');
  const { lagS = null, transactions = null } = lag?.details ?? {};
  const missing = transactions === null || transactions === 0 ? '' : `, ${transactions} transactions missing`;
  if (lagS !== null || missing !== '')
    facts.push(`replica was ${lagS === null ? 'behind' : lagWords(lagS)}${missing}`);
  return facts.map((fact, i) => `${i === 0 ? `${to}'s` : 'its'} ${fact}`);
}
