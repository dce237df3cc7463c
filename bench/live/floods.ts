/**
 * A configured virtual router fails over while strangers flood the segment: told as in silence, and no advert missed.
 *
 * Missed adverts are counted by the observer from the speakers' IPv4 identifications (`missed` of the `vrrp` samples
 * in its journal); the sender counts without a hole. The last takeover comes after the flood, so that the sample
 * made then holds all that was missed in it. Limit: of a new master's first adverts the observer does not know yet that
 * they are counted, so a hole right there shows only in the frames dropped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { JournalReader } from '../../src/journal/journal-reader.ts';
import { FLOODS, startFlood } from '../../test/support/flood.ts';
import type { Figures } from '../figures.ts';
import { type Running, treeOf } from './processes.ts';
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
      const before = treeOf(segment.pid);
      const flooding = await startFlood(segment.lab, flood, seconds);
      const sent = await flooding.sent;
      const after = treeOf(segment.pid);
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
      const cost = sum(after, 'cpuS') - sum(before, 'cpuS');
      figures.figure('processor time for a frame, all processes', `${((cost / sent) * 1e6).toFixed(1)} µs`);
      // Where main gets too little of the machine to keep up, frames are dropped, whoever took it.
      const waited = sum(after.filter(isMain), 'waitedS') - sum(before.filter(isMain), 'waitedS');
      figures.figure('main waited for a processor', `${((100 * waited) / seconds).toFixed(0)} % of the time`);
      figures.figure('the sender was late by, at the most', `${lateMs.toFixed(0)} ms`);
    } finally {
      await segment.destroy();
    }
  }
}

const SUBJECT = `vr:eth0/ipv4/${VRID}`;

function isMain({ name }: Running): boolean {
  return name === 'main';
}

function sum(processes: readonly Running[], what: 'cpuS' | 'waitedS'): number {
  return processes.reduce((total, each) => total + each[what], 0);
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
