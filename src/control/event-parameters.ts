/** An event query as the parameters of a URL and back: `?afterSeq=17&kind=failover,split-brain&severity=warning`. */

import { type EventKind, KINDS, type Severity } from '../events.ts';
import { instantFromIso, isoTime } from '../time.ts';
import type { EventQuery } from '../timeline/journalled-event.ts';

export function parametersOf(query: EventQuery): URLSearchParams {
  const { afterSeq, since, until, kinds, subject, cluster, severity } = query;
  const parameters = new URLSearchParams();
  if (afterSeq !== undefined) parameters.set('afterSeq', String(afterSeq));
  if (since !== undefined) parameters.set('since', isoTime(since));
  if (until !== undefined) parameters.set('until', isoTime(until));
  if (kinds !== undefined) parameters.set('kind', kinds.join(','));
  if (subject !== undefined) parameters.set('subject', subject);
  if (cluster !== undefined) parameters.set('cluster', cluster);
  if (severity !== undefined) parameters.set('severity', severity);
  return parameters;
}

export interface EventRequest {
  readonly query: EventQuery;
  readonly follow: boolean;
}

/** A text is what is wrong with them. */
export function requestOf(parameters: URLSearchParams): EventRequest | string {
  const query: { -readonly [K in keyof EventQuery]: EventQuery[K] } = {};
  let follow = false;
  for (const [name, value] of parameters) {
    switch (name) {
      case 'afterSeq':
        if (!/^\d{1,15}$/.test(value)) return `afterSeq=${shown(value)}: expected a whole number`;
        query.afterSeq = Number(value);
        break;
      case 'since':
      case 'until': {
        const at = instantFromIso(value);
        if (at === null) return `${name}=${shown(value)}: expected a time such as 2026-11-20T10:00:03Z`;
        query[name] = at;
        break;
      }
      case 'kind': {
        const kinds = value.split(',');
        const unknown = kinds.find((kind) => !isEventKind(kind));
        if (unknown !== undefined) return `kind=${shown(unknown)}: no such kind of event`;
        query.kinds = kinds;
        break;
      }
      case 'subject':
      case 'cluster':
        query[name] = value;
        break;
      case 'severity':
        if (!isSeverity(value)) return `severity=${shown(value)}: expected info, warning or critical`;
        query.severity = value;
        break;
      case 'follow':
        if (value !== '0' && value !== '1') return `follow=${shown(value)}: expected 0 or 1`;
        follow = value === '1';
        break;
      default:
        return `${shown(name)}: no such parameter; known: afterSeq, since, until, kind, subject, cluster, severity, follow`;
    }
  }
  if (follow && query.until !== undefined) return 'follow has no end: it cannot stand beside until';
  return { query, follow };
}

export function isEventKind(text: string): text is EventKind {
  return Object.hasOwn(KINDS, text);
}

export function isSeverity(text: string): text is Severity {
  return text === 'info' || text === 'warning' || text === 'critical';
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
