/** What anybody on the segment can invent makes no more series than the cap; what is configured is never capped. */
import { describe, expect, it } from 'vitest';
import { eventPoint, samplePoint } from '../../src/sinks/line-protocol.ts';
import { SeriesCap } from '../../src/sinks/series-cap.ts';
import { event, sample } from '../support/journal-events.ts';

const moved = (address: number, cluster: string | null = null) =>
  eventPoint(event(address, { kind: 'vip-moved', subject: `vip:eth0/10.0.0.${address}`, cluster }), 1, 0);

describe('the cap on series', () => {
  it('sends events of further strangers to one subject, and leaves their samples out', () => {
    const cap = new SeriesCap(2);
    expect([1, 2, 3, 1].map((n) => cap.admit(moved(n))?.tags.subject)).toEqual([
      'vip:eth0/10.0.0.1',
      'vip:eth0/10.0.0.2',
      'vip:other',
      'vip:eth0/10.0.0.1',
    ]);
    expect(cap.isReached).toBe(true);
    expect([1, 2, 3, 1].map((vrid) => cap.admit(samplePoint(sample(1, vrid))) !== null)).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it('passes what is of a cluster, and what vipwatch says of itself', () => {
    const cap = new SeriesCap(0);
    const points = [
      moved(1, 'orders-db'),
      samplePoint({ ...sample(1), tags: { cluster: 'orders-db', vrid: '51' } }),
      eventPoint(event(1, { kind: 'observer-started', subject: 'observer:mon' }), 1, 0),
      samplePoint({ ...sample(1), measurement: 'vipwatch', tags: { host: 'mon', part: 'journal' } }),
    ];
    expect(points.map((point) => cap.admit(point))).toEqual(points);
    expect(cap.isReached).toBe(false);
  });
});
