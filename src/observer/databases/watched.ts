/** A polled database server, as the configuration names it. */
import type { ObservedCluster, ObservedDatabase, ObservedNode } from '../configuration.ts';

export interface WatchedDatabase {
  readonly cluster: ObservedCluster;
  readonly node: ObservedNode;
  /** its place in the node's list */
  readonly index: number;
  readonly database: ObservedDatabase;
  /** `hosta`, `hosta#2` for the second server of a node */
  readonly name: string;
  /** `database:hosta` */
  readonly subject: string;
}

export function watchedDatabase(
  cluster: ObservedCluster,
  node: ObservedNode,
  index: number,
  database: ObservedDatabase,
): WatchedDatabase {
  const name = `${node.name}${index === 0 ? '' : `#${index + 1}`}`;
  return { cluster, node, index, database, name, subject: `database:${name}` };
}
