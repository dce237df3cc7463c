/** Small words that sentences about a timeline are made of: durations, lists, the first letter. Pure. */
import { MS } from '../time.ts';
import type { DarkRange } from './summary.ts';

/** `45 ms`, `0.61 s`, `4.2 min`, `5.5 h` */
export function seconds(ms: number): string {
  if (ms >= 7_200_000) return `${Math.round(ms / 360_000) / 10} h`;
  if (ms >= 120_000) return `${Math.round(ms / 6_000) / 10} min`;
  return ms < 100 ? `${Math.round(ms)} ms` : `${Number((ms / MS).toFixed(2))} s`;
}

/** The least and the most, as whoever reads it wants it: seconds. */
export function range([least, most]: DarkRange): string {
  const [from, to] = [seconds(least), seconds(most)];
  return from === to ? to : `${from} to ${to}`;
}

/** `10.0.0.100`, `10.0.0.100 and 10.0.0.101`, `10.0.0.100 and 3 more` */
export function listed(items: readonly string[]): string {
  const [first = 'no address', second, ...more] = items;
  if (second === undefined) return first;
  return more.length === 0 ? `${first} and ${second}` : `${first} and ${more.length + 1} more`;
}

/** With a capital, unless it begins with an address. */
export function sentenceCase(text: string): string {
  return /^[a-z]+(?:[\s-]|: )/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** What an error says, as far as it fits into a sentence: no code of the system, no more than a line of it. */
export function briefly(error: string): string {
  if (error.includes('ECONNREFUSED')) return 'connection refused';
  const text = error
    .replace(/ \([A-Z_]+\)$/, '')
    .replace(RETRIES, ': ')
    .replace(/[\s.;]+$/, '');
  return text.length > ERROR_MAX ? `${text.slice(0, ERROR_MAX - 1)}…` : text;
}

const ERROR_MAX = 80;
/** What a replica says of its attempts, before what went wrong. */
const RETRIES = / - retry-time: \d+ +(maximum-)?retries: \d+ +message: /;
