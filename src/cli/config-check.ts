/** `vipwatch config check FILE`: what the file means, or all that is wrong with it. */
import { homedir } from 'node:os';
import type { Configuration } from '../config/read.ts';
import { socketPaths } from '../control/socket-path.ts';
import type { DatabaseTarget, PollSettings } from '../poll/settings.ts';
import { configurationOf } from './configuration.ts';
import type { Output } from './output.ts';
import { journalPaths } from './places.ts';
import { duration, plural } from './terminal.ts';

export async function configCheck(file: string, output: Output): Promise<void> {
  const configuration = await configurationOf(file, output);
  if (configuration === null) return;
  for (const line of understood(configuration)) output.line(line);
  output.flush();
}

function* understood(configuration: Configuration): Generator<string> {
  const { observer, polls, capture, journal, control, alerts, influx, grafana } = configuration;
  for (const { name, nodes, virtualRouters } of observer.clusters) {
    yield `cluster ${name}: ${plural(nodes.length, 'node')}, ${plural(virtualRouters.length, 'virtual router')}`;
    for (const node of nodes) {
      yield `  node ${node.name}: ${node.addresses.join(', ')}`;
      for (const { target, everyMs, runs } of node.proxies)
        yield `    HAProxy at ${target}, asked every ${duration(everyMs)}${runs === 'on-holder' ? '; runs where the VIP is' : ''}`;
      for (const database of polls.databases)
        if (database.cluster === name && database.node === node.name) yield `    ${databaseText(database)}`;
    }
    for (const [place, router] of virtualRouters.entries()) {
      const where = router.segment === null ? 'on whichever segment it is heard' : `on ${router.segment}`;
      const vips = router.vips.length === 0 ? 'any address' : router.vips.join(', ');
      const who = router.nodes.length === 0 ? 'all nodes' : router.nodes.join(', ');
      yield `  VRID ${router.vrid} ${where}: ${vips}; spoken for by ${who}${router.unicast ? '; unicast' : ''}`;
      if (router.service !== null)
        yield `    service ${router.service.probe}, asked every ${duration(router.service.everyMs)} ${probedAt(polls, name, place)}; ${plural(router.service.rise, 'failure')} in a row ${router.service.rise === 1 ? 'is' : 'are'} dark`;
    }
  }
  if (observer.clusters.length === 0) yield 'no cluster: every virtual router that is heard counts as yours';
  const interfaces = capture.interfaces.join(', ');
  yield `captures on ${interfaces === '' ? 'every Ethernet interface that is up' : interfaces}${capture.join ? '' : ', joining no group'}`;
  const [place] = journalPaths(journal.path, process.env, homedir());
  yield `journal at ${place}${journal.path === null ? ', or the next place where it may write' : ''}: events for ${duration(journal.retentionMs)}, samples for ${duration(journal.samplesMs)}`;
  const [socket] = socketPaths(control.path, process.env);
  yield `control socket at ${socket}${control.path === null ? ', or the next place where it may' : ''}`;
  if (alerts === null) {
    yield 'alerts: nobody is told of anything';
  } else {
    const { email, webhooks, heartbeat } = alerts;
    const told = [
      ...(email === null ? [] : [`${email.name}: mail to ${email.to.join(', ')}`]),
      ...webhooks.map(({ name, format }) => `${name}: ${format}`),
    ];
    yield `alerts: ${told.length === 0 ? 'no receiver' : told.join('; ')}${heartbeat === null ? '' : `; a heartbeat every ${duration(heartbeat.everyMs)}`}`;
  }
  if (influx !== null)
    yield `InfluxDB ${influx.version} at ${influx.url}, ${influx.version === 2 ? 'bucket' : 'database'} ${influx.database}`;
  if (grafana !== null) {
    yield `Grafana at ${grafana.url}${grafana.annotations ? ', told of failovers and conditions as annotations' : ', for `vipwatch dashboards`'}`;
  }
  yield 'The configuration is valid.';
}

/** Whoever reads it looks for what may be wrong: as whom, by what way, with which table. */
function databaseText({ label, everyMs, credentials, tls, heartbeat }: DatabaseTarget): string {
  const encrypted = tls === null ? '' : `, over TLS${tls.insecure ? ' with whichever certificate' : ''}`;
  const table = heartbeat === null ? '' : `; heartbeats in ${heartbeat.schema}.${heartbeat.table}`;
  return `database at ${label}, asked every ${duration(everyMs)} as ${credentials.user}${encrypted}${table}`;
}

/** `through the VIP and at hosta, hostb` */
function probedAt({ probes }: PollSettings, cluster: string, router: number): string {
  const nodes = probes
    .filter((probe) => probe.cluster === cluster && probe.router === router)
    .flatMap(({ node }) => node ?? []);
  return nodes.length === 0 ? 'through the VIP' : `through the VIP and at ${nodes.join(', ')}`;
}
