/**
 * A speaker: a source address that sends adverts for a virtual router, with what is known of it, and the pure
 * questions one can ask about speakers.
 */
import { type Instant, MS, SECOND } from '../time.ts';
import type { Advert, Family } from '../wire/packet.ts';
import { addressRank } from './addresses.ts';
import type { RecalledSpeaker } from './restoration.ts';
import type { Rivalry } from './rivalry.ts';

/** Adverts that its speakers reject can mute a master for so long, and no longer, without it being gone. */
export const MUTED_MAX_US = 30 * SECOND;

export interface Speaker {
  readonly address: string;
  /** orders equal priorities: compares like the address as an unsigned number (RFC 9568 section 6.4.3) */
  readonly rank: string;
  /** the MAC it is known by */
  mac: string;
  /** its last advert */
  advert: Advert;
  /** last advertised priority above 0 */
  priority: number;
  intervalUs: number;
  /** the highest priority advertised in its present run: tells a priority drop from a preemption */
  highestInRun: number;
  adverts: number;
  readonly firstAt: Instant;
  /** its last advert, of any priority */
  lastAt: Instant;
  /** silence counts from here at the earliest: it survived a split-brain */
  freshAt: number;
  /** when another speaker was found to have replaced it */
  replacedAt: number;
  /** when its present run of adverts began; null while it is not speaking */
  runStart: Instant | null;
  /** its last advert was a priority 0, first sent then */
  resignedAt: Instant | null;
  /** that priority 0 came twice within 5 ms */
  fault: boolean;
  /** the last claim of one of the VIPs from its MAC */
  lastClaimAt: Instant | null;
  /** how many of its adverts in a row came twice within milliseconds: one is a reload, more are copies */
  copies: number;
  /** its last advert did */
  cameClose: boolean;
  ipId: number | null;
  /** its last few adverts, to know a mirror's copies by */
  recent: readonly Heard[];
  /** its first claim since the run began */
  firstClaimAt: Instant | null;
  /** how many of its adverts in a row counted the IPv4 identification up by one */
  ipIdStreak: number;
  /** its standing against a speaker that outranks it, while both speak */
  rivalry: Rivalry | null;
  /** it took the place of a speaker that outranks it for a moment: what was heard of that */
  repelled: Repelled | null;
  /** settings last heard before somebody else's changed: no longer evidence of a mismatch */
  staleFields: ReadonlySet<string>;
  /** an advert came from another MAC: whose it is will be known later */
  macChange: MacChange | null;
  /**
   * Not heard since the observer was restarted: its settings as events showed them, by field. Its `advert` is made
   * up of them; what they do not name is not known. Null once it is heard.
   */
  recalled: ReadonlyMap<string, string> | null;
  /** false of one recalled whose priority nobody had told */
  priorityKnown: boolean;
  /** worst deviation from the interval and adverts known to be missing, since the last sample */
  jitterUs: number;
  missed: number;
  /** the same for the present: since the minute began, and in the minute before that */
  readonly recently: Rhythm;
  readonly before: Rhythm;
  minuteFrom: Instant;
}

export interface Rhythm {
  jitterUs: number;
  missed: number;
}

export interface Repelled {
  readonly winner: Speaker;
  readonly firstUtterance: Instant;
  readonly lastUtterance: Instant;
  /** how many adverts had been heard of the winner by then */
  readonly winnerAdverts: number;
}

export interface Heard {
  readonly at: Instant;
  readonly ipId: number;
  readonly advert: Advert;
}

export interface MacChange {
  readonly at: Instant;
  readonly mac: string;
  count: number;
}

export function newSpeaker(advert: Advert, at: Instant): Speaker {
  return {
    address: advert.src,
    rank: addressRank(advert.src, advert.family),
    mac: advert.srcMac,
    advert,
    priority: advert.priority,
    intervalUs: advert.intervalMs * MS,
    highestInRun: 0,
    adverts: 0,
    firstAt: at,
    lastAt: at,
    freshAt: Number.NEGATIVE_INFINITY,
    replacedAt: Number.NEGATIVE_INFINITY,
    runStart: null,
    resignedAt: null,
    fault: false,
    lastClaimAt: null,
    copies: 0,
    cameClose: false,
    ipId: null,
    recent: [],
    firstClaimAt: null,
    ipIdStreak: 0,
    rivalry: null,
    repelled: null,
    staleFields: new Set(),
    macChange: null,
    recalled: null,
    priorityKnown: true,
    jitterUs: 0,
    missed: 0,
    recently: { jitterUs: 0, missed: 0 },
    before: { jitterUs: 0, missed: 0 },
    minuteFrom: at,
  };
}

/** One that was heard before a restart: as if it had been heard twice, last at `at`. */
export function recalledSpeaker({ advert, settings, priorityKnown }: RecalledSpeaker, at: Instant): Speaker {
  const speaker = newSpeaker(advert, at);
  speaker.recalled = settings;
  speaker.priorityKnown = priorityKnown;
  speaker.highestInRun = advert.priority;
  speaker.adverts = 2;
  return speaker;
}

/** An advert came so much off the interval. */
export function noteJitter(speaker: Speaker, at: Instant, us: number): void {
  if (at - speaker.minuteFrom >= MINUTE_US) turnMinute(speaker, at);
  if (us > speaker.jitterUs) speaker.jitterUs = us;
  if (us > speaker.recently.jitterUs) speaker.recently.jitterUs = us;
}

export function noteMissed(speaker: Speaker, at: Instant, missed: number): void {
  if (at - speaker.minuteFrom >= MINUTE_US) turnMinute(speaker, at);
  speaker.missed += missed;
  speaker.recently.missed += missed;
}

