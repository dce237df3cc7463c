/**
 * `vipwatch observe`: the daemon, at a terminal or under systemd. Reads the configuration, finds the interfaces and the
 * places for journal and socket, starts the App, prints what it tells, and ends as people expect.
 *
 * It runs without any capability, below the launcher (`capture/live/launcher.ts`). Started in any other way it has the
 * launcher started, which sees to it that nothing stays root.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { dirname } from 'node:path';
import { receiversFor } from '../alerts/deliver/receivers.ts';
import { deliverySettingsOf } from '../alerts/deliver/settings.ts';
import { App, ReloadRefused } from '../app.ts';
import { upInterfaces } from '../capture/live/interfaces.ts';
import { launcherLink } from '../capture/live/launcher-link.ts';
import { startUnprivileged } from '../capture/live/start-unprivileged.ts';
import { type Configuration, parseConfiguration } from '../config/read.ts';
import { ControlSocketError } from '../control/server.ts';
import { socketPaths, socketPathToServe } from '../control/socket-path.ts';
import { JournalError } from '../journal/journal-error.ts';
import { configurationOf } from './configuration.ts';
import { DaemonOutput } from './daemon-output.ts';
import { asJson, forLog, forSystemd, forTerminal, type LiveLines } from './live-lines.ts';
import { type Output, UsageError } from './output.ts';
import { journalPaths } from './places.ts';
import { LOCAL, painter, UTC, wantsColour } from './terminal.ts';

export interface ObserveOptions {
  readonly config?: string;
  readonly interface?: readonly string[];
  readonly journal?: string;
  readonly socket?: string;
  readonly join: boolean;
  readonly format: 'text' | 'jsonl';
  readonly utc?: boolean;
}

/** A stop flushes, and takes no longer than this. */
const STOP_WITHIN_MS = 2_000;
/** 128 + SIGINT */
const INTERRUPTED = 130;

export async function observe(options: ObserveOptions, release: string): Promise<void> {
  const link = launcherLink();
  if (link === null) {
    process.exitCode = await startUnprivileged(process.argv.slice(2));
    return;
  }
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const output = new DaemonOutput(() => stop());
  const configuration = (await configurationOf(options.config, output)) ?? NO_CONFIGURATION;
  const interfaces = interfacesOf(options, configuration);
  const journalPath = journalPathToWrite(options.journal ?? configuration.journal.path);
  const socket = options.socket ?? configuration.control.path;
  const controlPath = socketPathToServe(socketPaths(socket, process.env));
  if (controlPath === null) {
    const wanted = socketPaths(socket, process.env).join(' or ');
    output.remark(
      `no control socket, as ${wanted} cannot be made: status and timeline --follow will not work`,
    );
  }

  // At a terminal the first Ctrl-C comes twice, from the terminal and, as SIGTERM, from the launcher.
  let interrupts = 0;
  process.on('SIGINT', () => {
    if (++interrupts > 1) process.exit(INTERRUPTED);
    stop();
  });
  process.on('SIGTERM', stop);

  const lines = linesFor(options, output);
  const remark = (text: string) => output.remark(text);
  let app: App;
  try {
    app = await App.start({
      configuration,
      interfaces,
      join: options.join && configuration.capture.join,
      journalPath,
      controlPath,
      release,
      link,
      receiversOf: (alerts) => receiversFor(deliverySettingsOf(alerts, { host: hostname(), release })),
      onTold(entries) {
        for (const line of lines(entries)) output.line(line);
        output.flush();
      },
      onSeeing: (capture) => remark(`listening on ${capture}`),
      onRemark: remark,
    });
  } catch (error) {
    if (error instanceof JournalError || error instanceof ControlSocketError)
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
  remark(
    `${release} watches ${interfaces.join(', ')}; journal ${journalPath}${output.stdoutIsTerminal ? '; Ctrl-C ends it' : ''}`,
  );
  process.on('SIGHUP', () => void reload(app, options.config, output));

  await stopped;
  setTimeout(() => {
    output.remark('did not stop in time; what was not yet durable is lost');
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
  await app.stop().catch(() => {});
  output.flush();
  process.exit(0);
}

/** A configuration that is wrong changes nothing. Whatever fails is said: a reload is no reason to stop watching. */
async function reload(app: App, file: string | undefined, output: Output): Promise<void> {
  if (file === undefined) {
    output.remark('nothing to reload: it runs without a configuration file');
    return;
  }
  try {
    await app.reload((await configurationOf(file, output)) ?? NO_CONFIGURATION);
    output.remark(`${file} has been read again`);
  } catch (error) {
    output.remark(
      error instanceof UsageError || error instanceof ReloadRefused
        ? `${error.message}\nthe configuration that was read before stays in use`
        : `${file} could not be taken over: ${error instanceof Error ? error.message : String(error)}; reload once more (SIGHUP) when that is mended, as alerts and sinks may be at rest until then`,
    );
  }
}

const NO_CONFIGURATION: Configuration = parseConfiguration('', 'no configuration', {});

function interfacesOf(options: ObserveOptions, configuration: Configuration): readonly string[] {
  const named = options.interface ?? configuration.capture.interfaces;
  const interfaces = named.length > 0 ? [...new Set(named)] : upInterfaces();
  if (interfaces.length === 0)
    throw new UsageError('no Ethernet interface is up here; name one that will be: vipwatch observe -i eth0');
  const impossible = interfaces.find((name) => name.length > 15 || /[/\s]/.test(name) || name === '');
  if (impossible !== undefined)
    throw new UsageError(`${impossible}: cannot be an interface; expected a name such as eth0`);
  return interfaces;
}

/** What is named, or the first place where this user may write. */
function journalPathToWrite(named: string | null): string {
  const paths = journalPaths(named, process.env, homedir());
  if (named !== null) return named;
  for (const path of paths) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
      accessSync(dirname(path), constants.W_OK);
      return path;
    } catch {
      // Not here: perhaps the next one.
    }
  }
  throw new UsageError(
    `no place for the journal: neither of ${paths.join(', ')} can be written; name one with --journal`,
  );
}

function linesFor({ format, utc }: ObserveOptions, output: Output): LiveLines {
  if (format === 'jsonl') return asJson();
  if (output.stdoutIsTerminal)
    return forTerminal(utc === true ? UTC : LOCAL, painter(wantsColour(true, process.env)));
  return process.env.JOURNAL_STREAM === undefined ? forLog() : forSystemd();
}
