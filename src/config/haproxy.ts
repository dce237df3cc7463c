/** A node's `haproxy`: its HAProxy processes, as the poller asks them and as the observer is told of them. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ObservedProxy } from '../observer/configuration.ts';
import type { ProxyPlace, ProxyTarget } from '../poll/settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import { withoutCredentials } from './place.ts';
import { canonicalAddress, durationWithin, SOCKET_PATH_MAX, section, text } from './shapes.ts';

const URL_FORM =
  'http:// or https:// of the statistics page, such as http://192.168.10.11:8888/status, unix:/run/haproxy/admin.sock or tcp://HOST:PORT; a % or @ in a password is written %25, %40';
const RUNS = 'always, or on-holder where keepalived starts it together with the VIP';

export const haproxySchema = section({
  url: z.string({ error: URL_FORM }).refine((url) => askedAt(url) !== null, { error: URL_FORM }),
  user: text('the user of `stats auth`').optional(),
  password: text('a password, best by file:PATH').optional(),
  every: durationWithin('500ms', '1h').default(2_000),
  timeout: durationWithin('50ms', '1m').default(2_000),
  runs: z.enum(['always', 'on-holder'], { error: RUNS }).default('always'),
  startupGrace: durationWithin('0s', '1h').default(30_000),
  caFile: text('the path of a file of certificates').optional(),
  insecure: z.boolean({ error: 'true or false' }).default(false),
});

type Section = z.output<typeof haproxySchema>;

/** Where `url` leads, whatever else the section says. */
interface Asked {
  readonly place: ProxyPlace;
  readonly label: string;
  /** null: a socket of this machine */
  readonly host: string | null;
}

function askedAt(url: string): Asked | null {
  if (url.startsWith('unix:')) return askedAtSocket(url.slice('unix:'.length).replace(/^\/\/(?=\/)/, ''));
  const taken = withoutCredentials(url);
  if (taken === null || !URL.canParse(taken.url)) return null;
  const { protocol, hostname, port, host: authority, pathname, search, hash } = new URL(taken.url);
  if (hostname === '' || hash !== '' || port === '0') return null;
  const host = canonicalAddress(hostname.replace(/^\[(.*)\]$/, '$1'));
  switch (protocol) {
    case 'tcp:': {
      if (port === '' || taken.credentials !== null || !/^\/?$/.test(pathname + search)) return null;
      const place = { kind: 'tcp', host, port: Number(port) } as const;
      return { place, label: `tcp://${authority}`, host };
    }
    case 'http:':
    case 'https:': {
      // `;csv` and the like, as copied from elsewhere: the poller says for itself in which form it wants them.
      const page = `${protocol}//${authority}${`${pathname}${search}`.replace(/;.*$/, '')}`;
      const tls = { ca: null, insecure: false };
      return {
        place: { kind: 'http', url: page, credentials: taken.credentials, tls },
        label: page.replace(/\?.*$/, '').replace(/\/$/, ''),
        host,
      };
    }
    default:
      return null;
  }
}

function askedAtSocket(path: string): Asked | null {
  if (!path.startsWith('/') || Buffer.byteLength(path) > SOCKET_PATH_MAX) return null;
  return { place: { kind: 'unix', path }, label: `unix:${path}`, host: null };
}

/** What is known of a cluster when a node's proxies are looked at. */
interface Neighbours {
  readonly vips: ReadonlySet<string>;
  /** by label, the node that has it; grows */
  readonly owners: Map<string, string>;
  readonly owner: string;
}

/** What its shape cannot say. `proxies`: a node's, as they stand in the file. */
export function checkProxies(
  proxies: readonly { readonly path: Path; readonly value: Readonly<Record<string, unknown>> }[],
  { vips, owners, owner }: Neighbours,
  report: Report,
): void {
  for (const { path, value } of proxies) {
    const asked = typeof value.url === 'string' ? askedAt(value.url) : null;
    const has = (key: string) => value[key] !== undefined;
    if (has('user') !== has('password'))
      report([...path, has('user') ? 'password' : 'user'], 'missing', 'user and password go together');
    if (asked === null) continue;
    const { place, label, host } = asked;
    if (has('user') && place.kind !== 'http')
      report([...path, 'user'], 'is not for a socket', 'HAProxy asks nobody there who he is');
    else if (has('user') && place.kind === 'http' && place.credentials !== null)
      report([...path, 'user'], 'stands beside the user in url', 'either in url, or as keys of their own');
    const isTls = place.kind === 'http' && place.url.startsWith('https:');
    for (const key of ['caFile', 'insecure'])
      if (has(key) && !isTls) report([...path, key], 'is for https:// only', 'leave it out');
    const asksHolder = host !== null && vips.has(host);
    // Bound to the VIP by the process that keepalived starts with it: the same place, another process on each node.
    if (asksHolder && value.runs === 'on-holder') continue;
    if (asksHolder)
      report(
        [...path, 'url'],
        'asks whoever holds the VIP',
        'expected an address of this node itself, or runs: on-holder',
      );
    const taken = owners.get(label);
    if (taken !== undefined)
      report([...path, 'url'], `is ${taken}'s already`, 'each process is asked once, at its own node');
    owners.set(label, owner);
  }
}

/** `folder`: what a relative path is relative to. */
export function proxyTarget(
  { url, user, password, every, timeout, caFile, insecure }: Section,
  whose: Pick<ProxyTarget, 'cluster' | 'node' | 'index'>,
  at: { readonly path: Path; readonly folder: string; readonly report: Report },
): ProxyTarget | null {
  const asked = askedAt(url);
  if (asked === null) return null;
  const { place, label } = asked;
  const ca =
    caFile === undefined ? null : authorities(resolve(at.folder, caFile), [...at.path, 'caFile'], at.report);
  return {
    ...whose,
    label,
    everyMs: every,
    timeoutMs: timeout,
    place:
      place.kind === 'http'
        ? {
            ...place,
            credentials: user === undefined ? place.credentials : { user, password: password ?? '' },
            tls: { ca, insecure },
          }
        : place,
  };
}

export function observedProxy({ url, every, runs, startupGrace }: Section): ObservedProxy {
  return { target: askedAt(url)?.label ?? '', everyMs: every, runs, startupGraceMs: startupGrace };
}
