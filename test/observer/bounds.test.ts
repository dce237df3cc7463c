/** What strangers can make the observer hold, of addresses above all: one advert names up to 255. */
import { expect, it } from 'vitest';
import type { AdvertObservation, Segment } from '../../src/observation.ts';
import { ADDRESSES_MAX, Candidates } from '../../src/observer/candidates.ts';
import { DEFAULT_THRESHOLDS } from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import { Sight } from '../../src/observer/sight.ts';
import { Slots } from '../../src/observer/slots.ts';
import { instantFromUs, MS, SECOND } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';
import { Random } from '../support/random.ts';

const VIPS_OF_ADVERT = 255;
const VIPS_OF_ALL = 65_536;

/** A virtual router that nobody else is, with so many VIPs of its own. */
function speaker(number: number, vips: number): Advert {
  const [high, low] = [number >> 8, number & 0xff];
  return {
    type: 'advert',
    srcMac: `02:99:00:00:${hex(high)}:${hex(low)}`,
    family: 'ipv4',
    src: `198.18.${high}.${low}`,
    dst: '224.0.0.18',
    ttl: 255,
    ah: false,
    version: 3,
    vrid: 1 + (number % 200),
    priority: 100,
    intervalMs: 1_000,
    authType: null,
    authData: null,
    hmac: false,
    vips: Array.from({ length: vips }, (_, i) => `10.${high}.${low}.${i}`),
    checksum: 'ok',
    problems: [],
    valid: true,
  };
}

const hex = (octet: number) => octet.toString(16).padStart(2, '0');

const segments = new Map<number, Segment>();
/** of its number: on each there are 200 VRIDs */
function segmentOf(number: number): Segment {
  const which = Math.floor(number / 200);
  const segment = segments.get(which) ?? { name: `eth0.${which + 1}`, capture: 'eth0' };
  segments.set(which, segment);
  return segment;
}

function heard(number: number, vips: number, ms: number): AdvertObservation {
  const at = instantFromUs(100 * SECOND + ms * MS);
  return { kind: 'advert', at, segment: segmentOf(number), advert: speaker(number, vips), ipId: null };
}

it('candidates hold so many addresses and no more, whatever is heard of them; the latest stays', () => {
  const random = new Random(5);
  const slots = new Slots();
  const candidates = new Candidates((slot) => slots.dropIfEmpty(slot));
  const sight = new Sight('eth0');
  let most = 0;
  for (let i = 0; i < 3_000; i++) {
    const observation = heard(random.whole(0, 1_500), VIPS_OF_ADVERT, i);
    const { advert, at, segment } = observation;
    const slot = slots.of(segment, advert);
    const known = candidates.find(slot, sight, advert, at);
    if (known === null) candidates.add(observation, slot);
    else candidates.heard(known, observation);
    most = Math.max(most, candidates.addresses);
    expect(candidates.addresses).toBeLessThanOrEqual(ADDRESSES_MAX);
    if (known === null) expect(candidates.find(slot, sight, advert, at)).not.toBeNull();
  }
  expect(most).toBeGreaterThan(ADDRESSES_MAX - VIPS_OF_ADVERT);
  while (candidates.removeOldest());
  expect(candidates.addresses).toBe(0);
});

it('virtual routers hold so many VIPs and no more: those go that came last, and configured ones never', () => {
  const observer = new Observer({
    configuration: {
      thresholds: DEFAULT_THRESHOLDS,
      clusters: [
        {
          name: 'web',
          nodes: [],
          virtualRouters: [
            { vrid: 250, segment: null, vips: ['10.20.30.40'], nodes: [], unicast: false, service: null },
          ],
        },
      ],
    },
  });
  const vipsOfAll = () => observer.state().reduce((sum, { vips }) => sum + vips.length, 0);
  const hear = (number: number, vips: number, ms: number) => {
    observer.observe(heard(number, vips, ms));
    observer.observe(heard(number, vips, ms + 300));
  };
  const FIRST = 199;
  hear(FIRST, 1, 0);
  let most = 0;
  for (let number = 200; number < 700; number++) {
    hear(number, VIPS_OF_ADVERT, 400 * (number - 198));
    if (number === 450) {
      const { segment, at, ...rest } = heard(FIRST, 0, 400 * (number - 198) + 300);
      const advert = { ...rest.advert, vrid: 250, src: '10.20.30.1', vips: ['10.20.30.40'] };
      observer.observe({ ...rest, segment, at, advert });
    }
    most = Math.max(most, vipsOfAll());
  }
  expect(most).toBeGreaterThan(VIPS_OF_ALL - VIPS_OF_ADVERT);
  expect(most).toBeLessThanOrEqual(VIPS_OF_ALL);
  const vrids = observer.state().map(({ segment, vrid }) => `${segment} ${vrid}`);
  expect(vrids).toContain('eth0.1 200');
  expect(vrids).toContain('eth0.1 250');
});
