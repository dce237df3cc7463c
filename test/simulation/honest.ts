/**
 * Honest: what the observer reports did happen. Each check asks the simulator's truth about one event, and excuses
 * only what no passive observer could have known; the excuses are computed for the frames at hand, never granted
 * for a whole run.
 */
import type { EventOf, TimelineEvent } from '../../src/events.ts';
import { MS, msFromUs, SECOND } from '../../src/time.ts';
import type { FaultKind } from './profile.ts';
import type { RouterSettings } from './router.ts';
import type { CapturedAdvert, Mastership } from './truth.ts';
import type { Case } from './verdict.ts';
import { masterAfter } from './view.ts';
import { STRAY_MAC, sinceStart } from './world.ts';

export function checkHonest(verdict: Case): void {
  let master: string | null = null;
  for (const event of verdict.vrEvents) {
    if (event.kind === 'master-seen') checkMasterSeen(verdict, event);
    if (event.kind === 'failover') checkFailover(verdict, event, master);
    if (event.kind === 'split-brain') checkSplitBrain(verdict, event);
    if (event.kind === 'master-lost') checkMasterLost(verdict, event);
    if (event.kind === 'overlap') checkOverlap(verdict, event);
    if (event.kind === 'priority-change') checkPriorityChange(verdict, event);
    if (event.kind === 'advert-gap') checkAdvertGap(verdict, event);
    master = masterAfter(event) ?? master;
  }
  for (const event of verdict.events) {
    if (event.kind === 'ip-conflict' && event.phase === 'begin') checkIpConflict(verdict, event);
    if (event.kind === 'vip-moved') checkVipMoved(verdict, event);
    if (event.kind === 'garp-missing' && event.phase === 'begin') checkGarpMissing(verdict, event);
  }
  checkHealthy(verdict);
}

function checkMasterSeen(verdict: Case, event: EventOf<'master-seen'>): void {
  const advert = advertAt(verdict, event.details.master, sinceStart(event.time));
  verdict.require(advert !== undefined, 'honest: master-seen is an advert', event, 'no advert of it then');
}

/**
 * The new master became master and spoke at that very time, and the old one had stopped being master when the
 * failover was told, or could not be heard any more.
 */
function checkFailover(verdict: Case, event: EventOf<'failover'>, master: string | null): void {
  const { from, to } = event.details;
  verdict.require(
    from === master,
    'honest: failover from the previous master',
    event,
    `master was ${master}`,
  );
  const time = sinceStart(event.time);
  const known = sinceStart(event.detectedAt);
  const first = advertAt(verdict, to, time);
  verdict.require(first !== undefined, 'honest: failover is dated an advert', event, `none of ${to} then`);
  const old = verdict.run.truth.routerAt(from);
  if (first === undefined || old === undefined) return;
  // The mastership that the new master's first advert put an end to; a later one of the same router is another
  // story (what is held back until the virtual router exists is told late).
  const last = lastAdvertBefore(verdict, old, time + verdict.flightUs);
  const ended = hasEnded(verdict, last, known);
  const excuse = ended ? null : whyUnheard(verdict, old, last?.at ?? 0, known);
  verdict.require(
    ended || excuse !== null,
    'honest: the old master had stopped',
    event,
    `${old.name} had not`,
  );
  if (excuse === null) {
    checkBecameMaster(verdict, event, first);
    checkOutlasted(verdict, event, first, last);
  }
  checkStillHeard(verdict, event);
  checkCauseIsPossible(verdict, event, old);
}

/** The mastership that is told was still there when the old one ended: one handed over to the other. */
function checkOutlasted(
  verdict: Case,
  event: EventOf<'failover'>,
  first: CapturedAdvert,
  last: CapturedAdvert | undefined,
): void {
  const after = masteredWhile(verdict, first);
  const before = last && masteredWhile(verdict, last);
  if (after === undefined || before === undefined) return;
  verdict.require(
    after.to >= before.to - verdict.flightUs,
    'honest: the new master outlasted the old one',
    event,
    `${after.router} had ended ${before.to - after.to} µs before ${before.router}`,
  );
}

