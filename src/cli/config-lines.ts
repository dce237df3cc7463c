/**
 * A first `vipwatch.yaml` out of what was heard, with the sentences that a person needs to complete it. Pure.
 *
 * What share a speaker is one cluster; addresses at one MAC are one node. Of two virtual routers on one VRID of a
 * segment and family only the first is written, the other as a comment, since a configuration may not hold both.
 */
import { stringify } from 'yaml';
import type { HeardRouter, HeardSpeaker } from './heard.ts';

export function* configLines(routers: readonly HeardRouter[], source: string): Generator<string> {
  yield `# vipwatch.yaml, written by \`vipwatch config init\` from ${source}.`;
  yield '# Go through the lines marked with ->, then let `vipwatch config check` read it.';
  yield '';
  yield "# -> The interfaces of this machine on which the nodes' segment is to be heard. VLANs of a trunk port are told";
  yield '#    apart by themselves: eth0 hears eth0.100, too. join: false sends not even the group membership; then the';
  yield '#    switch must deliver the adverts unasked (no IGMP/MLD snooping, or a mirror port).';
  const interfaces = [...new Set(routers.map(({ segment }) => segment.split('.')[0] ?? segment))];
  if (interfaces.length === 0) yield '#capture: {interfaces: [eth0]}';
  else yield `capture: {interfaces: [${interfaces.map(scalar).join(', ')}], join: true}`;
  yield '';
  if (routers.length === 0) {
    yield '# No virtual router was heard. Listen for longer, or on the interface where the nodes are; adverts to unicast';
    yield '# peers are heard on the nodes and on mirror ports only. An example:';
    for (const line of EXAMPLE) yield `#${line}`;
    return;
  }
  yield "# With this list, other people's virtual routers on the segment never rise above `info`: take out what is not yours.";
  yield 'clusters:';
  const written = new Set<string>();
  for (const [i, cluster] of clustersOf(routers).entries()) yield* clusterLines(cluster, i + 1, written);
  yield '';
  yield '# -> Is what the address stands for alive, too? Under a node its HAProxy and its database server, under a virtual';
  yield '#    router its service:';
  for (const line of ASKED) yield `#${line}`;
  yield '';
  yield '# Where the timeline is kept, and for how long. Without a path: $STATE_DIRECTORY, /var/lib/vipwatch or';
  yield '# ~/.local/state/vipwatch, the first that may be written to.';
  yield 'journal: {retention: 30d, samples: 3d}';
}

const EXAMPLE = [
  'clusters:',
  '  - name: orders-db',
  '    nodes:',
  '      - {name: hosta, addresses: [192.168.10.11]}',
  '      - {name: hostb, addresses: [192.168.10.12]}',
  '    virtualRouters:',
  '      - {vrid: 51, segment: eth0, vips: [192.168.10.10], nodes: [hosta, hostb]}',
];

const ASKED = [
  '        haproxy: [{url: "http://192.168.10.11:8888/status"}]    # or unix:/run/haproxy/admin.sock of this machine',
  '        database: [{url: "mysql://192.168.10.11:3306", user: vipwatch, password: "file:/etc/vipwatch/db-password"}]',
  '        # heartbeat: percona.heartbeat tells the true lag; the account needs grants by its release: docs/databases.md',
  '        service: {probe: "tcp://192.168.10.10:3306"}    # http:// and mysql:// look deeper: docs/configuration.md',
];

interface HeardCluster {
  readonly routers: readonly HeardRouter[];
  /** the addresses of each node, in the order of first hearing */
  readonly nodes: readonly (readonly string[])[];
}

