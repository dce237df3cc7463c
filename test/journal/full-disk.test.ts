/** A disk that fills up and is cleared again: a small tmpfs in a mount namespace of the test's own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-full-'));
const mayMount = spawnSync('unshare', ['-m', 'true']).status === 0;

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Fills the disk under a writer, appends, clears it, appends again; prints what its listeners were told. */
const CHILD = `
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
const [dist, folder] = process.argv.slice(1);
const { JournalWriter } = await import(dist + '/journal/journal-writer.js');
const { JournalReader } = await import(dist + '/journal/journal-reader.js');
const path = folder + '/journal.db';
const writer = await JournalWriter.open(path);
const told = [];
const troubles = [];
let wake = () => {};
const until = async (condition) => { while (!condition()) await new Promise((resolve) => { wake = resolve; }); };
writer.onCommitted((events, isDurable) => {
  for (const { seq, event } of events) told.push([seq, event.id, isDurable]);
  wake();
});
writer.onTrouble((trouble) => { troubles.push(trouble); wake(); });
let count = 0;
function append(number) {
  for (let i = 0; i < number; i++) {
    const time = 1795168800000000 + ++count;
    writer.append([{ id: 'd' + count, time, detectedAt: time, kind: 'failover', phase: 'instant',
      severity: 'warning', cluster: null, subject: 'vr:eth0/ipv4/51', summary: 'moved', beginId: null, about: null,
      details: { padding: 'x'.repeat(3000) } }], [], time);
  }
}
append(3);
await until(() => told.length === 3);
try { for (;;) appendFileSync(folder + '/ballast', Buffer.alloc(4096)); } catch {}
append(400);
await until(() => troubles.length > 0 && told.length === 403);
append(2);
rmSync(folder + '/ballast');
await until(() => troubles.length > 1);
append(1);
await until(() => told.length === 406);
await writer.stop(1795168801000000);
const reader = JournalReader.open(path);
const read = [...reader.events({})].map(({ seq, event }) => [seq, event.id]);
console.log(JSON.stringify({ told, troubles, read }));
`;

it.skipIf(!mayMount)('events are told from memory, kept, and durable once there is space', () => {
  const { stdout, stderr, status } = spawnSync(
    'unshare',
    [
      '-m',
      'sh',
      '-c',
      'mount -t tmpfs -o size=4m vipwatch-test "$1" && exec "$2" --input-type=module -e "$3" "$4" "$1"',
      'sh',
      folder,
      process.execPath,
      CHILD,
      pathToFileURL(join(root, 'dist')).href,
    ],
    { encoding: 'utf8', timeout: 25_000 },
  );
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const { told, troubles, read }: Told = JSON.parse(stdout);
  const expected = Array.from({ length: 406 }, (_, i) => [i + 1, `d${i + 1}`]);
  expect(told.map(([seq, id]) => [seq, id])).toEqual(expected);
  expect(read).toEqual(expected);
  const provisional = told.filter(([, , isDurable]) => !isDurable).length;
  expect(provisional).toBeGreaterThan(2); // at least those that came while it failed
  expect(troubles).toHaveLength(2);
  expect(troubles[0]).toMatchObject({
    failing: true,
    lost: 0,
    error: expect.stringContaining('no space left'),
  });
  expect(troubles[1]).toEqual({ failing: false, error: null, waiting: 0, lost: 0 });
});

interface Told {
  readonly told: readonly (readonly [number, string, boolean])[];
  readonly troubles: readonly object[];
  readonly read: readonly (readonly [number, string])[];
}
