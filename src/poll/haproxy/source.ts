/** A way to ask one HAProxy process. */
import type { ProxyReading } from '../../reading/proxy.ts';

export interface ProxySource {
  /** Rejects with whatever `failureOf` understands, soon after `signal` aborts too. One question at a time. */
  ask(signal: AbortSignal): Promise<ProxyReading>;
  /** Lets go of what is kept between questions. */
  close(): void;
}
