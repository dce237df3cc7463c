/** Events of `timeline` as a table: the latest 100, newest first. */
import { MILLISECONDS, SEVERITIES } from './looks.ts';
import { type Content, column, table } from './panels.ts';

/** `condition`: which of them, the time that is looked at included. */
export function eventTable(title: string, description: string, condition: string): Content {
  return table({
    title,
    description,
    queries: [
      {
        query: `SELECT "severity", "summary", "phase", "duration_ms", "kind", "subject" FROM "timeline" WHERE ${condition} ORDER BY time DESC LIMIT 100`,
      },
    ],
    config: { noValue: '' },
    overrides: [
      column('Time', { unit: 'dateTimeAsIso' }, 170),
      column('severity', { mappings: [SEVERITIES], custom: { cellOptions: { type: 'color-text' } } }, 80),
      column('summary', { displayName: 'what happened', custom: { minWidth: 320 } }),
      column('phase', {}, 70),
      column('duration_ms', { ...MILLISECONDS, displayName: 'lasted' }, 90),
      column('kind', {}, 130),
    ],
  });
}
