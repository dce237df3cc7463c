/** What `replay` and `decode` have in common: reading files with progress, and saying what was wrong with them. */
import { type RecordingOptions, type RecordingResult, readRecordings } from '../capture/recordings.ts';
import { type Output, UsageError } from './output.ts';
import { plural } from './terminal.ts';

const PROGRESS_AFTER_MS = 1_000;

/** A file that cannot be used at all is a UsageError; one that breaks off is a remark, and gives what it holds. */
export async function read(
  files: readonly string[],
  options: Omit<RecordingOptions, 'onProgress'>,
  output: Output,
): Promise<RecordingResult> {
  const { onObservation, onFrame } = options;
  const started = performance.now();
  let reading = false;
  let result: RecordingResult;
  try {
    result = await readRecordings(files, {
      ...options,
      ...(onObservation === undefined
        ? {}
        : {
            onObservation(observation) {
              reading = true;
              onObservation(observation);
            },
          }),
      ...(onFrame === undefined
        ? {}
        : {
            onFrame(at, segment, frame) {
              reading = true;
              onFrame(at, segment, frame);
            },
          }),
      onProgress(bytesRead, total) {
        const elapsed = performance.now() - started;
        if (elapsed >= PROGRESS_AFTER_MS) output.progress(progressText(bytesRead, total, elapsed));
      },
    });
  } catch (error) {
    // The reader throws before its first callback for a file that is not there or is no recording.
    if (!reading && error instanceof Error) throw new UsageError(error.message, { cause: error });
    throw error;
  } finally {
    output.progress('');
  }
  for (const { file, offset, message } of result.problems) {
    output.remark(`warning: ${file}: at byte ${offset}: ${message}; all that could be read was used`);
  }
  return result;
}

function progressText(bytesRead: number, total: number | null, elapsedMs: number): string {
  const megabytes = `${(bytesRead / 1e6).toFixed(0)} MB`;
  if (total === null || total === 0) return `read ${megabytes} …`;
  const left = (elapsedMs * (total - bytesRead)) / Math.max(1, bytesRead);
  return `read ${megabytes} of ${(total / 1e6).toFixed(0)} MB (${Math.floor((100 * bytesRead) / total)} %, ${Math.ceil(left / 1_000)} s to go)`;
}

/** `90 frames, 56 adverts, 14 claims` */
export function countsText({ frames, adverts, claims }: RecordingResult): string {
  return `${plural(frames, 'frame')}, ${plural(adverts, 'advert')}, ${plural(claims, 'claim')}`;
}
