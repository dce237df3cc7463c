/**
 * Complete: what was plain to see on the wire is reported, with the right cause. Heals: once all is well, the timeline
 * says so.
 *
 * "Plain to see" is computed from what the observer's port captured, by rules simpler than the observer's own: a
 * stretch in which one router speaks regularly and nobody else makes a sound.
 */
import type { EventOf, FailoverCause, TimelineEvent } from '../../src/events.ts';
import { MS, msFromUs, SECOND } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';
import { openAt } from './form.ts';
import { graceUs } from './profile.ts';
import type { RouterSettings } from './router.ts';
import type { CapturedAdvert, Mastership } from './truth.ts';
import type { Case } from './verdict.ts';
import { viewAt } from './view.ts';
import { STRAY_MAC, sinceStart } from './world.ts';

/** Speakers that reject each other may be silent for so long in an open split-brain (docs/vrrp-rules.md). */
const REJECTED_SILENCE_US = 30 * SECOND;

export function checkComplete(verdict: Case): void {
  for (const event of verdict.vrEvents) if (event.kind === 'failover') checkToldCause(verdict, event);
  const stretches = calmStretches(verdict);
  for (const stretch of stretches) {
    checkStretch(verdict, stretch);
    checkConflicts(verdict, stretch);
  }
  for (const [i, after] of stretches.entries()) {
    const before = stretches[i - 1];
    if (before !== undefined) checkChange(verdict, before, after);
  }
  checkSplitBrains(verdict);
  checkSilences(verdict);
  checkHeals(verdict);
}

/** A stretch in which nobody but one router was heard, regularly, and for long. */
interface Stretch {
  readonly router: RouterSettings;
  readonly adverts: readonly CapturedAdvert[];
  readonly from: number;
  readonly to: number;
}

function calmStretches(verdict: Case): Stretch[] {
  const { truth } = verdict.run;
  const stretches: Stretch[] = [];
  let current: CapturedAdvert[] = [];
  const close = () => {
    const stretch = toStretch(verdict, current);
    if (stretch !== null) stretches.push(stretch);
    current = [];
  };
  for (const captured of truth.adverts) {
    if (captured.copy) continue;
    const last = current.at(-1);
    const goesOn =
      last !== undefined &&
      last.frame.sender === captured.frame.sender &&
      captured.at - last.at < 1.75 * last.advert.intervalMs * MS;
    if (!goesOn) close();
    if (captured.advert.priority === 0) close();
    else current.push(captured);
  }
  close();
  return stretches;
}

function toStretch(verdict: Case, adverts: readonly CapturedAdvert[]): Stretch | null {
  const first = adverts[0];
  const last = adverts.at(-1);
  if (first === undefined || last === undefined) return null;
  const { truth } = verdict.run;
  const router = truth.routerAt(first.advert.src);
  if (router === undefined || last.at - first.at <= settledAfter(verdict)) return null;
  if (verdict.isBlindIn(first.at - verdict.limitUs, last.at)) return null;
  const othersClaim = truth.frames.some(
    ({ packet, sender, sentAt }) =>
      packet.type === 'claim' &&
      sender !== router.name &&
      sender !== 'stray' &&
      sentAt > first.at &&
      sentAt < last.at,
  );
  return othersClaim ? null : { router, adverts, from: first.at, to: last.at };
}

/**
 * Two silence limits: one for the old master's to pass, one because the end of a split-brain gives its survivor a
 * fresh one. Where routers reject each other, the 30 s before that.
 */
function settledAfter(verdict: Case): number {
  const rejecting = verdict.run.profile.enabled.has('mismatch') ? REJECTED_SILENCE_US : 0;
  return 2 * verdict.limitUs + rejecting + SECOND;
}

/** Two limits into such a stretch, and up to its end, the timeline names its router and nothing is open. */
function checkStretch(verdict: Case, stretch: Stretch): void {
  for (const at of [stretch.from + settledAfter(verdict), stretch.to]) {
    const view = viewAt(verdict.vrEvents, at);
    verdict.applies('complete: the master that everybody hears');
    if (view.master !== stretch.router.address || view.lost || view.splits > 0) {
      verdict.fail(
        'complete: the master that everybody hears',
        at,
        `${stretch.router.name} (${stretch.router.address}) alone since ${stretch.from}, but ${JSON.stringify(view)}`,
      );
    }
  }
}

/**
 * A stray host's claim, well inside such a stretch, is an `ip-conflict` two intervals later (the master has spoken
 * since, the stranger has not), unless one is open already.
 */
