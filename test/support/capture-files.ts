/**
 * Builds capture files for tests: pcap and pcapng in either byte order, whole or by the block.
 */
import { type Bytes, join } from './frames.ts';

export interface FrameRecord {
  /** microseconds since the epoch; a fraction becomes nanoseconds where the file has them */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** on the wire; default: all of it was captured */
  readonly originalLength?: number;
}

export interface PcapSpec {
  readonly littleEndian?: boolean;
  readonly nanoseconds?: boolean;
  /** Kuznetzov's variant with longer record headers */
  readonly modified?: boolean;
  readonly linkType?: number;
}

export function pcapFile(records: readonly FrameRecord[], spec: PcapSpec = {}): Bytes {
  return join(pcapHeader(spec), ...records.map((record) => pcapRecord(record, spec)));
}

export function pcapHeader(spec: PcapSpec = {}): Bytes {
  const header = new Writer(24, spec.littleEndian ?? true);
  header.u32(spec.modified ? 0xa1b2cd34 : spec.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
  header.u16(2).u16(4).u32(0).u32(0).u32(262144);
  header.u32(spec.linkType ?? 1);
  return header.bytes;
}

export function pcapRecord(record: FrameRecord, spec: PcapSpec = {}): Bytes {
  const header = new Writer(spec.modified ? 24 : 16, spec.littleEndian ?? true);
  const seconds = Math.floor(record.at / 1_000_000);
  const fraction = record.at - seconds * 1_000_000;
  header.u32(seconds).u32(Math.round(spec.nanoseconds ? fraction * 1000 : fraction));
  header.u32(record.bytes.length).u32(record.originalLength ?? record.bytes.length);
  return join(header.bytes, record.bytes);
}

/** One section, one interface, microseconds, enhanced packet blocks. */
export function pcapngFile(records: readonly FrameRecord[], littleEndian = true): Bytes {
  const blocks = new PcapngBlocks(littleEndian);
  return join(blocks.section(), blocks.interface(), ...records.map((record) => blocks.packet(record)));
}

/** The blocks of one section's byte order. */
export class PcapngBlocks {
  readonly #littleEndian: boolean;

  constructor(littleEndian = true) {
    this.#littleEndian = littleEndian;
  }

  section(): Bytes {
    return this.block(
      0x0a0d0d0a,
      this.#writer(16).u32(0x1a2b3c4d).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff).bytes,
    );
  }

  /** `resolution`: if_tsresol; `offsetSeconds`: if_tsoffset */
  interface(
    spec: { linkType?: number; snapLength?: number; resolution?: number; offsetSeconds?: number } = {},
  ): Bytes {
    const options: Bytes[] = [];
    if (spec.resolution !== undefined) options.push(this.option(9, Uint8Array.of(spec.resolution)));
    if (spec.offsetSeconds !== undefined)
      options.push(this.option(14, this.#writer(8).u64(spec.offsetSeconds).bytes));
    if (options.length > 0) options.push(this.option(0, new Uint8Array(0)));
    const body = this.#writer(8)
      .u16(spec.linkType ?? 1)
      .u16(0)
      .u32(spec.snapLength ?? 0).bytes;
    return this.block(1, join(body, ...options));
  }

  /** `ticks`: the time in the interface's own unit; default the record's microseconds */
  packet(record: FrameRecord, spec: { interfaceId?: number; ticks?: bigint; drops?: number } = {}): Bytes {
    const ticks = spec.ticks ?? BigInt(record.at);
    const head = this.#writer(20)
      .u32(spec.interfaceId ?? 0)
      .u32(Number(ticks >> 32n))
      .u32(Number(ticks & 0xffffffffn));
    head.u32(record.bytes.length).u32(record.originalLength ?? record.bytes.length);
    const options =
      spec.drops === undefined
        ? new Uint8Array(0)
        : join(this.option(4, this.#writer(8).u64(spec.drops).bytes), this.option(0, new Uint8Array(0)));
    return this.block(6, join(head.bytes, padded(record.bytes), options));
  }

  simplePacket(record: FrameRecord): Bytes {
    const head = this.#writer(4).u32(record.originalLength ?? record.bytes.length);
    return this.block(3, join(head.bytes, padded(record.bytes)));
  }

  obsoletePacket(record: FrameRecord, spec: { interfaceId?: number; drops?: number } = {}): Bytes {
    const ticks = BigInt(record.at);
    const head = this.#writer(20)
      .u16(spec.interfaceId ?? 0)
      .u16(spec.drops ?? 0xffff);
    head.u32(Number(ticks >> 32n)).u32(Number(ticks & 0xffffffffn));
    head.u32(record.bytes.length).u32(record.originalLength ?? record.bytes.length);
    return this.block(2, join(head.bytes, padded(record.bytes)));
  }

  block(type: number, body: Uint8Array): Bytes {
    const length = 12 + padded(body).length;
    const head = this.#writer(8).u32(type).u32(length).bytes;
    return join(head, padded(body), this.#writer(4).u32(length).bytes);
  }

  option(code: number, value: Uint8Array): Bytes {
    return join(this.#writer(4).u16(code).u16(value.length).bytes, padded(value));
  }

  #writer(length: number): Writer {
    return new Writer(length, this.#littleEndian);
  }
}

function padded(bytes: Uint8Array): Bytes {
  return join(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
}

class Writer {
  readonly bytes: Bytes;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #at = 0;

  constructor(length: number, littleEndian: boolean) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
    this.#littleEndian = littleEndian;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, this.#littleEndian);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, this.#littleEndian);
    this.#at += 4;
    return this;
  }

  /** two's complement where negative */
  u64(value: number): this {
    this.#view.setBigInt64(this.#at, BigInt(value), this.#littleEndian);
    this.#at += 8;
    return this;
  }
}
