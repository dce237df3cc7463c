/**
 * The claims heard of a virtual router's VIPs: is the last one the master's (`garp-missing`), and does a stranger
 * claim what the master holds (`ip-conflict`)?
 *
 * Both wait before they speak. A newcomer's claims come long before its takeover is known, and a newcomer whose
 * first advert was lost looks like a stranger for an interval.
 */
import type { EventOf } from '../events.ts';
import { type Instant, MS, SECOND } from '../time.ts';
import { type Claim, isVirtualRouterMac } from '../wire/packet.ts';
import { familyOf } from './addresses.ts';
import type { RouterView } from './router-view.ts';
import { type Speaker, silenceLimitUs } from './speaker.ts';
import { type Condition, resumed } from './timeline.ts';

/** So many MACs are remembered for one VIP; the one heard longest ago goes first. */
const MACS_MAX = 16;
const CONFLICT_OVER_US = 30 * SECOND;

interface Vip {
  readonly address: string;
  readonly subject: string;
  /** when each MAC last claimed it, latest last */
  readonly claims: Map<string, Instant>;
  /** first advertised then: what was claimed before was not watched */
  knownSince: number;
  missing: Condition<'garp-missing'> | null;
  readonly strangers: Map<string, Stranger>;
}

interface Stranger {
  readonly mac: string;
  /** the claim that is or would be the conflict's beginning */
  firstAt: Instant;
  lastAt: Instant;
  condition: Condition<'ip-conflict'> | null;
}

/** What the watch needs to know of the takeover state, which its router keeps. */
export interface Reign {
  /** nobody disputes the master: no takeover pending, no split-brain open, not lost */
  readonly settled: boolean;
  /** the master's first advert */
  readonly since: Instant;
  /** it took over while we watched: it must have claimed the VIPs since */
  readonly byFailover: boolean;
  /** the end of the last split-brain */
  readonly splitEndedAt: number;
  /** since when no takeover is pending */
  readonly undisputedAt: number;
}

/** What the watch asks of those who know more. */
interface Knowledge {
  /** whether a MAC is another card of the master's machine */
  ownMac(master: Speaker, mac: string): boolean;
  /** the `vip-dark` that is open for a VIP, by its subject */
  darkId(subject: string): string | null;
}

/** The master's, of this reign or of one before; somebody else's; none was heard. */
export type LastClaim = 'of-reign' | 'before' | 'other' | 'none';

export class VipWatch {
  readonly #router: RouterView;
  readonly #subjectOf: (address: string) => string;
  readonly #reign: () => Reign;
  readonly #knowledge: Knowledge;
  readonly #vips = new Map<string, Vip>();
  #strangers = 0;

  constructor(
    router: RouterView,
    subjectOf: (address: string) => string,
    reign: () => Reign,
    knowledge: Knowledge,
  ) {
    this.#router = router;
    this.#subjectOf = subjectOf;
    this.#reign = reign;
    this.#knowledge = knowledge;
  }

  /** No stranger is watched: with nothing in question, no deadline of its own. */
  get quiet(): boolean {
    return this.#strangers === 0;
  }

