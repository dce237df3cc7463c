/** A virtual router's `service`: what is asked through the VIP, and at each node beside it. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ObservedService } from '../observer/configuration.ts';
import {
  type ProbePlace,
  probeEveryMs,
  probePlace,
  probeTargets,
  type ServiceSettings,
} from '../poll/probes/targets.ts';
import type { Credentials, ProbeTarget } from '../poll/settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import { withoutCredentials } from './place.ts';
import { canonicalAddress, durationWithin, section, text } from './shapes.ts';

const PROBE =
  'tcp://HOST:PORT, http://HOST[:PORT][/PATH], https://… or mysql://HOST[:PORT], with the VIP as HOST; a % or @ in a password is written %25, %40';
const STATUS = 'an HTTP status such as 200';
const FAILURES = 'a whole number from 1 to 20';

export const serviceSchema = section({
  probe: z.string({ error: PROBE }).refine((url) => askedAt(url) !== null, { error: PROBE }),
  every: durationWithin('100ms', '1h').optional(),
  // Probes of one target overlap where one takes longer than `every`: this bounds how many.
  timeout: durationWithin('50ms', '10s').default(1_000),
  rise: z.int({ error: FAILURES }).min(1, { error: FAILURES }).max(20, { error: FAILURES }).default(2),
  expect: section({
    status: z.int({ error: STATUS }).min(100, { error: STATUS }).max(599, { error: STATUS }).optional(),
    text: text('what the answer contains').optional(),
  }).optional(),
  query: text('a statement that returns a row, such as SELECT 1').optional(),
  user: text('the name of a user').optional(),
  password: text('a password, best by file:PATH').optional(),
  caFile: text('the path of a file of certificates').optional(),
  insecure: z.boolean({ error: 'true or false' }).default(false),
  nodes: z.boolean({ error: 'true or false: whether each node is asked, too' }).default(true),
});

type Section = z.output<typeof serviceSchema>;

interface Asked extends ProbePlace {
  /** without credentials */
  readonly url: string;
  readonly credentials: Credentials | null;
}

/** Where a probe leads; null where it is no such URL. */
function askedAt(probe: string): Asked | null {
  const taken = withoutCredentials(probe);
  const place = taken === null ? null : probePlace(taken.url);
  if (taken === null || place === null) return null;
  return { ...place, host: canonicalAddress(place.host), ...taken };
}

/** Keys, and the probes that know them. */
const KEYS_OF: Readonly<Record<string, readonly ProbePlace['kind'][]>> = {
  expect: ['http', 'https'],
  query: ['mysql'],
  user: ['http', 'https', 'mysql'],
  caFile: ['https'],
  insecure: ['https'],
};

/** What its shape cannot say. `service` is as it stands in the file, whatever else is wrong with it. */
export function checkService(path: Path, service: Readonly<Record<string, unknown>>, report: Report): void {
  const has = (key: string) => service[key] !== undefined;
  if (has('password') && !has('user')) report([...path, 'user'], 'missing', 'a password is of a user');
  const place = typeof service.probe === 'string' ? askedAt(service.probe) : null;
  if (place === null) return;
  for (const [key, schemes] of Object.entries(KEYS_OF))
    if (has(key) && !schemes.includes(place.kind))
      report(
        [...path, key],
        `is not for ${place.kind}://`,
        `it is for ${schemes.map((s) => `${s}://`).join(', ')}`,
      );
  if (place.credentials !== null && place.kind === 'tcp')
    report([...path, 'probe'], 'has a user', 'a connection is all that tcp:// asks for');
  if (has('user') && place.credentials !== null)
    report([...path, 'user'], 'stands beside the user in probe', 'either in probe, or as keys of their own');
  if (has('query') && !has('user') && place.credentials === null)
    report([...path, 'query'], 'needs a user', 'without one only the greeting is read');
}

/** Where databases listen as a rule: MySQL, and HAProxy in front of it. */
const DATABASE_PORTS: ReadonlySet<number> = new Set([3306, 3307]);

/** What is allowed, and seldom meant. */
export function remarksOn({ probe }: Section, vips: readonly string[]): readonly string[] {
  const asked = askedAt(probe);
  if (asked === null) return [];
  const { host, kind, port } = asked;
  const remarks: string[] = [];
  if (isIP(host) !== 0 && vips.length > 0 && !vips.includes(host))
    remarks.push(`${host} is none of its vips (${vips.join(', ')}): right only if it leads to one of them`);
  if (kind === 'tcp' && DATABASE_PORTS.has(port))
    remarks.push(
      `tcp:// to port ${port}: MySQL counts connections that end without a login, and blocks the host in the end, be it HAProxy's; use mysql://`,
    );
  return remarks;
}

/** The virtual router whose service it is. */
export interface Served {
  readonly cluster: string;
  /** its place in the cluster's list */
  readonly router: number;
  readonly vips: readonly string[];
  /** those that may hold the VIP */
  readonly nodes: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/** At the VIP first. `folder`: what a relative path is relative to. */
export function serviceTargets(
  service: Section,
  served: Served,
  at: { readonly path: Path; readonly folder: string; readonly report: Report },
): readonly ProbeTarget[] {
  const { caFile } = service;
  const ca =
    caFile === undefined ? null : authorities(resolve(at.folder, caFile), [...at.path, 'caFile'], at.report);
  return probeTargets(settingsOf(service, served, ca));
}

/** A name is taken for one of the first VIP. */
export function observedService(service: Section, served: Served): ObservedService {
  const settings = settingsOf(service, served, null);
  const host = askedAt(service.probe)?.host ?? '';
  return {
    probe: probeTargets(settings)[0]?.label ?? '',
    vip: isIP(host) === 0 ? (served.vips[0] ?? null) : host,
    everyMs: probeEveryMs(settings),
    timeoutMs: service.timeout,
    rise: service.rise,
  };
}

function settingsOf(service: Section, served: Served, ca: string | null): ServiceSettings {
  const { probe, every, timeout, expect, query, user, password, insecure, nodes } = service;
  const asked = askedAt(probe);
  return {
    cluster: served.cluster,
    router: served.router,
    vips: served.vips,
    probe: asked?.url ?? probe,
    everyMs: every ?? null,
    timeoutMs: timeout,
    expectStatus: expect?.status ?? null,
    expectText: expect?.text ?? null,
    query: query ?? null,
    credentials: user === undefined ? (asked?.credentials ?? null) : { user, password: password ?? '' },
    tls: { ca, insecure },
    nodes,
    // A link-local address cannot be asked without its interface.
    members: served.nodes.map(({ name, addresses }) => ({
      name,
      addresses: addresses.filter((address) => !/^fe[89ab]/i.test(address)),
    })),
  };
}
