/** Alerts as they live, with a journal and receivers of memory: durable first, in order, one never waiting for another. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DispatchRecord } from '../../src/alerts/dispatch.ts';
import type { Delivered, Notification, Receiver, Settled } from '../../src/alerts/notification.ts';
import type { Delivery } from '../../src/alerts/outbox.ts';
import { AlertService, type AlertStore, type Step } from '../../src/alerts/service.ts';
import { readRuleBook } from '../../src/config/alert-rules.ts';
import type { TimelineEvent } from '../../src/events.ts';
import { IncidentFold } from '../../src/timeline/incidents.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { at, begin, end, event } from '../support/journal-events.ts';

/** What stands for the journal. */
class MemoryStore implements AlertStore {
  readonly entries: JournalledEvent[] = [];
  readonly steps: Step[] = [];
  readonly #fold = new IncidentFold();
  readonly state = new Map<string, DispatchRecord>();
  outbox: { id: string; notification: string }[] = [];
  cursor: number | null = null;
  isFull = false;

  commit(...events: TimelineEvent[]): readonly JournalledEvent[] {
    const added = events.map((one) => {
      const seq = this.entries.length + 1;
      const incident = this.#fold.take(one, seq)?.incident.id ?? null;
      this.entries.push({ seq, event: one, incident });
      return { seq, event: one, incident };
    });
    return added;
  }
  async kept() {
    return { cursor: this.cursor, state: [...this.state.values()], outbox: [...this.outbox] };
  }
  async keep(step: Step): Promise<void> {
    if (this.isFull) throw new Error('disk full');
    this.steps.push(step);
    this.cursor = step.cursor;
    for (const record of step.state)
      if (record.value === null) this.state.delete(record.name);
      else this.state.set(record.name, record);
    for (const each of step.queued) {
      const known = this.outbox.findIndex(({ id }) => id === each.id);
      if (known === -1) this.outbox.push(each);
      else this.outbox[known] = each;
    }
    this.outbox = this.outbox.filter(({ id }) => !step.settled.includes(id));
  }
  async eventsAfter(seq: number, limit: number) {
    return this.entries.slice(seq, seq + limit);
  }
  async openConditions() {
    const ended = new Set(this.entries.map((each) => each.event.beginId));
    return this.entries.filter((each) => each.event.phase === 'begin' && !ended.has(each.event.id));
  }
  async excerpt({ incident, throughSeq }: { incident: number; throughSeq: number }) {
    const events = this.entries.filter((each) => each.incident === incident && each.seq <= throughSeq);
    const began = events[0]?.event.time ?? at(0);
    return {
      incident: { id: incident, cluster: null, began, severity: 'critical' as const, ended: null },
      events,
    };
  }
}

class FakeReceiver implements Receiver {
  readonly name: string;
  readonly got: Notification[] = [];
  /** what each attempt was told of those before it */
  readonly settled: (readonly Settled[] | undefined)[] = [];
  answer: (notification: Notification, signal: AbortSignal) => Delivered | Promise<Delivered> = () => DONE;
  #wake = () => {};

