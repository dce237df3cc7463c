/** Events for spreadsheets (RFC 4180); details are JSON in the last column. Pure. */
import type { TimelineEvent } from '../events.ts';
import { isoTime } from '../time.ts';

const COLUMNS = [
  'seq',
  'time',
  'detectedAt',
  'kind',
  'phase',
  'severity',
  'cluster',
  'subject',
  'summary',
  'id',
  'beginId',
  'about',
  'details',
] as const;

export const CSV_HEAD = COLUMNS.join(',');

export function csvLine(event: TimelineEvent, seq: number): string {
  return [
    String(seq),
    isoTime(event.time),
    isoTime(event.detectedAt),
    event.kind,
    event.phase,
    event.severity,
    event.cluster ?? '',
    event.subject,
    event.summary,
    event.id,
    event.beginId ?? '',
    event.about ?? '',
    JSON.stringify(event.details),
  ]
    .map(quoted)
    .join(',');
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
