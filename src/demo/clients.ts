/** What the lab's client felt, from the lines that it prints: who answered, and when nobody did. */
import { type Instant, instantFromUs } from '../time.ts';
import type { Lines } from './lines.ts';

export interface Answer {
  readonly at: Instant;
  /** the node that answered; null: nobody did */
  readonly by: string | null;
  readonly error: string | null;
}

export interface Blackout {
  readonly from: Instant;
  /** null: it goes on */
  readonly to: Instant | null;
  readonly error: string;
  readonly before: string | null;
  readonly after: string | null;
}

export class Clients {
  readonly #lines: Lines;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  /** Each change of the answer, in order. */
  get answers(): readonly Answer[] {
    return this.#lines.all.map(answer);
  }

  /** Since the service first answered: before, there was nothing to lose. */
  get blackouts(): readonly Blackout[] {
    const blackouts: Blackout[] = [];
    let open: Blackout | null = null;
    let last: string | null = null;
    for (const { at, by, error } of this.answers) {
      if (by === null) {
        if (last !== null) open ??= { from: at, to: null, error: error ?? '', before: last, after: null };
        continue;
      }
      if (open !== null) blackouts.push({ ...open, to: at, after: by });
      open = null;
      last = by;
    }
    return open === null ? blackouts : [...blackouts, open];
  }

  /** The first answer of `node` after `after`, or at once, where it is the one that answers now. */
  answeredBy(node: string, after: Instant, limitMs = 20_000): Promise<Answer> {
    const last = this.answers.at(-1);
    if (last?.by === node) return Promise.resolve(last);
    return this.#lines.first(
      (line) => {
        const found = answer(line);
        return found.by === node && found.at > after ? found : undefined;
      },
      { what: `a client is answered by ${node}`, limitMs },
    );
  }
}

function answer(line: string): Answer {
  const { atUs, by, error }: { atUs: number; by?: string; error?: string } = JSON.parse(line);
  return { at: instantFromUs(atUs), by: by ?? null, error: error ?? null };
}
