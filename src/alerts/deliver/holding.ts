/**
 * Who held a virtual router when, as a strip from left to right: a fold over the events of one incident. Pure.
 * What passed before the first move is the former holder's, where an event names it.
 */
import type { TimelineEvent } from '../../events.ts';
import { type Instant, MS, plusUs, SECOND } from '../../time.ts';
import type { DarkRange } from '../../timeline/summary.ts';

export interface Holding {
  /** the virtual router's subject */
  readonly subject: string;
  readonly vips: readonly string[];
  /** without gaps; the last is what is so now */
  readonly stretches: readonly Stretch[];
}

export interface Stretch {
  readonly state: 'held' | 'nobody' | 'two';
  /** addresses: one where held, two where two hold it */
  readonly holders: readonly string[];
  readonly from: Instant;
  readonly until: Instant;
}

/** A flapping router has more moves than a strip can show: the latest count. */
const STRETCHES_MAX = 24;

/** `events` by time. `over`: a little of what came after `until` is shown too. One for each virtual router of which they say who held it, in order of first mention. */
export function holdingsOf(
  events: readonly TimelineEvent[],
  began: Instant,
  until: Instant,
  over: boolean,
): readonly Holding[] {
  const folds = new Map<string, HoldingFold>();
  for (const event of events) {
    if (!event.subject.startsWith('vr:')) continue;
    let fold = folds.get(event.subject);
    if (fold === undefined) {
      fold = new HoldingFold(event.subject);
      folds.set(event.subject, fold);
    }
    fold.take(event);
  }
  return [...folds.values()].map((fold) => fold.conclude(began, until, over)).filter((each) => each !== null);
}

interface Change {
  readonly at: Instant;
  readonly state: Stretch['state'];
  readonly holders: readonly string[];
}

class HoldingFold {
  readonly #subject: string;
  #vips: readonly string[] = [];
  #before: string | null = null;
  readonly #changes: Change[] = [];

  constructor(subject: string) {
    this.#subject = subject;
  }

  take(event: TimelineEvent): void {
    const { time } = event;
    if (event.details.vips !== undefined && event.kind !== 'vrid-collision') this.#vips = event.details.vips;
    switch (event.kind) {
      case 'master-seen':
        this.#change(time, 'held', event.details.master);
        break;
      case 'failover': {
        const { from, to, cause, silenceMs } = event.details;
        this.#formerly(from);
        // Whoever is preempted serves until then; whoever fell silent or resigned does not.
        if ((cause === 'silence' || cause === 'graceful') && silenceMs !== null && silenceMs > 0)
          this.#change(plusUs(time, -silenceMs * MS), 'nobody');
        this.#change(time, 'held', to);
        break;
      }
      case 'master-lost':
        if (event.phase === 'begin') {
          if (event.details.last !== null) this.#formerly(event.details.last);
          this.#change(time, 'nobody');
        } else if (event.details.by !== null) this.#change(time, 'held', event.details.by);
        break;
      case 'split-brain':
        if (event.phase === 'begin') {
          this.#change(time, 'two', event.details.winner, event.details.loser);
        } else {
          const { survivor } = event.details;
          if (survivor !== undefined) this.#change(time, 'held', survivor);
        }
        break;
      default:
        break;
    }
  }

  #formerly(address: string): void {
    if (this.#changes.length === 0) this.#before ??= address;
  }

  #change(at: Instant, state: Stretch['state'], ...holders: readonly string[]): void {
    this.#changes.push({ at, state, holders });
  }

  conclude(began: Instant, until: Instant, over: boolean): Holding | null {
    if (this.#changes.length === 0) return null;
    const ordered = this.#changes.map((change, order) => ({ change, order }));
    ordered.sort((a, b) => a.change.at - b.change.at || a.order - b.order);
    const first = Math.min(began, ordered[0]?.change.at ?? began) as Instant;
    const lead = leadUs(until - first);
    const stretches: Stretch[] = [];
    let now: Change | null =
      this.#before === null ? null : { at: plusUs(first, -lead), state: 'held', holders: [this.#before] };
    for (const { change } of ordered) {
      if (now !== null) push(stretches, now, change.at);
      now = change;
    }
    if (now !== null) push(stretches, now, over ? plusUs(until, lead) : until, true);
    return { subject: this.#subject, vips: this.#vips, stretches: stretches.slice(-STRETCHES_MAX) };
  }
}

/** So much of what was before is shown as lets one see that it was. */
function leadUs(lengthUs: number): number {
  return Math.max(2 * SECOND, 0.2 * lengthUs);
}

/** What lasted for no time is left out, and equal neighbours are one. The last one counts, however short. */
function push(stretches: Stretch[], { at, state, holders }: Change, until: Instant, last = false): void {
  if (until <= at && !last) return;
  const before = stretches.at(-1);
  if (before !== undefined && before.state === state && before.holders.join() === holders.join()) {
    stretches[stretches.length - 1] = { ...before, until };
  } else {
    stretches.push({ state, holders, from: at, until: until < at ? at : until });
  }
}

/** `3.61 s`, `0.2 to 3.61 s` */
export function darkText(dark: DarkRange, text: (ms: number) => string): string {
  const [least, most] = dark.map(text);
  return least === most ? `${most}` : `${least} to ${most}`;
}
