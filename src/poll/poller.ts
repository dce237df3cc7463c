/**
 * All that is polled, one loop a target, so that none waits for another. What comes back is told as observations;
 * nothing is judged here.
 */
import type { Observation } from '../observation.ts';
import type { Instant } from '../time.ts';
import { databaseAsker } from './databases/asker.ts';
import { HttpSource } from './haproxy/http.ts';
import { SocketSource } from './haproxy/socket.ts';
import type { ProxySource } from './haproxy/source.ts';
import { Loop } from './loop.ts';
import { ProbeSchedule } from './probes/schedule.ts';
import type { DatabaseTarget, PollSettings, ProxyPlace, ProxyTarget } from './settings.ts';

export interface Outside {
  /** of the observations */
  now(): Instant;
  tell(observation: Observation): void;
}

/** Whatever goes on until it is stopped. */
interface Running {
  start(): void;
  /** Resolves when nothing is in flight and nothing is kept open; nothing is told from its call on. */
  stop(): Promise<void>;
}

export class Poller {
  readonly #all: readonly Running[];

  constructor(settings: PollSettings, outside: Outside) {
    this.#all = [
      ...settings.proxies.map((target) => proxyLoop(target, outside)),
      ...settings.probes.map((target) => new ProbeSchedule(target, outside)),
      ...settings.databases.map((target) => databaseLoop(target, outside)),
    ];
  }

  start(): void {
    for (const one of this.#all) one.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.stop()));
  }
}

function proxyLoop(target: ProxyTarget, outside: Outside): Running {
  const { cluster, node, index, everyMs, timeoutMs } = target;
  const source = sourceOf(target.place);
  let askedAt = outside.now();
  const loop = new Loop({
    everyMs,
    timeoutMs,
    ask: (signal) => {
      askedAt = outside.now();
      return source.ask(signal);
    },
    tell: ({ value, failure }) =>
      outside.tell({
        kind: 'proxy',
        at: outside.now(),
        askedAt,
        cluster,
        node,
        index,
        reading: value,
        failure,
      }),
  });
  return {
    start: () => loop.start(),
    stop: async () => {
      await loop.stop();
      source.close();
    },
  };
}

function databaseLoop(target: DatabaseTarget, outside: Outside): Running {
  const { cluster, node, index, everyMs, timeoutMs } = target;
  const asker = databaseAsker(target);
  let askedAt = outside.now();
  const loop = new Loop({
    everyMs,
    timeoutMs,
    ask: (signal) => {
      askedAt = outside.now();
      return asker.ask(signal);
    },
    tell: ({ value, failure }) =>
      outside.tell({
        kind: 'database',
        at: outside.now(),
        askedAt,
        cluster,
        node,
        index,
        reading: value,
        failure,
      }),
  });
  return {
    start: () => loop.start(),
    stop: async () => {
      await loop.stop();
      asker.close();
    },
  };
}

function sourceOf(place: ProxyPlace): ProxySource {
  return place.kind === 'http' ? new HttpSource(place) : new SocketSource(place);
}
