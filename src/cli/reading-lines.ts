/** What was read and what it cannot tell, for the end of a replay. Pure. */

import { type Instant, MS } from '../time.ts';
import { RECORD_WITH } from './record-with.ts';
import { countsText } from './recording.ts';
import type { Reading } from './replay.ts';
import { type Clock, duration, plural } from './terminal.ts';

export function* readingLines(reading: Reading, clock: Clock): Generator<string> {
  const { firstAt, lastAt, adverts, late, dropped, problems, frames } = reading;
  yield `Read ${countsText(reading)}${spanText(firstAt, lastAt, clock)}.`;
  if (late > 0)
    yield `${plural(late, 'frame')} came more than a second late: taken at the time of those before them.`;
  if (dropped > 0) yield `${plural(dropped, 'frame')} were lost by the recorder itself: gaps may be its own.`;
  for (const file of new Set(problems.map((problem) => problem.file))) {
    yield `${file} is damaged or cut off: see the warning; what follows the damage is not in this story.`;
  }
  if (adverts === 0) {
    yield frames === 0
      ? 'The recording is empty.'
      : 'No VRRP advert is among them: the wrong interface, VLAN or filter? Unicast adverts are seen at the nodes only.';
    yield 'Record on the segment of the nodes, for as long as a failover takes:';
    yield `  ${RECORD_WITH}`;
  } else if (!reading.addressTalk) {
    yield 'No ARP and no neighbour discovery is among them, so claims cannot be judged: whether a VIP was announced';
    yield 'after a move (garp-missing), claimed by a stranger (ip-conflict), and for how long clients were in the dark.';
    yield 'Record them too:';
    yield `  ${RECORD_WITH}`;
  }
}

function spanText(first: Instant | null, last: Instant | null, clock: Clock): string {
  if (first === null || last === null) return '';
  const text = `, ${duration((last - first) / MS)}`;
  return clock.day(first) === null ? text : `${text} from ${clock.time(first)} to ${clock.time(last)}`;
}
