/**
 * Failovers and conditions as annotations of the whole organisation: a failover is a moment, a condition a region from
 * its begin to its end. One journalled event at a time, in order of `seq`; the caller keeps the cursor.
 *
 *     tell(event) ─► done: the cursor moves
 *                 ├► later: the same again, after a pause
 *                 └► never: refused for good, with Grafana's reason; the cursor moves
 *
 * Told twice, an annotation is there once: each carries the tag `vipwatch:ID` of its event, and is looked for before it
 * is made. The end of a condition closes the annotation of its begin; where a person has deleted that, or it was never
 * told, the region is made whole.
 *
 * What is only `info` (other people's virtual routers among it) is passed over. Never throws, keeps nothing.
 */
import type { TimelineEvent } from '../events.ts';
import { type Instant, MS, plusUs } from '../time.ts';
import { isAtLeast, type JournalledEvent } from '../timeline/journalled-event.ts';
import { type GrafanaClient, GrafanaError, members } from './client.ts';

export type AnnotationVerdict =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'later';
      readonly reason: string;
      /** waiting alone will not help */
      readonly needsPerson: boolean;
      /** Grafana asked for it */
      readonly afterMs: number | null;
    }
  | { readonly kind: 'never'; readonly reason: string };

const DONE: AnnotationVerdict = { kind: 'done' };

export class GrafanaAnnotations {
  readonly #client: GrafanaClient;

  constructor(client: GrafanaClient) {
    this.#client = client;
  }

  async tell({ event }: Pick<JournalledEvent, 'event'>, signal?: AbortSignal): Promise<AnnotationVerdict> {
    if (!isAnnotated(event)) return DONE;
    try {
      if (event.phase === 'end') await this.#end(event, signal);
      else if ((await this.#find(event.id, signal)) === null)
        await this.#make(event, event.time, null, signal);
      return DONE;
    } catch (error) {
      return verdictOf(error);
    }
  }

  /** Done anew it says the same. */
  async #end(event: TimelineEvent, signal: AbortSignal | undefined): Promise<void> {
    const found = await this.#find(event.beginId ?? event.id, signal);
    if (found !== null) {
      const { status } = await this.#client.request({
        method: 'PATCH',
        path: `/api/annotations/${found}`,
        body: { timeEnd: msOf(event.time), text: textOf(event) },
        purpose: 'end an annotation',
        role: 'Editor',
        expected: [404],
        ...(signal === undefined ? {} : { signal }),
      });
      if (status !== 404) return;
    }
    const { durationMs } = event.details;
    const began = durationMs === undefined ? event.time : plusUs(event.time, -durationMs * MS);
    await this.#make(event, began, event.time, signal);
  }

  /** The number of the annotation of an event; null where there is none. */
  async #find(id: string, signal: AbortSignal | undefined): Promise<number | null> {
    const parameters = new URLSearchParams({ type: 'annotation', limit: '1', tags: tagOf(id) });
    const { body } = await this.#client.request({
      method: 'GET',
      path: `/api/annotations?${parameters}`,
      purpose: 'look for an annotation',
      role: 'Viewer',
      ...(signal === undefined ? {} : { signal }),
    });
    const found = members(Array.isArray(body) ? body[0] : undefined).id;
    return typeof found === 'number' ? found : null;
  }

  async #make(
    event: TimelineEvent,
    time: Instant,
    timeEnd: Instant | null,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#client.request({
      method: 'POST',
      path: '/api/annotations',
      body: {
        time: msOf(time),
        ...(timeEnd === null ? {} : { timeEnd: msOf(timeEnd) }),
        tags: tagsOf(event),
        text: textOf(event),
      },
      purpose: 'make an annotation',
      role: 'Editor',
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

export function isAnnotated({ kind, phase, severity }: TimelineEvent): boolean {
  return isAtLeast(severity, 'warning') && (kind === 'failover' || phase !== 'instant');
}

/** The dashboards choose by the second: `failover`, `condition`, or `observer` for what is about vipwatch itself. */
function tagsOf(event: TimelineEvent): readonly string[] {
  const isOwn = /^(observer|sink):/.test(event.subject);
  const group = isOwn ? 'observer' : event.phase === 'instant' ? event.kind : 'condition';
  const tags = [
    'vipwatch',
    group,
    event.kind,
    event.severity,
    pair('subject', event.subject),
    ...(event.cluster === null ? [] : [pair('cluster', event.cluster)]),
    tagOf(event.beginId ?? event.id),
  ];
  return [...new Set(tags)];
}

/** Grafana's column, in bytes; what is longer fails the whole annotation. */
const TAG_BYTES_MAX = 100;

/** Grafana keeps a key and a value, split at colons, and forgets what follows a second one. */
function pair(key: string, value: string): string {
  const safe = Buffer.from(value.replaceAll(':', '-')).subarray(0, TAG_BYTES_MAX).toString();
  return `${key}:${safe.replace(/\ufffd+$/, '')}`;
}

/** Ids are letters, digits and dashes. */
function tagOf(id: string): string {
  return `vipwatch:${id}`;
}

/** Grafana shows it as HTML, and parts of it came from the segment. */
function textOf({ summary }: TimelineEvent): string {
  return summary.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function msOf(time: Instant): number {
  return Math.floor(time / MS);
}

function verdictOf(error: unknown): AnnotationVerdict {
  if (!(error instanceof GrafanaError)) {
    return { kind: 'later', reason: String(error), needsPerson: true, afterMs: null };
  }
  const { trouble, message, retryAfterMs } = error;
  if (trouble === 'refused') return { kind: 'never', reason: message };
  const needsPerson = trouble !== 'unreachable' && trouble !== 'busy';
  return { kind: 'later', reason: message, needsPerson, afterMs: retryAfterMs };
}
