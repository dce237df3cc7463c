/** What probes lead to beside events: the present and samples. */
import { describe, expect, it } from 'vitest';
import type { TimelineEvent } from '../../src/events.ts';
import type { Observation, ProbeObservation, Segment } from '../../src/observation.ts';
import {
  DEFAULT_THRESHOLDS,
  type ObservedService,
  type ObserverConfiguration,
} from '../../src/observer/configuration.ts';
import { Observer } from '../../src/observer/observer.ts';
import { type Instant, instantFromUs, SECOND } from '../../src/time.ts';
import type { Advert } from '../../src/wire/packet.ts';

const SEGMENT: Segment = { name: 'eth0', capture: 'eth0' };
const PROBE = 'http://10.0.0.100/';
const SERVICE: ObservedService = { probe: PROBE, vip: '10.0.0.100', everyMs: 200, timeoutMs: 1_000, rise: 3 };
const s = (seconds: number): Instant => instantFromUs(Math.round(seconds * SECOND));

function configuration(service: ObservedService | null): ObserverConfiguration {
  const node = (host: number) => ({
    name: `host-${host}`,
    addresses: [`10.0.0.${host}`],
    proxies: [
      { target: `http://10.0.0.${host}/`, everyMs: 2_000, runs: 'always' as const, startupGraceMs: 0 },
    ],
    databases: [],
  });
  const router = { vrid: 51, segment: null, vips: ['10.0.0.100'], nodes: [], unicast: false, service };
  return {
    thresholds: DEFAULT_THRESHOLDS,
    clusters: [{ name: 'web', nodes: [node(1), node(2)], virtualRouters: [router] }],
  };
}

function advertOf(host: number, priority: number): Advert {
  return {
    type: 'advert',
    srcMac: `02:00:00:00:00:0${host}`,
    family: 'ipv4',
    src: `10.0.0.${host}`,
    dst: '224.0.0.18',
    ttl: 255,
    ah: false,
    version: 3,
    vrid: 51,
    priority,
    intervalMs: 1_000,
    authType: null,
    authData: null,
    hmac: false,
    vips: ['10.0.0.100'],
    checksum: 'ok',
    problems: [],
    valid: true,
  };
}

function adverts(host: number, from: number, to: number, priority = 100): Observation[] {
  const advert = advertOf(host, priority);
  return Array.from({ length: to - from + 1 }, (_, i) => {
    return { kind: 'advert', at: s(from + i), segment: SEGMENT, advert, ipId: i };
  });
}

function probe(at: number, up: boolean, node: string | null = null): ProbeObservation {
  return {
    kind: 'probe',
    at: s(at + 0.004),
    startedAt: s(at),
    cluster: 'web',
    router: 0,
    node,
    failure: up ? null : { reason: 'refused', error: 'connection refused' },
    latencyMs: up ? 4 : null,
    answeredBy: null,
  };
}

function probes(from: number, to: number, up: boolean): ProbeObservation[] {
  const all: ProbeObservation[] = [];
  for (let at = from; at < to; at += 0.2) all.push(probe(at, up));
  return all;
}

function play(observer: Observer, observations: readonly Observation[]): TimelineEvent[] {
  return [...observations].sort((a, b) => a.at - b.at).flatMap((one) => [...observer.observe(one)]);
}

