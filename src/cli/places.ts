/** Where a command finds the journal and the daemon: what is named, the configuration's, the usual places. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Configuration } from '../config/read.ts';
import { ControlClient, NoDaemonError } from '../control/client.ts';
import { socketPaths } from '../control/socket-path.ts';
import { JournalError } from '../journal/journal-error.ts';
import { JournalReader } from '../journal/journal-reader.ts';
import { configurationOf } from './configuration.ts';
import { type Output, UsageError } from './output.ts';

export interface PlaceOptions {
  readonly config?: string;
  readonly journal?: string;
  readonly socket?: string;
}

export interface Places {
  /** what is named alone, else all the places where a journal may be, best first */
  readonly journals: readonly string[];
  readonly sockets: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

export async function placesOf(options: PlaceOptions, output: Output): Promise<Places> {
  return placesWith(await configurationOf(options.config, output), options);
}

export function placesWith(configuration: Configuration | null, options: PlaceOptions): Places {
  const journal = options.journal ?? configuration?.journal.path ?? null;
  const socket = options.socket ?? configuration?.control.path ?? null;
  return {
    journals: journalPaths(journal, process.env, homedir()),
    sockets: socketPaths(socket, process.env),
  };
}

/** The daemon takes the first of them where it may write. */
export function journalPaths(
  named: string | null,
  environment: Environment,
  home: string,
): readonly string[] {
  if (named !== null) return [named];
  // systemd separates several folders by colons; ours is the first.
  const state = environment.STATE_DIRECTORY?.split(':')[0] ?? '';
  const folders = [state, '/var/lib/vipwatch', join(home, '.local/state/vipwatch')];
  return [...new Set(folders.filter((folder) => folder !== ''))].map((folder) => join(folder, 'journal.db'));
}

export interface Found<T> {
  readonly found: T | null;
  /** why not, one line a place */
  readonly why: readonly string[];
}

/** The first journal that this user may read; what is there and may not be read is said. */
export function findJournal(paths: readonly string[]): Found<JournalReader> {
  const why: string[] = [];
  for (const path of paths) {
    try {
      return { found: JournalReader.open(path), why: [] };
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      if (error.code !== 'missing') why.push(error.message);
    }
  }
  if (why.length === 0) why.push(`there is no journal at ${paths.join(' or ')}; name one with --journal`);
  return { found: null, why };
}

export async function findDaemon(paths: readonly string[]): Promise<Found<ControlClient>> {
  try {
    return { found: await ControlClient.find(paths), why: [] };
  } catch (error) {
    if (error instanceof NoDaemonError) return { found: null, why: [error.message] };
    throw error;
  }
}

/** For a command that can do nothing without. */
export function journalOrUsage(places: Places): JournalReader {
  const { found, why } = findJournal(places.journals);
  if (found === null) throw new UsageError(why.join('\n'));
  return found;
}
