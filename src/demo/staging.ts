/**
 * Where vipwatch can run from, whoever it becomes: it gives up root, and a clone in /root, or a Node.js there, is
 * then out of reach. Such a one is copied, as far as it is needed to run, into a folder of the lab.
 */
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Installation {
  /** the words that run vipwatch, as if it were on the PATH; its arguments follow */
  readonly command: readonly string[];
}

/** `root` holds package.json, what is built, and node_modules; `folder` is readable by all and else unused. */
export function readableInstallation(root: string, folder: string): Installation {
  const command = commandOf(root);
  const node = isReadableByAll(process.execPath) ? process.execPath : copiedNode(join(folder, 'node'));
  const needed = ['package.json', command, 'node_modules/better-sqlite3/package.json'];
  if (needed.every((path) => isReadableByAll(join(root, path))))
    return installation(node, join(root, command));

  const copy = join(folder, 'vipwatch');
  for (const part of ['package.json', 'bin', 'dist', 'demo', ...productionPackages(root)]) {
    if (existsSync(join(root, part))) copied(join(root, part), join(copy, part));
  }
  openToAll(copy);
  return installation(node, join(copy, command));
}

/** The command takes the Node.js that is on the PATH. */
function installation(node: string, command: string): Installation {
  return { command: ['env', `PATH=${dirname(node)}:${process.env.PATH ?? ''}`, command] };
}

export function commandOf(root: string): string {
  const { bin }: { bin: { vipwatch: string } } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return bin.vipwatch;
}

function copiedNode(to: string): string {
  copied(process.execPath, to);
  openToAll(to);
  return to;
}

/** All of node_modules where nothing says which parts are for building only. */
function productionPackages(root: string): readonly string[] {
  const lock = join(root, 'package-lock.json');
  if (!existsSync(lock)) return ['node_modules'];
  const { packages }: { packages: Readonly<Record<string, { dev?: boolean }>> } = JSON.parse(
    readFileSync(lock, 'utf8'),
  );
  return Object.entries(packages)
    .filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true)
    .map(([path]) => path);
}

/** The sources of compiled addons are most of their weight. */
const SOURCES = /\/better-sqlite3\/(deps|src)$|\/obj\.target$|\/\.deps$/;

function copied(from: string, to: string): string {
  cpSync(from, to, { recursive: true, dereference: true, filter: (path) => !SOURCES.test(path) });
  return to;
}

function openToAll(path: string): void {
  const { mode } = statSync(path);
  chmodSync(path, mode | 0o444 | ((mode & 0o100) === 0 ? 0 : 0o111));
  if ((mode & 0o170000) !== 0o040000) return;
  for (const name of readdirSync(path)) openToAll(join(path, name));
}

/** Others may read it, and pass every folder on the way to it. */
function isReadableByAll(path: string): boolean {
  if (!existsSync(path)) return false;
  let at = realpathSync(path);
  if ((statSync(at).mode & 0o004) === 0) return false;
  while (at !== '/') {
    at = dirname(at);
    if ((statSync(at).mode & 0o001) === 0) return false;
  }
  return true;
}
