/**
 * What no shape can say of a configuration: names that must exist, or must not exist twice.
 *
 * Works on the values as they are, whatever else is wrong with the file, so that all mistakes are told in one go:
 * what is not of its shape is passed over here, because the shape's own check tells of it.
 */
import { isIP } from 'node:net';
import { DEFAULT_THRESHOLDS } from '../observer/configuration.ts';
import { checkDatabases } from './database.ts';
import { checkGrafana } from './grafana.ts';
import { checkProxies } from './haproxy.ts';
import { checkInflux } from './influx.ts';
import { checkService } from './service.ts';
import { canonicalAddress, durationMs } from './shapes.ts';

export type Path = readonly PropertyKey[];
/** What is wrong at a place, and what would be right. */
export type Report = (path: Path, wrong: string, right: string) => void;
/** A value as a message may show it: as it is written, where it came from outside. */
export type Shown = (path: Path, value: string) => string;

export function checkMeaning(file: unknown, report: Report, shown: Shown): void {
  const { cluster, nodes, virtualRouters, clusters } = mapping(file);
  const topLevel = cluster !== undefined || nodes !== undefined || virtualRouters !== undefined;
  if (topLevel && clusters !== undefined) {
    report(
      ['clusters'],
      'stands beside cluster, nodes or virtualRouters',
      'either one cluster at the top level, or all of them under clusters',
    );
  }
  if (topLevel && cluster === undefined) {
    report(
      ['cluster'],
      'missing',
      'expected the name of the cluster whose nodes and virtualRouters stand here',
    );
  }

  const places: Place[] = list(clusters).map((value, i) => ({
    path: ['clusters', i],
    value: mapping(value),
  }));
  if (topLevel) places.unshift({ path: [], value: { nodes, virtualRouters } });

  distinct(
    places
      .filter(({ value }) => value.name !== undefined)
      .map(({ path, value }) => ({ path: [...path, 'name'], value: value.name })),
    (path, name) => report(path, `a second cluster named ${shown(path, name)}`, 'each needs its own name'),
  );
  for (const place of places) checkCluster(place, report, shown);
  checkVrids(places, report);
  checkInterfaces(mapping(mapping(file).capture).interfaces, report, shown);
  checkThresholds(mapping(mapping(file).thresholds), report);
  checkGrafana(mapping(file).grafana, report);
  checkInflux(mapping(file).influx, report);
}

interface Place {
  readonly path: Path;
  readonly value: Readonly<Record<string, unknown>>;
}

function checkCluster({ path, value }: Place, report: Report, shown: Shown): void {
  const nodes = list(value.nodes).map((node, n) => ({ path: [...path, 'nodes', n], value: mapping(node) }));
  distinct(
    nodes.map((node) => ({ path: [...node.path, 'name'], value: node.value.name })),
    (at, name) => report(at, `a second node named ${shown(at, name)}`, 'each needs its own name'),
  );

  const names = new Set(nodes.map((node) => node.value.name).filter(isText));
  const owners = new Map<string, string>();
  for (const node of nodes) {
    const name = isText(node.value.name) ? shown([...node.path, 'name'], node.value.name) : 'another node';
    for (const [a, address] of list(node.value.addresses).entries()) {
      if (!isText(address)) continue;
      const at = [...node.path, 'addresses', a];
      const canonical = canonicalAddress(address);
      const owner = owners.get(canonical);
      if (owner !== undefined)
        report(at, `${shown(at, address)} is ${owner}'s already`, 'an address belongs to one node');
      owners.set(canonical, name);
    }
  }

  const routers = list(value.virtualRouters).map((router, v) => ({
    path: [...path, 'virtualRouters', v],
    value: mapping(router),
  }));
  const vips = new Set(
    routers.flatMap((router) => list(router.value.vips).filter(isText).map(canonicalAddress)),
  );
  const proxyOwners = new Map<string, string>();
  const databaseOwners = new Map<string, string>();
  for (const node of nodes) {
    const items = (key: string) =>
      list(node.value[key]).map((item, i) => ({ path: [...node.path, key, i], value: mapping(item) }));
    const owner = isText(node.value.name) ? shown([...node.path, 'name'], node.value.name) : 'another node';
    checkProxies(items('haproxy'), { vips, owners: proxyOwners, owner }, report);
    checkDatabases(items('database'), { vips, owners: databaseOwners, owner }, report);
  }
  for (const router of routers)
    checkService([...router.path, 'service'], mapping(router.value.service), report);

  // Nodes of the wrong form: which names there are is not known.
  if (value.nodes !== undefined && !Array.isArray(value.nodes)) return;
  const known = new Set(
    nodes.flatMap((node) =>
      isText(node.value.name) ? [shown([...node.path, 'name'], node.value.name)] : [],
    ),
  );
  const right =
    known.size === 0 ? 'the cluster has no nodes' : `the cluster's nodes: ${[...known].join(', ')}`;
  for (const router of routers) {
    for (const [n, name] of list(router.value.nodes).entries()) {
      if (!isText(name) || names.has(name)) continue;
      const at = [...router.path, 'nodes', n];
      report(at, `no node is named ${shown(at, name)}`, right);
    }
  }
}

