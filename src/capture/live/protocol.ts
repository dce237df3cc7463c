/**
 * What a capture process says to the main process, over a unix stream socket: one direction, binary, framed.
 *
 * A message is one byte of type, three bytes of length, then so many bytes. All integers are little-endian. The
 * first message is `hello`, and there is no second one. Nothing here does I/O.
 *
 *   hello    version u8, interface name
 *   frame    seconds u32, microseconds u32, original length u32, link type u16, the frame's bytes
 *   tick     monotonic µs f64, wall µs f64, received f64, dropped f64
 *   sight    seeing u8, reason
 *   problem  a sentence for people
 *
 * The reader believes nothing: whatever does not follow these rules to the letter is a `ProtocolError`, and a
 * message longer than `MAX_MESSAGE` is refused before it is stored. After an error a decoder takes nothing more.
 */
import type { CaptureSight, CaptureTick } from '../capture-listener.ts';

export const PROTOCOL_VERSION = 1;

/** The exit status of a capture process that wants a successor at once: nothing failed but the link. */
export const EXIT_AGAIN = 75;

/** Bytes of one message with its head. Frames are cut at the snap length, far below. */
export const MAX_MESSAGE = 65_536;

const HEAD = 4;
const FRAME_HEAD = 14;
const TICK_LENGTH = 32;

const HELLO = 1;
const FRAME = 2;
const TICK = 3;
const SIGHT = 4;
const PROBLEM = 5;

