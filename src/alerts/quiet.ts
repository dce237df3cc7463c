/** Times in which people want to hear nothing: silences and maintenance windows. Pure. */
import { type Instant, MS, plusUs } from '../time.ts';
import { type EventTraits, eventFilter } from '../timeline/journalled-event.ts';
import type { MaintenanceWindow, Matchers, Recurring, Silence } from './configuration.ts';

export interface Quiet {
  /** what keeps it quiet, for people: `silenced by ann (…)` */
  readonly why: string;
  readonly until: Instant;
}

/** The one that lasts longest of those that cover it at this moment; null where none does. */
export function quietFor(
  event: EventTraits,
  now: Instant,
  silences: Iterable<Silence>,
  windows: readonly MaintenanceWindow[],
): Quiet | null {
  let longest: Quiet | null = null;
  const consider = (quiet: Quiet) => {
    if (longest === null || quiet.until > longest.until) longest = quiet;
  };
  for (const { id, matchers, from, until, reason, author } of silences) {
    if (now >= from && now < until && covers(matchers, event))
      consider({ why: `silence ${id} of ${author}: ${reason}`, until });
  }
  for (const { name, matchers, when } of windows) {
    const until = covers(matchers, event) ? endIfWithin(when, now) : null;
    if (until !== null) consider({ why: `maintenance ${name}`, until });
  }
  return longest;
}

export function covers(matchers: Matchers, event: EventTraits): boolean {
  return eventFilter(matchers)(event);
}

function endIfWithin(when: MaintenanceWindow['when'], now: Instant): Instant | null {
  if ('from' in when) return now >= when.from && now < when.until ? when.until : null;
  const { day, minute, restUs } = wallClock(now, when.zone);
  const lengthMinutes = when.lengthMs / 60_000;
  // One of at most a week ago may reach to now.
  for (let back = 0; back * DAY_MINUTES <= lengthMinutes + DAY_MINUTES && back < 8; back++) {
    const since = minute - when.startMinute + back * DAY_MINUTES;
    if (since < 0 || since >= lengthMinutes || !isOn(when, (day + 7 - (back % 7)) % 7)) continue;
    return plusUs(now, (lengthMinutes - since) * 60_000 * MS - restUs);
  }
  return null;
}

const DAY_MINUTES = 1_440;

function isOn({ days }: Recurring, day: number): boolean {
  return days.length === 0 || days.includes(day);
}

interface WallClock {
  /** 0 is Sunday */
  readonly day: number;
  readonly minute: number;
  /** since that minute began */
  readonly restUs: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function wallClock(at: Instant, zone: string): WallClock {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(new Date(at / MS)).map(({ type, value }) => [type, value]));
  return {
    day: WEEKDAYS.indexOf(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
    restUs: at % (60_000 * MS),
  };
}

export const WEEKDAYS: readonly string[] = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
