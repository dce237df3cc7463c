/** A polled HAProxy process, as the configuration names it. */
import type { ObservedProxy } from '../configuration.ts';

export interface WatchedProxy {
  readonly cluster: string;
  readonly node: string;
  /** its place in the node's list */
  readonly index: number;
  readonly proxy: ObservedProxy;
  /** `proxy:hosta`, `proxy:hosta#2` for the second process of a node */
  readonly subject: string;
}

export function watchedProxy(
  cluster: string,
  node: string,
  index: number,
  proxy: ObservedProxy,
): WatchedProxy {
  const subject = `proxy:${node}${index === 0 ? '' : `#${index + 1}`}`;
  return { cluster, node, index, proxy, subject };
}
