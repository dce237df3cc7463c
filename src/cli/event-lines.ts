/**
 * The timeline for a person at a terminal: one line an event. Pure.
 *
 *     10:00:03.612  WARN  vr:eth0/ipv4/51  172.18.0.201 moved from h1 to h2 after 3.61 s of silence
 *
 * The end of a condition is marked `END`, whatever its severity was: it is good news.
 */
import type { TimelineEvent } from '../events.ts';
import type { Clock, Colour, Paint } from './terminal.ts';

/** In the order given; a heading stands before the first event of each day. */
export function* eventLines(events: readonly TimelineEvent[], clock: Clock, paint: Paint): Generator<string> {
  const width = subjectWidth(events);
  let day: string | null = null;
  for (const event of events) {
    const itsDay = clock.day(event.time);
    if (itsDay !== null && itsDay !== day) yield paint(itsDay, 'dim');
    day = itsDay;
    yield eventLine(event, clock, paint, width);
  }
}

export function eventLine(event: TimelineEvent, clock: Clock, paint: Paint, width = 0): string {
  const { label, colours } = labelOf(event);
  return `${clock.time(event.time)}  ${paint(label, ...colours)}  ${event.subject.padEnd(width)}  ${event.summary}`;
}

const SUBJECT_WIDTH_MAX = 40;

function subjectWidth(events: readonly TimelineEvent[]): number {
  return events.reduce(
    (width, { subject }) => Math.max(width, Math.min(subject.length, SUBJECT_WIDTH_MAX)),
    0,
  );
}

const LABELS = {
  info: { label: 'INFO', colours: ['dim'] },
  warning: { label: 'WARN', colours: ['yellow'] },
  critical: { label: 'CRIT', colours: ['red', 'bold'] },
} as const;

export function labelOf({ phase, severity }: TimelineEvent): {
  readonly label: string;
  readonly colours: readonly Colour[];
} {
  return phase === 'end' ? { label: 'END ', colours: ['green'] } : LABELS[severity];
}
