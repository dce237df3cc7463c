/**
 * From what the dispatch decided to what a receiver gets: the sentence for the lock screen, and the story so far. Pure.
 */
import { MS } from '../time.ts';
import { reportOf } from '../timeline/report.ts';
import { sentenceCase } from '../timeline/words.ts';
import type { Notification, NotifiedAlert, Settled, StoryMaterial } from './notification.ts';

/** A notification as it waits to be delivered: the story is in the journal, up to `throughSeq`. */
export type Draft = Omit<Notification, 'headline' | 'story'> & {
  readonly about: 'incident' | 'storm' | 'digest';
  readonly throughSeq: number;
  /** recipients with whom earlier attempts are done */
  readonly settled?: readonly Settled[];
};

export function notificationOf(draft: Draft, story: StoryMaterial | null): Notification {
  const { about: _about, throughSeq: _throughSeq, settled: _settled, ...rest } = draft;
  return { ...rest, headline: headlineOf(draft, story), story };
}

function headlineOf(draft: Draft, story: StoryMaterial | null): string {
  const { about, status, alerts, heldBack } = draft;
  switch (about) {
    case 'digest':
      return digestHeadline(alerts);
    case 'storm': {
      const held = status !== 'resolved' && heldBack > 1 ? `${heldBack} notifications were held back; ` : '';
      return withStatus(status, held + sentenceOf(draft));
    }
    case 'incident':
      return withStatus(status, storySentence(draft, story) ?? sentenceOf(draft));
  }
}

function withStatus(status: Draft['status'], sentence: string): string {
  if (status === 'resolved') return `Over: ${sentence}`;
  return status === 'repeat' ? `Still: ${sentence}` : sentence;
}

/** The report's gist, where it is about something that this receiver is told of, and is news. */
function storySentence({ alerts, status }: Draft, story: StoryMaterial | null): string | null {
  if (story === null || status === 'repeat') return null;
  const { gist } = reportOf(story.incident, story.events, story.until);
  const main = story.events.find(
    ({ event }) => event.phase !== 'end' && gist.startsWith(sentenceCase(event.summary)),
  )?.event;
  const told = alerts.find(({ kind, subject }) => kind === main?.kind && subject === main.subject);
  if (told === undefined) return null;
  const [first] = alerts;
  if (first === undefined || first.status === 'resolved' || told.status === 'firing') return gist;
  // The worst is over, and something of it is left.
  return `${gist} Still open: ${first.summary}.`;
}

/** Of the first alert, which is the worst of those that last. */
function sentenceOf({ alerts, at }: Draft): string {
  const [first, ...others] = alerts;
  if (first === undefined) return 'What was told of is over.';
  const { status, count, startsAt, endsAt, summary } = first;
  const lastedUs = (endsAt ?? at) - startsAt;
  const times =
    count === 1
      ? ''
      : ` (${count} times${status === 'resolved' && lastedUs > 0 ? ` within ${duration(lastedUs)}` : ''})`;
  const lasted =
    status === 'firing'
      ? lastedUs >= LASTS_US
        ? `; it lasts for ${duration(lastedUs)} so far`
        : ''
      : count === 1 && lastedUs > 0
        ? `; it lasted ${duration(lastedUs)}`
        : '';
  const more = others.length > 0 ? `; and ${others.length} more` : '';
  return `${sentenceCase(summary)}${times}${lasted}${more}.`;
}

const LASTS_US = 60_000 * MS;

function digestHeadline(alerts: readonly NotifiedAlert[]): string {
  const byKind = new Map<string, number>();
  for (const { kind, count } of alerts) byKind.set(kind, (byKind.get(kind) ?? 0) + count);
  const total = [...byKind.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...byKind].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} × ${kind}`);
  return `${total} near ${total === 1 ? 'miss' : 'misses'}: ${kinds.join(', ')}.`;
}

function duration(us: number): string {
  const seconds = us / (1_000 * MS);
  if (seconds < 120) return `${Number(seconds.toFixed(seconds < 10 ? 2 : 0))} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