/** One VRID may stand on several segments, and once a family on each; otherwise nobody can tell which is meant. */
function checkVrids(places: readonly Place[], report: Report): void {
  const routers = places.flatMap(({ path, value }) =>
    list(value.virtualRouters).map((router, v) => {
      const { vrid, segment, vips } = mapping(router);
      const addresses = list(vips).filter(isText);
      return {
        path: [...path, 'virtualRouters', v],
        vrid,
        segment: isText(segment) ? segment : null,
        families: new Set(addresses.length === 0 ? [4, 6] : addresses.map((vip) => isIP(vip))),
      };
    }),
  );
  for (const [i, router] of routers.entries()) {
    const earlier = routers
      .slice(0, i)
      .find(
        (other) =>
          typeof router.vrid === 'number' &&
          other.vrid === router.vrid &&
          (other.segment === null || router.segment === null || other.segment === router.segment) &&
          [...router.families].some((family) => other.families.has(family)),
      );
    if (earlier === undefined) continue;
    const where =
      router.segment !== null && router.segment === earlier.segment ? ` on segment ${router.segment}` : '';
    report(
      [...router.path, 'vrid'],
      `VRID ${String(router.vrid)} stands twice${where}`,
      where === ''
        ? 'give each of the two its own segment, such as segment: eth0'
        : 'a segment has each VRID once in IPv4 and once in IPv6',
    );
  }
}

/** The critical lag comes after the warning, which stays open beside it. */
function checkThresholds(thresholds: Readonly<Record<string, unknown>>, report: Report): void {
  const secondsOf = (key: string, otherwise: number) => {
    const parsed = durationMs.safeParse(thresholds[key]);
    return parsed.success ? parsed.data / 1_000 : thresholds[key] === undefined ? otherwise : null;
  };
  const warning = secondsOf('lagWarning', DEFAULT_THRESHOLDS.lagWarningS);
  const critical = secondsOf('lagCritical', DEFAULT_THRESHOLDS.lagCriticalS);
  if (warning === null || critical === null || critical > warning) return;
  const key = thresholds.lagCritical === undefined ? 'lagWarning' : 'lagCritical';
  report(
    ['thresholds', key],
    'the critical lag is not beyond the warning',
    `expected lagCritical above lagWarning; they are ${critical}s and ${warning}s`,
  );
}

function checkInterfaces(interfaces: unknown, report: Report, shown: Shown): void {
  distinct(
    list(interfaces).map((value, i) => ({ path: ['capture', 'interfaces', i], value })),
    (path, name) => report(path, `${shown(path, name)} stands twice`, 'once is enough'),
  );
}

function distinct(
  items: readonly { readonly path: Path; readonly value: unknown }[],
  again: (path: Path, value: string) => void,
): void {
  const seen = new Set<string>();
  for (const { path, value } of items) {
    if (!isText(value)) continue;
    if (seen.has(value)) again(path, value);
    seen.add(value);
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