function checkConflicts(verdict: Case, stretch: Stretch): void {
  const intervalUs =
    verdict.run.profile.contents.intervalUs * (verdict.run.profile.enabled.has('mismatch') ? 2 : 1);
  const from = stretch.from + settledAfter(verdict);
  const to = stretch.to - 3 * intervalUs;
  for (const { packet, capturedAt } of verdict.run.truth.frames) {
    const [at] = capturedAt;
    if (packet.type !== 'claim' || packet.mac !== STRAY_MAC || at === undefined || at < from || at > to)
      continue;
    verdict.applies('complete: ip-conflict');
    const subject = `vip:sim/${packet.address}`;
    const open = openAt(verdict.events, 'ip-conflict', at + 3 * intervalUs);
    if (!open.some((event) => event.subject === subject)) {
      verdict.fail(
        'complete: ip-conflict',
        at + 3 * intervalUs,
        `a stray host claimed ${packet.address} at ${at}`,
      );
    }
  }
}

/** From one such stretch to the next of another router, with nobody else in between: one failover, and why. */
function checkChange(verdict: Case, before: Stretch, after: Stretch): void {
  if (before.router === after.router) return;
  const { truth } = verdict.run;
  const old = truth.advertsOf(before.router.name).filter((a) => a.at <= after.from && !a.copy);
  const last = old.at(-1);
  const first = after.adverts[0];
  if (last === undefined || first === undefined) return;
  if (verdict.isBlindIn(before.to - verdict.limitUs, after.from + settledAfter(verdict))) return;
  const between = truth.adverts.filter((a) => a.at > before.to && a.at < after.from && !a.copy);
  const clean = between.every((a) => a.frame.sender === before.router.name && a.advert.priority === 0);
  if (!clean || rejectEachOther(last.advert, first.advert)) return;
  const found = verdict.vrEvents.filter(
    (event): event is EventOf<'failover'> =>
      event.kind === 'failover' &&
      inside(event, before.to, after.from) &&
      event.details.to === after.router.address,
  );
  verdict.applies('complete: a clean change is a failover');
  const [failover] = found;
  if (found.length !== 1 || failover === undefined || failover.details.from !== before.router.address) {
    const message = `${before.router.name} -> ${after.router.name} at ${after.from}: ${found.length} failovers`;
    verdict.fail('complete: a clean change is a failover', after.from + verdict.limitUs, message);
    return;
  }
  verdict.require(
    sinceStart(failover.time) === first.at,
    'complete: dated the first advert',
    failover,
    `${first.at}`,
  );
  checkCause(verdict, failover, old, last, first);
  checkNothingElse(verdict, failover, before, after);
}

function inside(event: TimelineEvent, from: number, to: number): boolean {
  return sinceStart(event.time) > from && sinceStart(event.time) <= to;
}

/**
 * The cause of every failover told, amid whatever faults, where the frames decide it: the old master was not heard
 * again until the failover was known, and we could see all the time.
 */
function checkToldCause(verdict: Case, failover: EventOf<'failover'>): void {
  const { truth } = verdict.run;
  const { from, to } = failover.details;
  const router = truth.routerAt(from);
  const time = sinceStart(failover.time);
  const first = truth.adverts.find((a) => a.at === time && a.advert.src === to);
  const all = truth.advertsOf(router?.name ?? '').filter((a) => !a.copy);
  const old = all.filter((a) => a.at <= time);
  const last = old.at(-1);
  if (first === undefined || last === undefined || rejectEachOther(first.advert, last.advert)) return;
  const known = sinceStart(failover.detectedAt);
  if (all.some((a) => a.at > time && a.at <= known) || verdict.isBlindIn(last.at - verdict.limitUs, known))
    return;
  checkCause(verdict, failover, old, last, first);
}

/** The table of causes in docs/vrrp-rules.md, from frames whose senders' fate is known. */
function checkCause(
  verdict: Case,
  failover: EventOf<'failover'>,
  old: readonly CapturedAdvert[],
  last: CapturedAdvert,
  first: CapturedAdvert,
): void {
  const expected = expectedCause(verdict, old, last, first);
  const { cause, fault, fromPriority, toPriority, silenceMs } = failover.details;
  if (expected === null) return;
  verdict.require(cause === expected, `complete: cause ${expected}`, failover, `${cause}, not ${expected}`);
  const spoke = old.findLast((a) => a.advert.priority > 0);
  verdict.require(
    fromPriority === spoke?.advert.priority,
    'complete: fromPriority',
    failover,
    `${fromPriority}`,
  );
  verdict.require(toPriority === first.advert.priority, 'complete: toPriority', failover, `${toPriority}`);
  // Two priorities 0 come within the millisecond: either may be the one that silence is counted from.
  const silence = msFromUs(first.at - last.at);
  verdict.require(
    silenceMs !== null &&
      Math.abs(silenceMs - silence) <= (cause === 'graceful' ? (2 * verdict.flightUs) / MS : 0.01),
    'complete: silenceMs',
    failover,
    `${silenceMs}, but ${silence}`,
  );
  if (expected !== 'graceful') return;
  const zeros = old.filter((a) => a.advert.priority === 0 && last.at - a.at < 50 * MS);
  verdict.require(fault === zeros.length > 1, 'complete: fault', failover, `${zeros.length} priorities 0`);
}

