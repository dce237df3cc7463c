import { describe, expect, it } from 'vitest';
import type { EventOf } from '../../src/events.ts';
import { encodePoint, eventPoint, Ordinals, type Point, samplePoint } from '../../src/sinks/line-protocol.ts';
import { instantFromUs } from '../../src/time.ts';

const at = instantFromUs(1_795_220_467_052_261);

/** Only what the case is about is given. */
function line(part: Partial<Point>): string | null {
  return encodePoint({ measurement: 'm', tags: {}, fields: { v: 1 }, time: at, ordinal: 0, ...part });
}

const TIME = '1795220467052261000';

describe('a line of line protocol', () => {
  it('has tags in order of their keys, and nanoseconds', () => {
    expect(line({ tags: { b: '2', a: '1' } })).toBe(`m,a=1,b=2 v=1 ${TIME}`);
  });

  it('counts the points of one microsecond in the last three digits', () => {
    expect(line({ ordinal: 7 })).toBe('m v=1 1795220467052261007');
  });

  it('escapes commas, equals signs and spaces in keys and tag values', () => {
    expect(line({ tags: { 'a b': 'x=1, y' }, fields: { 'f,=': 1 } })).toBe(
      `m,a\\ b=x\\=1\\,\\ y f\\,\\==1 ${TIME}`,
    );
  });

  it('escapes commas and spaces in the measurement, where equals signs are legal', () => {
    expect(line({ measurement: 'a,b c=d' })).toBe(`a\\,b\\ c=d v=1 ${TIME}`);
  });

  it('leaves out empty tag values', () => {
    expect(line({ tags: { cluster: '', vrid: '51' } })).toBe(`m,vrid=51 v=1 ${TIME}`);
  });

  it('leaves backslashes alone, but lets no name end with one', () => {
    expect(line({ tags: { a: 'x\\y', b: 'z\\\\' } })).toBe(`m,a=x\\y,b=z// v=1 ${TIME}`);
  });

  it('writes a line break as a space, escaped where spaces are', () => {
    expect(line({ tags: { a: '1\r\n2' }, fields: { s: '1\n2\r3' } })).toBe(`m,a=1\\ 2 s="1 2 3" ${TIME}`);
  });

  it('escapes quotes and backslashes in string fields, and nothing else', () => {
    expect(line({ fields: { s: 'say "a\\b", c=d' } })).toBe(`m s="say \\"a\\\\b\\", c=d" ${TIME}`);
  });

  it('keeps integers, floats and booleans apart', () => {
    expect(line({ fields: { i: 5n, f: 5, h: 2.5, b: true } })).toBe(`m i=5i,f=5,h=2.5,b=true ${TIME}`);
  });

  it('leaves out what no server takes: NaN, infinities, integers beyond 64 bits, nothing', () => {
    const fields = { a: Number.NaN, b: Infinity, c: 2n ** 64n - 1n, d: null, e: 1 };
    expect(line({ fields })).toBe(`m e=1 ${TIME}`);
    expect(line({ fields: { a: Number.NaN } })).toBeNull();
    expect(line({ fields: {} })).toBeNull();
  });

  it('cuts a string at 64 KB, between two characters', () => {
    const text = line({ fields: { s: 'ä'.repeat(40_000) } }) ?? '';
    expect(Buffer.byteLength(text.slice(text.indexOf('"') + 1, text.lastIndexOf('"')))).toBe(65_534);
  });
});

const failover: EventOf<'failover'> = {
  id: 'x-1',
  time: at,
  detectedAt: at,
  kind: 'failover',
  phase: 'instant',
  severity: 'warning',
  cluster: null,
  subject: 'vr:eth0/ipv4/51',
  summary: 'moved',
  details: {
    from: '10.0.0.1',
    to: '10.0.0.2',
    cause: 'silence',
    silenceMs: 3612.3,
    darkMs: [3000, 3700.5],
    fromPriority: 100,
    toPriority: 90,
    vips: ['10.0.0.100'],
    claimMs: null,
    fault: false,
  },
  beginId: null,
  about: null,
};

describe('an event', () => {
  it('is a point of the measurement timeline', () => {
    expect(encodePoint(eventPoint(failover, 17, 2))).toBe(
      'timeline,kind=failover,phase=instant,severity=warning,subject=vr:eth0/ipv4/51 ' +
        'id="x-1",seq=17i,summary="moved",details="' +
        JSON.stringify(failover.details).replaceAll('"', '\\"') +
        '",cause="silence",from="10.0.0.1",to="10.0.0.2",silence_ms=3612.3,dark_ms_max=3700.5 1795220467052261002',
    );
  });

  it('carries its cluster where it has one', () => {
    expect(encodePoint(eventPoint({ ...failover, cluster: 'orders db' }, 1, 0))).toContain(
      'cluster=orders\\ db,',
    );
  });
});

it('details too long for a field lose their longest entries, name them, and stay JSON', () => {
  const speakers = Array.from({ length: 9_000 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
  const details = { ...failover.details, speakers };
  const { fields } = eventPoint({ ...failover, details }, 1, 0);
  expect(JSON.parse(String(fields.details))).toEqual({ ...failover.details, omitted: ['speakers'] });
});

it('a time before 1970 is a negative number of nanoseconds', () => {
  expect(line({ time: instantFromUs(-2), ordinal: 1 })).toBe('m v=1 -1999');
});

it('a sample is a point of its own measurement', () => {
  const sample = {
    measurement: 'vip',
    time: at,
    tags: { segment: 'eth0', cluster: '', address: '10.0.0.100' },
    fields: { holder: '10.0.0.2', state_code: 1n },
  } as const;
  expect(encodePoint(samplePoint(sample))).toBe(
    `vip,address=10.0.0.100,segment=eth0 holder="10.0.0.2",state_code=1i ${TIME}`,
  );
});

describe('ordinals', () => {
  it('count within a microsecond, however late the next one comes', () => {
    const ordinals = new Ordinals();
    const later = instantFromUs(at + 1);
    expect([at, later, at, at, later].map((time) => ordinals.take(time))).toEqual([0, 0, 1, 2, 1]);
  });

  it('stop at 999', () => {
    const ordinals = new Ordinals();
    for (let i = 0; i < 1_000; i++) ordinals.take(at);
    expect(ordinals.take(at)).toBe(999);
  });
});
