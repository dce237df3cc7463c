/**
 * `vipwatch config init`: a first configuration out of what was heard, by the running daemon, in a journal, or in a
 * recording. Holds no secret, as nothing that is heard is one. Never takes the place of a file unless told to.
 */
import { writeFileSync } from 'node:fs';
import { configLines } from './config-lines.ts';
import { type HeardRouter, heardInEvents, heardInState } from './heard.ts';
import { type Output, UsageError } from './output.ts';
import { findDaemon, findJournal, journalOrUsage, type PlaceOptions, placesOf } from './places.ts';
import { read } from './recording.ts';
import { plural } from './terminal.ts';

export interface ConfigInitOptions extends PlaceOptions {
  readonly out?: string;
  readonly pcap?: readonly string[];
  readonly segment?: string;
  readonly force?: boolean;
}

export async function configInit(options: ConfigInitOptions, output: Output): Promise<void> {
  const { routers, source } = await heard(options, output);
  const lines = [...configLines(routers, source)];
  if (options.out === undefined) {
    for (const line of lines) output.line(line);
    output.flush();
    return;
  }
  write(options.out, `${lines.join('\n')}\n`, options.force === true);
  output.remark(
    `wrote ${options.out}, with ${plural(routers.length, 'virtual router')}; go through it, then: vipwatch config check ${options.out}`,
  );
}

interface Heard {
  readonly routers: readonly HeardRouter[];
  readonly source: string;
}

async function heard(options: ConfigInitOptions, output: Output): Promise<Heard> {
  if (options.pcap !== undefined) {
    const routers = await routersOf(options.pcap, options.segment, output);
    return { routers, source: options.pcap.join(', ') };
  }
  const places = await placesOf(options, output);
  if (options.journal !== undefined) {
    const events = [...journalOrUsage(places).events({})].map(({ event }) => event);
    return { routers: heardInEvents(events), source: options.journal };
  }
  const daemon = await findDaemon(places.sockets);
  if (daemon.found !== null)
    return {
      routers: heardInState((await daemon.found.status()).virtualRouters),
      source: 'what the daemon has heard',
    };
  const journal = findJournal(places.journals);
  if (journal.found === null) {
    throw new UsageError(
      `${[...daemon.why, ...journal.why].join('\n')}\nA recording would do as well: --pcap FILE`,
    );
  }
  const events = [...journal.found.events({})].map(({ event }) => event);
  return { routers: heardInEvents(events), source: 'the journal' };
}

async function routersOf(
  files: readonly string[],
  segment: string | undefined,
  output: Output,
): Promise<readonly HeardRouter[]> {
  const { Observer } = await import('../observer/observer.ts');
  const observer = new Observer();
  await read(
    files,
    {
      segment: segment ?? 'eth0',
      onAdvert: (at, where, advert, ipId) => observer.heardAgain(at, where, advert, ipId),
      onObservation: (observation) => void observer.observe(observation),
    },
    output,
  );
  return heardInState(observer.state());
}

function write(path: string, text: string, force: boolean): void {
  try {
    writeFileSync(path, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'EEXIST') throw new UsageError(`${path}: exists already; --force takes its place`);
    const why = code === 'ENOENT' ? 'there is no such folder' : code === 'EACCES' ? 'not permitted' : code;
    throw new UsageError(`${path}: ${why}`, { cause: error });
  }
}