/** Null where the frames leave it open. */
function expectedCause(
  verdict: Case,
  old: readonly CapturedAdvert[],
  last: CapturedAdvert,
  first: CapturedAdvert,
): FailoverCause | null {
  if (last.advert.priority === 0) return 'graceful';
  const mastership = verdict.run.truth
    .masteredIn(last.frame.sender, last.frame.sentAt, last.frame.sentAt)
    .at(-1);
  // Its priority 0 was lost on our way, or overtaken: any answer is a guess.
  if (mastership === undefined || mastership.ending === 'resigned') return null;
  const gap = first.at - last.at;
  if (gap >= 2.75 * last.advert.intervalMs * MS) return 'silence';
  if (!outranks(verdict, first.advert, last.advert.priority, last.advert.src)) return 'silence';
  const asMaster = highest(old, mastership.from);
  const recently = highest(old, last.at - verdict.limitUs);
  const dropped = !outranks(verdict, first.advert, asMaster, last.advert.src);
  // What counts as "since it became master" may differ where it had been one of two before.
  if (dropped === outranks(verdict, first.advert, recently, last.advert.src)) return null;
  return dropped ? 'priority-drop' : 'preemption';
}

function highest(adverts: readonly CapturedAdvert[], from: number): number {
  return Math.max(0, ...adverts.filter((a) => a.at >= from).map((a) => a.advert.priority));
}

function outranks(verdict: Case, advert: Advert, priority: number, address: string): boolean {
  if (advert.priority !== priority) return advert.priority > priority;
  const { truth } = verdict.run;
  return (truth.routerAt(advert.src)?.addressOrder ?? 0) > (truth.routerAt(address)?.addressOrder ?? 0);
}

function rejectEachOther(one: Advert, other: Advert): boolean {
  return (
    one.authData !== other.authData || one.intervalMs !== other.intervalMs || one.version !== other.version
  );
}

/** A clean change is nothing else besides: no split-brain, no overlap, and no loss unless it took so long. */
function checkNothingElse(
  verdict: Case,
  failover: EventOf<'failover'>,
  before: Stretch,
  after: Stretch,
): void {
  const alarms = verdict.vrEvents.filter(
    (event) =>
      (event.kind === 'split-brain' || event.kind === 'overlap') &&
      event.phase !== 'end' &&
      inside(event, before.to, after.from + verdict.limitUs),
  );
  const listed = alarms.map((event) => event.kind).join(' ');
  verdict.require(
    alarms.length === 0,
    'complete: a clean change is only a failover',
    failover,
    `also ${listed}`,
  );
}

/** Two masters that both kept speaking for four adverts are a split-brain. */
function checkSplitBrains(verdict: Case): void {
  const { masterships } = verdict.run.truth;
  for (const [i, one] of masterships.entries()) {
    for (const other of masterships.slice(i + 1)) {
      if (one.router === other.router) continue;
      const from = Math.max(one.from, other.from);
      const to = Math.min(one.to, other.to);
      if (from < to) checkSplitBrainTold(verdict, one, other, from, to);
    }
  }
}

/** Regularly: no advert was late by more than a fifth of an interval, so that no rule may think it gone. */
const REGULAR = 1.2;
const ADVERTS_EACH = 4;

function checkSplitBrainTold(
  verdict: Case,
  one: Mastership,
  other: Mastership,
  from: number,
  to: number,
): void {
  const { truth, profile } = verdict.run;
  const begin = from + graceUs(profile.contents) + verdict.flightUs;
  const regular = (m: Mastership) =>
    regularStretches(
      truth
        .advertsOf(m.router)
        .filter((a) => !a.copy && a.advert.priority > 0 && a.at >= begin && a.at <= to),
    );
  for (const ones of regular(one)) {
    for (const others of regular(other)) checkBothSpokeTold(verdict, [ones, others]);
  }
}

