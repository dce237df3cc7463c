/** One question to one target: for whoever wants to know at once whether the configuration is right. */
import type { Observation } from '../observation.ts';
import { instantFromUs } from '../time.ts';
import { Poller } from './poller.ts';
import type { DatabaseTarget, PollSettings, ProbeTarget, ProxyTarget } from './settings.ts';

/** The first poll comes at a random point of the first interval. */
const SOON_MS = 100;
const NOTHING: PollSettings = { proxies: [], probes: [], databases: [] };

export function askProxyOnce(target: ProxyTarget) {
  return firstOf('proxy', { ...NOTHING, proxies: [{ ...target, everyMs: SOON_MS }] });
}

export function askServiceOnce(target: ProbeTarget) {
  return firstOf('probe', { ...NOTHING, probes: [{ ...target, everyMs: 2 * target.timeoutMs }] });
}

export function askDatabaseOnce(target: DatabaseTarget) {
  return firstOf('database', { ...NOTHING, databases: [{ ...target, everyMs: SOON_MS }] });
}

type Told<K> = Extract<Observation, { readonly kind: K }>;

/** What comes back, or why nothing does: within the target's timeout. Times in it mean nothing. */
function firstOf<K extends Observation['kind']>(kind: K, settings: PollSettings): Promise<Told<K>> {
  return new Promise((resolve) => {
    const poller = new Poller(settings, {
      now: () => instantFromUs(0),
      tell(observation) {
        if (isOf(kind, observation)) void poller.stop().then(() => resolve(observation));
      },
    });
    poller.start();
  });
}

function isOf<K extends Observation['kind']>(kind: K, observation: Observation): observation is Told<K> {
  return observation.kind === kind;
}
