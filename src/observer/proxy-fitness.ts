/** What is known of the proxies on the nodes, for whoever asks whether a VIP's holder can serve. */
import type { Instant } from '../time.ts';

export interface DeadProxy {
  /** where it is asked, without credentials */
  readonly target: string;
  readonly error: string;
  readonly since: Instant;
}

export interface ProxyFitness {
  /** a proxy of the node that is known to be dead: nobody listens, though the machine is alive */
  deadOn(cluster: string, node: string): DeadProxy | null;
}

export const NOTHING_KNOWN_OF_PROXIES: ProxyFitness = { deadOn: () => null };