  /** Whether a claim of the master's is being waited for. */
  inQuestion(): boolean {
    const master = this.#router.master;
    if (master === null) return false;
    return master.advert.vips.some((address) => this.#missingSince(this.#vip(address), master) !== null);
  }

  /** The virtual router was heard to have this VIP for the first time. */
  learned(address: string, at: Instant): void {
    this.#vip(address).knownSince = at;
  }

  resumeMissing(address: string, event: EventOf<'garp-missing'>, at: Instant): void {
    this.#vip(address).missing = resumed(event, at);
  }

  resumeConflict(address: string, event: EventOf<'ip-conflict'>, at: Instant): void {
    const { strangers } = this.#vip(address);
    const mac = event.details.otherMac;
    if (strangers.size >= MACS_MAX || strangers.has(mac)) return;
    this.#strangers++;
    strangers.set(mac, { mac, firstAt: event.time, lastAt: event.time, condition: resumed(event, at) });
  }

  lastClaim(address: string): LastClaim {
    const master = this.#router.master;
    const vip = this.#vips.get(address);
    if (master === null || vip === undefined || vip.claims.size === 0) return 'none';
    const ours = this.#mastersClaim(vip, master);
    if (!this.#claimedLast(vip, ours)) return 'other';
    return ours >= claimedFrom(this.#reign(), master) ? 'of-reign' : 'before';
  }

  /** A newcomer's last claim before its first advert, where it claims first (FRR). */
  claimBefore(newcomer: Speaker, firstAt: Instant): Instant | null {
    const from = firstAt - Math.max(SECOND, 1.25 * newcomer.intervalUs);
    let latest: Instant | null = null;
    for (const vip of newcomer.advert.vips) {
      const at = this.#vips.get(vip)?.claims.get(newcomer.mac) ?? null;
      if (at !== null && at >= from && at <= firstAt && (latest === null || at > latest)) latest = at;
    }
    return latest;
  }

  claimed(claim: Claim, at: Instant): void {
    const vip = this.#vip(claim.address);
    vip.claims.delete(claim.mac);
    vip.claims.set(claim.mac, at);
    if (vip.claims.size > MACS_MAX) {
      const [oldest] = vip.claims.keys();
      if (oldest !== undefined) vip.claims.delete(oldest);
    }
    const master = this.#router.master;
    if (master === null) return;
    if (claim.mac === master.mac || isVirtualRouterMac(claim.mac)) this.#endMissing(vip, at);
    else this.#suspect(vip, claim.mac, master, at);
  }

  /** The virtual router is forgotten. */
  abandon(at: Instant): void {
    for (const vip of this.#vips.values()) {
      this.#endMissing(vip, at);
      for (const { condition } of vip.strangers.values())
        if (condition !== null) this.#router.end(condition, at);
    }
    this.#vips.clear();
    this.#strangers = 0;
  }

  /** The master changed: whatever its predecessor failed to claim is no longer in question. */
  masterChanged(at: Instant): void {
    const master = this.#router.master;
    for (const vip of this.#vips.values()) {
      this.#endMissing(vip, at);
      for (const stranger of [...vip.strangers.values()]) {
        // what was claimed under another master is not judged by this one's adverts
        if (stranger.condition !== null && stranger.mac !== master?.mac) continue;
        if (stranger.condition !== null) this.#router.end(stranger.condition, at);
        this.#release(vip, stranger);
      }
    }
  }

  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    const master = this.#router.master;
    if (master === null) return next;
    for (const address of master.advert.vips)
      next = Math.min(next, this.#missingDue(this.#vip(address), master));
    for (const vip of this.#vips.values()) {
      for (const stranger of vip.strangers.values())
        next = Math.min(next, this.#strangerDue(stranger, master));
    }
    return next;
  }

  due(now: Instant): void {
    const master = this.#router.master;
    if (master === null) return;
    for (const address of master.advert.vips) {
      const vip = this.#vip(address);
      if (this.#missingDue(vip, master) <= now) this.#beginMissing(vip, master);
    }
    for (const vip of this.#vips.values()) {
      for (const stranger of [...vip.strangers.values()]) {
        if (this.#strangerDue(stranger, master) > now) continue;
        if (stranger.condition !== null) {
          this.#router.end(stranger.condition, now);
          this.#release(vip, stranger);
        } else if (
          master.lastAt > stranger.firstAt &&
          !this.#isSpeakers(stranger.mac, now) &&
          !this.#inDispute(stranger.mac)
        ) {
          stranger.condition = this.#router.begin(
            'ip-conflict',
            stranger.firstAt,
            { holder: master.address, holderMac: master.mac, otherMac: stranger.mac },
            { subject: vip.subject },
          );
        } else {
          this.#release(vip, stranger);
        }
      }
    }
  }

  #vip(address: string): Vip {
    let vip = this.#vips.get(address);
    if (vip === undefined) {
      vip = {
        address,
        subject: this.#subjectOf(address),
        claims: new Map(),
        knownSince: Number.NEGATIVE_INFINITY,
        missing: null,
        strangers: new Map(),
      };
      this.#vips.set(address, vip);
    }
    return vip;
  }

  // garp-missing

  /** Since when the VIP's claims point elsewhere; null while they do not, or it cannot be judged. */
  #missingSince(vip: Vip, master: Speaker): Instant | null {
    const reign = this.#reign();
    if (!reign.settled || vip.missing !== null || master.macChange !== null) return null;
    const ours = this.#mastersClaim(vip, master);
    const theirs = this.#otherSpeakersClaim(vip, master);
    const { sight } = this.#router;
    const from = claimedFrom(reign, master);
    const silent =
      reign.byFailover &&
      vip.knownSince <= reign.since && // one added by a reload is claimed just before it is advertised
      ours < from &&
      !this.#claimedLast(vip, ours) &&
      sight.hearsClaims(familyOf(vip.address)) &&
      sight.regainedAt < from &&
      !(ours === Number.NEGATIVE_INFINITY && vip.claims.size === 0 && vip.address.startsWith('fe80:'));
    const stolen = theirs > ours && theirs >= reign.since;
    if (!silent && !stolen) return null;
    const since = stolen ? theirs : reign.since;
    return Math.max(since, silent ? reign.since : since, reign.splitEndedAt) as Instant;
  }

  #missingDue(vip: Vip, master: Speaker): number {
    const since = this.#missingSince(vip, master);
    if (since === null) return Number.POSITIVE_INFINITY;
    const due = this.#router.sight.after(
      Math.max(since, this.#reign().undisputedAt),
      this.#router.thresholds.garpMissingAfterMs * MS,
    );
    // a master whose own advert is overdue may be gone or muted: its next advert decides
    const nextAdvertDue = this.#router.heardAt(master) + 1.25 * master.intervalUs;
    return due <= nextAdvertDue ? due : Number.POSITIVE_INFINITY;
  }

  /** The master spoke: a claim that was overdue while it was silent is judged now. */
  masterSpoke(now: Instant): void {
    const master = this.#router.master;
    if (master === null) return;
    for (const address of master.advert.vips) {
      const vip = this.#vip(address);
      if (this.#missingDue(vip, master) <= now) this.#beginMissing(vip, master);
    }
  }

  /** Nobody claimed it since the master did. */
  #claimedLast(vip: Vip, ours: number): boolean {
    if (ours === Number.NEGATIVE_INFINITY) return false;
    for (const at of vip.claims.values()) if (at > ours) return false;
    return true;
  }

  #beginMissing(vip: Vip, master: Speaker): void {
    const since = this.#missingSince(vip, master);
    if (since === null) return;
    const lastClaimMac = [...vip.claims.keys()].at(-1) ?? null;
    const about = this.#knowledge.darkId(vip.subject);
    vip.missing = this.#router.begin(
      'garp-missing',
      since,
      { holder: master.address, holderMac: master.mac, lastClaimMac },
      { subject: vip.subject, ...(about === null ? {} : { about }) },
    );
  }

