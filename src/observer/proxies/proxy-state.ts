/** What is known of a proxy at present, as plain values for `status`. Looks, and changes nothing. */
import type { ProxyBackendState, ProxyState } from '../../state.ts';
import type { Reach } from '../polled/reach.ts';
import { type Backend, type Inventory, isUncheckedOnly, type ServerState, serverState } from './inventory.ts';
import type { WatchedProxy } from './watched.ts';

const BACKENDS_MAX = 1_024;
const NAMES_MAX = 32;

export function proxyState(
  { subject, cluster, node, proxy }: WatchedProxy,
  reach: Reach,
  last: Inventory | null,
  isIdle: boolean,
): ProxyState {
  const serving = [...(last?.backends.values() ?? [])].filter(({ servers }) => servers.length > 0);
  return {
    subject,
    cluster,
    node,
    target: proxy.target,
    state: isIdle ? 'idle' : reach.state,
    since: reach.since,
    error: reach.error,
    lastAnsweredAt: reach.lastAnsweredAt,
    release: last?.reading.process?.release ?? null,
    backends: serving.slice(0, BACKENDS_MAX).map(backendState),
  };
}

function backendState(backend: Backend): ProxyBackendState {
  const names: Record<ServerState, string[]> = { up: [], down: [], out: [], unchecked: [], unknown: [] };
  for (const { status, name } of backend.servers) names[serverState(status)].push(name);
  const { up, down, out, unchecked } = names;
  return {
    name: backend.name,
    state: backend.row?.status.word === 'DOWN' ? 'down' : 'up',
    servers: backend.servers.length - out.length,
    up: up.length + unchecked.length,
    down: down.slice(0, NAMES_MAX),
    out: out.slice(0, NAMES_MAX),
    uncheckedOnly: isUncheckedOnly(backend),
  };
}
