/** From a service as it is configured to what is asked: the VIP, and each node beside it. Pure. */
import { isIP } from 'node:net';
import type { Credentials, ProbeHow, ProbeTarget, TlsSettings } from '../settings.ts';

/** The service behind one virtual router. */
export interface ServiceSettings {
  readonly cluster: string;
  /** the virtual router's place in the cluster's list */
  readonly router: number;
  readonly vips: readonly string[];
  /** one that `probePlace` understands */
  readonly probe: string;
  /** null: as often as is good for that kind */
  readonly everyMs: number | null;
  readonly timeoutMs: number;
  /** of HTTP; null: any 2xx or 3xx, whatever it contains */
  readonly expectStatus: number | null;
  readonly expectText: string | null;
  /** of MySQL: must return a row */
  readonly query: string | null;
  readonly credentials: Credentials | null;
  /** of HTTPS */
  readonly tls: TlsSettings;
  /** the nodes are asked, too; each as its name and addresses */
  readonly nodes: boolean;
  readonly members: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

export interface ProbePlace {
  readonly kind: 'tcp' | 'http' | 'https' | 'mysql';
  /** IPv6 without its brackets */
  readonly host: string;
  readonly port: number;
  /** of HTTP: path and query */
  readonly path: string;
}

/** What a probe URL must be like, for messages. */
export const PROBE_URL =
  'tcp://HOST:PORT, http[s]://HOST[:PORT][/PATH] or mysql://HOST[:PORT]; user and password are keys of their own';

const PORTS = { tcp: null, http: 80, https: 443, mysql: 3306 } as const;

/** Null: not such a URL. */
export function probePlace(probe: string): ProbePlace | null {
  const url = URL.canParse(probe) ? new URL(probe) : null;
  const kind = url?.protocol.slice(0, -1);
  if (url === null || !isKind(kind) || url.username !== '' || url.password !== '' || url.hash !== '')
    return null;
  const isHttp = kind === 'http' || kind === 'https';
  if (!isHttp && `${url.pathname}${url.search}`.replace(/^\/$/, '') !== '') return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? PORTS[kind] : Number(url.port);
  if (port === null || port === 0 || (isIP(host) === 0 && !/^[\w-]+(\.[\w-]+)*\.?$/.test(host))) return null;
  return { kind, host, port, path: isHttp ? `${url.pathname}${url.search}` : '' };
}

function isKind(text: string | undefined): text is ProbePlace['kind'] {
  return text !== undefined && Object.hasOwn(PORTS, text);
}

const EVERY_MS = 500;
/** Without an account each probe is a line in the server's log. */
const GREETING_EVERY_MS = 5_000;
const NODE_EVERY_MIN_MS = 2_000;

/** How often the VIP is asked. */
export function probeEveryMs({ everyMs, probe, credentials }: ServiceSettings): number {
  if (everyMs !== null) return everyMs;
  return probePlace(probe)?.kind === 'mysql' && credentials === null ? GREETING_EVERY_MS : EVERY_MS;
}

/** The VIP's first. A node without an address of the VIP's family is not asked. */
export function probeTargets(service: ServiceSettings): readonly ProbeTarget[] {
  const place = probePlace(service.probe);
  if (place === null) return [];
  const { cluster, router, timeoutMs } = service;
  const everyMs = probeEveryMs(service);
  const label = labelOf(place);
  const { port } = place;
  const common = { cluster, router, timeoutMs, port, how: howOf(place, service) };
  const atVip: ProbeTarget = { ...common, node: null, host: place.host, label, everyMs };
  if (!service.nodes) return [atVip];
  const family = isIP(place.host) || isIP(service.vips[0] ?? '');
  const atNodes = service.members.flatMap(({ name, addresses }) => {
    const host = addresses.find((address) => family === 0 || isIP(address) === family);
    if (host === undefined) return [];
    return [
      {
        ...common,
        node: name,
        host,
        label: `${label} at ${name}`,
        everyMs: Math.max(everyMs, NODE_EVERY_MIN_MS),
      },
    ];
  });
  return [atVip, ...atNodes];
}

/** A query may hold a secret. */
function labelOf({ kind, host, port, path }: ProbePlace): string {
  const where = isIP(host) === 6 ? `[${host}]` : host;
  const shownPort = port === PORTS[kind] && kind !== 'mysql' ? '' : `:${port}`;
  return `${kind}://${where}${shownPort}${path.replace(/\?.*$/, '?…')}`;
}

function howOf(place: ProbePlace, service: ServiceSettings): ProbeHow {
  const { credentials } = service;
  switch (place.kind) {
    case 'tcp':
      return { kind: 'tcp' };
    case 'mysql':
      return { kind: 'mysql', credentials, query: service.query };
    case 'http':
    case 'https':
      return {
        kind: 'http',
        tls: place.kind === 'https' ? service.tls : null,
        path: place.path,
        hostName: place.host,
        credentials,
        status: service.expectStatus,
        text: service.expectText,
      };
  }
}