/** Nobody is told to be master who has been silent for more than a limit (blindness and late existence aside). */
function checkStillHeard(verdict: Case, event: EventOf<'failover'>): void {
  const time = sinceStart(event.time);
  const known = sinceStart(event.detectedAt);
  const existed = verdict.vrEvents.some((other) => other.detectedAt < event.time);
  const router = verdict.run.truth.routerAt(event.details.to);
  const last = router && lastAdvertBefore(verdict, router, known);
  if (!existed || last === undefined || verdict.isBlindIn(time, known)) return;
  verdict.require(
    known - last.at <= verdict.limitUs + verdict.flightUs,
    'honest: the new master is heard',
    event,
    `it has been silent for ${known - last.at} µs`,
  );
}

/**
 * `to` really became master around then: its mastership began since the old master was last heard, give or take
 * what was on its way (an FRR over IPv6 speaks an interval after it became master). Excused where it was master
 * for longer but could not be heard, or was heard and judged before (a split-brain, a repelled claim, blindness).
 */
function checkBecameMaster(verdict: Case, event: EventOf<'failover'>, first: CapturedAdvert): void {
  const { truth, profile, blind } = verdict.run;
  const mastership = masteredWhile(verdict, first);
  if (mastership === undefined) return;
  const restless: readonly FaultKind[] = [
    'partition',
    'one-way',
    'loss',
    'loss-burst',
    'pause',
    'mismatch',
    'junk',
  ];
  if (restless.some((fault) => profile.enabled.has(fault)) || blind.length > 0) return;
  const lost = truth.frames.some(
    (frame) =>
      frame.sender === first.frame.sender &&
      frame.capturedAt.length === 0 &&
      frame.sentAt >= mastership.from &&
      frame.sentAt <= first.frame.sentAt,
  );
  const lateUs = truth.routerAt(event.details.to)?.lateUs ?? 0;
  const late = first.at - mastership.from - profile.contents.intervalUs - lateUs;
  verdict.require(
    lost || late <= verdict.flightUs,
    'honest: the new master became master then',
    event,
    `it was master for ${first.at - mastership.from} µs`,
  );
}

/** `graceful` follows a priority 0; `silenceMs` runs from the old master's last advert, 0 where that came later. */
function checkCauseIsPossible(verdict: Case, event: EventOf<'failover'>, old: RouterSettings): void {
  const { cause, silenceMs, fault } = event.details;
  const time = sinceStart(event.time);
  const heard = verdict.run.truth
    .advertsOf(old.name)
    .filter((a) => !a.copy && a.at <= sinceStart(event.detectedAt));
  const last = heard.at(-1);
  if (last === undefined) return;
  if (cause === 'graceful') {
    // Where frames overtake each other the priority 0 need not be the last to arrive.
    const resigned = heard.some((a) => a.advert.priority === 0 && last.at - a.at <= verdict.flightUs);
    verdict.require(resigned, 'honest: graceful means a priority 0', event, 'none was captured');
    return;
  }
  verdict.require(!fault, 'honest: fault means two priorities 0', event, `cause ${cause}`);
  const possible = [last, heard.findLast((a) => a.at <= time)].map((a) =>
    msFromUs(Math.max(0, time - (a?.at ?? 0))),
  );
  verdict.require(
    silenceMs !== null && possible.some((silence) => Math.abs(silenceMs - silence) < 0.01),
    'honest: silenceMs was measured',
    event,
    `${silenceMs}, but ${possible.join(' or ')} ms`,
  );
}

/**
 * Two masters at once, and for longer than one frame is on its way: a takeover in good health lasts as long as its
 * first advert flies. (The loser need not have been audible all the time: it may be muted, or stopped and back.)
 */