  constructor(name: string) {
    this.name = name;
  }
  async deliver(
    notification: Notification,
    signal: AbortSignal,
    settled?: readonly Settled[],
  ): Promise<Delivered> {
    this.got.push(notification);
    this.settled.push(settled);
    this.#wake();
    return this.answer(notification, signal);
  }
  async until(count: number): Promise<readonly Notification[]> {
    while (this.got.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.got;
  }
}

const DONE: Delivered = { outcome: 'done', detail: '' };
const RULES = readRuleBook([], null);
const BOOK = { ...RULES, timing: { ...RULES.timing, resolveWaitMs: 50 } };
const LATER: Delivered = { outcome: 'later', afterMs: null, reason: 'refused' };

let store: MemoryStore;
let email: FakeReceiver;
let pager: FakeReceiver;
let remarks: string[];
let deliveries: Delivery[];
let services: AlertService[];
/** the clock's seconds at `began`; time goes on from there */
let now: number;
let began: number;

beforeEach(() => {
  store = new MemoryStore();
  email = new FakeReceiver('email');
  pager = new FakeReceiver('pager');
  remarks = [];
  deliveries = [];
  services = [];
  now = 100;
  began = performance.now();
});
afterEach(async () => {
  for (const service of services) await service.stop();
});

/** Ten seconds before `now`. */
async function start(troubleAfterMs = 0): Promise<AlertService> {
  now -= 10;
  const service = new AlertService({
    store,
    receivers: [email, pager],
    settings: { book: BOOK, mutesForeign: false, maintenance: [] },
    lastSeq: store.entries.length,
    onReceiver: (delivery) => deliveries.push(delivery),
    onRemark: (text) => remarks.push(text),
    now: () => at(now + (performance.now() - began) / 1_000),
    timing: { firstMs: 2, mostMs: 10, giveUpMs: 60_000, troubleAfterMs },
  });
  services.push(service);
  await service.resume();
  now += 10;
  return service;
}

describe('a committed event', () => {
  it('is noted before it is told, with the story so far', async () => {
    const service = await start();
    let notedFirst: boolean | null = null;
    email.answer = ({ id }) => {
      notedFirst = store.steps.some(({ queued }) => queued.some((each) => each.id === id));
      return DONE;
    };
    const split = begin(100);
    service.take(store.commit(event(98, { severity: 'info', kind: 'priority-change' }), split));
    const [told] = await email.until(1);
    expect(told).toMatchObject({ status: 'firing', severity: 'critical', incident: 1, revision: 0 });
    expect(told?.story?.events.at(-1)?.event).toBe(split);
    expect(notedFirst).toBe(true);
    await pager.until(1);
  });

  it('is told where the journal cannot be written, and noted when it can', async () => {
    const service = await start();
    store.isFull = true;
    service.take(store.commit(begin(100)));
    await email.until(1);
    expect(remarks).toEqual([expect.stringContaining('cannot be noted in the journal (disk full)')]);
    expect(service.isHealthy).toBe(false);
    store.isFull = false;
    await expect.poll(() => store.cursor).toBe(1);
    await expect.poll(() => store.outbox).toEqual([]);
    expect(email.got).toHaveLength(1);
  });
});

it('an event that the report cannot make sense of keeps nobody from being told', async () => {
  const service = await start();
  const spoilt = event(99, { details: {} });
  service.take(store.commit(spoilt, begin(100)));
  const [told] = await email.until(1);
  expect(told).toMatchObject({ severity: 'critical', story: null, headline: 'Split-brain; and 1 more.' });
});

describe('receivers', () => {
  it('never wait for one another', async () => {
    const service = await start();
    email.answer = (_, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(LATER), { once: true }));
    service.take(store.commit(begin(100)));
    await email.until(1);
    service.take(store.commit(begin(100, { subject: 'vr:eth0/ipv4/52' })));
    await pager.until(2);
    expect(email.got).toHaveLength(1);
  });

  it('are told with whom earlier attempts were done, also after a restart', async () => {
    const service = await start();
    const settled = [{ recipient: 'ann@example.com', refused: null }];
    email.answer = () => ({ outcome: 'later', afterMs: null, reason: '451 for bob', settled });
    service.take(store.commit(begin(100)));
    await email.until(2);
    expect(email.settled.slice(0, 2)).toEqual([undefined, settled]);
    await expect.poll(() => store.outbox.map(({ notification }) => notification).join()).toContain('ann@');
    await service.stop();
    const before = email.got.length;
    email.answer = () => DONE;
    await start();
    const told = await email.until(before + 1);
    expect(email.settled[before]).toEqual(settled);
    expect(told[before]?.id).toBe(told[0]?.id);
    expect(told[before]).not.toHaveProperty('settled');
  });

  it('are tried again with the same id, in order, and what was overtaken is left out', async () => {
    const service = await start(60_000);
    const first = begin(100, { cluster: 'web' });
    let refused = 0;
    email.answer = () => {
      if (refused === 3) return DONE;
      if (++refused === 1) return LATER;
      return LATER;
    };
    service.take(store.commit(first));
    await email.until(2);
    now = 140;
    service.take(
      store.commit(begin(140, { cluster: 'web', kind: 'master-lost', subject: 'vr:eth0/ipv4/52' })),
    );
    now = 180;
    service.take(
      store.commit(begin(180, { cluster: 'web', kind: 'ip-conflict', subject: 'vr:eth0/ipv4/53' })),
    );
    await expect.poll(() => store.outbox).toEqual([]);
    const ids = email.got.map(({ id }) => id);
    expect(new Set(ids.slice(0, 4)).size).toBe(1);
    expect(email.got.at(-1)?.alerts.filter(({ status }) => status === 'firing').length).toBe(3);
    expect(deliveries.filter(({ failing }) => failing)).toEqual([]);
  });

  it('that fail for long are said to, and to be well again', async () => {
    const service = await start();
    let count = 0;
    email.answer = () => (++count < 3 ? LATER : DONE);
    service.take(store.commit(begin(100)));
    await expect
      .poll(() => deliveries.filter(({ receiver }) => receiver === 'email'))
      .toEqual([
        { receiver: 'email', failing: true, error: 'refused', waiting: 1 },
        { receiver: 'email', failing: false, error: null, waiting: 0 },
      ]);
    expect(service.isHealthy).toBe(true);
  });

  it('that want nothing more are left in peace, and others told on', async () => {
    const service = await start();
    email.answer = () => ({ outcome: 'never', reason: '410 Gone', disable: true });
    service.take(store.commit(begin(100)));
    await expect
      .poll(() => deliveries.filter(({ receiver }) => receiver === 'email'))
      .toMatchObject([{ receiver: 'email', failing: true, error: '410 Gone' }]);
    service.take(store.commit(begin(100, { subject: 'vr:eth0/ipv4/52' })));
    await pager.until(2);
    await expect.poll(() => store.outbox).toEqual([]);
    expect(email.got).toHaveLength(1);
    expect(remarks.join('\n')).toContain('email is told nothing more until vipwatch starts anew: 410 Gone');
  });
});

