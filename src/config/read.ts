/**
 * Reads `vipwatch.yaml`: text → YAML → values from outside → shape and meaning → what the parts are told. Every
 * problem is found in one go, those of the rules that it names included (`LocatedYaml`).
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { AlertsConfiguration } from '../alerts/configuration.ts';
import type { GrafanaSettings } from '../grafana/settings.ts';
import {
  DEFAULT_THRESHOLDS,
  type ObservedCluster,
  type ObserverConfiguration,
  type Thresholds,
} from '../observer/configuration.ts';
import type { DatabaseTarget, PollSettings, ProbeTarget, ProxyTarget } from '../poll/settings.ts';
import type { InfluxSettings } from '../sinks/influx-settings.ts';
import { alertsOf } from './alerts.ts';
import { databaseTarget, observedDatabase } from './database.ts';
import { grafanaSettings } from './grafana.ts';
import { observedProxy, proxyTarget } from './haproxy.ts';
import { influxSettings } from './influx.ts';
import { ConfigurationError, LocatedYaml } from './located-yaml.ts';
import { checkMeaning, type Path, type Report } from './meaning.ts';
import { type ConfigurationFile, fileSchema } from './schema.ts';
import { observedService, remarkOn, type Served, serviceTargets } from './service.ts';
import { type Environment, whyUnreadable } from './values.ts';

export interface Configuration {
  readonly observer: ObserverConfiguration;
  readonly capture: CaptureConfiguration;
  readonly journal: JournalConfiguration;
  readonly control: ControlConfiguration;
  /** null: nobody is told of anything */
  readonly alerts: AlertsConfiguration | null;
  /** null: there is none */
  readonly grafana: GrafanaSettings | null;
  /** null: the timeline stays in the journal */
  readonly influx: InfluxSettings | null;
  /** HAProxy processes, services and databases that are asked */
  readonly polls: PollSettings;
  /** what is no mistake, and perhaps not meant: said once, by whoever reads it */
  readonly remarks: readonly string[];
}

export interface CaptureConfiguration {
  /** empty: every Ethernet interface that is up */
  readonly interfaces: readonly string[];
  /** join the VRRP groups, so that snooping switches deliver adverts: all that is ever sent */
  readonly join: boolean;
}

export interface JournalConfiguration {
  /** absolute; null: where journals are looked for */
  readonly path: string | null;
  readonly retentionMs: number;
  readonly samplesMs: number;
}

export interface ControlConfiguration {
  /** absolute; null: where sockets are looked for */
  readonly path: string | null;
}

export function readConfiguration(file: string, environment: Environment): Configuration {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`${file}: ${whyUnreadable(error)}; expected the path of a vipwatch.yaml`);
  }
  return parseConfiguration(text, file, environment);
}

/** `file` is for the messages, and paths in it are relative to its folder. */
export function parseConfiguration(text: string, file: string, environment: Environment): Configuration {
  const yaml = new LocatedYaml(text, file);
  const folder = dirname(file);
  yaml.resolveValues(environment, folder);
  const value = yaml.value();
  const parsed = yaml.check(fileSchema, value);
  checkMeaning(value, yaml.report, (path, shown) => yaml.asWritten(path, shown));
  const alerts = alertsOf(parsed?.alerts, yaml, folder);
  const influx = parsed?.influx === undefined ? null : influxSettings(parsed.influx, folder, yaml.report);
  const grafana =
    parsed?.grafana === undefined
      ? null
      : grafanaSettings(parsed.grafana, influx, environment, folder, yaml.report);
  const polls =
    parsed === null ? { proxies: [], probes: [], databases: [] } : pollsOf(parsed, folder, yaml.report);
  yaml.throwIfWrong();
  if (parsed === null) throw new ConfigurationError(`${file}: is no configuration`);

  const { capture, journal, control } = parsed;
  const pathOf = (path: string | undefined) => (path === undefined ? null : resolve(folder, path));
  return {
    observer: { clusters: clustersOf(parsed), thresholds: thresholdsOf(parsed) },
    capture: { interfaces: capture?.interfaces ?? [], join: capture?.join ?? true },
    journal: {
      path: pathOf(journal?.path),
      retentionMs: journal?.retention ?? 30 * DAY_MS,
      samplesMs: journal?.samples ?? 3 * DAY_MS,
    },
    control: { path: pathOf(control?.path) },
    alerts,
    grafana,
    influx,
    polls,
    remarks: remarksOn(parsed).map(({ path, text }) => `${file}:${yaml.lineOf(path)}: ${text}`),
  };
}

const DAY_MS = 86_400_000;

