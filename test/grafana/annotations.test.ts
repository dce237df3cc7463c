/** Annotations against a fake of Grafana: once each however often told, regions from begin to end, never a lost one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import { GrafanaAnnotations } from '../../src/grafana/annotations.ts';
import { GrafanaClient } from '../../src/grafana/client.ts';
import { type Instant, instantFromUs } from '../../src/time.ts';
import { FakeGrafana } from '../support/fake-grafana.ts';

const BEGAN_MS = 1_795_220_492_857;
const at = (ms: number): Instant => instantFromUs((BEGAN_MS + ms) * 1_000 + 123);

const FAILOVER = event({
  id: 'hocp0kizc9-15thzdit8ys',
  time: at(0),
  kind: 'failover',
  phase: 'instant',
  severity: 'warning',
  subject: 'vr:eth0/ipv4/51',
  summary: '10.0.0.100 moved from h1 to h2 after 3.61 s of silence',
});
const BEGIN = event({
  id: 'hocp0poev4-1cjmygfev0b',
  time: at(1_000),
  kind: 'split-brain',
  phase: 'begin',
  severity: 'critical',
  subject: 'vr:eth0/ipv4/51',
  summary: 'h1 and h2 both hold 10.0.0.100',
});
const END = event({
  ...BEGIN,
  id: 'hocp0pof80-2dt8mug5oh9',
  time: at(18_000),
  phase: 'end',
  beginId: BEGIN.id,
  summary: 'h1 goes on; h2 yielded after 17.0 s',
  details: { durationMs: 17_000 },
});

describe('annotations', () => {
  let fake: FakeGrafana;
  let client: GrafanaClient;
  let annotations: GrafanaAnnotations;

  beforeEach(async () => {
    fake = await FakeGrafana.start();
    fake.tokens.set('glsa_editor', 'Editor');
    client = new GrafanaClient({
      url: fake.url,
      credentials: { token: 'glsa_editor' },
      ca: null,
      insecure: false,
    });
    annotations = new GrafanaAnnotations(client);
  });
  afterEach(async () => {
    client.close();
    await fake.stop();
  });

  it('a failover is a moment, to be found by its kind, severity, subject and id', async () => {
    expect(await annotations.tell({ event: FAILOVER })).toEqual({ kind: 'done' });
    expect(fake.annotations).toMatchObject([
      {
        time: BEGAN_MS,
        timeEnd: BEGAN_MS,
        text: FAILOVER.summary,
        tags: ['vipwatch', 'failover', 'warning', 'subject:vr-eth0/ipv4/51', `vipwatch:${FAILOVER.id}`],
      },
    ]);
  });

  it('a condition is a region from its begin to its end', async () => {
    await annotations.tell({ event: BEGIN });
    await annotations.tell({ event: END });
    expect(fake.annotations).toMatchObject([
      { time: BEGAN_MS + 1_000, timeEnd: BEGAN_MS + 18_000, text: END.summary },
    ]);
    expect(fake.annotations[0]?.tags).toEqual(
      expect.arrayContaining(['vipwatch', 'condition', 'split-brain']),
    );
  });

  it('told twice, it is there once', async () => {
    for (const told of [FAILOVER, FAILOVER, BEGIN, BEGIN, END, END, BEGIN]) {
      expect(await annotations.tell({ event: told })).toEqual({ kind: 'done' });
    }
    expect(fake.annotations).toHaveLength(2);
    expect(fake.annotations[1]).toMatchObject({ time: BEGAN_MS + 1_000, timeEnd: BEGAN_MS + 18_000 });
  });

  it('an answer that was lost on the way makes no second one', async () => {
    // it arrives, is stored, and the connection breaks before the answer
    fake.before = (method) => {
      if (method !== 'POST') return;
      fake.before = () => {};
      fake.annotations.push({
        id: 77,
        time: BEGAN_MS,
        timeEnd: BEGAN_MS,
        text: FAILOVER.summary,
        tags: ['vipwatch', `vipwatch:${FAILOVER.id}`],
      });
      fake.instead = (request) => request.socket.destroy();
    };
    expect(await annotations.tell({ event: FAILOVER })).toMatchObject({ kind: 'later', needsPerson: false });
    expect(await annotations.tell({ event: FAILOVER })).toEqual({ kind: 'done' });
    expect(fake.annotations).toHaveLength(1);
  });

  it('an end whose begin nobody has told, or that a person deleted, is a whole region', async () => {
    await annotations.tell({ event: END });
    expect(fake.annotations).toMatchObject([{ time: BEGAN_MS + 1_000, timeEnd: BEGAN_MS + 18_000 }]);
  });

  it('two conditions of one moment are two', async () => {
    const other = event({ ...BEGIN, id: `${BEGIN.id}-2`, subject: 'vr:eth0/ipv4/52' });
    await annotations.tell({ event: BEGIN });
    await annotations.tell({ event: other });
    expect(fake.annotations).toHaveLength(2);
  });

  it('what is only info, and moments other than failovers, are passed over without a word', async () => {
    for (const passed of [
      event({ ...FAILOVER, severity: 'info' }),
      event({ ...BEGIN, severity: 'info' }),
      event({ ...FAILOVER, kind: 'advert-gap' }),
    ]) {
      expect(await annotations.tell({ event: passed })).toEqual({ kind: 'done' });
    }
    expect(fake.asked).toEqual([]);
  });

  it('long and odd names fit into Grafana’s tags, and no text becomes HTML', async () => {
    const odd = event({
      ...FAILOVER,
      cluster: 'ä'.repeat(90),
      subject: 'vip:eth0/fe80::1',
      summary: '<img src=x onerror=alert(1)> & more',
    });
    expect(await annotations.tell({ event: odd })).toEqual({ kind: 'done' });
    expect(fake.annotations[0]?.text).toBe('&lt;img src=x onerror=alert(1)&gt; &amp; more');
    expect(fake.annotations[0]?.tags).toContain('subject:vip-eth0/fe80--1');
    expect(fake.annotations[0]?.tags).toContain(`cluster:${'ä'.repeat(50)}`);
  });

  it.each([
    [429, { 'retry-after': '7' }, '{}', { kind: 'later', needsPerson: false, afterMs: 7_000 }],
    [503, {}, '', { kind: 'later', needsPerson: false, afterMs: null }],
    [401, {}, '{"message":"Invalid API key"}', { kind: 'later', needsPerson: true }],
    [403, {}, '{"message":"no"}', { kind: 'later', needsPerson: true }],
    [404, {}, '{"message":"Not found"}', { kind: 'later', needsPerson: true }],
    [200, {}, '<html>proxy', { kind: 'later', needsPerson: true }],
    [400, {}, '{"message":"bad tag"}', { kind: 'never', reason: expect.stringContaining('bad tag') }],
  ] as const)('%i %j %s', async (status, headers, body, verdict) => {
    fake.instead = (_, response) => response.writeHead(status, headers).end(body);
    expect(await annotations.tell({ event: FAILOVER })).toMatchObject(verdict);
  });

  it('is given up when told to', async () => {
    const stop = new AbortController();
    fake.instead = () => stop.abort();
    expect(await annotations.tell({ event: FAILOVER }, stop.signal)).toMatchObject({ kind: 'later' });
  });
});

/** Details are those that annotations look at. */
function event(
  of: Pick<TimelineEvent, 'id' | 'time' | 'kind' | 'phase' | 'severity' | 'subject' | 'summary'> & {
    readonly cluster?: string | null;
    readonly beginId?: string | null;
    readonly details?: object;
  },
): TimelineEvent {
  return {
    detectedAt: of.time,
    cluster: null,
    beginId: null,
    about: null,
    details: {},
    ...of,
  } as TimelineEvent;
}
