/** What `show info` says: `Name: value` lines, of which the process is known. Unknown lines are passed over. */
import type { ProxyProcess } from '../../reading/proxy.ts';
import { printable } from '../failure.ts';
import { wholeNumber } from './number.ts';

const RELEASE_MAX = 64;

/** Null where none of the lines is of `show info`: nothing came, or something else. */
export function parseShowInfo(lines: readonly string[]): ProxyProcess | null {
  const values = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(': ');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 2).trim());
  }
  const number = (name: string) => wholeNumber(values.get(name) ?? '');
  if (!['Name', 'Version', 'Pid', 'Uptime_sec'].some((name) => values.has(name))) return null;
  return {
    release: printable(values.get('Version') ?? '', RELEASE_MAX) || null,
    pid: number('Pid'),
    uptimeS: number('Uptime_sec'),
    stopping: (number('Stopping') ?? 0) > 0,
    connections: number('CurrConns'),
    connectionLimit: number('Maxconn'),
  };
}
