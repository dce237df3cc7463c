/**
 * Events as they happen, one line each.
 *
 * For a person at a terminal as in every timeline, with a heading where a day begins. Otherwise with the full time, or,
 * below systemd, with a level (`<4>`, sd-daemon(3)) and no time, as the journal of the system has its own. Pure.
 */
import { eventJson, type Severity } from '../events.ts';
import { isoTime } from '../time.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import { eventLine, labelOf } from './event-lines.ts';
import type { Clock, Paint } from './terminal.ts';

export type LiveLines = (entries: readonly JournalledEvent[]) => Iterable<string>;

const SUBJECT_WIDTH = 24;

export function forTerminal(clock: Clock, paint: Paint): LiveLines {
  let day: string | null = null;
  return function* (entries) {
    for (const { event } of entries) {
      const itsDay = clock.day(event.time);
      if (itsDay !== null && itsDay !== day) yield paint(itsDay, 'dim');
      day = itsDay;
      yield eventLine(event, clock, paint, SUBJECT_WIDTH);
    }
  };
}

export function forLog(): LiveLines {
  return function* (entries) {
    for (const { event } of entries)
      yield `${isoTime(event.time)} ${labelOf(event).label.trim()} ${event.subject} ${event.summary}`;
  };
}

/** sd-daemon(3): SD_INFO, SD_WARNING, SD_CRIT; the end of a condition is good news (SD_NOTICE). */
const LEVELS: Readonly<Record<Severity, number>> = { info: 6, warning: 4, critical: 2 };
const NOTICE = 5;

export function forSystemd(): LiveLines {
  return function* (entries) {
    for (const { event } of entries) {
      const level = event.phase === 'end' ? NOTICE : LEVELS[event.severity];
      yield `<${level}>${labelOf(event).label.trim()} ${event.subject} ${event.summary}`;
    }
  };
}

export function asJson(): LiveLines {
  return function* (entries) {
    for (const { event, seq } of entries) yield eventJson(event, seq);
  };
}
