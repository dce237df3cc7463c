/** `vipwatch status`: the present, as the daemon knows it. Exit status: 0, 1 not well, 2 nobody to ask. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlClient, NoDaemonError } from '../control/client.ts';
import type { StatusDocument } from '../timeline/status.ts';
import { type Output, UsageError } from './output.ts';
import { type PlaceOptions, placesOf } from './places.ts';
import { statusLines } from './status-lines.ts';
import { LOCAL, painter, UTC, wantsColour } from './terminal.ts';

export interface StatusOptions extends PlaceOptions {
  readonly format: 'text' | 'json';
  readonly watch?: boolean;
  readonly utc?: boolean;
}

const REDRAW_MS = 1_000;

/** Answers the exit status. */
export async function status(options: StatusOptions, output: Output): Promise<number> {
  if (options.watch === true && (options.format === 'json' || !output.stdoutIsTerminal))
    throw new UsageError(
      '--watch draws on a terminal; for programs there is timeline --follow --format jsonl',
    );
  const places = await placesOf(options, output);
  const { ControlClient } = await import('../control/client.ts');
  try {
    const daemon = await ControlClient.find(places.sockets);
    if (options.watch === true) return await watch(daemon, options, output);
    const document = await daemon.status();
    if (options.format === 'json') output.line(JSON.stringify(document));
    else for (const line of linesOf(document, options, output)) output.line(line);
    output.flush();
    return exitStatusOf(document);
  } catch (error) {
    if (error instanceof NoDaemonError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Who cannot see cannot call anything well. */
export function exitStatusOf({ verdict }: StatusDocument): number {
  return verdict === 'critical' || verdict === 'blind' ? 1 : 0;
}

/** Until Ctrl-C; a daemon that restarts meanwhile is waited for. */
async function watch(daemon: ControlClient, options: StatusOptions, output: Output): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  let exitStatus = 0;
  while (!stop.signal.aborted) {
    let lines: readonly string[];
    try {
      const document = await daemon.status();
      exitStatus = exitStatusOf(document);
      lines = [...linesOf(document, options, output)];
    } catch (error) {
      if (!(error instanceof NoDaemonError)) throw error;
      exitStatus = 2;
      lines = [error.message];
    }
    // Home, each line with what is behind it cleared, then what is below: nothing flickers.
    output.line(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
    output.flush();
    await sleep(REDRAW_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
  return exitStatus;
}

function linesOf(document: StatusDocument, options: StatusOptions, output: Output): Iterable<string> {
  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  return statusLines(document, options.utc === true ? UTC : LOCAL, paint);
}
