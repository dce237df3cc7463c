/** The recordings of real daemons under test/recordings, frame by frame. */
import { readdirSync, readFileSync } from 'node:fs';
import { ByteWindow } from '../../src/wire/byte-window.ts';
import { type CaptureFault, openCapture } from '../../src/wire/capture-reader.ts';
import type { Bytes } from './frames.ts';

export interface RecordedFrame {
  readonly at: number;
  readonly bytes: Bytes;
  readonly linkType: number;
  readonly originalLength: number;
}

const FOLDER = new URL('../recordings/', import.meta.url);

export const RECORDINGS: readonly string[] = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

export function recordingPath(name: string, file = 'capture.pcap'): string {
  return new URL(`${name}/${file}`, FOLDER).pathname;
}

export function recordedFrames(name: string): readonly RecordedFrame[] {
  return framesOf(readFileSync(recordingPath(name))).frames;
}

/** All frames of a capture file, fed to the parser in chunks of any size. */
export function framesOf(
  file: Uint8Array,
  chunkSize = 65_536,
): { frames: RecordedFrame[]; fault: CaptureFault | null; dropped: number } {
  const window = new ByteWindow(0);
  const frames: RecordedFrame[] = [];
  let at = window.write(file.subarray(0, Math.max(4, chunkSize)));
  const reader = openCapture(window);
  if (reader === null) throw new Error('not a capture');
  for (;;) {
    while (reader.next()) {
      const bytes = window.bytes.slice(reader.start, reader.end);
      frames.push({ at: reader.at, bytes, linkType: reader.linkType, originalLength: reader.originalLength });
    }
    if (reader.fault !== null || window.ended) break;
    if (at < file.length) at += window.write(file.subarray(at, at + chunkSize));
    else window.ended = true;
  }
  return { frames, fault: reader.fault, dropped: reader.dropped };
}
