/**
 * All that is polled, one loop a target, so that none waits for another. What comes back is told as observations;
 * nothing is judged here.
 */
import type { Observation, PollFailure } from '../observation.ts';
import type { ProxyReading } from '../reading/proxy.ts';
import type { Instant } from '../time.ts';
import { databaseAsker } from './databases/asker.ts';
import { HttpSource } from './haproxy/http.ts';
import { SocketSource } from './haproxy/socket.ts';
import { Loop } from './loop.ts';
import type { Outside } from './outside.ts';
import { ProbeSchedule } from './probes/schedule.ts';
import type { DatabaseTarget, PollSettings, ProxyPlace, ProxyTarget } from './settings.ts';
import type { Source } from './source.ts';

/** Whatever goes on until it is stopped. */
interface Running {
  start(): void;
  /** Resolves when nothing is in flight and nothing is kept open; nothing is told from its call on. */
  stop(): Promise<void>;
}

export class Poller {
  readonly #all: readonly Running[];

  constructor(settings: PollSettings, outside: Outside) {
    const now = () => outside.now();
    const tell = (observation: Observation) => outside.tell(observation);
    this.#all = [
      ...settings.proxies.map((target) =>
        polling(target, sourceOf(target.place), now, (polled) => tell({ kind: 'proxy', ...polled })),
      ),
      ...settings.probes.map((target) => new ProbeSchedule(target, outside)),
      ...settings.databases.map((target) =>
        polling(target, databaseAsker(target), now, (polled) => tell({ kind: 'database', ...polled })),
      ),
    ];
  }

  start(): void {
    for (const one of this.#all) one.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.stop()));
  }
}

/** What a poll observes, of whatever kind. */
interface Polled<T> extends Pick<ProxyTarget | DatabaseTarget, 'cluster' | 'node' | 'index'> {
  readonly at: Instant;
  readonly askedAt: Instant;
  readonly reading: T | null;
  readonly failure: PollFailure | null;
}

function polling<T>(
  { cluster, node, index, everyMs, timeoutMs }: ProxyTarget | DatabaseTarget,
  source: Source<T>,
  now: Outside['now'],
  tell: (polled: Polled<T>) => void,
): Running {
  let askedAt = now();
  const loop = new Loop({
    everyMs,
    timeoutMs,
    ask: (signal) => {
      askedAt = now();
      return source.ask(signal);
    },
    tell: ({ value, failure }) => tell({ at: now(), askedAt, cluster, node, index, reading: value, failure }),
  });
  return {
    start: () => loop.start(),
    stop: async () => {
      await loop.stop();
      source.close();
    },
  };
}

function sourceOf(place: ProxyPlace): Source<ProxyReading> {
  return place.kind === 'http' ? new HttpSource(place) : new SocketSource(place);
}
