/** Cuts a stream of bytes into lines, whatever the bytes: at most 32 MiB of them, at most 64 KiB of memory meanwhile. */
import { PollError } from '../failure.ts';

const ANSWER_BYTES_MAX = 32 * 1_024 * 1_024;
const LINE_BYTES_MAX = 64 * 1_024;
const NEWLINE = 0x0a;

export class Lines {
  /** null: a line that is too long, told once when its end has come */
  readonly #tell: (line: string | null) => void;
  /** the line that has begun */
  #pieces: Buffer[] = [];
  #length = 0;
  #total = 0;

  constructor(tell: (line: string | null) => void) {
    this.#tell = tell;
  }

  write(bytes: Buffer): void {
    this.#total += bytes.length;
    if (this.#total > ANSWER_BYTES_MAX)
      throw new PollError('answer', 'the answer is longer than 32 MiB: is that a statistics page?');
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      // Each line becomes a string of its own, so that a cell that is kept for long keeps its line at most.
      if (this.#length === 0) {
        this.#tell(end - from > LINE_BYTES_MAX ? null : bytes.toString('utf8', from, end));
      } else {
        this.#begin(bytes.subarray(from, end));
        this.#tell(this.#length > LINE_BYTES_MAX ? null : Buffer.concat(this.#pieces).toString('utf8'));
        this.#pieces = [];
        this.#length = 0;
      }
      from = end + 1;
    }
    if (from < bytes.length) this.#begin(bytes.subarray(from));
  }

  /** What came after the last newline; '' where that is too long, too. */
  get rest(): string {
    return Buffer.concat(this.#pieces).toString('utf8');
  }

  get endsInLine(): boolean {
    return this.#length > 0;
  }

  /** Of a line that is too long already, nothing more is kept. */
  #begin(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > LINE_BYTES_MAX) this.#pieces = [];
    else this.#pieces.push(piece);
  }
}
