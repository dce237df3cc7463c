/**
 * The output of a daemon, which watches on whatever becomes of what it says: on a full disk, behind a terminal or a log
 * that has gone, words are lost and nothing else. Only a reader of its stdout that has gone (`observe | head`) is a reason to
 * stop, which is said to `onReaderGone`, every time that something was to be read.
 */
import { Output, OutputClosed } from './output.ts';

export class DaemonOutput extends Output {
  readonly #onReaderGone: () => void;

  constructor(onReaderGone: () => void) {
    super();
    this.#onReaderGone = onReaderGone;
  }

  /** `line` comes here too, once there is much. */
  override flush(): void {
    try {
      super.flush();
    } catch (error) {
      if (error instanceof OutputClosed) this.#onReaderGone();
      else if (!isRefusedWrite(error)) throw error;
    }
  }

  override remark(text: string): void {
    try {
      super.remark(text);
    } catch (error) {
      if (!(error instanceof OutputClosed) && !isRefusedWrite(error)) throw error;
    }
  }
}

function isRefusedWrite(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'write';
}