export interface MessageHandler {
  hello(interfaceName: string): void;
  /** `bytes` from `start` to `end` are valid during the call only. */
  frame(
    wallUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
    originalLength: number,
  ): void;
  tick(tick: CaptureTick): void;
  sight(sight: CaptureSight): void;
  problem(text: string): void;
}

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** Collects messages until they are taken. Its buffer grows to the largest batch there was, and is used again. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(16_384);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  hello(interfaceName: string): void {
    const name = Buffer.from(interfaceName);
    const at = this.#open(HELLO, 1 + name.length);
    this.#buffer[at] = PROTOCOL_VERSION;
    name.copy(this.#buffer, at + 1);
  }

  frame(
    seconds: number,
    microseconds: number,
    bytes: Uint8Array,
    length: number,
    linkType: number,
    originalLength: number,
  ): void {
    const at = this.#open(FRAME, FRAME_HEAD + length);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(seconds, at);
    buffer.writeUInt32LE(microseconds, at + 4);
    buffer.writeUInt32LE(originalLength, at + 8);
    buffer.writeUInt16LE(linkType, at + 12);
    buffer.set(length === bytes.length ? bytes : bytes.subarray(0, length), at + FRAME_HEAD);
  }

  tick({ monotonicUs, wallUs, received, dropped }: CaptureTick): void {
    const at = this.#open(TICK, TICK_LENGTH);
    this.#buffer.writeDoubleLE(monotonicUs, at);
    this.#buffer.writeDoubleLE(wallUs, at + 8);
    this.#buffer.writeDoubleLE(received, at + 16);
    this.#buffer.writeDoubleLE(dropped, at + 24);
  }

  sight({ seeing, reason }: CaptureSight): void {
    const text = Buffer.from(reason);
    const at = this.#open(SIGHT, 1 + text.length);
    this.#buffer[at] = seeing ? 1 : 0;
    text.copy(this.#buffer, at + 1);
  }

  problem(text: string): void {
    const bytes = Buffer.from(text).subarray(0, 4096);
    bytes.copy(this.#buffer, this.#open(PROBLEM, bytes.length));
  }

  /** A copy of what was collected, which is then forgotten. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  /** Where the payload goes. */
  #open(type: number, payload: number): number {
    const size = HEAD + payload;
    if (size > MAX_MESSAGE) throw new RangeError(`a message of ${size} bytes; ${MAX_MESSAGE} is the limit`);
    if (this.#length + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    const at = this.#length;
    this.#buffer.writeUInt32LE((payload << 8) | type, at);
    this.#length = at + size;
    return at + HEAD;
  }
}

/** Takes the stream in pieces of any size and calls the handler for each message that is whole. */
export class MessageReader {
  readonly #handler: MessageHandler;
  /** the beginning of a message whose rest has not come yet */
  #rest: Buffer = Buffer.alloc(0);
  #greeted = false;
  #broken = false;

  constructor(handler: MessageHandler) {
    this.#handler = handler;
  }

  push(piece: Buffer): void {
    if (this.#broken) return;
    try {
      this.#read(this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]));
    } catch (error) {
      this.#broken = true;
      this.#rest = Buffer.alloc(0);
      throw error;
    }
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at + HEAD <= bytes.length) {
      const head = bytes.readUInt32LE(at);
      const payload = head >>> 8;
      if (HEAD + payload > MAX_MESSAGE) throw new ProtocolError(`a message of ${HEAD + payload} bytes`);
      const end = at + HEAD + payload;
      if (end > bytes.length) break;
      this.#message(head & 0xff, bytes, at + HEAD, end);
      at = end;
    }
    // A copy: what is left over must not hold the whole piece.
    this.#rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  }

  #message(type: number, bytes: Buffer, start: number, end: number): void {
    if (this.#greeted === (type === HELLO)) {
      throw new ProtocolError(
        this.#greeted ? 'a second hello' : `a message of type ${type} before the hello`,
      );
    }
    switch (type) {
      case FRAME:
        this.#frame(bytes, start, end);
        break;
      case TICK:
        this.#tick(bytes, start, end);
        break;
      case HELLO:
        this.#hello(bytes, start, end);
        break;
      case SIGHT:
        this.#sight(bytes, start, end);
        break;
      case PROBLEM:
        this.#handler.problem(bytes.toString('utf8', start, end));
        break;
      default:
        throw new ProtocolError(`a message of type ${type}`);
    }
  }

  #hello(bytes: Buffer, start: number, end: number): void {
    atLeast(start, end, 1, 'hello');
    const version = bytes.readUInt8(start);
    if (version !== PROTOCOL_VERSION) throw new ProtocolError(`protocol version ${version}`);
    this.#greeted = true;
    this.#handler.hello(bytes.toString('utf8', start + 1, end));
  }

  #sight(bytes: Buffer, start: number, end: number): void {
    atLeast(start, end, 1, 'sight');
    const seeing = bytes.readUInt8(start);
    if (seeing > 1) throw new ProtocolError(`sight ${seeing}, neither 0 nor 1`);
    this.#handler.sight({ seeing: seeing === 1, reason: bytes.toString('utf8', start + 1, end) });
  }

  #frame(bytes: Buffer, start: number, end: number): void {
    atLeast(start, end, FRAME_HEAD, 'frame');
    const microseconds = bytes.readUInt32LE(start + 4);
    if (microseconds >= 1_000_000) throw new ProtocolError(`${microseconds} microseconds of a second`);
    const originalLength = bytes.readUInt32LE(start + 8);
    if (originalLength < end - start - FRAME_HEAD) {
      throw new ProtocolError(
        `a frame of ${originalLength} bytes of which ${end - start - FRAME_HEAD} were sent`,
      );
    }
    const wallUs = bytes.readUInt32LE(start) * 1_000_000 + microseconds;
    const linkType = bytes.readUInt16LE(start + 12);
    this.#handler.frame(wallUs, bytes, start + FRAME_HEAD, end, linkType, originalLength);
  }

  #tick(bytes: Buffer, start: number, end: number): void {
    if (end - start !== TICK_LENGTH) throw new ProtocolError(`a tick of ${end - start} bytes`);
    const tick = {
      monotonicUs: bytes.readDoubleLE(start),
      wallUs: bytes.readDoubleLE(start + 8),
      received: bytes.readDoubleLE(start + 16),
      dropped: bytes.readDoubleLE(start + 24),
    };
    for (const [name, value] of Object.entries(tick)) {
      if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
        throw new ProtocolError(`a tick with ${name} ${value}`);
      }
    }
    this.#handler.tick(tick);
  }
}

function atLeast(start: number, end: number, length: number, what: string): void {
  if (end - start < length) throw new ProtocolError(`a ${what} of ${end - start} bytes`);
}
