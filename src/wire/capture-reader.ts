/**
 * Capture files as a walk over frames: what pcap and pcapng parsers have in common, and which one a file needs.
 */
import type { ByteWindow } from './byte-window.ts';
import { PcapReader } from './pcap.ts';
import { PcapngReader } from './pcapng.ts';

/** A cursor: `next` moves it to a frame, the fields describe that frame until the next call. */
export interface CaptureReader {
  /** False: the window has no whole frame. Fill it and call again, unless it has ended or there is a `fault`. */
  next(): boolean;
  /** microseconds since the epoch, as recorded, however odd */
  readonly at: number;
  /** the frame's position in the window's bytes */
  readonly start: number;
  readonly end: number;
  readonly linkType: number;
  readonly originalLength: number;
  /** frames that the recorder says it lost so far, where the format can tell */
  readonly dropped: number;
  /** why nothing more can be read, and where; null as long as all is well */
  readonly fault: CaptureFault | null;
}

export interface CaptureFault {
  /** into the (unpacked) file */
  readonly offset: number;
  readonly message: string;
}

/** Goes by the first 4 bytes, which must be in the window. Null: neither pcap nor pcapng. */
export function openCapture(window: ByteWindow): CaptureReader | null {
  if (window.end - window.start < 4) return null;
  const magic = window.view.getUint32(window.start);
  if (PcapngReader.isMagic(magic)) return new PcapngReader(window);
  return PcapReader.isMagic(magic) ? new PcapReader(window) : null;
}
