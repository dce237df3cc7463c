/**
 * pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each block with its length before and behind.
 *
 *   block    0 type   4 total length   8 body …   (-4) total length again
 *   section header (0a0d0d0a)   8 byte order magic 1a2b3c4d   12 version   16 section length (ignored)   24 options
 *   interface description (1)   8 link type 2   10 reserved   12 snap length   16 options
 *   enhanced packet (6)   8 interface   12 time high   16 time low   20 captured   24 original   28 frame, options
 *   simple packet (3)   8 original   12 frame                           no time: the previous frame's is taken
 *   packet (2, obsolete)   8 interface 2   10 drops 2   12 time high   16 time low   20 captured   24 original   28 frame
 *
 * Byte order, interfaces and their link types and time units are each section's own. Other blocks (name
 * resolution, statistics, keys, custom ones) are skipped whatever their size.
 *
 * Limits: a block that must be read whole and claims more than 512 KiB, or a frame of more than 256 KiB, is
 * taken for corruption, and the rest of the file is lost. At most 65,536 interfaces a section.
 */
import { type ByteWindow, CONTIGUOUS_MAX } from './byte-window.ts';
import type { CaptureFault, CaptureReader } from './capture-reader.ts';
import { FRAME_LENGTH_MAX } from './pcap.ts';

export class PcapngReader implements CaptureReader {
  at = 0;
  start = 0;
  end = 0;
  linkType = -1;
  originalLength = 0;
  dropped = 0;
  fault: CaptureFault | null = null;
  readonly #window: ByteWindow;
  #littleEndian = true;
  #interfaces: Interface[] = [];

  /** `magic` is the first 4 bytes. Section header's type reads the same in both byte orders. */
  static isMagic(magic: number): boolean {
    return magic === SECTION_HEADER;
  }

  constructor(window: ByteWindow) {
    this.#window = window;
  }

