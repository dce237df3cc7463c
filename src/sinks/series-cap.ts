/**
 * A bound on what outsiders can make of tags. Every combination of tags is a series, which a time-series database
 * keeps in memory for as long as its data lives; InfluxDB 1 refuses points beyond 100,000 values of one tag, ours
 * among them.
 *
 * What is of a configured cluster (the tag `cluster`), or of vipwatch itself, is never capped: its number is known.
 * Of everything else, which anybody on the segment can invent, the first 10,000 series of a measurement are written.
 * Beyond that a sample is left out, and an event goes to the subject of its kind, `vip:other`: what it was about still
 * stands in its summary and details. Counted from the start of the process.
 */
import type { Point } from './line-protocol.ts';

const STRANGE_SERIES_MAX = 10_000;

export class SeriesCap {
  readonly #max: number;
  readonly #known = new Map<string, Set<string>>();
  #isReached = false;

  constructor(max = STRANGE_SERIES_MAX) {
    this.#max = max;
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  /** The point, or what may be written in its place. */
  admit(point: Point): Point | null {
    const { measurement, tags } = point;
    if (isOurs(point)) return point;
    let known = this.#known.get(measurement);
    if (known === undefined) {
      known = new Set();
      this.#known.set(measurement, known);
    }
    const name = nameOf(tags);
    if (known.has(name)) return point;
    if (known.size < this.#max) {
      known.add(name);
      return point;
    }
    this.#isReached = true;
    const { subject } = tags;
    if (subject === undefined) return null;
    return { ...point, tags: { ...tags, subject: `${subject.slice(0, subject.indexOf(':'))}:other` } };
  }
}

function isOurs({ measurement, tags }: Point): boolean {
  if (tags.cluster !== undefined && tags.cluster !== '') return true;
  return measurement === 'vipwatch' || /^(observer|sink|cluster):/.test(tags.subject ?? '');
}

/** The subject bounds a timeline's series: kind, phase and severity are few. */
function nameOf(tags: Point['tags']): string {
  return tags.subject ?? Object.values(tags).join('\n');
}
