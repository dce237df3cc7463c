/**
 * A storm: 10,000 events in 10 s through the journal, the dispatch and a receiver. At most 10 notifications a receiver,
 * memory flat, nobody kept waiting.
 *
 *     node bench/.cache/js/alerts-storm.js [EVENTS] [SECONDS]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const dist = new URL('../../../dist/', import.meta.url).href;
const { JournalWriter } = await import(`${dist}journal/journal-writer.js`);
const { AlertService } = await import(`${dist}alerts/service.js`);
const { readRuleBook } = await import(`${dist}config/alert-rules.js`);

const [count = 10_000, seconds = 10] = process.argv.slice(2).map(Number);
const MOST = 10;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-storm-'));
const journal = await JournalWriter.open(join(folder, 'journal.db'));
const told = new Map<string, number>();
const headlines: string[] = [];
const receiver = (name: string) => ({
  name,
  deliver(notification: { readonly headline: string }) {
    told.set(name, (told.get(name) ?? 0) + 1);
    if (name === 'email') headlines.push(notification.headline);
    return Promise.resolve({ outcome: 'done', detail: '' });
  },
});
const service = new AlertService({
  store: {
    kept: () => journal.alertsKept(),
    keep: (step: unknown) => journal.keepAlerts(step),
    eventsAfter: (seq: number, limit: number) => journal.eventsAfter(seq, limit),
    openConditions: () => journal.openConditions(),
    excerpt: (asked: unknown) => journal.excerpt(asked),
  },
  receivers: [receiver('email'), receiver('pager')],
  settings: { book: readRuleBook([], null), mutesForeign: false, maintenance: [] },
  lastSeq: journal.lastSeq,
  onReceiver: () => {},
  onRemark: (text: string) => console.log(text),
});
let committed = 0;
journal.onCommitted((entries: readonly { readonly seq: number }[]) => {
  committed += entries.length;
  service.take(entries);
});
await service.resume();

const KINDS = [
  'split-brain',
  'master-lost',
  'garp-missing',
  'failover',
  'advert-gap',
  'source-spoofed',
] as const;
const INSTANTS: ReadonlySet<string> = new Set(['failover', 'advert-gap', 'source-spoofed']);

/** Of 500 virtual routers in turn; half of the conditions end later. */
function eventAt(i: number): object {
  const kind = KINDS[i % KINDS.length] ?? 'failover';
  const time = Date.now() * 1_000;
  const vrid = i % 500;
  return {
    id: `s${i}`,
    time,
    detectedAt: time,
    kind,
    phase: INSTANTS.has(kind) ? 'instant' : 'begin',
    severity:
      kind === 'garp-missing' || kind === 'failover' || kind === 'advert-gap' ? 'warning' : 'critical',
    cluster: null,
    subject: kind === 'garp-missing' ? `vip:eth0/10.1.${vrid >> 8}.${vrid & 255}` : `vr:eth0/ipv4/${vrid}`,
    summary: `${kind} of ${vrid}`,
    details: { vips: [`10.1.${vrid >> 8}.${vrid & 255}`], reason: 'silence', cause: 'silence', darkMs: null },
    beginId: null,
    about: null,
  };
}

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const memory: number[] = [];
const started = performance.now();
for (let i = 0; i < count; ) {
  const due = Math.min(count, Math.ceil(((performance.now() - started) / (seconds * 1_000)) * count));
  if (due > i) {
    const events = Array.from({ length: due - i }, (_, k) => eventAt(i + k));
    journal.append(events, [], Date.now() * 1_000);
    i = due;
  }
  memory.push(process.memoryUsage().rss);
  await sleep(5);
}
const untilCommitted = performance.now();
while (committed < count) await sleep(10);
await sleep(12_000); // the waits of what came last
delay.disable();

const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
const early = Math.max(...memory.slice(0, memory.length / 4));
const late = Math.max(...memory.slice(-memory.length / 4));
console.log(
  `${count.toLocaleString('en')} events in ${((untilCommitted - started) / 1_000).toFixed(1)} s; committed ${committed}`,
);
for (const [name, number] of told) console.log(`  ${name}: ${number} notifications (at most ${MOST})`);
for (const headline of headlines) console.log(`    ${headline}`);
console.log(`  memory ${mb(early)} MB in the first quarter, ${mb(late)} MB in the last`);
console.log(
  `  event loop held up ${(delay.percentile(99) / 1e6).toFixed(1)} ms at the 99th percentile, ${(delay.max / 1e6).toFixed(1)} ms at most`,
);
await service.stop();
await journal.stop(Date.now() * 1_000);
rmSync(folder, { recursive: true });
process.exitCode = [...told.values()].every((number) => number <= MOST) ? 0 : 1;
