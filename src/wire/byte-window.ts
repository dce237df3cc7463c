/**
 * The part of a stream that is in memory: a fixed buffer that a source fills at its end and a parser empties
 * at its start.
 *
 * Never holds a whole file, never grows: a parser that asks for more than `CONTIGUOUS_MAX` in one piece has met
 * a corrupt length. What is to be skipped is dropped as it arrives, however long.
 */

export const CONTIGUOUS_MAX = 512 * 1024;

export class ByteWindow {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** unread bytes are those from `start` to `end` */
  start = 0;
  end = 0;
  /** nothing will be added any more */
  ended = false;
  #consumedBefore = 0;
  #toSkip = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(Math.max(capacity, 2 * CONTIGUOUS_MAX));
    this.view = new DataView(this.bytes.buffer);
  }

  /** The stream's offset of the first unread byte. */
  get offset(): number {
    return this.#consumedBefore + this.start;
  }

  /** Where the source may write; never empty, given a parser that reads on until it lacks bytes. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.start > 0) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.#consumedBefore += this.start;
      this.end -= this.start;
      this.start = 0;
    }
    return this.bytes.subarray(this.end);
  }

  /** The source wrote `length` bytes into `room()`. */
  filled(length: number): void {
    this.end += length;
    if (this.#toSkip > 0) this.skip(0);
  }

  /** Takes what fits of `chunk`; returns how much that was. */
  write(chunk: Uint8Array): number {
    const room = this.room();
    const length = Math.min(room.length, chunk.length);
    room.set(length < chunk.length ? chunk.subarray(0, length) : chunk);
    this.filled(length);
    return length;
  }

  /** Drops the next `length` bytes, those not yet there included. */
  skip(length: number): void {
    const wanted = this.#toSkip + length;
    const now = Math.min(wanted, this.end - this.start);
    this.start += now;
    this.#toSkip = wanted - now;
  }

  /** Bytes still to be dropped that have not come. */
  get owed(): number {
    return this.#toSkip;
  }
}
