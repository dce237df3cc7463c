/**
 * Whether the proxies of a cluster agree: the same backends with the same servers, none taken out or held for down by
 * one alone. Each process is compared with those in the same place of the other nodes' lists. A difference must last:
 * two proxies never see a server die at the same moment, and nobody reloads both at once.
 */
import type { EventOf } from '../../events.ts';
import { type Instant, MS } from '../../time.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import type { Services } from '../services.ts';
import { type Condition, resumed } from '../timeline.ts';
import { type Inventory, serverState } from './inventory.ts';

/** Differences whose age is remembered; told are the first 16. */
const DIFFERENCES_MAX = 256;
const TOLD_MAX = 16;

/** One of those compared, and what it said last: null while that is not known. */
export interface Compared {
  readonly node: string;
  readonly index: number;
  readonly inventory: Inventory | null;
}

export class Drift {
  readonly #subject: string;
  readonly #services: Services;
  readonly #voice: Voice;
  readonly #proxies: readonly Compared[];
  /** when each was seen first, by its words */
  #since = new Map<string, Instant>();
  #open: Condition<'proxy-drift'> | null = null;

  constructor(cluster: string, proxies: readonly Compared[], services: Services, voice: Voice) {
    this.#subject = `cluster:${cluster}`;
    this.#services = services;
    this.#voice = voice;
    this.#proxies = proxies;
  }

  resume(event: EventOf<'proxy-drift'>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
  }

  /** One of them answered. */
  look(now: Instant): void {
    const groups = new Map<number, { readonly node: string; readonly inventory: Inventory }[]>();
    for (const { node, index, inventory } of this.#proxies) {
      if (inventory === null) {
        this.#interrupted();
        return;
      }
      groups.set(index, [...(groups.get(index) ?? []), { node, inventory }]);
    }
    const since = new Map<string, Instant>();
    for (const group of groups.values()) {
      if (group.length < 2) continue;
      for (const difference of differencesOf(group)) {
        if (since.size >= DIFFERENCES_MAX) break;
        since.set(difference, this.#since.get(difference) ?? now);
      }
    }
    this.#since = since;
    this.#judge(now);
  }

  leave(at: Instant, reason: EndReason): void {
    if (this.#open !== null) this.#voice.end(this.#open, at, { reason });
    this.#open = null;
    this.#since.clear();
  }

  #judge(now: Instant): void {
    const lastedUs = this.#services.configuration.thresholds.driftForMs * MS;
    if (this.#open !== null) {
      const { differences } = this.#open.begin.details;
      const asTold = differences.some((difference) => this.#since.has(difference));
      const lasting = [...this.#since.values()].some((since) => now - since >= lastedUs);
      if (asTold || lasting) return;
      this.#voice.end(this.#open, now);
      this.#open = null;
      return;
    }
    const lasting = [...this.#since].filter(([, since]) => now - since >= lastedUs);
    if (lasting.length === 0) return;
    const began = Math.min(...lasting.map(([, since]) => since)) as Instant;
    const differences = lasting.slice(0, TOLD_MAX).map(([difference]) => difference);
    this.#open = this.#voice.begin('proxy-drift', this.#subject, began, { differences });
  }

  /** One does not say how it is: what is open stays open, what had begun to last begins anew. */
  #interrupted(): void {
    this.#since.clear();
  }
}

/** In words: `mysql/db1: up on hosta, down on hostb`, `mysql: not on hostb`. */
function differencesOf(
  group: readonly { readonly node: string; readonly inventory: Inventory }[],
): readonly string[] {
  const served = group.map(({ node, inventory }) => ({ node, backends: serversOf(inventory) }));
  const differences: string[] = [];
  for (const backend of new Set(served.flatMap(({ backends }) => [...backends.keys()]))) {
    const without = served.filter(({ backends }) => !backends.has(backend));
    if (without.length > 0) {
      differences.push(`${backend}: not on ${without.map(({ node }) => node).join(', ')}`);
      continue;
    }
    const servers = new Set(served.flatMap(({ backends }) => [...(backends.get(backend)?.keys() ?? [])]));
    for (const server of servers) {
      const ignorant = served.filter(({ backends }) => !backends.get(backend)?.has(server));
      if (ignorant.length > 0) {
        differences.push(`${backend}/${server}: not on ${ignorant.map(({ node }) => node).join(', ')}`);
        continue;
      }
      const states = served.map(({ node, backends }) => ({
        node,
        state: backends.get(backend)?.get(server) ?? 'unclear',
      }));
      const words = new Set(states.map(({ state }) => state));
      if (words.size === 1 || words.has('unclear')) continue;
      differences.push(
        `${backend}/${server}: ${states.map(({ node, state }) => `${state} on ${node}`).join(', ')}`,
      );
    }
  }
  return differences;
}

/** By backend, then by server: in which state, as far as proxies may differ. Backends without servers are left out. */
function serversOf({ backends }: Inventory): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const all = new Map<string, ReadonlyMap<string, string>>();
  for (const { name, servers } of backends.values()) {
    if (servers.length === 0) continue;
    all.set(name, new Map(servers.map((server) => [server.name, WORDS[serverState(server.status)]])));
  }
  return all;
}

const WORDS = { up: 'up', unchecked: 'up', down: 'down', out: 'taken out', unknown: 'unclear' } as const;
