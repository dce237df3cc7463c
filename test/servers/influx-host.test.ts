/** The built sink in its thread, beside the journal's, as the daemon runs it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { InfluxHost } from '../../src/influx/influx-host.ts';
import type { JournalWriter } from '../../src/journal/journal-writer.ts';
import { InfluxDatabase } from '../../src/sinks/influx-database.ts';
import { at, event, sample } from '../support/journal-events.ts';
import { isInstalled, RealInflux, settingsFor } from '../support/servers.ts';

const root = new URL('../..', import.meta.url).pathname;

it.skipIf(!isInstalled('influxd'))(
  'writes what is committed, goes on in another thread where one ends, and writes the last before it stops',
  async () => {
    execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
    const writers: { JournalWriter: typeof JournalWriter } = await import(
      `${root}dist/journal/journal-writer.js`
    );
    const hosts: { InfluxHost: typeof InfluxHost } = await import(`${root}dist/influx/influx-host.js`);
    const influx = new RealInflux();
    const folder = mkdtempSync(join(tmpdir(), 'vipwatch-host-'));
    const journalPath = join(folder, 'journal.db');
    const journal = await writers.JournalWriter.open(journalPath);
    const remarks: string[] = [];
    try {
      await influx.start();
      const settings = settingsFor(influx.url);
      const host = new hosts.InfluxHost({
        journal,
        journalPath,
        settings,
        onTrouble: () => {},
        onRemark: (text) => remarks.push(text),
      });
      journal.append([event(1), event(2)], [sample(1)], at(2));
      await expect.poll(() => host.figures, { timeout: 10_000 }).toEqual({ written: 3, waiting: 0 });

      host.journalReplaced(); // ends its thread
      journal.append([event(3)], [], at(3));
      await expect.poll(() => host.figures, { timeout: 10_000 }).toEqual({ written: 4, waiting: 0 });

      journal.append([event(4)], [], at(4));
      await host.stop();
      const rows = await new InfluxDatabase(settings).query<{ seq: number }>('SELECT seq FROM timeline');
      expect(rows.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
      expect(remarks).toEqual(['influx: there was no database, so it has been created']);
    } finally {
      await journal.stop(at(5));
      await influx.remove();
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);
