/** A virtual router's `service`: what is asked through the VIP, and at each node beside it. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ObservedService } from '../observer/configuration.ts';
import type { ProbeHow, ProbeTarget } from '../poll/settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import { type Place, placeOf } from './place.ts';
import { durationWithin, section, text } from './shapes.ts';

const PROBE =
  'tcp://HOST:PORT, http://HOST[:PORT][/PATH], https://… or mysql://HOST[:PORT], with the VIP as HOST; a % or @ in a password is written %25, %40';
const STATUS = 'an HTTP status such as 200';
const FAILURES = 'a whole number from 1 to 20';

export const serviceSchema = section({
  probe: z.string({ error: PROBE }).refine((url) => probePlace(url) !== null, { error: PROBE }),
  every: durationWithin('100ms', '1h').default(1_000),
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

function probePlace(url: string): Place | null {
  return placeOf(url, ['tcp', 'http', 'https', 'mysql']);
}

/** Keys, and the probes that know them. */
const KEYS_OF: Readonly<Record<string, readonly Place['scheme'][]>> = {
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
  const place = typeof service.probe === 'string' ? probePlace(service.probe) : null;
  if (place === null) return;
  for (const [key, schemes] of Object.entries(KEYS_OF))
    if (has(key) && !schemes.includes(place.scheme))
      report(
        [...path, key],
        `is not for ${place.scheme}://`,
        `it is for ${schemes.map((s) => `${s}://`).join(', ')}`,
      );
  if (place.credentials !== null && place.scheme === 'tcp')
    report([...path, 'probe'], 'has a user', 'a connection is all that tcp:// asks for');
  if (has('user') && place.credentials !== null)
    report([...path, 'user'], 'stands beside the user in probe', 'either in probe, or as keys of their own');
  if (has('query') && !has('user') && place.credentials === null)
    report([...path, 'query'], 'needs a user', 'without one only the greeting is read');
}

/** Null: its host is a VIP, or a name, or no VIP is known. */
export function remarkOn({ probe }: Section, vips: readonly string[]): string | null {
  const host = probePlace(probe)?.host ?? '';
  if (isIP(host) === 0 || vips.length === 0 || vips.includes(host)) return null;
  return `${host} is none of its vips (${vips.join(', ')}): right only if it leads to one of them`;
}

/** A name is taken for one of the first VIP. */
export function observedService(
  { probe, every, timeout, rise }: Section,
  vips: readonly string[],
): ObservedService {
  const place = probePlace(probe);
  const host = place?.host ?? '';
  return {
    probe: place?.label ?? '',
    vip: isIP(host) === 0 ? (vips[0] ?? null) : host,
    everyMs: every,
    timeoutMs: timeout,
    rise,
  };
}

export interface Asked {
  readonly cluster: string;
  /** the virtual router's place in the cluster's list */
  readonly router: number;
  /** those that may hold the VIP */
  readonly nodes: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/** At the VIP first. `folder`: what a relative path is relative to. */
export function probeTargets(
  service: Section,
  { cluster, router, nodes }: Asked,
  at: { readonly path: Path; readonly folder: string; readonly report: Report },
): readonly ProbeTarget[] {
  const place = probePlace(service.probe);
  if (place === null) return [];
  const { caFile } = service;
  const ca =
    caFile === undefined ? null : authorities(resolve(at.folder, caFile), [...at.path, 'caFile'], at.report);
  const shared = {
    cluster,
    router,
    port: place.port,
    everyMs: service.every,
    timeoutMs: service.timeout,
    label: place.label,
    how: howOf(service, place, ca),
  };
  const beside = service.nodes ? nodes : [];
  return [
    { ...shared, node: null, host: place.host },
    ...beside.flatMap(({ name, addresses }) => {
      const host = reachable(addresses, isIP(place.host));
      return host === null ? [] : [{ ...shared, node: name, host }];
    }),
  ];
}

/** Of the probe's own family where there is one. A link-local address cannot be asked without its interface. */
function reachable(addresses: readonly string[], family: number): string | null {
  const global = addresses.filter((address) => !/^fe[89ab]/i.test(address));
  return global.find((address) => isIP(address) === family) ?? global[0] ?? null;
}

function howOf(service: Section, place: Place, ca: string | null): ProbeHow {
  const { user, password, expect, query, insecure } = service;
  const credentials = user === undefined ? place.credentials : { user, password: password ?? '' };
  switch (place.scheme) {
    case 'tcp':
      return { kind: 'tcp' };
    case 'mysql':
      return { kind: 'mysql', credentials, query: query ?? null };
    case 'http':
    case 'https':
      return {
        kind: 'http',
        tls: place.scheme === 'https' ? { ca, insecure } : null,
        path: place.path === '' ? '/' : place.path,
        hostName: place.host,
        credentials,
        status: expect?.status ?? null,
        text: expect?.text ?? null,
      };
  }
}
