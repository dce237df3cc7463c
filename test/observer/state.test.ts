/** The snapshot of the present, as `status` shows it. */
import { describe, expect, it } from 'vitest';
import type { Observation, Segment } from '../../src/observation.ts';
import {
  DEFAULT_CONFIGURATION,
  DEFAULT_THRESHOLDS,
  type ObserverConfiguration,
} from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import type { RouterState } from '../../src/state.ts';
import { instantFromUs, SECOND } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';

const SEGMENT: Segment = { name: 'eth0', capture: 'eth0' };

function speaker(host: number, priority: number, vrid = 51): Advert {
  return {
    type: 'advert',
    srcMac: `02:00:00:00:00:0${host}`,
    family: 'ipv4',
    src: `10.0.0.${host}`,
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
    vips: [`10.0.0.${vrid + 49}`],
    checksum: 'ok',
    problems: [],
    valid: true,
  };
}

const A = speaker(1, 150);
const B = speaker(2, 100);
const at = (s: number) => instantFromUs(s * SECOND);

function advert(advertised: Advert, s: number, ipId: number): Observation {
  return { kind: 'advert', at: at(s), segment: SEGMENT, advert: advertised, ipId };
}

function adverts(advertised: Advert, from: number, to: number, firstId = 1): Observation[] {
  const all: Observation[] = [];
  for (let s = from; s <= to; s++) all.push(advert(advertised, s, firstId + s - from));
  return all;
}

function clock(s: number): Observation {
  return { kind: 'clock', at: at(s) };
}

const OURS: ObserverConfiguration = {
  thresholds: DEFAULT_THRESHOLDS,
  clusters: [
    {
      name: 'web',
      nodes: [
        { name: 'h1', addresses: ['10.0.0.1'], proxies: [], databases: [] },
        { name: 'h2', addresses: ['10.0.0.2'], proxies: [], databases: [] },
      ],
      virtualRouters: [
        { vrid: 51, segment: null, vips: ['10.0.0.100'], nodes: ['h1', 'h2'], unicast: false, service: null },
      ],
    },
  ],
};

function observed(
  observations: readonly Observation[],
  configuration: ObserverConfiguration = DEFAULT_CONFIGURATION,
): Observer {
  const observer = new Observer({ samples: true, configuration });
  for (const observation of observations) observer.observe(observation);
  return observer;
}

function only(states: readonly RouterState[]): RouterState {
  expect(states).toHaveLength(1);
  const [state] = states;
  if (state === undefined) throw new Error('no state');
  return state;
}

describe('the state of a virtual router', () => {
  it('names the holder, since when, and how it speaks', () => {
    const state = only(observed(adverts(A, 10, 20), OURS).state());
    expect(state).toMatchObject({
      subject: 'vr:eth0/ipv4/51',
      cluster: 'web',
      ours: true,
      segment: 'eth0',
      family: 'ipv4',
      vrid: 51,
      vips: ['10.0.0.100'],
      state: 'held',
      blind: false,
      since: at(10),
      others: [],
      master: {
        address: '10.0.0.1',
        node: 'h1',
        mac: '02:00:00:00:00:01',
        priority: 150,
        version: 3,
        intervalMs: 1_000,
        speaking: true,
        lastAdvertAt: at(20),
        jitterMs: 0,
        missed: 0,
      },
    });
  });

  it('is nobody’s where nothing is configured, and foreign where others are', () => {
    expect(only(observed(adverts(speaker(3, 90, 60), 1, 5)).state())).toMatchObject({
      cluster: null,
      ours: true,
      master: { node: null },
    });
    expect(only(observed(adverts(speaker(3, 90, 60), 1, 5), OURS).state()).ours).toBe(false);
  });

  it('of a failover names the new holder, since its first advert, and the old one among the others', () => {
    const state = only(observed([...adverts(A, 1, 10), ...adverts(B, 14, 20)], OURS).state());
    expect(state).toMatchObject({
      state: 'held',
      since: at(14),
      master: { node: 'h2' },
      others: [{ node: 'h1', speaking: false, lastAdvertAt: at(10) }],
    });
  });

  it('where nobody speaks names the last holder, and when it was lost', () => {
    const state = only(observed([...adverts(A, 1, 10), clock(30)]).state());
    expect(state).toMatchObject({
      state: 'lost',
      since: at(10),
      master: { address: '10.0.0.1', speaking: false },
    });
  });

  it('in a split-brain has both', () => {
    const both = [...adverts(A, 1, 20), ...adverts(B, 10.5, 20.5)].sort((x, y) => x.at - y.at);
    expect(only(observed(both).state())).toMatchObject({
      state: 'split',
      master: { address: '10.0.0.1', speaking: true },
      others: [{ address: '10.0.0.2', speaking: true }],
    });
  });

  it('says that it cannot see', () => {
    const blind: Observation = {
      kind: 'sight',
      at: at(11),
      capture: 'eth0',
      seeing: false,
      reason: 'link-down',
      dropped: null,
    };
    expect(only(observed([...adverts(A, 1, 10), blind, clock(60)]).state())).toMatchObject({
      state: 'held',
      blind: true,
    });
  });

  it('of a configured one that was never heard says nothing', () => {
    expect(observed([clock(1), clock(60)], OURS).state()).toEqual([]);
  });

  it('lists at most eight others, most recently heard first', () => {
    const many = Array.from({ length: 12 }, (_, i) => advert(speaker(20 + i, 10), 20 + 0.01 * i, 1));
    const state = only(observed([...adverts(A, 1, 20), ...many, clock(20.5)]).state());
    expect(state.others.map((other) => other.address)).toEqual(
      Array.from({ length: 8 }, (_, i) => `10.0.0.${31 - i}`),
    );
  });
});

describe('the rhythm of a master', () => {
  it('is the worst of the last minute or so, whatever samples were taken meanwhile', () => {
    const observer = observed([...adverts(A, 1, 10), advert(A, 11.25, 11), ...adverts(A, 12, 50, 12)]);
    observer.takeSamples();
    expect(only(observer.state()).master.jitterMs).toBe(250);
  });

  it('is forgotten after two minutes', () => {
    const observer = observed([...adverts(A, 1, 10), advert(A, 11.25, 11), ...adverts(A, 12, 140, 12)]);
    expect(only(observer.state()).master.jitterMs).toBe(0);
  });

  it('counts the adverts that were sent but not captured', () => {
    const observer = observed([...adverts(A, 1, 10), ...adverts(A, 13, 30, 13)]);
    expect(only(observer.state()).master).toMatchObject({ missed: 2, jitterMs: 2_000 });
  });
});

describe('whether something is about to be decided', () => {
  const resigned = { ...A, priority: 0 };
  it.each([
    ['not of a master that speaks', false, adverts(A, 1, 10)],
    ['of one that is overdue', true, [...adverts(A, 1, 10), clock(12)]],
    ['of one that has resigned', true, [...adverts(A, 1, 10), advert(resigned, 10.2, 11)]],
    ['not of one that is lost', false, [...adverts(A, 1, 10), clock(30)]],
    ['not once another has taken over', false, [...adverts(A, 1, 10), ...adverts(B, 14, 30)]],
  ] as const)('%s', (_, unsettled, observations) => {
    expect(observed(observations, OURS).isUnsettled).toBe(unsettled);
  });

  it('not of other people’s', () => {
    expect(observed([...adverts(speaker(3, 90, 60), 1, 10), clock(12)], OURS).isUnsettled).toBe(false);
  });
});