describe('the present of a service', () => {
  const stateAfter = (...observations: readonly Observation[]) => {
    const observer = new Observer({ configuration: configuration(SERVICE) });
    play(observer, observations);
    const [state] = observer.services();
    return state;
  };

  it('is not known before the first probe, nor long after the last', () => {
    expect(stateAfter({ kind: 'clock', at: s(1) })).toMatchObject({
      state: 'unknown',
      since: null,
      nodes: [],
    });
    const last = stateAfter(...probes(1, 5, true), { kind: 'clock', at: s(30) });
    expect(last).toMatchObject({ state: 'unknown', since: null });
  });

  it('is up since its first success; one failure shows and is no blackout', () => {
    const state = stateAfter(...adverts(1, 0, 5), ...probes(1, 5, true), probe(5.2, false));
    expect(state).toMatchObject({
      cluster: 'web',
      subject: 'vr:eth0/ipv4/51',
      vip: '10.0.0.100',
      probe: PROBE,
      state: 'up',
      error: 'connection refused',
      latencyMs: null,
    });
    expect(stateAfter(...probes(1, 5, true))).toMatchObject({
      state: 'up',
      since: s(1),
      latencyMs: 4,
      error: null,
    });
  });

  it('is dark since the first of the failures', () => {
    expect(stateAfter(...adverts(1, 0, 7), ...probes(1, 5, true), ...probes(5.2, 7, false))).toMatchObject({
      state: 'dark',
      since: s(5.2),
    });
  });

  it('is not known while we are cut off ourselves', () => {
    const cut: Observation = {
      kind: 'sight',
      at: s(6),
      capture: 'eth0',
      seeing: false,
      reason: 'link-down',
      dropped: null,
    };
    const state = stateAfter(...adverts(1, 0, 5), ...probes(1, 5, true), cut, ...probes(6.2, 8, false));
    expect(state).toMatchObject({ state: 'unknown' });
  });

  it('has its nodes beside it, and no node of which the configuration knows nothing', () => {
    const nodes = [probe(1, true, 'host-1'), probe(1, false, 'host-2'), probe(1, true, 'host-9')];
    expect(stateAfter(...nodes, probe(3, false, 'host-2'))?.nodes).toEqual([
      { node: 'host-1', up: true, since: s(1), error: null },
      { node: 'host-2', up: false, since: s(1), error: 'connection refused' },
    ]);
  });

  it('is of no virtual router that is not configured', () => {
    const observer = new Observer({ configuration: configuration(null) });
    play(observer, [
      probe(1, false),
      { ...probe(2, false), cluster: 'api' },
      { ...probe(3, false), router: 7 },
    ]);
    expect(observer.services()).toEqual([]);
  });
});

describe('samples', () => {
  const tags = { cluster: 'web', vip: '10.0.0.100', probe: PROBE };

  it('are made at each change of a result and every 30 s', () => {
    const observer = new Observer({ configuration: configuration(SERVICE), samples: true });
    play(observer, [
      ...adverts(1, 0, 70),
      ...probes(1, 5, true),
      ...probes(5.1, 7, false),
      ...probes(7.1, 70, true),
      probe(25, true, 'host-1'),
    ]);
    const samples = observer.takeSamples().filter(({ measurement }) => measurement === 'probe');
    expect(samples.map(({ time, tags, fields }) => ({ time, tags, fields }))).toEqual([
      { time: s(1.004), tags, fields: { up: 1n, latency_ms: 4, error: '' } },
      { time: s(5.104), tags, fields: { up: 0n, error: 'connection refused' } },
      { time: s(7.104), tags, fields: { up: 1n, latency_ms: 4, error: '' } },
      { time: s(25.004), tags: { ...tags, node: 'host-1' }, fields: { up: 1n, latency_ms: 4, error: '' } },
      { time: s(30), tags, fields: { up: 1n, latency_ms: 4, error: '' } },
      { time: s(30), tags: { ...tags, node: 'host-1' }, fields: { up: 1n, latency_ms: 4, error: '' } },
      { time: s(60), tags, fields: { up: 1n, latency_ms: 4, error: '' } },
    ]);
  });

  it('show the VIP as dark from the blackout to its end', () => {
    const observer = new Observer({ configuration: configuration(SERVICE), samples: true });
    play(observer, [
      ...adverts(1, 0, 20),
      ...probes(1, 5, true),
      ...probes(5.1, 12, false),
      ...probes(12.1, 20, true),
    ]);
    const states = observer
      .takeSamples()
      .flatMap(({ measurement, fields }) => (measurement === 'vip' ? [fields.state_code] : []));
    expect(states.filter((state, i) => state !== states[i - 1])).toEqual([1n, 2n, 1n]);
  });
});