  #endMissing(vip: Vip, at: Instant): void {
    if (vip.missing === null) return;
    this.#router.end(vip.missing, at);
    vip.missing = null;
  }

  #mastersClaim(vip: Vip, master: Speaker): number {
    let latest = vip.claims.get(master.mac) ?? Number.NEGATIVE_INFINITY;
    for (const [mac, at] of vip.claims) if (isVirtualRouterMac(mac) && at > latest) latest = at;
    return latest;
  }

  /** The latest claim by another speaker, one that is not in conflict already. */
  #otherSpeakersClaim(vip: Vip, master: Speaker): number {
    let latest = Number.NEGATIVE_INFINITY;
    for (const speaker of this.#router.speakers.values()) {
      if (speaker === master || speaker.mac === master.mac) continue;
      if (vip.strangers.get(speaker.mac)?.condition) continue;
      const at = vip.claims.get(speaker.mac);
      if (at !== undefined && at > latest) latest = at;
    }
    return latest;
  }

  // ip-conflict

  #suspect(vip: Vip, mac: string, master: Speaker, at: Instant): void {
    const known = vip.strangers.get(mac);
    if (known !== undefined) {
      known.lastAt = at;
      return;
    }
    if (vip.strangers.size >= MACS_MAX || !this.#router.isSpeaking(master, at)) return;
    if (this.#isSpeakers(mac, at) || this.#knowledge.ownMac(master, mac)) return;
    if (this.#inDispute(mac) || !master.advert.vips.includes(vip.address)) return;
    this.#strangers++;
    vip.strangers.set(mac, { mac, firstAt: at, lastAt: at, condition: null });
  }

  /** Of a speaker, while who is master is in question. */
  #inDispute(mac: string): boolean {
    return (
      !this.#reign().settled && [...this.#router.speakers.values()].some((speaker) => speaker.mac === mac)
    );
  }

  #release(vip: Vip, stranger: Stranger): void {
    if (vip.strangers.delete(stranger.mac)) this.#strangers--;
  }

  #strangerDue(stranger: Stranger, master: Speaker): number {
    const { sight } = this.#router;
    if (stranger.condition !== null) return sight.after(stranger.lastAt, CONFLICT_OVER_US);
    return sight.after(stranger.firstAt, 1.25 * master.intervalUs);
  }

  /** Of a speaker that speaks, or did less than a silence limit ago. */
  #isSpeakers(mac: string, at: Instant): boolean {
    for (const speaker of this.#router.speakers.values()) {
      if (speaker.macChange?.mac === mac) return true; // perhaps its new card: known later
      if (speaker.mac !== mac) continue;
      const quietSince = Math.max(this.#router.heardAt(speaker), speaker.replacedAt);
      if (at - quietSince <= silenceLimitUs(speaker)) return true;
    }
    return false;
  }
}

/** A claim of this reign comes then at the earliest: FRR claims up to one interval before it speaks. */
function claimedFrom({ since }: Reign, master: Speaker): number {
  return since - Math.max(SECOND, 1.25 * master.intervalUs);
}