function clustersOf(file: ConfigurationFile): readonly ObservedCluster[] {
  return clustersWithPaths(file).map(({ cluster }) => ({
    name: cluster.name,
    nodes: cluster.nodes.map(({ name, addresses, haproxy, database }) => ({
      name,
      addresses,
      proxies: (haproxy ?? []).map(observedProxy),
      databases: (database ?? []).map((section) => observedDatabase(section, name)),
    })),
    virtualRouters: cluster.virtualRouters.map(({ vrid, segment, vips, nodes, unicast, service }, place) => ({
      vrid,
      segment: segment ?? null,
      vips,
      nodes,
      unicast,
      service: service === undefined ? null : observedService(service, servedBy(cluster, place)),
    })),
  }));
}

function servedBy({ name, nodes, virtualRouters }: Cluster, router: number): Served {
  const { vips = [], nodes: named = [] } = virtualRouters[router] ?? {};
  return {
    cluster: name,
    router,
    vips,
    nodes: nodes.filter((node) => named.length === 0 || named.includes(node.name)),
  };
}

/** By cluster and node; a wrong file of certificates is reported. */
function pollsOf(file: ConfigurationFile, folder: string, report: Report): PollSettings {
  const proxies: ProxyTarget[] = [];
  const probes: ProbeTarget[] = [];
  const databases: DatabaseTarget[] = [];
  for (const { path, cluster } of clustersWithPaths(file)) {
    for (const [n, node] of cluster.nodes.entries()) {
      const whose = { cluster: cluster.name, node: node.name };
      const at = (...key: Path) => ({ path: [...path, 'nodes', n, ...key], folder, report });
      for (const [index, section] of (node.haproxy ?? []).entries()) {
        const target = proxyTarget(section, { ...whose, index }, at('haproxy', index));
        if (target !== null) proxies.push(target);
      }
      for (const [index, section] of (node.database ?? []).entries()) {
        const target = databaseTarget(section, { ...whose, index }, at('database', index));
        if (target !== null) databases.push(target);
      }
    }
    for (const [router, { service }] of cluster.virtualRouters.entries()) {
      if (service === undefined) continue;
      const at = { path: [...path, 'virtualRouters', router, 'service'], folder, report };
      probes.push(...serviceTargets(service, servedBy(cluster, router), at));
    }
  }
  return { proxies, probes, databases };
}

function remarksOn(file: ConfigurationFile): readonly { readonly path: Path; readonly text: string }[] {
  return clustersWithPaths(file).flatMap(({ path, cluster }) =>
    cluster.virtualRouters.flatMap(({ service, vips }, v) => {
      const text = service === undefined ? null : remarkOn(service, vips);
      return text === null ? [] : [{ path: [...path, 'virtualRouters', v, 'service', 'probe'], text }];
    }),
  );
}

type Cluster = NonNullable<ConfigurationFile['clusters']>[number];

/** With the shorthand of one cluster at the top level written out. */
function clustersWithPaths(
  file: ConfigurationFile,
): readonly { readonly path: Path; readonly cluster: Cluster }[] {
  const clusters = (file.clusters ?? []).map((cluster, i) => ({ path: ['clusters', i], cluster }));
  if (file.cluster === undefined && file.nodes === undefined && file.virtualRouters === undefined)
    return clusters;
  const { cluster: name = '', nodes = [], virtualRouters = [] } = file;
  return [{ path: [], cluster: { name, nodes, virtualRouters } }, ...clusters];
}

function thresholdsOf({ thresholds: given }: ConfigurationFile): Thresholds {
  const d = DEFAULT_THRESHOLDS;
  if (given === undefined) return d;
  const { forgetAfter } = given;
  return {
    flappingFailovers: given.flappingFailovers ?? d.flappingFailovers,
    flappingWindowS: secondsOr(given.flappingWindow, d.flappingWindowS),
    garpMissingAfterMs: given.garpMissingAfter ?? d.garpMissingAfterMs,
    rejectedSilenceMs: given.rejectedSilence ?? d.rejectedSilenceMs,
    forgetAfterH: forgetAfter === undefined ? d.forgetAfterH : forgetAfter / 3_600_000,
    badPolls: given.badPolls ?? d.badPolls,
    beyondForMs: given.beyondFor ?? d.beyondForMs,
    saturatedAt: given.saturatedAt ?? d.saturatedAt,
    driftForMs: given.driftFor ?? d.driftForMs,
    lagWarningS: secondsOr(given.lagWarning, d.lagWarningS),
    lagCriticalS: secondsOr(given.lagCritical, d.lagCriticalS),
    takeoverLagS: secondsOr(given.takeoverLag, d.takeoverLagS),
    dualWrites: given.dualWrites ?? d.dualWrites,
    dualWritesWindowS: secondsOr(given.dualWritesWindow, d.dualWritesWindowS),
    flowPausedAt: given.flowPausedAt ?? d.flowPausedAt,
  };
}

function secondsOr(ms: number | undefined, otherwiseS: number): number {
  return ms === undefined ? otherwiseS : ms / 1_000;
}