function checkSplitBrain(verdict: Case, event: EventOf<'split-brain'>): void {
  const { truth, profile } = verdict.run;
  const winner = truth.routerAt(event.details.winner);
  const loser = truth.routerAt(event.details.loser);
  verdict.require(
    winner !== undefined && loser !== undefined,
    'honest: split-brain of routers',
    event,
    'unknown',
  );
  if (winner === undefined || loser === undefined) return;
  if (event.phase === 'end') {
    checkSplitBrainEnd(verdict, event, winner, loser);
    return;
  }
  const from = sinceStart(event.time) - profile.contents.intervalUs - verdict.flightUs;
  // Speakers that reject each other are known by the loser's first advert (docs/vrrp-rules.md): they have just begun.
  const until = event.details.reason === 'rejects' ? profile.contents.intervalUs : 0;
  const together = truth.bothMasters(winner.name, loser.name, from, sinceStart(event.detectedAt) + until);
  if (together <= profile.conditions.delayMaxUs) {
    if (yieldsToThird(verdict, winner, loser, event) || yieldsUnseen(verdict, winner, loser, event)) return;
  }
  verdict.require(
    together > profile.conditions.delayMaxUs,
    'honest: split-brain means two masters',
    event,
    `${winner.name} and ${loser.name} were both master for ${together} µs`,
  );
}

/**
 * Excused: the loser claimed and yielded at once, not to the winner but to a third router, which itself was really
 * split from the winner. That the third one repelled it shows a moment later, if at all (it may be muted), and the
 * alarm as such is true.
 */
function yieldsToThird(
  verdict: Case,
  winner: RouterSettings,
  loser: RouterSettings,
  event: EventOf<'split-brain'>,
): boolean {
  const { truth, profile } = verdict.run;
  const from = sinceStart(event.time) - profile.contents.intervalUs;
  const until = sinceStart(event.detectedAt) + profile.contents.intervalUs;
  const yielded = truth.masteredIn(loser.name, from, until).some((m) => m.ending === 'yielded');
  const third = truth.routers.some(
    (router) =>
      router !== winner &&
      router !== loser &&
      truth.bothMasters(router.name, winner.name, from, until) > profile.conditions.delayMaxUs,
  );
  return yielded && third;
}

/**
 * Excused: the two reject each other, the winner was heard on time, and the loser yielded all the same, in the very
 * moment that it became master (resumed, it still had adverts waiting that it accepts). With a winner that is
 * overdue by then there is no excuse: who is dead already mutes nobody.
 */
function yieldsUnseen(
  verdict: Case,
  winner: RouterSettings,
  loser: RouterSettings,
  event: EventOf<'split-brain'>,
): boolean {
  const { truth } = verdict.run;
  const time = sinceStart(event.time);
  const last = lastAdvertBefore(verdict, winner, time - 1);
  if (event.details.reason !== 'rejects' || last === undefined) return false;
  const onTime = time - last.at <= 1.25 * last.advert.intervalMs * MS;
  const known = sinceStart(event.detectedAt);
  return (
    onTime &&
    truth.masteredIn(loser.name, known - verdict.flightUs, known).some((m) => m.ending === 'yielded')
  );
}

/** One of the two has stopped being master, or cannot be heard; the survivor is the other one. */
function checkSplitBrainEnd(
  verdict: Case,
  event: EventOf<'split-brain'>,
  winner: RouterSettings,
  loser: RouterSettings,
): void {
  const survivor = verdict.run.truth.routerAt(event.details.survivor);
  const gone = survivor === winner ? loser : survivor === loser ? winner : undefined;
  verdict.require(gone !== undefined, 'honest: a survivor is one of the two', event, String(survivor?.name));
  if (gone === undefined) return;
  const known = sinceStart(event.detectedAt);
  const last = lastAdvertBefore(verdict, gone, known);
  const holds = hasEnded(verdict, last, known) || whyUnheard(verdict, gone, last?.at ?? 0, known) !== null;
  verdict.require(holds, 'honest: one side of the split had stopped', event, `${gone.name} had not`);
}

/**
 * Nobody was heard in between, and nobody was master who could be heard: a master speaks once an interval, so one
 * that was master for longer than that (two where the first advert comes late) would have been.
 */