/** What was noted within the last one to two minutes. */
export function rhythm(speaker: Speaker, at: Instant): Rhythm {
  const age = at - speaker.minuteFrom;
  const { recently, before } = speaker;
  if (age >= 2 * MINUTE_US) return { jitterUs: 0, missed: 0 };
  if (age >= MINUTE_US) return { ...recently };
  return {
    jitterUs: Math.max(recently.jitterUs, before.jitterUs),
    missed: recently.missed + before.missed,
  };
}

const MINUTE_US = 60 * SECOND;

function turnMinute(speaker: Speaker, at: Instant): void {
  const { recently, before } = speaker;
  const adjoins = at - speaker.minuteFrom < 2 * MINUTE_US;
  before.jitterUs = adjoins ? recently.jitterUs : 0;
  before.missed = adjoins ? recently.missed : 0;
  recently.jitterUs = 0;
  recently.missed = 0;
  speaker.minuteFrom = at;
}

/** The largest Skew_Time any backup may add: 1 s in v2 (RFC 3768 section 6.1), 1 interval in v3 (RFC 9568 section 6.1). */
export function largestSkewUs(speaker: Speaker): number {
  return speaker.advert.version === 2 ? SECOND : speaker.intervalUs;
}

/** Past this much silence no healthy backup can still be waiting. */
export function silenceLimitUs(speaker: Speaker): number {
  return 3 * speaker.intervalUs + largestSkewUs(speaker);
}

/**
 * How much later than its limit a silence is taken for a loss: daemons wake late, by 40 ms on an idle machine, and
 * a backup of priority 1 waits to within 4 ms of the limit.
 */
export function latenessUs(speaker: Speaker): number {
  return Math.min(SECOND, Math.max(100 * MS, speaker.intervalUs / 4));
}

/** A master silent for so long may have been given up by its backups (3 intervals, less a quarter for jitter). */
export function givenUpUs(speaker: Speaker): number {
  return 2.75 * speaker.intervalUs;
}

/** A speaker that is nobody's master and silent for so long has yielded: one advert of its may have been lost. */
export function yieldedUs(speaker: Speaker): number {
  return 2.25 * speaker.intervalUs;
}

/** A master silent for less than this was well, as far as anybody could tell (a quarter interval for lateness). */
export function freshUs(speaker: Speaker): number {
  return 1.5 * speaker.intervalUs;
}

/** How long a frame may have been on its way when its sender heard the contrary. */
export function graceUs(speaker: Speaker): number {
  return graceOf(speaker.intervalUs);
}

export function graceOf(intervalUs: number): number {
  return Math.min(100 * MS, intervalUs / 4);
}

type Rank = Pick<Speaker, 'priority' | 'rank'>;

/** Higher priority; on equal priority the numerically higher address (RFC 9568 section 6.4.3). */
export function outranks(a: Rank, b: Rank, priorityOfB = b.priority): boolean {
  return a.priority > priorityOfB || (a.priority === priorityOfB && a.rank > b.rank);
}

export type RejectedField = 'version' | 'auth' | 'advert-interval' | 'checksum-style';

/**
 * The fields in which two speakers' adverts differ so that each drops the other's (keepalived's rules). A
 * difference of VIPs is none: versions differ in what they do about it.
 */
export function rejectedFields(a: Speaker, b: Speaker): RejectedField[] {
  const x = a.advert;
  const y = b.advert;
  if (x === y) return [];
  if (x.version !== y.version) return ['version'];
  const fields: RejectedField[] = [];
  const bothHeard = a.recalled === null && b.recalled === null;
  if (bothHeard && !isCut(x) && !isCut(y) && authOf(x) !== authOf(y)) fields.push('auth');
  if (x.version === 2 && x.intervalMs !== y.intervalMs) fields.push('advert-interval');
  if (bothHeard && checksumStyle(x) !== checksumStyle(y)) fields.push('checksum-style');
  return fields;
}

/** The recorder's snap length cut it: what stands after the fixed header is not known. */
export function isCut(advert: Advert): boolean {
  return advert.problems.includes('cut-by-capture');
}

/** What must be equal for two adverts to pass each other's authentication. Contains the secret: never print it. */
export function authOf(advert: Advert): string {
  if (advert.hmac) return 'hmac';
  if (advert.ah) return 'ah';
  if (advert.version !== 2 || advert.authType === null || advert.authType === 0) return 'none';
  return `${advert.authType}:${advert.authData ?? ''}`;
}

/** Only VRRPv3 over IPv4 has styles; a checksum that could not be checked is taken for the usual one. */
export function checksumStyle(advert: Advert): 'pseudo-header' | 'message-only' | 'old-unicast' {
  switch (advert.checksum) {
    case 'ok-message-only':
      return 'message-only';
    case 'ok-old-unicast':
      return 'old-unicast';
    case 'ok':
    case 'bad':
    case 'unverifiable':
      return 'pseudo-header';
  }
}

/** The same frame twice, by a mirror port or to several unicast peers, comes within this much. */
export const ECHO_WITHIN_US = SECOND;

/** But for where they were sent to: unicast peers each get a copy. */
export function sameMeaning(a: Advert, b: Advert): boolean {
  if (a === b) return true;
  return (
    a.priority === b.priority &&
    a.srcMac === b.srcMac &&
    a.vips.length === b.vips.length &&
    a.vips.every((vip, i) => vip === b.vips[i])
  );
}

/** keepalived counts its adverts in the IPv4 ID, skipping 0 on the wrap: how many were sent since `before`. */
export function advertsBetween(before: number, after: number): number {
  const steps = after - before;
  return steps > 0 ? steps : steps + 0xffff;
}

export type { Family };
