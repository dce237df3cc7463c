/** Which polled server a channel replicates from, and what is upstream of it. */
import type { ChannelReading } from '../../reading/database.ts';
import type { DatabaseWatch } from './database-watch.ts';
import type { Writer } from './heartbeat.ts';

const DEFAULT_PORT = 3306;

export class Topology {
  readonly #servers: readonly DatabaseWatch[];

  constructor(servers: readonly DatabaseWatch[]) {
    this.#servers = servers;
  }

  /**
   * By what the server says of itself where that is known, since a channel may be connected by way of a VIP; else by the
   * address. Null: none that is polled, or it cannot be told which.
   */
  sourceOf(channel: ChannelReading, replica: DatabaseWatch): DatabaseWatch | null {
    const others = this.#servers.filter((server) => server !== replica);
    if (channel.sourceUuid !== null) {
      const uuid = channel.sourceUuid.toLowerCase();
      const named = only(others.filter(({ reading }) => reading?.serverUuid?.toLowerCase() === uuid));
      if (named !== null) return named;
    }
    const id = channel.sourceServerId;
    if (id !== null && id !== 0n) {
      const cluster = others.filter(({ watched }) => watched.cluster === replica.watched.cluster);
      const named = only(cluster.filter(({ reading }) => reading?.serverId === id));
      if (named !== null) return named;
    }
    const there = others.filter(({ watched: { node, database } }) => {
      if ((channel.sourcePort ?? DEFAULT_PORT) !== database.port) return false;
      const host = channel.sourceHost;
      return host === database.host || host === node.name || node.addresses.includes(host);
    });
    const found = only(there);
    // it is there, but another than was connected to
    if (found?.reading?.serverUuid != null && channel.sourceUuid !== null) return null;
    return found;
  }

  /** All that a server has its transactions from, itself included where they come back to it. */
  upstream(server: DatabaseWatch): {
    readonly servers: ReadonlySet<DatabaseWatch>;
    readonly complete: boolean;
  } {
    const servers = new Set<DatabaseWatch>();
    let complete = true;
    const ask = [server];
    for (let next = ask.pop(); next !== undefined; next = ask.pop()) {
      const channels = next.reading?.channels;
      if (channels == null) complete = false;
      for (const channel of channels ?? []) {
        const source = this.sourceOf(channel, next);
        if (source === null) complete = false;
        else if (!servers.has(source)) {
          servers.add(source);
          ask.push(source);
        }
      }
    }
    return { servers, complete };
  }

  /** Who may write heartbeats that come by a channel: its source first, and whoever is upstream of that. */
  writersOf(channel: ChannelReading, replica: DatabaseWatch): readonly Writer[] {
    const source = this.sourceOf(channel, replica);
    if (source === null) {
      const { sourceServerId } = channel;
      return sourceServerId === null ? [] : [{ serverId: sourceServerId, reading: null, inDoubt: false }];
    }
    const all = [source, ...this.upstream(source).servers];
    return all.flatMap((server) => {
      const serverId = server.reading?.serverId ?? (server === source ? channel.sourceServerId : null);
      if (server === replica || serverId === null) return [];
      return [{ serverId, reading: server.reading, inDoubt: server.isInDoubt }];
    });
  }
}

function only<T>(found: readonly T[]): T | null {
  const [first] = found;
  return found.length === 1 && first !== undefined ? first : null;
}
