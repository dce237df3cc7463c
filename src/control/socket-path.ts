/**
 * Where the daemon listens, and where commands look for it: what is named (on the command line, in the
 * configuration), else `$RUNTIME_DIRECTORY`, `/run/vipwatch`, `$XDG_RUNTIME_DIR/vipwatch`, in this order.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NAME = 'control.sock';
const SYSTEM_FOLDER = '/run/vipwatch';
/** The kernel's sockaddr_un holds 107 bytes and a zero; libuv would cut off what is longer. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** All the places to look, best first. */
export function socketPaths(
  named: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (named !== null) return [named];
  const { RUNTIME_DIRECTORY: runtime, XDG_RUNTIME_DIR: session } = environment;
  // systemd separates several folders by colons; ours is the first.
  const folders = [
    runtime?.split(':')[0] ?? '',
    SYSTEM_FOLDER,
    session === undefined || session === '' ? '' : join(session, 'vipwatch'),
  ];
  return [...new Set(folders.filter((folder) => folder !== ''))].map((folder) => join(folder, NAME));
}

/** The first place where this process may make a socket; makes its folder where it may. Null: nowhere. */
export function socketPathToServe(paths: readonly string[]): string | null {
  for (const path of paths) {
    const folder = dirname(path);
    try {
      makeFolder(folder);
      accessSync(folder, constants.W_OK);
      return path;
    } catch {
      // Not here: perhaps the next one.
    }
  }
  return null;
}

/** One level only: what it stands in is the system's. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o750 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
