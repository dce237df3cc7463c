/** What is printed for people, without a process. */
import { describe, expect, it } from 'vitest';
import { frameJson, frameText } from '../../src/cli/decode.ts';
import { eventLine, eventLines } from '../../src/cli/event-lines.ts';
import { duration, painter, plural, relativeTo, UTC, wantsColour } from '../../src/cli/terminal.ts';
import type { EventOf } from '../../src/events.ts';
import { instantFromUs, plusUs, SECOND } from '../../src/time.ts';
import type { Advert, Frame } from '../../src/wire/packet.ts';

const at = instantFromUs(Date.UTC(2026, 10, 20, 10, 0, 3, 612) * 1_000);
const plain = painter(false);

const overlap: EventOf<'overlap'> = {
  id: 'x',
  time: at,
  detectedAt: at,
  kind: 'overlap',
  phase: 'instant',
  severity: 'warning',
  cluster: null,
  subject: 'vr:eth0/ipv4/51',
  summary: 'h2 took 10.0.0.100 for a moment',
  details: { holder: '10.0.0.1', claimant: '10.0.0.2', vips: ['10.0.0.100'], overlapMs: 1 },
  beginId: null,
  about: null,
};

describe('an event’s line', () => {
  it('says when, how bad, where and what', () => {
    expect(eventLine(overlap, UTC, plain)).toBe(
      '10:00:03.612  WARN  vr:eth0/ipv4/51  h2 took 10.0.0.100 for a moment',
    );
  });

  it('counts seconds from the first frame where that is asked for', () => {
    const line = eventLine(overlap, relativeTo(plusUs(at, -12_345_678)), plain);
    expect(line).toMatch(/^ {4}12\.346 s {2}WARN/);
  });

  it('marks the end of a condition', () => {
    expect(eventLine({ ...overlap, phase: 'end', severity: 'critical' }, UTC, plain)).toContain(
      '  END   vr:',
    );
  });

  it('is coloured by severity', () => {
    expect(eventLine(overlap, UTC, painter(true))).toContain('\x1b[33mWARN\x1b[0m');
    expect(eventLine({ ...overlap, severity: 'critical' }, UTC, painter(true))).toContain(
      '\x1b[31m\x1b[1mCRIT\x1b[0m',
    );
  });

  it('stands under the heading of its day, its subject in a column', () => {
    const next = { ...overlap, time: plusUs(at, 86_400 * SECOND), subject: 'vip:eth0/10.0.0.100' };
    expect([...eventLines([overlap, { ...overlap }, next], UTC, plain)]).toEqual([
      '2026-11-20 UTC',
      '10:00:03.612  WARN  vr:eth0/ipv4/51      h2 took 10.0.0.100 for a moment',
      '10:00:03.612  WARN  vr:eth0/ipv4/51      h2 took 10.0.0.100 for a moment',
      '2026-11-21 UTC',
      '10:00:03.612  WARN  vip:eth0/10.0.0.100  h2 took 10.0.0.100 for a moment',
    ]);
  });
});

const segment = { name: 'replay', capture: 'replay' };
const advert: Advert = {
  type: 'advert',
  srcMac: '02:42:0a:00:00:01',
  family: 'ipv4',
  src: '10.0.0.1',
  dst: '224.0.0.18',
  ttl: 255,
  ah: false,
  version: 2,
  vrid: 51,
  priority: 0,
  intervalMs: 1000,
  authType: 1,
  authData: '7365637265743132',
  hmac: false,
  vips: ['10.0.0.100'],
  checksum: 'bad',
  problems: ['bad-checksum'],
  valid: false,
};
const frame = (packet: Frame['packet']): Frame => ({ vlans: [], ipId: 7, packet });

describe('a decoded frame', () => {
  it('has the keys of the contract first, in its order', () => {
    const keys = Object.keys(JSON.parse(frameJson(at, segment, frame(advert)) ?? ''));
    expect(keys.slice(0, 16)).toEqual(
      'type time segment srcMac src dst ttl ipId version vrid priority intervalMs authType vips checksum problems'.split(
        ' ',
      ),
    );
  });

  it('never shows the password', () => {
    const shown = `${frameJson(at, segment, frame(advert))} ${frameText('t', segment, frame(advert))}`;
    expect(shown).not.toMatch(/7365637265743132|secret12|authData/);
  });

  it('is one line for a person', () => {
    expect(frameText('10:00:03.612345', segment, frame(advert))).toBe(
      '10:00:03.612345  replay  10.0.0.1 > 224.0.0.18: VRRPv2 vrid 51, prio 0 (gives up), every 1000 ms, id 7, auth simple, checksum bad, addresses 10.0.0.100  [bad-checksum]',
    );
  });

  it('tells CARP apart', () => {
    const carp = {
      type: 'carp',
      srcMac: '02:00:00:00:00:01',
      family: 'ipv4',
      src: '10.0.0.9',
      vhid: 51,
      advSkew: 100,
      problems: [],
    } as const;
    expect(frameText('t', segment, frame(carp))).toBe('t  replay  CARP 10.0.0.9: vhid 51, advskew 100');
    expect(frameJson(at, segment, frame(carp))).toMatch(/^\{"type":"carp",/);
  });

  it('is left out where it is neither', () => {
    expect(frameText('t', segment, frame({ type: 'other', problems: [] }))).toBeNull();
    expect(frameJson(at, segment, frame({ type: 'address-talk', family: 'ipv4' }))).toBeNull();
  });
});

describe('colour', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ])('terminal %s with %j: %s', (terminal, environment, wanted) => {
    expect(wantsColour(terminal, environment)).toBe(wanted);
  });
});

it.each([
  [0.25, '0.3 ms'],
  [45, '45 ms'],
  [999.4, '999 ms'],
  [3_612, '3.61 s'],
  [17_360, '17.4 s'],
  [250_000, '4 min 10 s'],
  [3_600_000, '1 h'],
  [11_100_000, '3 h 5 min'],
  [187_200_000, '2 d 4 h'],
])('%d ms are %s to a person', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

it('nouns agree with their number', () => {
  expect([plural(1, 'frame'), plural(2_000_000, 'frame')]).toEqual(['1 frame', '2,000,000 frames']);
});
