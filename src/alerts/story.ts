/** How much of an incident goes into a notification: how it began, and the latest. Pure. */
import type { JournalledEvent } from '../timeline/journalled-event.ts';

export const STORY_FIRST = 100;
export const STORY_LAST = 200;

/** By seq. */
export function selectStory(entries: readonly JournalledEvent[]): readonly JournalledEvent[] {
  if (entries.length <= STORY_FIRST + STORY_LAST) return entries;
  return [...entries.slice(0, STORY_FIRST), ...entries.slice(-STORY_LAST)];
}
