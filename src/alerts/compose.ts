/**
 * From what the dispatch decided to what a receiver gets: the sentence for the lock screen, and the story so far. Pure.
 */
import { MS } from '../time.ts';
import { reportOf } from '../timeline/report.ts';
import type { Notification, NotifiedAlert, StoryMaterial } from './notification.ts';

/** A notification as it waits to be delivered: the story is in the journal, up to `throughSeq`. */
export type Draft = Omit<Notification, 'headline' | 'story'> & {
  readonly about: 'incident' | 'storm' | 'digest';
  readonly throughSeq: number;
};

export function notificationOf(draft: Draft, story: StoryMaterial | null): Notification {
  const { about: _about, throughSeq: _throughSeq, ...rest } = draft;
  return { ...rest, headline: headlineOf(draft, story), story };
}

function headlineOf(draft: Draft, story: StoryMaterial | null): string {
  const { about, status, alerts, heldBack } = draft;
  switch (about) {
    case 'digest':
      return digestHeadline(alerts);
    case 'storm': {
      const sentence = sentenceOf(draft);
      if (status === 'resolved') return `Over: ${sentence}`;
      if (status === 'repeat') return `Still: ${sentence}`;
      return `${heldBack > 1 ? `${heldBack} notifications were held back; ` : ''}${sentence}`;
    }
    case 'incident': {
      const sentence = storySentence(draft, story) ?? sentenceOf(draft);
      if (status === 'resolved') return `Over: ${sentence}`;
      return status === 'repeat' ? `Still: ${sentence}` : sentence;
    }
  }
}

/** The report's own, where it is about something that this receiver is told of. */
function storySentence({ alerts }: Draft, story: StoryMaterial | null): string | null {
  if (story === null) return null;
  const { headline } = reportOf(story.incident, story.events, story.until);
  const isTold = alerts.some(({ summary }) => headline.startsWith(capital(summary)));
  return isTold ? headline : null;
}

/** Of the first alert, which is the worst of those that last. */
function sentenceOf({ alerts, at }: Draft): string {
  const [first, ...others] = alerts;
  if (first === undefined) return 'What was told of is over.';
  const end = first.endsAt ?? at;
  const lasted =
    first.status === 'firing'
      ? end - first.startsAt >= LASTS_US
        ? `; it lasts for ${duration(end - first.startsAt)} so far`
        : ''
      : end > first.startsAt
        ? `; it lasted ${duration(end - first.startsAt)}`
        : '';
  const times = first.count > 1 ? ` (${first.count} times)` : '';
  const more = others.length > 0 ? `; and ${others.length} more` : '';
  return `${capital(first.summary)}${times}${lasted}${more}.`;
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
