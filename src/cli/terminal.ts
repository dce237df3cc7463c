/** What a terminal is told apart by: colour, and the clocks and durations that people read. Pure. */
import { type Instant, isoTime, MS, SECOND } from '../time.ts';

export type Colour = 'red' | 'yellow' | 'green' | 'bold' | 'dim';
export type Paint = (text: string, ...colours: readonly Colour[]) => string;

const CODES: Readonly<Record<Colour, number>> = { red: 31, yellow: 33, green: 32, bold: 1, dim: 2 };

export function painter(colour: boolean): Paint {
  if (!colour) return (text) => text;
  return (text, ...colours) => `${colours.map((c) => `\x1b[${CODES[c]}m`).join('')}${text}\x1b[0m`;
}

/** FORCE_COLOR outdoes NO_COLOR (no-color.org), as in Node itself; without either, a terminal decides. */
export function wantsColour(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: terminal } = environment;
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false';
  if (no !== undefined && no !== '') return false;
  return isTerminal && terminal !== 'dumb';
}

/** How instants are shown. */
export interface Clock {
  /** `10:00:03.612` */
  time(at: Instant): string;
  /** the heading under which such times stand, `2026-11-20`; null where there is none */
  day(at: Instant): string | null;
}

export const UTC: Clock = {
  time: (at) => isoTime(at).slice(11, 23),
  day: (at) => `${isoTime(at).slice(0, 10)} UTC`,
};

export const LOCAL: Clock = {
  time(at) {
    const date = new Date(at / MS);
    const ms = Math.floor(at / MS) % 1_000;
    return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(ms).padStart(3, '0')}`;
  },
  day(at) {
    const date = new Date(at / MS);
    const east = -date.getTimezoneOffset();
    const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`;
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} local time, UTC${zone}`;
  },
};

/** Seconds since `origin`. */
export function relativeTo(origin: Instant): Clock {
  return { time: (at) => `${((at - origin) / SECOND).toFixed(3)} s`.padStart(12), day: () => null };
}

/** `45 ms`, `3.61 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (seconds < 3_600) return both(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return both(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return both(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : nouns}`;
}

function both(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
