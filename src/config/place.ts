/** Where something is asked: a URL of the configuration, taken apart, so that no credentials stay in what is shown. */
import { isIP } from 'node:net';
import type { Credentials } from '../poll/settings.ts';
import { canonicalAddress } from './shapes.ts';

export type Scheme = 'http' | 'https' | 'tcp' | 'mysql';

export interface Place {
  readonly scheme: Scheme;
  /** a name, or an address without brackets, as packets are printed */
  readonly host: string;
  readonly port: number;
  /** host and port as they are written, in brackets where it is IPv6 */
  readonly authority: string;
  /** path and query; '' where neither is written */
  readonly path: string;
  readonly credentials: Credentials | null;
  /** for people: neither credentials nor a query, which may hold a key */
  readonly label: string;
}

/** Null: its form demands a port. */
const DEFAULT_PORTS: Readonly<Record<Scheme, number | null>> = {
  http: 80,
  https: 443,
  tcp: null,
  mysql: 3306,
};

/** Null where it is no such URL. A `#`, and a path where the scheme knows none, are no part of one. */
export function placeOf(text: string, schemes: readonly Scheme[]): Place | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const scheme = schemes.find((each) => url.protocol === `${each}:`);
  if (scheme === undefined || url.hostname === '' || url.hash !== '') return null;
  const isWeb = scheme === 'http' || scheme === 'https';
  const path = `${url.pathname}${url.search}`;
  if (!isWeb && path !== '' && path !== '/') return null;
  const port = url.port === '' ? DEFAULT_PORTS[scheme] : Number(url.port);
  if (port === null || port === 0) return null;
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user === null || password === null || (user === '' && password !== '')) return null;
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    scheme,
    host: isIP(bare) === 6 ? canonicalAddress(bare) : bare,
    port,
    authority: url.host,
    path: path === '/' ? '' : path,
    credentials: user === '' ? null : { user, password },
    label: `${scheme}://${url.host}${url.pathname === '/' ? '' : url.pathname}`,
  };
}

/** Null: a `%` that stands for nothing. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
