/**
 * A configured virtual router fails over while strangers flood the segment: told as in silence, and no advert missed.
 *
 * Missed adverts are counted by the observer from the speakers' IPv4 identifications (`missed` of the `vrrp` samples
 * in its journal); the sender counts without a hole. The last takeover comes after the flood, so that the sample
 * made then holds all that was missed in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { JournalReader } from '../../src/journal/journal-reader.ts';
import { FLOODS, startFlood } from '../../test/support/flood.ts';
import type { Figures } from './figures.ts';
import { treeOf } from './processes.ts';
import type { Plan } from './speakers.ts';
import { compareWith } from './truth.ts';
import { WatchedSegment } from './watched-segment.ts';

/** The one that floods leave alone. */
const VRID = 51;
const BEFORE_FLOOD_S = 4;
const AFTER_ALL_MS = 3_000;

export async function floods(seconds: number, figures: Figures): Promise<void> {
  for (const [name, flood] of Object.entries(FLOODS)) {
    const segment = await WatchedSegment.create([VRID]);
    try {
      await segment.follow();
      // It dies in the first half of the flood, and comes back after it.
      const plan: Plan = {
        seed: 5,
        vrids: [VRID],
        acts: [{ vrid: VRID, kind: 'silence', atMs: (BEFORE_FLOOD_S + seconds / 4) * 1_000 }],
        awayMs: (seconds + 4) * 1_000,
        untilMs: (2 * seconds + BEFORE_FLOOD_S + 12) * 1_000,
      };
      const sender = await segment.send(plan);
      await sleep(BEFORE_FLOOD_S * 1_000);
      const before = cpuS(segment);
      const flooding = await startFlood(segment.lab, flood, seconds);
      const sent = await flooding.sent;
      const cost = cpuS(segment) - before;
      const { adverts, lateMs } = await sender.all;
      await sleep(AFTER_ALL_MS);
      const { captures } = await segment.status();
      await segment.stop();

      const ours = segment.told.filter(
        ({ subject }) => subject === SUBJECT || subject.endsWith('/10.1.51.100'),
      );
      const { matches, wrong } = compareWith(sender.sent, ours);
      const missed = missedIn(segment.journalPath);
      figures.title(`${sent.toLocaleString('en')} ${name}, ${flood.perSecond.toLocaleString('en')} a second`);
      figures.mustBe(
        'its failovers, and nothing else of it',
        `${matches.length} of ${sender.sent.length}`,
        'told right',
        wrong.length === 0,
        wrong,
      );
      figures.figure(`of its ${adverts} adverts missed`, `${missed}`, '0', missed === 0);
      for (const { received, dropped } of captures) {
        figures.figure('frames captured, dropped', `${received.toLocaleString('en')}, ${dropped}`);
      }
      figures.figure('processor time for a frame, all processes', `${((cost / sent) * 1e6).toFixed(1)} µs`);
      figures.figure('the sender was late by, at the most', `${lateMs.toFixed(0)} ms`);
    } finally {
      await segment.destroy();
    }
  }
}

const SUBJECT = `vr:eth0/ipv4/${VRID}`;

function cpuS({ pid }: WatchedSegment): number {
  return treeOf(pid).reduce((sum, running) => sum + running.cpuS, 0);
}

function missedIn(journalPath: string): number {
  const reader = JournalReader.open(journalPath);
  try {
    let missed = 0;
    for (const { sample } of reader.samplesAfter(0, 1_000_000)) {
      const { measurement, tags, fields } = sample;
      if (measurement === 'vrrp' && tags.vrid === String(VRID)) missed += Number(fields.missed);
    }
    return missed;
  } finally {
    reader.close();
  }
}
