/**
 * Results on stdout, remarks and progress on stderr.
 *
 * Writes straight to the descriptors, in large pieces and synchronously: nothing piles up before a slow reader,
 * and nothing is lost at exit. A reader that has gone (`| head`) is an `OutputClosed`, which ends the program
 * quietly.
 */
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** A wrong command line, configuration or file: said without a stack, exit status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const STDOUT = 1;
const STDERR = 2;
const PIECE = 64 * 1024;

export class Output {
  readonly stdoutIsTerminal = isatty(STDOUT);
  readonly stderrIsTerminal = isatty(STDERR);
  #pending: string[] = [];
  #pendingLength = 0;
  #progress = '';

  /** One line of the result. */
  line(text: string): void {
    this.#pending.push(text);
    this.#pendingLength += text.length + 1;
    if (this.#pendingLength >= PIECE) this.flush();
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    const text = `${this.#pending.join('\n')}\n`;
    this.#pending = [];
    this.#pendingLength = 0;
    if (this.stdoutIsTerminal) this.progress('');
    writeAll(STDOUT, text);
  }

  remark(text: string): void {
    this.progress('');
    writeAll(STDERR, `vipwatch: ${text}\n`);
  }

  /** Takes the place of what it said before; shown on a terminal only. */
  progress(text: string): void {
    if (!this.stderrIsTerminal || text === this.#progress) return;
    this.#progress = text;
    writeAll(STDERR, `\r\x1b[K${text}`);
  }
}

function writeAll(descriptor: number, text: string): void {
  let left: Uint8Array = Buffer.from(text);
  while (left.length > 0) {
    try {
      left = left.subarray(writeSync(descriptor, left));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (code === 'EPIPE') throw new OutputClosed();
      if (code !== 'EAGAIN') throw error;
      // Somebody has made the descriptor non-blocking, and its reader is slow.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}