describe('another run', () => {
  it('is told of what begins while it reads what was kept', async () => {
    const service = await start();
    service.take(store.commit(begin(90, { subject: 'vr:eth0/ipv4/52' })));
    await email.until(1);
    await service.stop();
    const read = store.eventsAfter.bind(store);
    let isFirst = true;
    store.eventsAfter = async (seq, limit) => {
      if (isFirst) store.commit(begin(100));
      isFirst = false;
      return read(seq, limit);
    };
    await start();
    await email.until(2);
    expect(email.got[1]).toMatchObject({ status: 'firing' });
    expect(email.got[1]?.alerts[0]?.subject).toBe('vr:eth0/ipv4/51');
  });

  it('tells what waits under the same id, what was not judged, and nothing else', async () => {
    const service = await start();
    pager.answer = () => LATER;
    const split = begin(100);
    service.take(store.commit(split));
    await email.until(1);
    await pager.until(1);
    await service.stop();
    const id = pager.got[0]?.id;
    // Committed, and killed before anybody judged it.
    store.commit(end(split, 101));
    email = new FakeReceiver('email');
    pager = new FakeReceiver('pager');
    now = 112;
    await start();
    expect((await pager.until(2)).map((each) => [each.id === id, each.status])).toEqual([
      [true, 'firing'],
      [false, 'resolved'],
    ]);
    expect((await email.until(1)).map(({ status }) => status)).toEqual(['resolved']);
  });

  it('that is the first on an old journal tells what is still open, and nothing of the past', async () => {
    const old = begin(0, { subject: 'vr:eth0/ipv4/50' });
    store.commit(event(10), old, end(old, 20), begin(30, { subject: 'vr:eth0/ipv4/51' }));
    const service = await start();
    now = 103;
    service.take(store.commit(begin(103, { subject: 'vr:eth0/ipv4/52' })));
    const told = await email.until(2);
    expect(told.flatMap(({ alerts }) => alerts.map(({ subject }) => subject)).sort()).toEqual([
      'vr:eth0/ipv4/51',
      'vr:eth0/ipv4/52',
    ]);
  });

  it('drops what is for a receiver that is configured no more', async () => {
    store.cursor = 0;
    store.outbox.push({
      id: 'x-0',
      notification: JSON.stringify({ id: 'x-0', receiver: 'gone', thread: 'x' }),
    });
    await start();
    await expect.poll(() => store.outbox).toEqual([]);
    expect(remarks).toEqual(['an alert for gone, which is not configured any more, is dropped']);
  });
});

describe('a silence', () => {
  it('is kept, and keeps quiet', async () => {
    const service = await start();
    await service.silence({
      id: 's1',
      matchers: { subject: '51' },
      from: at(100),
      until: at(3_700),
      reason: 'switch',
      author: 'ann',
    });
    service.take(store.commit(begin(100), begin(100, { subject: 'vr:eth0/ipv4/52' })));
    expect((await email.until(1))[0]?.alerts[0]?.subject).toBe('vr:eth0/ipv4/52');
    await service.stop();
    const next = await start();
    expect((await next.silences()).map(({ id, reason }) => [id, reason])).toEqual([['s1', 'switch']]);
    expect(await next.expireSilence('s1')).toBe(true);
    expect((await email.until(2))[1]?.alerts[0]?.subject).toBe('vr:eth0/ipv4/51');
    expect(await next.expireSilence('s1')).toBe(false);
  });
});
