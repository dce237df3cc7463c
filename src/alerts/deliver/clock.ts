/** Instants and durations as messages show them. Pure: the time zone is told. */
import { type Instant, MS } from '../../time.ts';

export interface Clock {
  /** `03:12:07` */
  time(at: Instant): string;
  /** `03:12:07.612`, where the order within a second matters */
  exact(at: Instant): string;
  /** `Fri 20 Nov 2026` */
  day(at: Instant): string;
  /** `UTC+01:00`, as it is at that instant */
  zone(at: Instant): string;
}

/** `timeZone`: an IANA name; null for the machine's own. */
export function clockIn(timeZone: string | null): Clock {
  const zone = timeZone === null ? {} : { timeZone };
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { ...zone, ...options });
  const time = format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const day = format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  const offset = format({ timeZoneName: 'longOffset' });
  const timeOf = (at: Instant) => time.format(at / MS);
  return {
    time: timeOf,
    exact: (at) => `${timeOf(at)}.${String(Math.floor(at / MS) % 1_000).padStart(3, '0')}`,
    day: (at) => day.format(at / MS).replace(',', ''),
    zone: (at) => {
      const name = offset.formatToParts(at / MS).find((part) => part.type === 'timeZoneName')?.value ?? 'GMT';
      return name.replace('GMT', 'UTC');
    },
  };
}

/** `45 ms`, `3.61 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h` */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return pair(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? pair(hours, 'h', minutes % 60, 'min')
    : pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
