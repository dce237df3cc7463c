/** Runs a program to its end, within a time limit; what it said is the result, or stands in the error. */
import { execFile } from 'node:child_process';

export interface RunOptions {
  /** what it reads on its standard input */
  readonly input?: string;
  readonly limitMs?: number;
}

export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { encoding: 'utf8', timeout: options.limitMs ?? 20_000, killSignal: 'SIGKILL', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else {
          const said = stderr.trim() === '' ? error.message : stderr.trim();
          reject(new Error(`${[command, ...args].join(' ')}: ${said}`, { cause: error }));
        }
      },
    );
    // A program that does not read its input is no error of ours: its exit status speaks.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
