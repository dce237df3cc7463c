/**
 * Reads `vipwatch.yaml`: text → YAML → values from outside → shape and meaning → what the parts are told. Every
 * problem is found in one go, each with file, line, key, what is wrong and what would be right; only what is no
 * YAML at all hides the rest. Never shows what came from the environment or from a file: it may be a secret.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isCollection, isPair, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { core } from 'zod';
import {
  DEFAULT_THRESHOLDS,
  type ObservedCluster,
  type ObserverConfiguration,
  type Thresholds,
} from '../observer/configuration.ts';
import type { InfluxSettings } from '../sinks/influx-settings.ts';
import { influxSettings } from './influx.ts';
import { checkMeaning, type Path, type Report } from './meaning.ts';
import { type ConfigurationFile, fileSchema, LATER_KEYS } from './schema.ts';
import { type Environment, resolveValue, whyUnreadable } from './values.ts';

export interface Configuration {
  readonly observer: ObserverConfiguration;
  readonly capture: CaptureConfiguration;
  readonly journal: JournalConfiguration;
  readonly control: ControlConfiguration;
  /** null: the timeline stays in the journal */
  readonly influx: InfluxSettings | null;
  /** what the file holds that this version does not use yet: said once, by whoever reads it */
  readonly unused: readonly string[];
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

/** Its message is all the problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
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
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problems: Problem[] = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    text: `${firstLine(error.message)}; valid YAML is needed`,
  }));
  if (problems.length > 0) throw failure(file, problems);

  const report = (path: Path, wrong: string, right: string): void => {
    problems.push({
      line: lineOf(document.contents, path, lines),
      text: `${pathText(path)}: ${wrong}; ${right}`,
    });
  };

  const unused: string[] = [];
  /** by path: what is written where a value came from outside, or could not be had */
  const written = new Map<string, string>();
  const unresolved = new Set<string>();
  const folder = dirname(file);
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string') return;
      const path = [...pathTo(ancestors), pair.key.value];
      const lastKeys = path.filter((step) => typeof step === 'string').slice(-2);
      if (!LATER_KEYS.has(lastKeys.join('.'))) return;
      unused.push(pathText(path));
      return visit.SKIP;
    },
    Scalar(key, scalar, ancestors) {
      if (key === 'key' || typeof scalar.value !== 'string') return;
      const resolved = resolveValue(scalar.value, environment, folder);
      if ('value' in resolved && !resolved.fromOutside) return;
      const path = pathTo([...ancestors, scalar]);
      written.set(pathText(path), scalar.value);
      if ('value' in resolved) {
        scalar.value = resolved.value;
        return;
      }
      report(path, resolved.wrong, resolved.right);
      unresolved.add(pathText(path));
    },
  });

  const value: unknown = document.toJS() ?? {};
  const parsed = fileSchema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) {
    // Its true value is unknown, and it has been complained about.
    if (!unresolved.has(pathText(issue.path))) reportIssue(issue, value, report, written);
  }
  checkMeaning(value, report, (path, text) => written.get(pathText(path)) ?? text);
  const section = parsed.data?.influx;
  const influx = section === undefined ? null : influxSettings(section, folder, report);
  if (problems.length > 0) throw failure(file, problems);
  if (!parsed.success) throw new ConfigurationError(`${file}: ${parsed.error.message}`);

  const { capture, journal, control } = parsed.data;
  const pathOf = (path: string | undefined) => (path === undefined ? null : resolve(folder, path));
  return {
    observer: { clusters: clustersOf(parsed.data), thresholds: thresholdsOf(parsed.data) },
    capture: { interfaces: capture?.interfaces ?? [], join: capture?.join ?? true },
    journal: {
      path: pathOf(journal?.path),
      retentionMs: journal?.retention ?? 30 * DAY_MS,
      samplesMs: journal?.samples ?? 3 * DAY_MS,
    },
    control: { path: pathOf(control?.path) },
    influx,
    unused,
  };
}

const DAY_MS = 86_400_000;

interface Problem {
  readonly line: number;
  readonly text: string;
}

function failure(file: string, problems: readonly Problem[]): ConfigurationError {
  const ordered = [...problems].sort((a, b) => a.line - b.line);
  return new ConfigurationError(ordered.map(({ line, text }) => `${file}:${line}: ${text}`).join('\n'));
}

function reportIssue(
  issue: core.$ZodIssue,
  value: unknown,
  report: Report,
  written: ReadonlyMap<string, string>,
): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) report([...issue.path, key], 'unknown key', issue.message);
    return;
  }
  const found = issue.path.reduce<unknown>(memberOf, value);
  const outside = written.get(pathText(issue.path));
  const what = outside === undefined ? shown(found) : `the value of ${outside}`;
  report(issue.path, found === undefined ? 'missing' : `${what} does not fit`, `expected ${issue.message}`);
}

function clustersOf(file: ConfigurationFile): readonly ObservedCluster[] {
  return clustersWithPaths(file).map(({ cluster }) => ({
    name: cluster.name,
    nodes: cluster.nodes.map(({ name, addresses }) => ({ name, addresses })),
    virtualRouters: cluster.virtualRouters.map(({ vrid, segment, vips, nodes, unicast }) => ({
      vrid,
      segment: segment ?? null,
      vips,
      nodes,
      unicast,
    })),
  }));
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
  const { flappingWindow, forgetAfter } = given;
  return {
    flappingFailovers: given.flappingFailovers ?? d.flappingFailovers,
    flappingWindowS: flappingWindow === undefined ? d.flappingWindowS : flappingWindow / 1_000,
    garpMissingAfterMs: given.garpMissingAfter ?? d.garpMissingAfterMs,
    rejectedSilenceMs: given.rejectedSilence ?? d.rejectedSilenceMs,
    forgetAfterH: forgetAfter === undefined ? d.forgetAfterH : forgetAfter / 3_600_000,
  };
}

/** The line of the key, or of the item; where that is missing, of what it is missing from. */
function lineOf(root: Node | null, path: Path, lines: LineCounter): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step);
    const next: unknown = isPair(pair) ? pair.value : node.get(step, true);
    const marked: unknown = isPair(pair) ? pair.key : next;
    const start = nodeStart(marked);
    if (start === null) break;
    offset = start;
    node = next;
  }
  return lines.linePos(offset).line;
}

function nodeStart(node: unknown): number | null {
  return isScalar(node) || isCollection(node) ? (node.range?.[0] ?? null) : null;
}

/** From `visit`'s ancestors: the keys of the pairs and the indices in the lists. */
function pathTo(ancestors: readonly unknown[]): Path {
  const path: PropertyKey[] = [];
  for (const [i, ancestor] of ancestors.entries()) {
    if (isPair(ancestor) && isScalar(ancestor.key)) path.push(String(ancestor.key.value));
    else if (isCollection(ancestor) && !isPair(ancestors[i + 1]) && i + 1 < ancestors.length) {
      path.push((ancestor.items as readonly unknown[]).indexOf(ancestors[i + 1]));
    }
  }
  return path;
}

/** `clusters[0].nodes[1].name` */
function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${String(step)}`;
  }
  return text === '' ? 'the file' : text;
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return JSON.stringify(value);
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}
