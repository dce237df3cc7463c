/** A poller whose observations can be waited for. */
import type { ProxyObservation } from '../../src/observation.ts';
import { Poller } from '../../src/poll/poller.ts';
import type { ProxyPlace, ProxyTarget } from '../../src/poll/settings.ts';
import { instantFromUs } from '../../src/time.ts';

export class Watched {
  readonly told: ProxyObservation[] = [];
  readonly #poller: Poller;
  #waiting: { readonly until: () => boolean; readonly done: () => void }[] = [];

  constructor(targets: readonly ProxyTarget[]) {
    this.#poller = new Poller(
      { proxies: targets, probes: [], databases: [] },
      {
        now: () => instantFromUs(Date.now() * 1_000),
        tell: (observation) => {
          if (observation.kind === 'proxy') this.told.push(observation);
          for (const { done } of this.#waiting.filter(({ until }) => until())) done();
        },
      },
    );
    this.#poller.start();
  }

  /** Those of one node. */
  of(node: string): readonly ProxyObservation[] {
    return this.told.filter((observation) => observation.node === node);
  }

  /** The first that is told from now on, or that `fits` of those. */
  next(fits: (observation: ProxyObservation) => boolean = () => true): Promise<ProxyObservation> {
    const from = this.told.length;
    const found = () => this.told.slice(from).find(fits);
    return new Promise((resolve) => {
      const waiting = {
        until: () => found() !== undefined,
        done: () => {
          const observation = found();
          this.#waiting = this.#waiting.filter((other) => other !== waiting);
          if (observation !== undefined) resolve(observation);
        },
      };
      this.#waiting.push(waiting);
    });
  }

  stop(): Promise<void> {
    return this.#poller.stop();
  }
}

/** One poll of one place. */
export async function pollOnce(place: ProxyPlace, options = {}): Promise<ProxyObservation> {
  const watched = new Watched([target(place, options)]);
  const first = await watched.next();
  await watched.stop();
  return first;
}

export function target(
  place: ProxyPlace,
  { node = 'hosta', everyMs = 20, timeoutMs = 20_000 } = {},
): ProxyTarget {
  return { cluster: 'orders-db', label: node, node, index: 0, everyMs, timeoutMs, place };
}

export function httpPlace(
  url: string,
  more: Partial<Extract<ProxyPlace, { readonly kind: 'http' }>> = {},
): ProxyPlace {
  return { kind: 'http', url, credentials: null, tls: { ca: null, insecure: false }, ...more };
}