function checkMasterLost(verdict: Case, event: EventOf<'master-lost'>): void {
  const { truth, profile } = verdict.run;
  const time = sinceStart(event.time);
  const known = sinceStart(event.detectedAt);
  if (event.phase === 'end') return;
  const dated = truth.adverts.some((a) => a.at === time);
  verdict.require(dated, 'honest: master-lost begins with the last advert', event, 'no advert then');
  const heard = truth.adverts.filter((a) => !a.copy && a.at > time && a.at < known && a.advert.priority > 0);
  verdict.require(heard.length === 0, 'honest: master-lost means silence', event, `${heard.length} adverts`);
  const patience =
    2 * profile.contents.intervalUs * (profile.enabled.has('mismatch') ? 2 : 1) + verdict.flightUs;
  for (const m of truth.masterships) {
    const from = Math.max(m.from, time + verdict.flightUs);
    const to = Math.min(m.to, known);
    if (to - from <= patience) continue;
    const router = truth.routers.find((r) => r.name === m.router);
    const unheard = router !== undefined && whyUnheard(verdict, router, time, known) !== null;
    verdict.require(
      unheard,
      'honest: master-lost means no master',
      event,
      `${m.router} was, and could be heard`,
    );
  }
  checkLostForAReason(verdict, event);
  checkWaited(verdict, event);
}

/** Not before the limit that its last holder's adverts imply: 3 intervals and a skew, or the skew alone after a priority 0. */
function checkWaited(verdict: Case, event: EventOf<'master-lost'>): void {
  const time = sinceStart(event.time);
  const holder = verdict.run.truth.routerAt(event.details.last);
  const last = holder && lastAdvertBefore(verdict, holder, time);
  if (holder === undefined || last === undefined) return;
  const intervalUs = last.advert.intervalMs * MS;
  const skewUs = last.advert.version === 2 ? SECOND : intervalUs;
  // an advert that the priority 0 overtook on its way is no return
  const adverts = verdict.run.truth.advertsOf(holder.name);
  const resigned = adverts.some(
    (a) => a.advert.priority === 0 && a.at <= last.at && last.at - a.at <= 5 * MS,
  );
  const limit = resigned ? skewUs : 3 * intervalUs + skewUs;
  const waited = sinceStart(event.detectedAt) - last.at;
  verdict.require(waited >= limit, 'honest: master-lost waits its limit', event, `${waited} µs of ${limit}`);
}

/**
 * In a run whose routers are healthy and hear each other, the largest wait of a backup is shorter than any silence
 * limit: a loss begins only if a whole silence limit passed without any backup that could have taken over.
 */
function checkLostForAReason(verdict: Case, event: EventOf<'master-lost'>): void {
  if (!isHealthy(verdict)) return;
  const { truth } = verdict.run;
  const known = sinceStart(event.detectedAt);
  const next = truth.masterships.find((m) => m.to > known);
  const soon = next !== undefined && next.from <= known + verdict.flightUs;
  // A router that was started meanwhile may be ready at just that moment.
  if (soon && truth.starts.some((s) => s.router === next.router && s.at > sinceStart(event.time))) return;
  verdict.require(
    !soon,
    'honest: master-lost is not told of a takeover',
    event,
    `${next?.router} took over then`,
  );
}

/** Both were master at the time: the holder all along, the claimant for a moment. */
function checkOverlap(verdict: Case, event: EventOf<'overlap'>): void {
  const { truth } = verdict.run;
  const holder = truth.routerAt(event.details.holder);
  const claimant = truth.routerAt(event.details.claimant);
  if (holder === undefined || claimant === undefined) {
    verdict.require(false, 'honest: overlap of routers', event, 'unknown');
    return;
  }
  // Sight regained, everybody has a fresh limit: who was replaced while we were blind may still seem to hold.
  if (verdict.isBlindIn(sinceStart(event.time) - verdict.limitUs, sinceStart(event.detectedAt))) return;
  const from = sinceStart(event.time) - verdict.run.profile.contents.intervalUs - verdict.flightUs;
  const together = truth.bothMasters(holder.name, claimant.name, from, sinceStart(event.detectedAt));
  verdict.require(
    together >= 0,
    'honest: overlap means two masters',
    event,
    `${holder.name} and ${claimant.name} never were`,
  );
}

