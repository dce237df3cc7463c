/**
 * The bytes of one recording: a plain file, a pipe, standard input, each possibly gzip.
 *
 * Fills a `ByteWindow`; plain files synchronously in large pieces, everything else as it comes. Knows nothing of
 * frames. A file that cannot be opened, is empty or is no recording is an Error that says what would be right;
 * damage further in is a `problem`, after which the source has ended.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteWindow } from '../wire/byte-window.ts';
import { gunzip } from './gunzip.ts';

export interface RecordingSource {
  /** as given by the user; `-` is shown as `standard input` */
  readonly name: string;
  /** of the file as it lies on disk; null where that is not known beforehand */
  readonly size: number | null;
  /** bytes taken from the file so far */
  readonly bytesRead: number;
  /** what is wrong with the (compressed) file, if anything */
  readonly problem: { readonly offset: number; readonly message: string } | null;
  /** Adds to the window; afterwards it holds more or has ended. Sync where the file allows. */
  fill(): undefined | Promise<undefined>;
  close(): void;
}

/** Opens the recording and reads its first bytes into the window, unpacked. */
export async function openRecording(path: string, window: ByteWindow): Promise<RecordingSource> {
  const file = path === '-' ? new StandardInput() : new FileBytes(path);
  try {
    const source = await sourceOf(file, window);
    while (window.end - window.start < 4 && !window.ended) await source.fill();
    if (window.end === window.start) throw unusable(file.name, source.problem?.message ?? 'it is empty');
    return source;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** The error for something that is not a recording; tells what it looks like. */
export function unusable(name: string, why: string): Error {
  return new Error(
    `${name}: ${why}; expected a pcap or pcapng recording (tcpdump -w, Wireshark), gzip allowed`,
  );
}

/** What the start of a file that is no recording looks like, for its owner to recognise. */
export function looksLike(window: ByteWindow): string {
  const head = window.bytes.subarray(window.start, Math.min(window.end, window.start + 24));
  const isText = head.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127));
  if (isText) return `it is no recording but text, "${String.fromCharCode(...head).split(/[\r\n]/)[0]}"`;
  const hex = Array.from(head.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `it is no recording (it begins with ${hex})`;
}

async function sourceOf(file: FileBytes | StandardInput, window: ByteWindow): Promise<RecordingSource> {
  const head = await file.head();
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return new GzipSource(file, window);
  if (file instanceof FileBytes) {
    window.write(head);
    return new PlainSource(file, window);
  }
  return new StreamSource(file, file.chunks(), window);
}

/** A plain file, read straight into the window. */
class PlainSource implements RecordingSource {
  readonly problem = null;
  readonly #file: FileBytes;
  readonly #window: ByteWindow;

  constructor(file: FileBytes, window: ByteWindow) {
    this.#file = file;
    this.#window = window;
  }

  get name(): string {
    return this.#file.name;
  }

  get size(): number | null {
    return this.#file.size;
  }

  get bytesRead(): number {
    return this.#file.bytesRead;
  }

  fill(): undefined {
    const length = this.#file.read(this.#window.room());
    if (length === 0) this.#window.ended = true;
    else this.#window.filled(length);
  }

  close(): void {
    this.#file.close();
  }
}

/** Anything that comes in chunks of its own. */
class StreamSource implements RecordingSource {
  problem: RecordingSource['problem'] = null;
  protected readonly file: FileBytes | StandardInput;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #window: ByteWindow;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(file: FileBytes | StandardInput, chunks: AsyncIterable<Uint8Array>, window: ByteWindow) {
    this.file = file;
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#window = window;
  }

  get name(): string {
    return this.file.name;
  }

  get size(): number | null {
    return this.file.size;
  }

  get bytesRead(): number {
    return this.file.bytesRead;
  }

  async fill(): Promise<undefined> {
    if (this.#pending.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#window.ended = true;
        return;
      }
      this.#pending = next.value;
    }
    const taken = this.#window.write(this.#pending);
    this.#pending = this.#pending.subarray(taken);
  }

  close(): void {
    this.file.close();
  }
}

class GzipSource extends StreamSource {
  constructor(file: FileBytes | StandardInput, window: ByteWindow) {
    const reopen = file instanceof FileBytes && file.size !== null ? () => new FileBytes(file.path) : null;
    const onDamage = (offset: number, message: string) => {
      this.problem = { offset, message: `damaged gzip: ${message}` };
    };
    super(file, gunzip(file.chunks(), reopen, onDamage), window);
  }
}

/** A file or named pipe, read synchronously. */
class FileBytes {
  readonly path: string;
  readonly name: string;
  readonly size: number | null;
  bytesRead = 0;
  #fd: number;
  #head: Uint8Array = new Uint8Array(0);

  constructor(path: string) {
    this.path = path;
    this.name = path;
    this.#fd = openOrExplain(path);
    const stat = fstatSync(this.#fd);
    this.size = stat.isFile() ? stat.size : null;
    if (stat.isDirectory()) {
      this.close();
      throw unusable(path, 'it is a directory');
    }
  }

  /** The first bytes; `chunks` will give them again, `read` will not. */
  head(): Uint8Array {
    const buffer = new Uint8Array(64 * 1024);
    let length = 0;
    while (length < 4) {
      const more = this.read(buffer.subarray(length));
      if (more === 0) break;
      length += more;
    }
    this.#head = buffer.subarray(0, length);
    return this.#head;
  }

  read(into: Uint8Array): number {
    const length = readSync(this.#fd, into, 0, Math.min(into.length, READ_MAX), null);
    this.bytesRead += length;
    return length;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    if (this.#head.length > 0) yield this.#head;
    for (;;) {
      const buffer = new Uint8Array(64 * 1024);
      const length = this.read(buffer);
      if (length === 0) return;
      yield buffer.subarray(0, length);
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

class StandardInput {
  readonly name = 'standard input';
  readonly size = null;
  bytesRead = 0;
  readonly #stream: AsyncIterator<Uint8Array>;
  readonly #first: Uint8Array[] = [];

  constructor() {
    if (process.stdin.isTTY) throw unusable(this.name, 'it is a terminal');
    this.#stream = process.stdin[Symbol.asyncIterator]();
  }

  async head(): Promise<Uint8Array> {
    let length = 0;
    while (length < 4) {
      const next = await this.#stream.next();
      if (next.done === true) break;
      this.#first.push(next.value);
      length += next.value.length;
    }
    return Buffer.concat(this.#first);
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (const chunk of this.#first) yield this.#counted(chunk);
    for (;;) {
      const next = await this.#stream.next();
      if (next.done === true) return;
      yield this.#counted(next.value);
    }
  }

  close(): void {
    process.stdin.destroy();
  }

  #counted(chunk: Uint8Array): Uint8Array {
    this.bytesRead += chunk.length;
    return chunk;
  }
}

function openOrExplain(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT') throw new Error(`${path}: no such file`, { cause: error });
    if (code === 'EACCES') throw new Error(`${path}: not readable for this user`, { cause: error });
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Pieces that stay in the processor's cache are walked faster than larger ones (measured: 128 to 512 KiB are alike). */
const READ_MAX = 256 * 1024;
