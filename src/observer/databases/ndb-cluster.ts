/**
 * `ndb-node-down`: data nodes that an NDB cluster is configured with and that are not started, as its SQL nodes see it. A
 * SQL node that is not connected itself sees nothing. Where no SQL node names them (ndbinfo is not readable) they are
 * counted: one condition with node id 0.
 */
import type { EventOf } from '../../events.ts';
import type { NdbReading } from '../../reading/database.ts';
import { type Instant, MS } from '../../time.ts';
import type { Thresholds } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';

/** An NDB cluster has at most 144 data nodes. */
const NODES_MAX = 144;
const RECENT_INTERVALS = 2.5;
const STATUS_MAX = 64;

interface View {
  readonly askedAt: Instant;
  readonly everyMs: number;
  /** down, by node id: its status, and in how many polls in a row */
  readonly down: ReadonlyMap<number, Down>;
}

interface Down {
  readonly status: string;
  readonly since: Instant;
  readonly polls: number;
}

export class NdbCluster {
  readonly #subject: string;
  readonly #thresholds: Thresholds;
  readonly #voice: Voice;
  /** by name of the SQL node */
  readonly #views = new Map<string, View>();
  readonly #open = new Map<number, Condition<'ndb-node-down'>>();

  constructor(subject: string, thresholds: Thresholds, voice: Voice) {
    this.#subject = subject;
    this.#thresholds = thresholds;
    this.#voice = voice;
  }

  resume(event: EventOf<'ndb-node-down'>, notBefore: Instant): void {
    this.#open.set(event.details.nodeId, resumed(event, notBefore));
  }

  look(name: string, ndb: NdbReading, askedAt: Instant, everyMs: number): void {
    const seen = downIn(ndb);
    if (seen === null) {
      this.#views.delete(name);
      return;
    }
    const before = this.#views.get(name)?.down;
    const down = new Map(
      [...seen].map(([nodeId, status]) => {
        const known = before?.get(nodeId);
        return [nodeId, { status, since: known?.since ?? askedAt, polls: (known?.polls ?? 0) + 1 }] as const;
      }),
    );
    this.#views.set(name, { askedAt, everyMs, down });
    const views = [...this.#views.values()].filter((view) => isRecent(view, askedAt));
    const allUp = views.some((view) => view.down.size === 0);
    for (const [nodeId, { status, since, polls }] of down) {
      // another SQL node that sees all of them up contradicts it
      if (this.#open.has(nodeId) || allUp || polls < this.#thresholds.badPolls) continue;
      if (nodeId === 0 && views.some((view) => view.down.size > 0 && !view.down.has(0))) continue;
      this.#open.set(nodeId, this.#voice.begin('ndb-node-down', this.#subject, since, { nodeId, status }));
    }
    for (const [nodeId, condition] of this.#open) {
      if (views.some((view) => view.down.has(nodeId))) continue;
      this.#open.delete(nodeId);
      this.#voice.end(condition, askedAt);
    }
  }

  /** It does not answer, or is no SQL node any more. */
  withdrew(name: string): void {
    this.#views.delete(name);
  }

  leave(at: Instant, reason: EndReason): void {
    for (const condition of this.#open.values()) this.#voice.end(condition, at, { reason });
    this.#open.clear();
  }
}

/** Data nodes that are down, with their status; null where this SQL node cannot tell. */
function downIn({ ready, total, ownNodeId, nodes, configured }: NdbReading): Map<number, string> | null {
  if (ready === null || total === null || ownNodeId === 0) return null;
  if (ready >= total) return new Map();
  const down = new Map<number, string>();
  if (nodes !== null) {
    const known = new Map(nodes.map(({ nodeId, status }) => [nodeId, status]));
    for (const nodeId of configured ?? known.keys()) {
      const status = known.get(nodeId);
      if (status === 'STARTED' || status === 'SINGLEUSER' || down.size >= NODES_MAX) continue;
      down.set(nodeId, status?.slice(0, STATUS_MAX) ?? 'not connected');
    }
  }
  if (down.size === 0) down.set(0, `${ready} of ${total} ready`);
  return down;
}

function isRecent({ askedAt, everyMs }: View, now: Instant): boolean {
  return now - askedAt <= RECENT_INTERVALS * everyMs * MS;
}
