import { describe, expect, it } from 'vitest';
import { timeFrom } from '../../src/cli/time-argument.ts';
import { instantFromIso, instantFromUs, isoTime } from '../../src/time.ts';

const now = instantFromIso('2026-11-20T12:00:00Z') ?? instantFromUs(0);
const iso = (text: string) => {
  const at = timeFrom(text, now, true);
  return at === null ? null : isoTime(at).replace('.000000', '');
};

describe('a time as people type it', () => {
  it.each([
    ['2h', '2026-11-20T10:00:00Z'],
    ['1.5d', '2026-11-19T00:00:00Z'],
    ['90s', '2026-11-20T11:58:30Z'],
    ['10:30', '2026-11-20T10:30:00Z'],
    ['13:00', '2026-11-19T13:00:00Z'],
    ['today', '2026-11-20T00:00:00Z'],
    ['yesterday', '2026-11-19T00:00:00Z'],
    ['2026-11-01', '2026-11-01T00:00:00Z'],
    ['2026-11-01 08:05', '2026-11-01T08:05:00Z'],
    ['2026-11-01T08:05:06', '2026-11-01T08:05:06Z'],
    ['2026-11-01T08:05:06.123456Z', '2026-11-01T08:05:06.123456Z'],
  ])('%s', (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each(['', 'soon', '2', '25:00', '10:61', '2026-02-31', '2026-13-01', '2 h', '-2h'])(
    'is not %j',
    (text) => {
      expect(iso(text)).toBeNull();
    },
  );
});
