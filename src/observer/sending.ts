/**
 * What a frame tells beside what its advert says: that it is a mirror's copy, that it was overtaken on its way, and
 * how its sender counts. Enters it into the speaker; judges nothing.
 */
import type { AdvertObservation } from '../observation.ts';
import { type Instant, MS } from '../time.ts';
import {
  advertsBetween,
  ECHO_WITHIN_US,
  type Heard,
  noteJitter,
  type Speaker,
  sameMeaning,
} from './speaker.ts';

/** Two priority 0 within this much: keepalived went to FAULT. Mostly 0.1 ms; 5.8 ms were seen on a busy machine. */
export const FAULT_PAIR_US = 50 * MS;
/** What one sender sends at once arrives within this much. */
const AT_ONCE_US = 5 * MS;
/** So many adverts of a speaker are held against copies of them. */
const RECENT_MAX = 4;

/** The same frame once more, by a mirror port. Remembers it if it is none. */
export function isEcho(speaker: Speaker, { at, advert, ipId }: AdvertObservation): boolean {
  if (ipId === null || ipId === 0) return false;
  // beyond a quarter interval a repeated number is a stack that does not count, not a mirror
  const from = at - Math.min(ECHO_WITHIN_US, speaker.intervalUs / 4);
  const isCopyOf = (heard: Heard) =>
    heard.ipId === ipId && heard.at >= from && sameMeaning(heard.advert, advert);
  const last = { at: speaker.lastAt, ipId: speaker.ipId ?? 0, advert: speaker.advert };
  if (isCopyOf(last) || speaker.recent.some(isCopyOf)) return true;
  speaker.recent = [...speaker.recent, last, { at, ipId, advert }].slice(-RECENT_MAX);
  return false;
}

/** It was overtaken on the way by the priority 0 that was sent after it. */
export function isOvertaken(speaker: Speaker, { at, advert, ipId }: AdvertObservation): boolean {
  if (speaker.resignedAt === null || advert.priority === 0 || ipId === null || speaker.ipId === null)
    return false;
  return at - speaker.lastAt <= AT_ONCE_US && isOlder(ipId, speaker.ipId);
}

/** The identification and the rhythm of one more advert. */
export function count(speaker: Speaker, at: Instant, gapUs: number, ipId: number | null): void {
  if (ipId !== null && speaker.ipId !== null) {
    speaker.ipIdStreak = advertsBetween(speaker.ipId, ipId) === 1 ? speaker.ipIdStreak + 1 : 0;
  }
  speaker.ipId = ipId;
  if (speaker.runStart !== null && at > speaker.lastAt) {
    noteJitter(speaker, at, Math.abs(gapUs - speaker.intervalUs));
  }
}

/** Counts how many adverts in a row were followed by another within milliseconds. */
export function countCopies(speaker: Speaker, at: Instant): void {
  const close = at - speaker.lastAt < AT_ONCE_US;
  if (close && !speaker.cameClose) speaker.copies++;
  if (!close && !speaker.cameClose) speaker.copies = 0;
  speaker.cameClose = close;
}

/** keepalived numbers its adverts: this one was sent a little before that one. */
function isOlder(ipId: number, than: number): boolean {
  return ipId !== than && advertsBetween(ipId, than) <= RECENT_MAX;
}
