/**
 * The Galera nodes of one cluster together: `galera-size` (members are missing) and `galera-split` (two primary
 * components). Members see a change of the component at different moments, so both wait until everybody was asked again.
 */
import type { EventOf } from '../../events.ts';
import type { GaleraReading } from '../../reading/database.ts';
import { type Instant, MS, SECOND } from '../../time.ts';
import type { Thresholds } from '../configuration.ts';
import type { EndReason, Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';
import { isPrimary } from './galera-node.ts';

/** An answer older than so many intervals of its server is not the present. */
const RECENT_INTERVALS = 2.5;
const HOUR_US = 3_600 * SECOND;

/** What a node said last, and when. */
interface Said {
  readonly askedAt: Instant;
  readonly everyMs: number;
  readonly galera: GaleraReading;
}

interface Quarrel {
  /** when it was seen first, with an answer of one of them that may be older than the change */
  readonly since: Instant;
  /** both must have been asked again since then */
  countedAt: Instant;
  rounds: number;
}

export class GaleraCluster {
  readonly #subject: string;
  /** names of the servers that are polled */
  readonly #polled: ReadonlySet<string>;
  readonly #thresholds: Thresholds;
  readonly #voice: Voice;
  /** by name of the server */
  readonly #said = new Map<string, Said>();
  /** servers that were ever part of Galera in this run */
  readonly #members = new Set<string>();
  #largest = 0;
  /** polls in a row of each server that found too few members */
  readonly #small = new Map<string, number>();
  #smallSince: Instant | null = null;
  #size: Condition<'galera-size'> | null = null;
  /** by pair of servers */
  readonly #quarrels = new Map<string, Quarrel>();
  #split: Condition<'galera-split'> | null = null;

  constructor(subject: string, polled: ReadonlySet<string>, thresholds: Thresholds, voice: Voice) {
    this.#subject = subject;
    this.#polled = polled;
    this.#thresholds = thresholds;
    this.#voice = voice;
  }

  resumeSize(event: EventOf<'galera-size'>, notBefore: Instant): void {
    this.#size = resumed(event, notBefore);
    this.#largest = event.details.expected;
  }

  resumeSplit(event: EventOf<'galera-split'>, notBefore: Instant): void {
    this.#split = resumed(event, notBefore);
  }

  look(name: string, galera: GaleraReading, askedAt: Instant, everyMs: number): void {
    this.#said.set(name, { askedAt, everyMs, galera });
    if (galera.clusterStatus.toLowerCase() !== 'disconnected') this.#members.add(name);
    this.#judgeSize(name, galera, askedAt);
    this.#judgeSplit(name, askedAt);
  }

  /** It does not answer, or has left Galera: what it said last is not the present. */
  withdrew(name: string): void {
    this.#said.delete(name);
    this.#small.delete(name);
    for (const key of this.#quarrels.keys()) if (key.split('|').includes(name)) this.#quarrels.delete(key);
  }

  /** No server of this cluster is part of Galera any more. */
  leave(at: Instant, reason: EndReason): void {
    if (this.#size !== null) this.#voice.end(this.#size, at, { reason });
    if (this.#split !== null) this.#voice.end(this.#split, at, { reason });
    this.#size = null;
    this.#split = null;
  }

  // size

  #judgeSize(name: string, galera: GaleraReading, askedAt: Instant): void {
    const { size } = galera;
    if (!isPrimary(galera) || size === null) {
      this.#small.delete(name);
      return;
    }
    this.#largest = Math.max(this.#largest, size);
    const open = this.#size;
    if (open !== null && askedAt - open.begin.time >= this.#thresholds.forgetAfterH * HOUR_US) {
      this.#largest = size; // so long, and it is meant to be so
      if (size >= this.#expected) {
        this.#endSize(askedAt, { size, reason: 'forgotten' });
        return;
      }
    }
    const expected = this.#expected;
    if (size >= expected) {
      this.#small.delete(name);
      if (this.#small.size === 0) this.#endSize(askedAt, { size }); // nobody says otherwise
      return;
    }
    if (this.#small.size === 0) this.#smallSince = askedAt;
    this.#small.set(name, (this.#small.get(name) ?? 0) + 1);
    const since = this.#smallSince;
    if (this.#size !== null || since === null || (this.#small.get(name) ?? 0) < this.#thresholds.badPolls)
      return;
    for (const said of this.#said.values()) {
      // somebody has yet to notice, or knows better
      if (isRecent(said, askedAt) && isPrimary(said.galera) && (said.galera.size ?? 0) >= expected) return;
    }
    this.#size = this.#voice.begin('galera-size', this.#subject, since, { size, expected });
  }

  #endSize(at: Instant, more: { readonly size: number; readonly reason?: EndReason }): void {
    if (this.#size !== null) this.#voice.end(this.#size, at, more);
    this.#size = null;
  }

  get #expected(): number {
    return Math.max(this.#largest, this.#members.size);
  }

  // split

  #judgeSplit(name: string, askedAt: Instant): void {
    const mine = this.#said.get(name);
    if (mine === undefined) return;
    let confirmed: Quarrel | null = null;
    for (const [other, theirs] of this.#said) {
      if (other === name || !isRecent(theirs, askedAt)) continue;
      const key = [name, other].sort().join('|');
      if (!areApart(mine.galera, theirs.galera)) {
        this.#quarrels.delete(key);
        continue;
      }
      const quarrel = this.#quarrels.get(key);
      if (quarrel === undefined) {
        this.#quarrels.set(key, { since: askedAt, countedAt: askedAt, rounds: 0 });
      } else if (mine.askedAt > quarrel.countedAt && theirs.askedAt > quarrel.countedAt) {
        quarrel.rounds++;
        quarrel.countedAt = askedAt;
      }
      if (quarrel !== undefined && this.#isConfirmed(quarrel, askedAt)) confirmed ??= quarrel;
    }
    if (this.#split === null && confirmed !== null) {
      const components = this.#components(askedAt);
      this.#split = this.#voice.begin('galera-split', this.#subject, confirmed.since, { components });
    } else if (this.#split !== null && this.#quarrels.size === 0 && this.#allSaid(askedAt)) {
      this.#voice.end(this.#split, askedAt);
      this.#split = null;
    }
  }

  /** A node that has much left to apply learns late of a change. */
  #isConfirmed({ since, rounds }: Quarrel, askedAt: Instant): boolean {
    const { badPolls, beyondForMs } = this.#thresholds;
    return rounds >= badPolls && askedAt - since >= beyondForMs * MS;
  }

  /** Those of the split have all been heard again. */
  #allSaid(askedAt: Instant): boolean {
    const names = this.#split?.begin.details.components.flat() ?? [];
    return names.every((name) => {
      const said = this.#said.get(name);
      // after a restart one of them may not be configured any more
      return !this.#polled.has(name) || (said !== undefined && isRecent(said, askedAt));
    });
  }

  /** Servers by the component that they are in. */
  #components(askedAt: Instant): string[][] {
    const components = new Map<string, string[]>();
    for (const [name, said] of [...this.#said].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!isRecent(said, askedAt) || !isPrimary(said.galera)) continue;
      const { clusterUuid, size } = said.galera;
      const key = `${clusterUuid} ${size}`;
      components.set(key, [...(components.get(key) ?? []), name]);
    }
    return [...components.values()];
  }
}

/**
 * Both primary, and not members of one component. Each component counts its configurations by itself, so that two may have
 * reached the same number: it tells nothing.
 */
function areApart(a: GaleraReading, b: GaleraReading): boolean {
  if (!isPrimary(a) || !isPrimary(b)) return false;
  return a.clusterUuid !== b.clusterUuid || a.size !== b.size;
}

function isRecent({ askedAt, everyMs }: Said, now: Instant): boolean {
  return now - askedAt <= RECENT_INTERVALS * everyMs * MS;
}
