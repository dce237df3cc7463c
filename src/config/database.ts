/** A node's `database`: its MySQL or MariaDB servers, as the poller asks them and as the observer is told of them. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ObservedDatabase } from '../observer/configuration.ts';
import type { Credentials, DatabaseTarget } from '../poll/settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import { withoutCredentials } from './place.ts';
import { canonicalAddress, durationWithin, SOCKET_PATH_MAX, section, text } from './shapes.ts';

const URL_FORM =
  'mysql://HOST[:PORT] or mariadb://HOST[:PORT], or a socket of this machine such as unix:/run/mysqld/mysqld.sock; a % or @ in a password is written %25, %40';
const HEARTBEAT = 'the table that pt-heartbeat writes, as SCHEMA.TABLE, such as percona.heartbeat';
const HEARTBEAT_NAME = /^([^\s.`]{1,64})\.([^\s.`]{1,64})$/;
const DEFAULT_PORT = 3306;

export const databaseSchema = section({
  url: z.string({ error: URL_FORM }).refine((url) => askedAt(url) !== null, { error: URL_FORM }),
  user: text('the name of a user').optional(),
  password: text('a password, best by file:PATH').optional(),
  every: durationWithin('500ms', '1h').default(2_000),
  timeout: durationWithin('50ms', '1m').default(2_000),
  heartbeat: z.string({ error: HEARTBEAT }).regex(HEARTBEAT_NAME, { error: HEARTBEAT }).optional(),
  tls: z.boolean({ error: 'true or false' }).default(false),
  caFile: text('the path of a file of certificates').optional(),
  insecure: z.boolean({ error: 'true or false' }).default(false),
});

type Section = z.output<typeof databaseSchema>;

/** Where `url` leads, whatever else the section says. */
interface Asked {
  readonly place: DatabaseTarget['place'];
  readonly label: string;
  readonly credentials: Credentials | null;
}

function askedAt(url: string): Asked | null {
  const socket = /^(?:unix:(?:\/\/(?=\/))?|(?:mysql|mariadb):\/\/(?=\/))(.*)$/s.exec(url)?.[1];
  if (socket !== undefined) return askedAtSocket(socket);
  const taken = withoutCredentials(url);
  if (taken === null || !URL.canParse(taken.url)) return null;
  const { protocol, hostname, port, pathname, search, hash } = new URL(taken.url);
  if (protocol !== 'mysql:' && protocol !== 'mariadb:') return null;
  // A schema behind the host, as other clients take it, would be asked for nothing.
  if (port === '0' || !/^\/?$/.test(pathname + search + hash)) return null;
  const host = canonicalAddress(hostname.replace(/^\[(.*)\]$/, '$1'));
  if (isIP(host) === 0 && !/^[\w-]+(\.[\w-]+)*\.?$/.test(host)) return null;
  const place = { kind: 'tcp', host, port: port === '' ? DEFAULT_PORT : Number(port) } as const;
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${place.port}`;
  return { place, label: `${protocol}//${authority}`, credentials: taken.credentials };
}

function askedAtSocket(path: string): Asked | null {
  if (!/^\/[^?#]+$/.test(path) || Buffer.byteLength(path) > SOCKET_PATH_MAX) return null;
  return { place: { kind: 'unix', path }, label: `unix:${path}`, credentials: null };
}

/** What is known of a cluster when a node's databases are looked at. */
interface Neighbours {
  readonly vips: ReadonlySet<string>;
  /** by place, the node that has it; grows */
  readonly owners: Map<string, string>;
  readonly owner: string;
}

/** What its shape cannot say. `databases`: a node's, as they stand in the file. */
export function checkDatabases(
  databases: readonly { readonly path: Path; readonly value: Readonly<Record<string, unknown>> }[],
  { vips, owners, owner }: Neighbours,
  report: Report,
): void {
  for (const { path, value } of databases) {
    const asked = typeof value.url === 'string' ? askedAt(value.url) : null;
    const has = (key: string) => value[key] !== undefined;
    if (has('password') && !has('user'))
      report([...path, 'user'], 'missing', 'a password is of a user, and stands where that stands');
    if (asked === null) continue;
    const { place, credentials } = asked;
    if (has('user') && credentials !== null)
      report([...path, 'user'], 'stands beside the user in url', 'either in url, or as keys of their own');
    if (!has('user') && !has('password') && credentials === null)
      report(
        [...path, 'user'],
        'missing',
        'a server tells nothing to nobody: docs/databases.md has its grants',
      );
    if (place.kind === 'unix' && value.tls === true)
      report([...path, 'tls'], 'is not for a socket', 'leave it out: nothing leaves this machine');
    for (const key of ['caFile', 'insecure'])
      if (has(key) && value.tls !== true)
        report([...path, key], 'is for tls: true only', 'set tls: true, too');
    if (place.kind === 'tcp' && vips.has(place.host))
      report([...path, 'url'], 'asks whoever holds the VIP', 'expected an address of this node itself');
    const where = place.kind === 'unix' ? place.path : `${place.host} ${place.port}`;
    const taken = owners.get(where);
    if (taken !== undefined)
      report([...path, 'url'], `is ${taken}'s already`, 'each server is asked once, at its own node');
    owners.set(where, owner);
  }
}

/** `folder`: what a relative path is relative to. */
export function databaseTarget(
  { url, user, password, every, timeout, heartbeat, tls, caFile, insecure }: Section,
  whose: Pick<DatabaseTarget, 'cluster' | 'node' | 'index'>,
  at: { readonly path: Path; readonly folder: string; readonly report: Report },
): DatabaseTarget | null {
  const asked = askedAt(url);
  const credentials = user === undefined ? (asked?.credentials ?? null) : { user, password: password ?? '' };
  if (asked === null || credentials === null) return null;
  const ca =
    caFile === undefined ? null : authorities(resolve(at.folder, caFile), [...at.path, 'caFile'], at.report);
  const [, schema, table] = HEARTBEAT_NAME.exec(heartbeat ?? '') ?? [];
  return {
    ...whose,
    label: asked.label,
    everyMs: every,
    timeoutMs: timeout,
    place: asked.place,
    credentials,
    tls: tls ? { ca, insecure } : null,
    heartbeat: schema === undefined || table === undefined ? null : { schema, table },
  };
}

/** At a socket the server is recognised by its node's name and addresses. */
export function observedDatabase({ url, every }: Section, node: string): ObservedDatabase {
  const asked = askedAt(url);
  const { host, port } = asked?.place.kind === 'tcp' ? asked.place : { host: node, port: DEFAULT_PORT };
  return { target: asked?.label ?? '', host, port, everyMs: every };
}
