/** Of whom samples are made when something happens: of those whom it concerns, however many others there are. */
import { afterEach, expect, it, vi } from 'vitest';
import type { Observation, Segment } from '../../src/observation.ts';
import { Observer } from '../../src/observer/observer.ts';
import { Slots } from '../../src/observer/slots.ts';
import { instantFromUs, MS, SECOND } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';

const SEGMENT: Segment = { name: 'eth0', capture: 'eth0' };
const VIP = '10.0.0.100';
const STRANGER_MAC = '02:99:00:00:00:01';

afterEach(() => vi.restoreAllMocks());

function speaker(vrid: number, priority = 100): Advert {
  return {
    type: 'advert',
    srcMac: `02:00:00:00:00:${vrid.toString(16).padStart(2, '0')}`,
    family: 'ipv4',
    src: `10.0.1.${vrid}`,
    dst: '224.0.0.18',
    ttl: 255,
    ah: false,
    version: 3,
    vrid,
    priority,
    intervalMs: 1_000,
    authType: null,
    authData: null,
    hmac: false,
    vips: [VIP],
    checksum: 'ok',
    problems: [],
    valid: true,
  };
}

const at = (ms: number) => instantFromUs(100 * SECOND + ms * MS);

function advert(of: Advert, ms: number): Observation {
  return { kind: 'advert', at: at(ms), segment: SEGMENT, advert: of, ipId: null };
}

/** Virtual routers, all of the same VIP, heard every second until `ms`. */
function watching(vrids: readonly number[], ms: number): Observer {
  const observer = new Observer({ samples: true });
  for (let now = 0; now <= ms; now += 1_000)
    for (const vrid of vrids) observer.observe(advert(speaker(vrid), now + vrid));
  observer.takeSamples();
  return observer;
}

function vridsOf(observer: Observer): readonly unknown[] {
  return observer
    .takeSamples()
    .filter(({ measurement }) => measurement === 'vrrp')
    .map(({ tags }) => tags.vrid);
}

it('an event of a virtual router makes a sample of it, and asks nothing of the others', () => {
  const observer = watching([1, 2, 3], 5_000);
  const scan = vi.spyOn(Slots.prototype, 'existing');
  const events = observer.observe(advert(speaker(2, 90), 6_002));
  expect(events.map(({ kind }) => kind)).toContain('priority-change');
  expect(vridsOf(observer)).toEqual(['2']);
  expect(scan).not.toHaveBeenCalled();
});

it('an event of a VIP makes samples of those that advertise it, of 16 at the most', () => {
  const vrids = Array.from({ length: 20 }, (_, i) => i + 1);
  const observer = watching(vrids, 5_000);
  observer.observe({
    kind: 'claim',
    at: at(5_100),
    segment: SEGMENT,
    claim: {
      type: 'claim',
      family: 'ipv4',
      address: VIP,
      mac: STRANGER_MAC,
      srcMac: STRANGER_MAC,
      form: 'arp-request',
      gratuitous: true,
      problems: [],
    },
  });
  const told: string[] = [];
  for (let now = 6_000; now <= 9_000 && told.length === 0; now += 1_000)
    for (const vrid of vrids)
      told.push(...observer.observe(advert(speaker(vrid), now + vrid)).map(({ kind }) => kind));
  expect(told).toContain('ip-conflict');
  expect(new Set(vridsOf(observer)).size).toBe(16);
});
