/**
 * What would have been told, when and why: events in, notifications out, with time taken from the events. The same
 * dispatch as live, with nobody at the other end. Pure.
 */

import type { TimelineEvent } from '../events.ts';
import { type Instant, plusUs } from '../time.ts';
import { type IncidentChange, IncidentFold } from '../timeline/incidents.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import { type Draft, notificationOf } from './compose.ts';
import { Dispatch, type DispatchSettings } from './dispatch.ts';
import type { Notification, StoryMaterial } from './notification.ts';
import { selectStory } from './story.ts';

export class Simulation {
  readonly dispatch: Dispatch;
  readonly #tell: (notification: Notification) => void;
  readonly #incidents = new IncidentFold();
  readonly #stories = new Map<number, Story>();
  readonly #events = new Map<number, JournalledEvent>();
  #seq = 0;

  constructor(settings: DispatchSettings, tell: (notification: Notification) => void) {
    this.dispatch = new Dispatch(settings);
    this.#tell = tell;
  }

  /** In the order in which they became known. */
  take(event: TimelineEvent): void {
    this.advance(plusUs(event.detectedAt, -1));
    const seq = ++this.#seq;
    const change = this.#incidents.take(event, seq);
    const entry: JournalledEvent = { seq, event, incident: change?.incident.id ?? null };
    this.#remember(entry, change);
    this.dispatch.take(entry, event.detectedAt);
  }

  /** Time goes by until then: what falls due is told at its own time. */
  advance(until: Instant): void {
    for (let due = this.dispatch.dueAt(); due !== null && due <= until; due = this.dispatch.dueAt()) {
      for (const draft of this.dispatch.advance(due)) this.#tell(notificationOf(draft, this.#storyOf(draft)));
    }
  }

  #remember(entry: JournalledEvent, change: IncidentChange | null): void {
    this.#events.set(entry.seq, entry);
    for (const seq of this.#events.keys()) {
      if (this.#events.size <= RECENT_MAX) break;
      this.#events.delete(seq);
    }
    if (change === null) return;
    const { incident, seqs } = change;
    const story = this.#stories.get(incident.id) ?? { entries: [], incident };
    story.incident = incident;
    for (const seq of seqs) {
      const member = this.#events.get(seq);
      if (member !== undefined) story.entries.push({ ...member, incident: incident.id });
    }
    this.#stories.set(incident.id, story);
  }

  #storyOf({ incident, throughSeq, at }: Draft): StoryMaterial | null {
    const story = incident === null ? undefined : this.#stories.get(incident);
    if (story === undefined) return null;
    const { id, cluster, began, severity, last, quietUntil } = story.incident;
    const entries = story.entries.filter(({ seq }) => seq <= throughSeq);
    const isOver = quietUntil < at && !hasOpen(entries);
    return {
      incident: { id, cluster, began, severity, ended: isOver ? last : null },
      events: selectStory(entries),
      until: at,
    };
  }
}

/** As far back as an incident takes in what led to it. */
const RECENT_MAX = 10_000;

interface Story {
  incident: IncidentChange['incident'];
  readonly entries: JournalledEvent[];
}

function hasOpen(entries: readonly JournalledEvent[]): boolean {
  const ended = new Set(entries.map(({ event }) => event.beginId));
  return entries.some(
    ({ event }) => event.phase === 'begin' && event.severity !== 'info' && !ended.has(event.id),
  );
}
