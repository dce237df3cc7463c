/**
 * `errant-transactions`: what a replica wrote itself and its source has not. Judged only where everything upstream of the
 * source is known and the replica is not part of it: in a pair that replicates both ways a node's own transactions are on
 * their way to the other, and no fault.
 *
 * The source is asked after the replica, so what came by replication cannot be missing there; and twice, to be sure.
 */
import type { EventOf } from '../../events.ts';
import type { DatabaseReading } from '../../reading/database.ts';
import { domainGtidsText, gtidSetText, lastOfDomains, subtract } from '../../reading/gtid.ts';
import type { Instant } from '../../time.ts';
import type { Voice } from '../polled/voice.ts';
import { type Condition, resumed } from '../timeline.ts';
import { ownOf, type Position, positionOf } from './position.ts';

const COMPARISONS = 2;
const TEXT_MAX = 256;

export class ErrantWatch {
  readonly #subject: string;
  readonly #name: string;
  readonly #voice: Voice;
  #times = 0;
  #since: Instant | null = null;
  #open: Condition<'errant-transactions'> | null = null;

  constructor(subject: string, name: string, voice: Voice) {
    this.#subject = subject;
    this.#name = name;
    this.#voice = voice;
  }

  resume(event: EventOf<'errant-transactions'>, notBefore: Instant): void {
    this.#open = resumed(event, notBefore);
  }

  /** A replica's answer, and its source's answer to a later question. */
  compare(replica: DatabaseReading, source: DatabaseReading, askedAt: Instant): void {
    const errant = errantOf(replica, source);
    if (errant === undefined) return; // cannot be told
    if (errant === null) {
      this.#times = 0;
      this.#end(askedAt, {});
      return;
    }
    if (this.#times === 0) this.#since = askedAt;
    this.#times++;
    if (this.#open !== null || this.#times < COMPARISONS || this.#since === null) return;
    this.#open = this.#voice.begin('errant-transactions', this.#subject, this.#since, {
      gtids: { [this.#name]: shortened(errant) },
    });
  }

  interrupted(): void {
    this.#times = 0;
  }

  /** It is no replica any more, or one whose own transactions are no fault. */
  leave(at: Instant, reason: 'removed' | 'unconfigured'): void {
    this.#times = 0;
    this.#end(at, { reason });
  }

  #end(at: Instant, more: { readonly reason?: string }): void {
    if (this.#open !== null) this.#voice.end(this.#open, at, more);
    this.#open = null;
  }
}

/** Null: none; undefined: cannot be told. */
function errantOf(replica: DatabaseReading, source: DatabaseReading): string | null | undefined {
  const own = ownOf(replica);
  const theirs = positionOf(source);
  if (own === null || theirs === null || own.kind !== theirs.kind) return undefined;
  const text = beyond(own, theirs);
  return text === '' ? null : text;
}

function beyond(own: Position, theirs: Position): string {
  if (own.kind === 'sets') return theirs.kind === 'sets' ? gtidSetText(subtract(own.sets, theirs.sets)) : '';
  if (theirs.kind !== 'domains') return '';
  // a number that the source has passed may be anybody's
  const reached = lastOfDomains(theirs.gtids);
  return domainGtidsText(
    own.gtids.filter(({ domain, sequence }) => sequence > (reached.get(domain)?.sequence ?? 0n)),
  );
}

export function shortened(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text;
}
