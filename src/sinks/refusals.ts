/**
 * What a server refused for good, so that it is found: as a condition of the timeline (`sink-failing` of
 * `influx/refused`, which is journalled and alerts know) from the first refusal until five minutes have passed without
 * one; and as a line in the log for each reason, with where in the journal the points stand.
 *
 * Bounded: a reason is told once in five minutes, and twenty reasons at the most; the rest is counted and told then.
 */
export type Stream = 'events' | 'samples';

export interface JournalPlace {
  readonly stream: Stream;
  readonly seq: number;
}

export interface SinkTrouble {
  /** `influx`: it takes nothing at present; `influx/refused`: it refused points for good */
  readonly sink: string;
  readonly failing: boolean;
  readonly error: string | null;
  /** events */
  readonly waiting: number;
}

export const REFUSED = 'influx/refused';
const PERIOD_MS = 5 * 60_000;
const REASONS_MAX = 20;

export class Refusals {
  readonly #onTrouble: (trouble: SinkTrouble) => void;
  readonly #onRemark: (text: string) => void;
  /** reasons told in this period; numbers in them do not make another one */
  readonly #told = new Set<string>();
  #untold = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(onTrouble: (trouble: SinkTrouble) => void, onRemark: (text: string) => void) {
    this.#onTrouble = onTrouble;
    this.#onRemark = onRemark;
  }

  /** `count` of the points at `places`: which of them, some servers do not say. */
  tell(places: readonly JournalPlace[], count: number, reason: string): void {
    const isFirst = this.#timer === null;
    this.#timer ??= setInterval(() => this.#periodEnds(), PERIOD_MS).unref();
    const what = reason.replace(/\d+/g, '#');
    if (this.#told.has(what) || this.#told.size >= REASONS_MAX) {
      this.#untold += count;
      return;
    }
    this.#told.add(what);
    const points = `${count === 1 ? 'a point' : `${count} points`} of ${rangesOf(places)}`;
    this.#onRemark(`influx refused ${points} for good: ${reason}`);
    if (isFirst)
      this.#onTrouble({ sink: REFUSED, failing: true, error: `refused ${points}: ${reason}`, waiting: 0 });
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#untold > 0) this.#tellRest();
  }

  #periodEnds(): void {
    const isOver = this.#told.size === 0;
    this.#told.clear();
    if (this.#untold > 0) this.#tellRest();
    if (!isOver) return;
    this.stop();
    this.#onTrouble({ sink: REFUSED, failing: false, error: null, waiting: 0 });
  }

  #tellRest(): void {
    const points = this.#untold === 1 ? 'one more point' : `${this.#untold} more points`;
    this.#untold = 0;
    this.#onRemark(`influx refused ${points} for the reasons told before`);
  }
}

/** `events 17 to 23 and samples 9` */
function rangesOf(places: readonly JournalPlace[]): string {
  const ranges = (['events', 'samples'] as const).flatMap((stream) => {
    const seqs = places.filter((place) => place.stream === stream).map(({ seq }) => seq);
    const [first] = seqs;
    if (first === undefined) return [];
    const last = seqs.at(-1) ?? first;
    return [first === last ? `${stream} ${first}` : `${stream} ${first} to ${last}`];
  });
  return ranges.join(' and ');
}
