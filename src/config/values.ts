/**
 * What a value of `vipwatch.yaml` stands for: `${NAME}` is the environment's variable, `file:PATH` is what that
 * file holds. Resolved after the YAML is parsed, so a value never changes the file's structure.
 *
 * What comes from outside may be a secret: no message ever shows it, nor what a file holds. Files are read once,
 * regular ones of at most 64 KiB only.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Resolved =
  | { readonly value: string; readonly fromOutside: boolean }
  | { readonly wrong: string; readonly right: string };

/** `folder`: what a relative `file:` path is relative to. */
export function resolveValue(written: string, environment: Environment, folder: string): Resolved {
  const isFile = written.startsWith(FILE);
  // In a URL a password's `@` or `/` must not become the URL's own.
  const encode = /^[a-z][a-z0-9+.-]*:\/\//i.test(written) ? encodeURIComponent : (value: string) => value;
  let missing: string | null = null;
  const substituted = written.replace(VARIABLE, (variable, name: string) => {
    const value = environment[name];
    if (value === undefined) missing ??= name;
    return value === undefined ? variable : encode(value);
  });
  if (missing !== null) {
    return {
      wrong: `the variable \${${missing}} is not set`,
      right: `set ${missing} in the environment, or write the value itself`,
    };
  }
  if (!isFile) return { value: substituted, fromOutside: substituted !== written };
  return contentOf(resolve(folder, substituted.slice(FILE.length)), written);
}

const FILE = 'file:';
const VARIABLE = /\$\{([^}]*)\}/g;
const FILE_BYTES_MAX = 64 * 1024;

function contentOf(path: string, written: string): Resolved {
  const right = 'file: takes the path of a readable file that holds the value and nothing else';
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { wrong: `${written} is no regular file`, right };
    if (stat.size > FILE_BYTES_MAX) return { wrong: `${written} holds more than 64 KiB`, right };
    const value = readFileSync(path, 'utf8').trim();
    return value === '' ? { wrong: `${written} is empty`, right } : { value, fromOutside: true };
  } catch (error) {
    return { wrong: `${written} cannot be read: ${whyUnreadable(error)}`, right };
  }
}

/** In words, for the commonest two. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return 'no such file';
  return code === 'EACCES' ? 'not readable for this user' : code;
}