  next(): boolean {
    while (this.fault === null) {
      const window = this.#window;
      const block = window.start;
      const available = window.end - block;
      if (available < 12) return this.#starved(available, 12, 'block header');
      let type = window.view.getUint32(block, this.#littleEndian);
      // A new section may have another byte order: it must be known before its length is.
      if (type === SECTION_HEADER && !this.#readByteOrder(block)) return false;
      type = window.view.getUint32(block, this.#littleEndian);

      const length = window.view.getUint32(block + 4, this.#littleEndian);
      const shortest = SHORTEST.get(type) ?? 12;
      if (length < shortest || length % 4 !== 0) return this.#corrupt(`block of ${length} bytes`);
      if (!SHORTEST.has(type)) {
        window.skip(length);
        if (window.owed > 0) return this.#starved(available, length, 'block');
        continue;
      }
      if (length > CONTIGUOUS_MAX) return this.#corrupt(`block of ${length} bytes`);
      if (available < length) return this.#starved(available, length, 'block');
      if (window.view.getUint32(block + length - 4, this.#littleEndian) !== length) {
        return this.#corrupt('block whose two lengths differ');
      }

      const isFrame = this.#readBlock(type, block, length);
      if (this.fault !== null) return false;
      window.start = block + length;
      if (isFrame) return true;
    }
    return false;
  }

  /** Whether it held a frame, which the cursor's fields then describe. */
  #readBlock(type: number, block: number, length: number): boolean {
    const { view } = this.#window;
    const le = this.#littleEndian;
    switch (type) {
      case SECTION_HEADER:
        this.#interfaces = [];
        return false;
      case INTERFACE_DESCRIPTION:
        this.#addInterface(block, length);
        return false;
      case ENHANCED_PACKET:
        return this.#setFrame(view.getUint32(block + 8, le), block, length, ENHANCED_PACKET);
      case PACKET: {
        const drops = view.getUint16(block + 10, le);
        if (drops !== 0xffff) this.dropped += drops;
        return this.#setFrame(view.getUint16(block + 8, le), block, length, PACKET);
      }
      default:
        return this.#setSimpleFrame(block, length);
    }
  }

  #setFrame(interfaceId: number, block: number, length: number, type: number): boolean {
    const { view } = this.#window;
    const le = this.#littleEndian;
    const known = this.#interfaces[interfaceId];
    if (known === undefined)
      return this.#corrupt(`packet of interface ${interfaceId}, which is not described`);
    const captured = view.getUint32(block + 20, le);
    const padded = (captured + 3) & ~3;
    if (captured > FRAME_LENGTH_MAX || padded > length - 32)
      return this.#corrupt(`frame of ${captured} bytes`);

    this.at = known.usOf(view.getUint32(block + 12, le), view.getUint32(block + 16, le));
    this.linkType = known.linkType;
    this.originalLength = view.getUint32(block + 24, le);
    this.start = block + 28;
    this.end = block + 28 + captured;
    if (type === ENHANCED_PACKET && padded < length - 32)
      this.#countDrops(block + 28 + padded, block + length - 4);
    return true;
  }

  #setSimpleFrame(block: number, length: number): boolean {
    const known = this.#interfaces[0];
    if (known === undefined) return this.#corrupt('simple packet without an interface');
    this.originalLength = this.#window.view.getUint32(block + 8, this.#littleEndian);
    const captured = Math.min(this.originalLength, length - 16, known.snapLength);
    if (captured > FRAME_LENGTH_MAX) return this.#corrupt(`frame of ${captured} bytes`);
    this.linkType = known.linkType;
    this.start = block + 12;
    this.end = block + 12 + captured;
    return true;
  }

  #addInterface(block: number, length: number): void {
    const { view } = this.#window;
    const le = this.#littleEndian;
    if (this.#interfaces.length === INTERFACES_MAX) {
      this.#corrupt('file: more interfaces than one section can have');
      return;
    }
    let resolution = 6; // if_tsresol's default: microseconds
    let offsetSeconds = 0;
    eachOption(view, block + 16, block + length - 4, le, (code, at, optionLength) => {
      if (code === IF_TSRESOL && optionLength >= 1) resolution = view.getUint8(at);
      if (code === IF_TSOFFSET && optionLength >= 8) offsetSeconds = Number(view.getBigInt64(at, le));
    });
    const snapLength = view.getUint32(block + 12, le);
    this.#interfaces.push({
      linkType: view.getUint16(block + 8, le),
      snapLength: snapLength === 0 ? FRAME_LENGTH_MAX : snapLength,
      usOf: timeReader(resolution, offsetSeconds),
    });
  }

  #countDrops(at: number, end: number): void {
    const { view } = this.#window;
    const le = this.#littleEndian;
    eachOption(view, at, end, le, (code, valueAt, length) => {
      if (code === EPB_DROPCOUNT && length >= 8) this.dropped += Number(view.getBigUint64(valueAt, le));
    });
  }

  #readByteOrder(block: number): boolean {
    const magic = this.#window.view.getUint32(block + 8);
    if (magic !== 0x1a2b3c4d && magic !== 0x4d3c2b1a)
      return this.#corrupt('section without a byte order magic');
    this.#littleEndian = magic === 0x4d3c2b1a;
    return true;
  }

  #starved(available: number, wanted: number, what: string): false {
    const window = this.#window;
    if (!window.ended || (available === 0 && window.owed === 0)) return false;
    const message =
      window.owed > 0
        ? `cut off: the last ${window.owed} bytes of a block are missing`
        : `cut off: ${available} of the ${wanted} bytes of a ${what} are there`;
    this.fault = { offset: window.offset, message };
    return false;
  }

  #corrupt(what: string): false {
    this.fault = { offset: this.#window.offset, message: `corrupt ${what}` };
    return false;
  }
}

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly usOf: (high: number, low: number) => number;
}

/** Options: code 2, length 2, value padded to 4; code 0 ends them. */
function eachOption(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  visit: (code: number, at: number, length: number) => void,
): void {
  for (let at = start; at + 4 <= end; ) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === 0 || at + 4 + length > end) return;
    visit(code, at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
}

/**
 * Turns a 64 bit count of ticks into microseconds. `resolution` is if_tsresol: 10^-n, or 2^-n with the highest
 * bit set. A count of nanoseconds does not fit a double, so the two halves are divided apart; odd units go the
 * slow way. Times that no Instant can hold stop at its ends.
 */
function timeReader(resolution: number, offsetSeconds: number): (high: number, low: number) => number {
  const offsetUs = Math.max(-LATEST_US, Math.min(LATEST_US, offsetSeconds * 1_000_000));
  const clamp = (us: number) => Math.max(-LATEST_US, Math.min(LATEST_US, us + offsetUs));
  if (resolution === 6) return (high, low) => clamp(high * 0x1_0000_0000 + low);
  if (resolution === 9) {
    // 2^32 = 4_294_967 * 1000 + 296
    return (high, low) => clamp(high * 4_294_967 + Math.floor((high * 296 + low) / 1000));
  }
  const ticksPerSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  return (high, low) => {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    return clamp(Number((ticks * 1_000_000n) / ticksPerSecond));
  };
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
/** the blocks that are read, and the least each can have */
const SHORTEST: ReadonlyMap<number, number> = new Map([
  [SECTION_HEADER, 28],
  [INTERFACE_DESCRIPTION, 20],
  [PACKET, 32],
  [SIMPLE_PACKET, 16],
  [ENHANCED_PACKET, 32],
]);

const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const EPB_DROPCOUNT = 4;
const INTERFACES_MAX = 65_536;
const LATEST_US = Number.MAX_SAFE_INTEGER;