/** Both spoke regularly; where they did so at the same time, and for long enough, a split-brain is open. */
function checkBothSpokeTold(verdict: Case, sides: readonly (readonly CapturedAdvert[])[]): void {
  const start = Math.max(...sides.map((side) => side[0]?.at ?? Number.POSITIVE_INFINITY));
  const end = Math.min(...sides.map((side) => side.at(-1)?.at ?? 0));
  const common = sides.map((side) => side.filter((a) => a.at >= start && a.at <= end));
  const [a, b] = common.map((side) => side[0]);
  if (a === undefined || b === undefined || common.some((side) => side.length < ADVERTS_EACH)) return;
  // A resumed process sends dozens of adverts within a millisecond.
  if (end - start < 2 * a.advert.intervalMs * MS) return;
  if (verdict.isBlindIn(start - verdict.limitUs, end)) return;
  const [winner, loser] = outranks(verdict, a.advert, b.advert.priority, b.advert.src) ? [a, b] : [b, a];
  if (somebodyOutranks(verdict, winner, start, end)) return;
  verdict.applies('complete: split-brain');
  const fourth = Math.max(...common.map((side) => side[ADVERTS_EACH - 1]?.at ?? end));
  const deadline = fourth + 2.5 * a.advert.intervalMs * MS;
  const told = verdict.vrEvents.some((event) => {
    if (event.kind !== 'split-brain' || event.phase !== 'begin') return false;
    const { speakers } = event.details;
    if (!speakers.includes(loser.advert.src) || sinceStart(event.detectedAt) > deadline) return false;
    const ending = verdict.vrEvents.find((e) => e.beginId === event.id);
    return ending === undefined || sinceStart(ending.detectedAt) >= start;
  });
  if (!told) {
    const message = `${winner.frame.sender} and ${loser.frame.sender} both spoke from ${start} to ${end}`;
    verdict.fail('complete: split-brain', deadline, message);
  }
}

/** Cut where an advert was late, the priority changed, or the settings did. */
function regularStretches(adverts: readonly CapturedAdvert[]): CapturedAdvert[][] {
  const stretches: CapturedAdvert[][] = [];
  for (const captured of adverts) {
    const stretch = stretches.at(-1);
    const last = stretch?.at(-1);
    const goesOn =
      last !== undefined &&
      last.advert === captured.advert &&
      captured.at - last.at <= REGULAR * captured.advert.intervalMs * MS;
    if (goesOn) stretch?.push(captured);
    else stretches.push([captured]);
  }
  return stretches;
}

/** With three masters, each loser stands against the highest speaker (docs/vrrp-rules.md). */
function somebodyOutranks(verdict: Case, winner: CapturedAdvert, start: number, end: number): boolean {
  return verdict.run.truth.adverts.some(
    (a) =>
      a.at >= start - verdict.limitUs &&
      a.at <= end &&
      a.frame.sender !== winner.frame.sender &&
      outranks(verdict, a.advert, winner.advert.priority, winner.advert.src),
  );
}

/**
 * Nobody was heard for long: `master-lost` is open. After the steady voice of one router that is its limit, an
 * interval which a claim may add, and a little; otherwise a pending takeover or an open split-brain has a limit of its own first.
 * Junk and rejected adverts may stretch it: runs with those are left out.
 */
function checkSilences(verdict: Case): void {
  const { truth, profile, end } = verdict.run;
  if (profile.enabled.has('mismatch') || profile.enabled.has('junk')) return;
  const heard = truth.adverts;
  for (const [i, last] of heard.entries()) {
    const until = heard[i + 1]?.at ?? end;
    const voices = new Set(
      heard.filter((a) => a.at > last.at - 3 * verdict.limitUs && a.at <= last.at).map(senderOf),
    );
    const view = viewAt(verdict.vrEvents, last.at);
    if (view.master === null) continue; // heard too seldom to exist
    const steady = voices.size === 1 && view.splits === 0;
    // A quarter interval or 100 ms for daemons that wake late, 10 ms for what was on its way.
    const { intervalUs } = profile.contents;
    const slack = intervalUs + Math.max(100 * MS, intervalUs / 4) + 10 * MS;
    const long = (steady ? 1 : 2.5) * verdict.limitUs + slack;
    if (until - last.at <= long || verdict.isBlindIn(last.at - verdict.limitUs, until)) continue;
    const rule = steady ? 'complete: master-lost in time' : 'complete: master-lost';
    verdict.applies(rule);
    if (openAt(verdict.vrEvents, 'master-lost', last.at + long).length === 0) {
      verdict.fail(rule, last.at + long, `nobody was heard from ${last.at} to ${until}`);
    }
  }
}

function senderOf(captured: CapturedAdvert): string {
  return captured.frame.sender;
}

/** At the end of the calm the timeline names the true master and holds no alarm. */
function checkHeals(verdict: Case): void {
  const { truth, end } = verdict.run;
  const masters = truth.masterships.filter((m) => m.to === end);
  const router = truth.routers.find((r) => r.name === masters[0]?.router);
  if (masters.length !== 1 || router === undefined) {
    verdict.fail('simulator: calm ends in one master', end, `${masters.map((m) => m.router).join(' ')}`);
    return;
  }
  verdict.applies('heals');
  const view = viewAt(verdict.vrEvents, end);
  if (view.master !== router.address || view.lost || view.splits > 0) {
    verdict.fail(
      'heals',
      end,
      `${router.name} (${router.address}) is the master, but ${JSON.stringify(view)}`,
    );
  }
}
