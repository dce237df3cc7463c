/**
 * Events and samples as rows, and back. What this version cannot have written itself (a later kind, a row that the
 * disk spoilt) still comes back as an event, with what of it makes sense: a timeline with a hole helps nobody.
 */
import { KINDS, type Severity, type TimelineEvent } from '../events.ts';
import type { FieldValue, Sample } from '../samples.ts';
import type { Instant } from '../time.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';

export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly time: number;
  readonly detected_at: number;
  readonly kind: string;
  readonly phase: string;
  readonly severity: string;
  readonly cluster: string | null;
  readonly subject: string;
  readonly summary: string;
  readonly details: string;
  readonly begin_id: string | null;
  readonly about: string | null;
  readonly incident: number | null;
}

export const EVENT_COLUMNS =
  'id, time, detected_at, kind, phase, severity, cluster, subject, summary, details, begin_id, about';

export function eventValues(event: TimelineEvent): readonly (string | number | null)[] {
  return [
    event.id,
    event.time,
    event.detectedAt,
    event.kind,
    event.phase,
    event.severity,
    event.cluster,
    event.subject,
    event.summary,
    JSON.stringify(event.details),
    event.beginId,
    event.about,
  ];
}

export function eventFromRow(row: EventRow): JournalledEvent {
  const event = {
    id: row.id,
    time: row.time,
    detectedAt: row.detected_at,
    kind: row.kind,
    phase: row.phase === 'begin' || row.phase === 'end' ? row.phase : 'instant',
    severity: severityOf(row),
    cluster: row.cluster,
    subject: row.subject,
    summary: row.summary,
    details: objectFrom(row.details),
    beginId: row.begin_id,
    about: row.about,
  } as unknown as TimelineEvent;
  const journalled = { seq: row.seq, event, incident: row.incident };
  return Object.hasOwn(KINDS, row.kind) ? journalled : { ...journalled, ofLaterVersion: true };
}

export function severityOf({ severity }: { readonly severity: string }): Severity {
  return severity === 'critical' || severity === 'warning' ? severity : 'info';
}

function objectFrom(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // as if nothing had been said
  }
  return {};
}

type FieldType = 'string' | 'bigint' | 'number' | 'boolean';
type SeriesName = readonly [
  measurement: string,
  tags: readonly (readonly [string, string])[],
  fields: readonly (readonly [string, FieldType])[],
];

/** What all samples of a series have in common, as one text: equal texts, equal series. */
export function seriesName(sample: Sample): string {
  const name: SeriesName = [
    sample.measurement,
    Object.entries(sample.tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    Object.entries(sample.fields).map(([field, value]) => [field, typeof value as FieldType]),
  ];
  return JSON.stringify(name);
}

export function fieldValues(sample: Sample): string {
  // An integer beyond 2^53 is written as text; its type stands with the series.
  return JSON.stringify(Object.values(sample.fields), (_, value: unknown) =>
    typeof value !== 'bigint'
      ? value
      : Number.isSafeInteger(Number(value))
        ? Number(value)
        : value.toString(),
  );
}

export interface SampleRow {
  readonly name: string;
  readonly time: number;
  readonly field_values: string;
}

/** Rows to samples; those of one series have their tags in common. Null where a row makes no sense. */
export class SampleReader {
  readonly #series = new Map<string, Series>();

  sample(row: SampleRow): Sample | null {
    try {
      const { measurement, tags, types } = this.#seriesOf(row.name);
      const values = JSON.parse(row.field_values) as readonly unknown[];
      const fields: Record<string, FieldValue> = {};
      for (const [index, [field, type]] of types.entries()) {
        const value = fieldFrom(values[index], type);
        if (value !== null) fields[field] = value;
      }
      return { measurement, time: row.time as Instant, tags, fields };
    } catch {
      return null;
    }
  }

  #seriesOf(name: string): Series {
    let series = this.#series.get(name);
    if (series === undefined) {
      const [measurement, tags, types] = JSON.parse(name) as SeriesName;
      if (this.#series.size >= SERIES_MAX) this.#series.clear();
      series = { measurement: measurement as Sample['measurement'], tags: Object.fromEntries(tags), types };
      this.#series.set(name, series);
    }
    return series;
  }
}

/** Names remembered: each is parsed once as long as no more than so many take turns. */
const SERIES_MAX = 5_000;

interface Series {
  readonly measurement: Sample['measurement'];
  readonly tags: Sample['tags'];
  readonly types: SeriesName[2];
}

/** Null for NaN and infinities, which JSON does not know and no graph shows. */
function fieldFrom(value: unknown, type: FieldType): FieldValue | null {
  if (type === 'bigint' && (typeof value === 'number' || typeof value === 'string')) return BigInt(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}
