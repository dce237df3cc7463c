/** One question to one target: for whoever wants to know at once whether the configuration is right. */
import type { Observation } from '../observation.ts';
import { instantFromUs } from '../time.ts';
import { Poller } from './poller.ts';
import type { ProbeTarget, ProxyTarget } from './settings.ts';

/** What comes back, or why nothing does: within the target's timeout. Times in it mean nothing. */
export type Told = Extract<Observation, { readonly kind: 'proxy' | 'probe' }>;

/** The first poll comes at a random point of the first interval. */
const SOON_MS = 100;

export function askOnce(target: ProxyTarget | ProbeTarget): Promise<Told> {
  const settings =
    'place' in target
      ? { proxies: [{ ...target, everyMs: SOON_MS }], probes: [], databases: [] }
      : { proxies: [], probes: [{ ...target, everyMs: 2 * target.timeoutMs }], databases: [] };
  return new Promise((resolve) => {
    const poller = new Poller(settings, {
      now: () => instantFromUs(0),
      tell(observation) {
        if (observation.kind !== 'proxy' && observation.kind !== 'probe') return;
        void poller.stop().then(() => resolve(observation));
      },
    });
    poller.start();
  });
}
