/** The lines of one request, and where in the journal each comes from. */
import type { JournalPlace } from './refusals.ts';

export class Lines {
  /** each line with its line break */
  readonly text: string;
  readonly places: readonly JournalPlace[];

  constructor(text: string, places: readonly JournalPlace[]) {
    this.text = text;
    this.places = places;
  }

  get count(): number {
    return this.places.length;
  }

  /** Of two lines or more. No line holds a line break of its own. */
  halves(): readonly [Lines, Lines] {
    const lines = this.text.split('\n');
    const middle = Math.ceil(this.count / 2);
    const part = (from: number, to: number) =>
      new Lines(`${lines.slice(from, to).join('\n')}\n`, this.places.slice(from, to));
    return [part(0, middle), part(middle, this.count)];
  }
}

/** Joins lines page by page: thousands of strings that each still stand in pieces are what a collector chokes on. */
export class LinesBuilder {
  readonly #places: JournalPlace[] = [];
  #page: string[] = [];
  #text = '';

  get count(): number {
    return this.#places.length;
  }

  /** UTF-16 units of finished pages: bytes, but for what is not ASCII. */
  get length(): number {
    return this.#text.length;
  }

  add(line: string, place: JournalPlace): void {
    this.#page.push(line);
    this.#places.push(place);
  }

  endPage(): void {
    if (this.#page.length > 0) this.#text += `${this.#page.join('\n')}\n`;
    this.#page = [];
  }

  build(): Lines {
    this.endPage();
    return new Lines(this.#text, this.#places);
  }
}
