/**
 * InfluxDB line protocol: one text line for one event or sample. Pure; writes to nobody.
 *
 *     measurement,tag=value,tag=value field="text",field=12i,field=1.5 1795220453745969000
 *
 * - Tag keys and values, field keys: `,` `=` and space are escaped with a backslash. A value must not be empty
 *   (the tag is left out) and must not end with a backslash (written as `/`): servers answer both with a 400
 *   for the whole line. Other backslashes stand for themselves.
 * - String fields: `"` and `\` are escaped; at most 64 KB.
 * - Line breaks are legal in neither: a space stands in for each.
 * - Integers carry an `i`; NaN and infinities are left out, and so is a point that has no field left.
 * - The same event always gives the same series and timestamp, so that writing it twice changes nothing.
 */
import type { TimelineEvent } from '../events.ts';
import type { FieldValue, Sample } from '../samples.ts';
import type { Instant } from '../time.ts';

export interface Point {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, FieldValue | null>>;
  readonly time: Instant;
  /** 0 to 999: the timestamp's last three digits, which tell apart points of one microsecond */
  readonly ordinal: number;
}

/** The line without its line break; null where no field is left. */
export function encodePoint(point: Point): string | null {
  let fields = '';
  for (const [key, value] of Object.entries(point.fields)) {
    const text = fieldText(value);
    if (text !== null) fields += `${fields === '' ? '' : ','}${escapeName(key)}=${text}`;
  }
  if (fields === '') return null;

  return `${seriesOf(point.measurement, point.tags)} ${fields} ${timestamp(point)}`;
}

/** By their tags: samples of one series, read from the journal together, have them in common. */
const seriesKnown = new WeakMap<Point['tags'], { readonly measurement: string; readonly text: string }>();

function seriesOf(measurement: string, tags: Point['tags']): string {
  const known = seriesKnown.get(tags);
  if (known?.measurement === measurement) return known.text;
  let text = escapeMeasurement(measurement);
  for (const key of Object.keys(tags).sort()) {
    const value = escapeName(tags[key] ?? '');
    if (value !== '') text += `,${escapeName(key)}=${value}`;
  }
  seriesKnown.set(tags, { measurement, text });
  return text;
}

/** Nanoseconds. */
function timestamp({ time, ordinal }: Point): string {
  return time > 0
    ? `${time}${String(ordinal).padStart(3, '0')}`
    : String(BigInt(time) * 1_000n + BigInt(ordinal));
}

/** An event as a point of the measurement `timeline`. */
export function eventPoint(event: TimelineEvent, seq: number, ordinal: number): Point {
  const { details } = event;
  return {
    measurement: 'timeline',
    tags: {
      kind: event.kind,
      phase: event.phase,
      severity: event.severity,
      cluster: event.cluster ?? '',
      subject: event.subject,
    },
    fields: {
      id: event.id,
      seq: BigInt(seq),
      summary: event.summary,
      details: detailsText(details),
      duration_ms: details.durationMs ?? null,
      cause: details.cause ?? null,
      from: details.from ?? null,
      to: details.to ?? null,
      silence_ms: details.silenceMs ?? null,
      dark_ms_max: details.darkMs?.[1] ?? null,
    },
    time: event.time,
    ordinal,
  };
}

/** JSON that stays JSON: where it is too long for a field, the longest entries go, and are named. */
function detailsText(details: object): string {
  const text = JSON.stringify(details);
  if (fits(text)) return text;
  const kept = new Map(Object.entries(details));
  const longestFirst = [...kept]
    .map(([name, value]) => ({ name, length: (JSON.stringify(value) ?? '').length }))
    .sort((a, b) => b.length - a.length);
  const omitted: string[] = [];
  for (const { name } of longestFirst) {
    kept.delete(name);
    omitted.push(name);
    const shorter = JSON.stringify({ ...Object.fromEntries(kept), omitted });
    if (fits(shorter)) return shorter;
  }
  return '{}';
}

function fits(text: string): boolean {
  // A UTF-16 unit takes at most three bytes in UTF-8: short texts, that is nearly all of ours, are not measured.
  return text.length * 3 <= STRING_BYTES_MAX || Buffer.byteLength(text) <= STRING_BYTES_MAX;
}

/** A sample as a point of its own measurement; its tags alone keep it apart from others of that time. */
export function samplePoint(sample: Sample): Point {
  const { measurement, tags, fields, time } = sample;
  return { measurement, tags, fields, time, ordinal: 0 };
}

const ORDINAL_MAX = 999;
const INSTANTS_MAX = 65_536;

/** Counts the events of each microsecond, in the order of `seq`. Remembers the latest 65,536 instants. */
export class Ordinals {
  readonly #next = new Map<Instant, number>();

  take(time: Instant): number {
    const ordinal = this.#next.get(time) ?? 0;
    if (ordinal === 0 && this.#next.size >= INSTANTS_MAX) {
      for (const oldest of this.#next.keys()) {
        this.#next.delete(oldest);
        break;
      }
    }
    this.#next.set(time, ordinal + 1);
    return Math.min(ordinal, ORDINAL_MAX);
  }
}

function fieldText(value: FieldValue | null): string | null {
  switch (typeof value) {
    case 'string':
      return `"${NEEDS_CARE.test(value) || value.length * 3 > STRING_BYTES_MAX ? withCare(value) : value}"`;
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? `${value}i` : null;
    case 'number':
      return Number.isFinite(value) ? String(value) : null;
    case 'boolean':
      return String(value);
    default:
      return null;
  }
}

const NEEDS_CARE = /["\\\n\r]/;

function withCare(text: string): string {
  return cut(text).replace(LINE_BREAKS, ' ').replace(/["\\]/g, '\\$&');
}

const LINE_BREAKS = /\r\n|[\n\r]/g;
const STRING_BYTES_MAX = 65_535;

function cut(text: string): string {
  if (fits(text)) return text;
  return Buffer.from(text)
    .subarray(0, STRING_BYTES_MAX)
    .toString()
    .replace(/\ufffd+$/, '');
}

/** Keys and values of tags come again and again. */
const namesKnown = new Map<string, string>();
const NAMES_MAX = 4_096;

function escapeName(text: string): string {
  const known = namesKnown.get(text);
  if (known !== undefined) return known;
  if (namesKnown.size >= NAMES_MAX) namesKnown.clear();
  const escaped = withoutTrap(text).replace(/[,= ]/g, '\\$&');
  namesKnown.set(text, escaped);
  return escaped;
}

function escapeMeasurement(text: string): string {
  return withoutTrap(text).replace(/[, ]/g, '\\$&');
}

function withoutTrap(text: string): string {
  return text.replace(LINE_BREAKS, ' ').replace(/\\+$/, (end) => '/'.repeat(end.length));
}
