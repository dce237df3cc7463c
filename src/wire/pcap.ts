/**
 * The classic pcap file (draft-ietf-opsawg-pcap): a header of 24 bytes, then records.
 *
 *   header   0 magic   4 version   8 reserved   16 snap length   20 link type (lower 16 bits)
 *   record   0 seconds   4 fraction   8 captured length   12 original length   16 frame
 *
 * The magic tells byte order and fraction: a1b2c3d4 microseconds, a1b23c4d nanoseconds, a1b2cd34 Kuznetzov's
 * variant with 8 more bytes a record.
 *
 * Walks a window, allocates nothing for a frame. Limits: a frame of more than 256 KiB is taken for corruption
 * (libpcap's own bound); after a corrupt record nothing can be found again, the rest of the file is lost.
 */
import type { ByteWindow } from './byte-window.ts';
import type { CaptureFault, CaptureReader } from './capture-reader.ts';

export const FRAME_LENGTH_MAX = 256 * 1024;

export class PcapReader implements CaptureReader {
  at = 0;
  start = 0;
  end = 0;
  linkType = -1;
  originalLength = 0;
  readonly dropped = 0;
  fault: CaptureFault | null = null;
  readonly #window: ByteWindow;
  #littleEndian = true;
  #recordHeader = 16;
  #nanoseconds = false;

  /** `magic` is the first 4 bytes, big-endian. */
  static isMagic(magic: number): boolean {
    return MAGICS.has(magic);
  }

  constructor(window: ByteWindow) {
    this.#window = window;
  }

  next(): boolean {
    if (this.linkType < 0 && !this.#readHeader()) return false;
    if (this.fault !== null) return false;
    const window = this.#window;
    const view = window.view;
    const header = window.start;
    const available = window.end - header;
    if (available < this.#recordHeader) return this.#starved(available, this.#recordHeader, 'record header');

    const captured = view.getUint32(header + 8, this.#littleEndian);
    if (captured > FRAME_LENGTH_MAX) {
      const message = `corrupt record: it claims a frame of ${captured} bytes`;
      this.fault = { offset: window.offset, message };
      return false;
    }
    const length = this.#recordHeader + captured;
    if (available < length) return this.#starved(available, length, 'record');

    const fraction = view.getUint32(header + 4, this.#littleEndian);
    const us = this.#nanoseconds ? Math.floor(fraction / 1000) : fraction;
    this.at = view.getUint32(header, this.#littleEndian) * 1_000_000 + us;
    this.originalLength = view.getUint32(header + 12, this.#littleEndian);
    this.start = header + this.#recordHeader;
    this.end = header + length;
    window.start = this.end;
    return true;
  }

  #readHeader(): boolean {
    const { view, start, end } = this.#window;
    if (end - start < 24) return this.#starved(end - start, 24, 'file header');
    const kind = MAGICS.get(view.getUint32(start));
    if (kind === undefined) throw new Error('PcapReader made for a file that is no pcap');
    this.#littleEndian = kind.littleEndian;
    this.#nanoseconds = kind.nanoseconds;
    this.#recordHeader = kind.recordHeader;
    // The upper bits say whether frames end with a checksum, which nobody asks for.
    this.linkType = view.getUint32(start + 20, this.#littleEndian) & 0xffff;
    this.#window.skip(24);
    return true;
  }

  #starved(available: number, wanted: number, what: string): false {
    if (this.#window.ended && available > 0 && this.fault === null) {
      const message = `cut off: ${available} of the ${wanted} bytes of a ${what} are there`;
      this.fault = { offset: this.#window.offset, message };
    }
    return false;
  }
}

interface Kind {
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  readonly recordHeader: number;
}

const MAGICS: ReadonlyMap<number, Kind> = new Map([
  [0xa1b2c3d4, { littleEndian: false, nanoseconds: false, recordHeader: 16 }],
  [0xd4c3b2a1, { littleEndian: true, nanoseconds: false, recordHeader: 16 }],
  [0xa1b23c4d, { littleEndian: false, nanoseconds: true, recordHeader: 16 }],
  [0x4d3cb2a1, { littleEndian: true, nanoseconds: true, recordHeader: 16 }],
  [0xa1b2cd34, { littleEndian: false, nanoseconds: false, recordHeader: 24 }],
  [0x34cdb2a1, { littleEndian: true, nanoseconds: false, recordHeader: 24 }],
]);