function checkPriorityChange(verdict: Case, event: EventOf<'priority-change'>): void {
  const { speaker, newPriority } = event.details;
  const advert = advertAt(verdict, speaker, sinceStart(event.time));
  verdict.require(
    advert?.advert.priority === newPriority,
    'honest: priority-change is an advert',
    event,
    `${advert?.advert.priority} then`,
  );
}

/** The gap is one between two captured adverts of one router. */
function checkAdvertGap(verdict: Case, event: EventOf<'advert-gap'>): void {
  const time = sinceStart(event.time);
  const { gapMs } = event.details;
  const after = verdict.run.truth.adverts.find((a) => a.at === time);
  const before = after && lastAdvertOf(verdict, after.frame.sender, time);
  const real = after && before ? msFromUs(after.at - before.at) : Number.NaN;
  verdict.require(Math.abs(real - gapMs) < 0.01, 'honest: advert-gap was measured', event, `${real} ms`);
}

/** A stray host claimed the VIP then, or another master that was not heard. */
function checkIpConflict(verdict: Case, event: EventOf<'ip-conflict'>): void {
  const { truth } = verdict.run;
  const { holder, otherMac } = event.details;
  const time = sinceStart(event.time);
  const claimed = truth.frames.some(
    ({ packet, capturedAt }) =>
      packet.type === 'claim' &&
      packet.mac === otherMac &&
      capturedAt.includes(time) &&
      isVip(event, packet.address),
  );
  verdict.require(claimed, 'honest: ip-conflict is a claim', event, `no claim of ${otherMac} then`);
  const other = truth.routers.find((router) => router.mac === otherMac);
  const holding = truth.routerAt(holder);
  const both =
    other !== undefined &&
    holding !== undefined &&
    truth.bothMasters(other.name, holding.name, time - verdict.flightUs, time) >= 0;
  verdict.require(
    otherMac === STRAY_MAC || both,
    'honest: ip-conflict means a stranger or two masters',
    event,
    `${otherMac} beside ${holder}`,
  );
}

function isVip(event: TimelineEvent, address: string): boolean {
  return event.subject.split('/').at(-1) === address;
}

function checkVipMoved(verdict: Case, event: EventOf<'vip-moved'>): void {
  const time = sinceStart(event.time);
  const { toMac } = event.details;
  const claimed = verdict.run.truth.frames.some(
    (frame) => frame.packet.type === 'claim' && frame.packet.mac === toMac && frame.capturedAt.includes(time),
  );
  verdict.require(claimed, 'honest: vip-moved is a claim', event, `no claim of ${toMac} then`);
}

/** The last captured claim of the VIP is not the holder's. */
function checkGarpMissing(verdict: Case, event: EventOf<'garp-missing'>): void {
  const known = sinceStart(event.detectedAt);
  const vip = event.subject.split('/').at(-1);
  const { holderMac, lastClaimMac } = event.details;
  verdict.require(
    lastClaimMac !== holderMac,
    'honest: garp-missing is about another MAC',
    event,
    `the last claim was by ${lastClaimMac}, the holder's own`,
  );
  let last = { at: -1, mac: '' };
  for (const { packet, capturedAt } of verdict.run.truth.frames) {
    if (packet.type !== 'claim' || packet.address !== vip) continue;
    for (const at of capturedAt) if (at <= known && at >= last.at) last = { at, mac: packet.mac };
  }
  const recent = last.mac === holderMac && last.at > sinceStart(event.time);
  verdict.require(!recent, 'honest: garp-missing means no claim', event, `${last.mac} claimed at ${last.at}`);
}

const UNHEALTHY: readonly FaultKind[] = [
  'pause',
  'partition',
  'one-way',
  'loss',
  'loss-burst',
  'mismatch',
  'junk',
  'blind',
];

/** Routers that hear each other, under an observer that hears them. */
function isHealthy(verdict: Case): boolean {
  const { enabled } = verdict.run.profile;
  return !UNHEALTHY.some((fault) => enabled.has(fault)) && !enabled.has('observer-loss');
}

