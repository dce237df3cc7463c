/**
 * Unpacks gzip as a stream, and of a damaged file all that comes before the damage.
 *
 * zlib's error discards what the failing write had already unpacked, which of a small file is everything. So a
 * regular file is then unpacked a second time up to that write, and from there byte by byte. Of a pipe the last
 * 16 KiB before the damage are lost.
 */
import { createGunzip, type Gunzip } from 'node:zlib';

export async function* gunzip(
  packed: AsyncIterable<Uint8Array>,
  reopen: (() => { chunks(): AsyncIterable<Uint8Array>; close(): void }) | null,
  onDamage: (offset: number, message: string) => void,
): AsyncGenerator<Uint8Array> {
  const inflater = new Inflater();
  let unpackedLength = 0;
  for await (const slice of slices(packed)) {
    for (const chunk of await inflater.write(slice)) {
      unpackedLength += chunk.length;
      yield chunk;
    }
    if (inflater.error !== null) break;
  }
  if (inflater.error === null) {
    for (const chunk of await inflater.end()) yield chunk;
    if (inflater.error !== null) onDamage(inflater.taken, 'it ends too early');
    return;
  }
  onDamage(inflater.taken, inflater.error);
  if (reopen === null) return;

  const again = reopen();
  try {
    yield* lastBytes(again.chunks(), inflater.taken, unpackedLength);
  } finally {
    again.close();
  }
}

/** What follows `skip` unpacked bytes, when everything from `carefulFrom` on is unpacked byte by byte. */
async function* lastBytes(
  packed: AsyncIterable<Uint8Array>,
  carefulFrom: number,
  skip: number,
): AsyncGenerator<Uint8Array> {
  const inflater = new Inflater();
  let unpackedLength = 0;
  for await (const slice of slices(packed)) {
    const step = inflater.taken < carefulFrom ? slice.length : 1;
    for (let at = 0; at < slice.length; at += step) {
      for (const chunk of await inflater.write(slice.subarray(at, at + step))) {
        const fresh = Math.min(chunk.length, unpackedLength + chunk.length - skip);
        unpackedLength += chunk.length;
        if (fresh > 0) yield chunk.subarray(chunk.length - fresh);
      }
      if (inflater.error !== null) return;
    }
  }
}

/** Small enough that a slice of the worst kind (1 : 1000) unpacks into a few megabytes. */
async function* slices(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of packed) {
    for (let at = 0; at < chunk.length; at += SLICE) yield chunk.subarray(at, at + SLICE);
  }
}

/** One gzip stream, a write at a time. */
class Inflater {
  /** packed bytes before the write that failed, or all */
  taken = 0;
  error: string | null = null;
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: 64 * 1024 });
  #unpacked: Uint8Array[] = [];
  /** ends the wait for the write or end under way; zlib forgets to call back for one that fails */
  #settle: () => void = () => {};

  constructor() {
    this.#gunzip.on('data', (chunk: Uint8Array) => this.#unpacked.push(chunk));
    this.#gunzip.on('end', () => this.#settle());
    this.#gunzip.on('error', (error) => {
      this.error ??= error.message;
      this.#settle();
    });
  }

  async write(slice: Uint8Array): Promise<Uint8Array[]> {
    await this.#settled(() => this.#gunzip.write(slice, () => this.#settle()));
    if (this.error === null) this.taken += slice.length;
    return this.#take();
  }

  async end(): Promise<Uint8Array[]> {
    await this.#settled(() => this.#gunzip.end());
    return this.#take();
  }

  async #settled(start: () => void): Promise<void> {
    if (this.error !== null) return;
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
      start();
    });
  }

  #take(): Uint8Array[] {
    const unpacked = this.#unpacked;
    this.#unpacked = [];
    return unpacked;
  }
}

const SLICE = 16 * 1024;
