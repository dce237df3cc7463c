/**
 * A time as people type it: `2h` (ago), `10:30`, `2026-11-20`, `2026-11-20 10:30:05`, `2026-11-20T10:30:05Z`,
 * `today`, `yesterday`. Local, unless it says otherwise; a time of day that is still to come is yesterday's. Pure.
 */
import { type Instant, instantFromIso, instantFromUs, MS, plusUs } from '../time.ts';

const AGO_US: Readonly<Record<string, number>> = {
  s: 1_000_000,
  m: 60_000_000,
  min: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
  w: 7 * 86_400_000_000,
};

export const TIME_FORMS =
  'a time such as 2h (ago), 10:30, yesterday, 2026-11-20, "2026-11-20 10:30" or 2026-11-20T10:30:00Z';

/** Null where it is no time. */
export function timeFrom(text: string, now: Instant, utc: boolean): Instant | null {
  const ago = /^(\d+(?:\.\d+)?)(s|m|min|h|d|w)$/.exec(text);
  if (ago !== null) return plusUs(now, -Number(ago[1]) * (AGO_US[ago[2] ?? ''] ?? 0));
  const iso = instantFromIso(text);
  if (iso !== null) return iso;

  const today = partsOf(now, utc);
  if (text === 'today') return instantOf({ ...today, hour: 0, minute: 0, second: 0 }, utc);
  if (text === 'yesterday')
    return instantOf({ ...today, day: today.day - 1, hour: 0, minute: 0, second: 0 }, utc);

  const match = /^(?:(\d{4})-(\d\d)-(\d\d))?(?:[T ]?(\d\d?):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?)?$/.exec(text);
  if (match === null || text === '') return null;
  const [, year, month, day, hour, minute, second] = match;
  const parts = {
    year: Number(year ?? today.year),
    month: Number(month ?? today.month),
    day: Number(day ?? today.day),
    hour: Number(hour ?? 0),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
  };
  if (parts.hour > 23 || parts.minute > 59 || parts.second >= 60) return null;
  const at = instantOf(parts, utc);
  const back = partsOf(at, utc);
  if (back.month !== parts.month || back.day !== parts.day) return null; // 31 February
  return year === undefined && at > now ? instantOf({ ...parts, day: parts.day - 1 }, utc) : at;
}

interface Parts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

function partsOf(at: Instant, utc: boolean): Parts {
  const date = new Date(at / MS);
  return utc
    ? {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
      }
    : {
        year: date.getFullYear(),
        month: date.getMonth() + 1,
        day: date.getDate(),
        hour: date.getHours(),
        minute: date.getMinutes(),
        second: date.getSeconds(),
      };
}

function instantOf({ year, month, day, hour, minute, second }: Parts, utc: boolean): Instant {
  const ms = utc
    ? Date.UTC(year, month - 1, day, hour, minute)
    : new Date(year, month - 1, day, hour, minute).getTime();
  return instantFromUs(ms * MS + Math.round(second * 1e6));
}