/** No failover, preemption, simultaneous start or reload may ever be called split-brain. */
function checkHealthy(verdict: Case): void {
  const { enabled } = verdict.run.profile;
  if (UNHEALTHY.some((fault) => enabled.has(fault))) return;
  // A repelled claim (`overlap`) is possible where frames are lost on the way to us, and where a backup's priority
  // was above the master's for a while: it let its timer run and claims although the priority is back.
  const mayClaim = enabled.has('observer-loss') || enabled.has('priority');
  const never = [
    'split-brain',
    ...(enabled.has('stray') ? [] : ['ip-conflict']),
    ...(mayClaim ? [] : ['overlap']),
  ];
  for (const event of verdict.events) {
    verdict.require(
      !never.includes(event.kind),
      'honest: healthy routers',
      event,
      'all routers were healthy',
    );
  }
}

/** Its mastership, the one in which it was last heard, was over at `known`. */
function hasEnded(verdict: Case, last: CapturedAdvert | undefined, known: number): boolean {
  if (last === undefined) return true;
  const mastership = masteredWhile(verdict, last);
  return mastership === undefined || mastership.to <= known;
}

/**
 * Why a router that is master was not heard between its last advert and `known`, null if it should have been:
 * stopped in its tracks, its adverts lost on the way to the observer, the observer blind, or muted by packets that
 * it rejects (which restart keepalived's timer).
 */
function whyUnheard(verdict: Case, router: RouterSettings, since: number, known: number): string | null {
  const { truth } = verdict.run;
  if (truth.isPausedIn(router.name, since, known)) return 'paused';
  if (verdict.isBlindIn(since - verdict.flightUs, known)) return 'the observer was blind';
  const from = since - verdict.flightUs;
  const frames = truth.frames.filter((frame) => frame.sentAt >= from && frame.sentAt <= known);
  const own = frames.filter((frame) => frame.sender === router.name && frame.packet.type === 'advert');
  if (own.some((frame) => frame.capturedAt.length === 0)) return 'an advert of its was lost on our way';
  const muting = frames.some((frame) => {
    const at = frame.reached.get(router.name);
    return (
      at !== undefined && (frame.sender === 'junk' || rejects(verdict, router, frame.sender, frame.sentAt))
    );
  });
  return muting && router.habits.restartsTimerOnAnyPacket ? 'muted by adverts that it rejects' : null;
}

/** Whether two routers' last adverts differ so that each drops the other's. */
function rejects(verdict: Case, router: RouterSettings, other: string, at: number): boolean {
  const mine = lastSent(verdict, router.name, at);
  const theirs = lastSent(verdict, other, at);
  if (mine === undefined || theirs === undefined) return false;
  return mine.authData !== theirs.authData || mine.intervalMs !== theirs.intervalMs;
}

function lastSent(verdict: Case, router: string, at: number) {
  const frame = verdict.run.truth.frames.findLast(
    ({ sender, sentAt, packet }) => sender === router && sentAt <= at && packet.type === 'advert',
  );
  return frame?.packet.type === 'advert' ? frame.packet : undefined;
}

function masteredWhile(verdict: Case, captured: CapturedAdvert): Mastership | undefined {
  const { sender, sentAt } = captured.frame;
  return verdict.run.truth.masteredIn(sender, sentAt, sentAt).at(-1);
}

function advertAt(verdict: Case, address: string, at: number): CapturedAdvert | undefined {
  return verdict.run.truth.adverts.find(
    (a) => a.at === at && a.advert.src === address && a.advert.priority > 0,
  );
}

function lastAdvertBefore(verdict: Case, router: RouterSettings, at: number): CapturedAdvert | undefined {
  return verdict.run.truth.advertsOf(router.name).findLast((a) => a.at <= at);
}

function lastAdvertOf(verdict: Case, router: string, before: number): CapturedAdvert | undefined {
  return verdict.run.truth.advertsOf(router).findLast((a) => a.at < before && !a.copy);
}