/** `written`: the VRIDs of each segment and family that a configuration holds already. */
function* clusterLines(
  { routers, nodes }: HeardCluster,
  number: number,
  written: Set<string>,
): Generator<string> {
  const nameOf = (address: string) =>
    `node${number}${LETTERS[nodes.findIndex((addresses) => addresses.includes(address))] ?? 'x'}`;
  yield '  # -> What people call this cluster: it stands in every event.';
  yield `  - name: cluster${number}`;
  yield '    nodes:';
  yield '      # -> Which machine is which: put its host name for each name here and below, and add its other addresses';
  yield '      #    on the segment (IPv6: the link-local fe80:: one, which is what speaks VRRP).';
  for (const addresses of nodes) {
    yield `      - name: ${nameOf(addresses[0] ?? '')}`;
    yield `        addresses: [${addresses.map(scalar).join(', ')}]`;
  }
  if (nodes.length === 1) {
    yield '      # -> Only this one was heard, as backups are silent. Add the others, or vipwatch takes them for strangers:';
    yield '      #- {name: HOST, addresses: [ADDRESS]}';
  }
  const keyOf = ({ segment, family, vrid }: HeardRouter) => `${segment} ${family} ${vrid}`;
  yield `    virtualRouters:${routers.every((router) => written.has(keyOf(router))) ? ' []' : ''}`;
  for (const router of routers) {
    const { segment, vrid, vips, speakers } = router;
    const key = keyOf(router);
    const off = written.has(key) ? '#' : ' ';
    if (off === '#')
      yield '      # A second virtual router on the same VRID: one of the two needs another virtual_router_id.';
    written.add(key);
    const names = [...new Set(speakers.map(({ address }) => nameOf(address)))];
    yield `     ${off}- vrid: ${vrid}`;
    yield `     ${off}  segment: ${scalar(segment)}`;
    yield `     ${off}  vips: [${vips.map(scalar).join(', ')}]`;
    yield `     ${off}  nodes: [${names.join(', ')}]    # who may speak for it; others are told as rogue speakers`;
    yield `     ${off}  unicast: false    # true: adverts go from node to node (unicast_peer), and perhaps only claims are heard`;
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const NODES_MAX = LETTERS.length;

function clustersOf(routers: readonly HeardRouter[]): readonly HeardCluster[] {
  const clusters: HeardRouter[][] = [];
  for (const router of routers) {
    const related = clusters.filter((cluster) => cluster.some((other) => shareSpeaker(router, other)));
    const merged = [...related.flat(), router];
    for (const each of related) clusters.splice(clusters.indexOf(each), 1);
    clusters.push(merged);
  }
  return clusters.map((members) => ({ routers: members, nodes: nodesOf(members) }));
}

function shareSpeaker(a: HeardRouter, b: HeardRouter): boolean {
  return a.speakers.some((speaker) => b.speakers.some((other) => sameMachine(speaker, other)));
}

/** A virtual MAC (00:00:5e:00:01:VRID) is whoever's turn it is, and names no machine. */
function sameMachine(a: HeardSpeaker, b: HeardSpeaker): boolean {
  return a.address === b.address || (a.mac !== null && a.mac === b.mac && !a.mac.startsWith('00:00:5e:'));
}

function nodesOf(routers: readonly HeardRouter[]): readonly (readonly string[])[] {
  const nodes: HeardSpeaker[][] = [];
  for (const speaker of routers.flatMap(({ speakers }) => speakers)) {
    const known = nodes.find((node) => node.some((other) => sameMachine(speaker, other)));
    if (known === undefined) nodes.push([speaker]);
    else if (!known.some(({ address }) => address === speaker.address)) known.push(speaker);
  }
  return nodes.slice(0, NODES_MAX).map((node) => node.map(({ address }) => address));
}

/** Quoted where YAML needs it inside a flow list. */
function scalar(text: string): string {
  return (/^[\w.-]+$/.test(text) && !/^[\d.-]*$|^(true|false|null|yes|no|on|off|y|n)$/i.test(text)) ||
    /^\d+(\.\d+){3}$/.test(text)
    ? text
    : stringify(text, { defaultStringType: 'QUOTE_DOUBLE' }).trim();
}
