/**
 * Reads `vipwatch.yaml`: text → YAML → variables → shape → what the observer is told. Every problem is found in
 * one go, each with file, line, key, what is wrong and what would be right. Variables (`${NAME}`) are resolved
 * after the YAML is parsed, so a value never changes the file's structure.
 */
import { readFileSync } from 'node:fs';
import { isCollection, isPair, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { core } from 'zod';
import {
  DEFAULT_THRESHOLDS,
  type ObservedCluster,
  type ObserverConfiguration,
  type Thresholds,
} from '../observer/configuration.ts';
import { type ConfigurationFile, fileSchema, LATER_KEYS } from './schema.ts';

export interface Configuration {
  readonly observer: ObserverConfiguration;
  readonly interfaces: readonly string[];
  /** what the file holds that this version does not use yet: said once, by whoever reads it */
  readonly unused: readonly string[];
}

/** Its message is all the problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

type Path = readonly PropertyKey[];
type Environment = Readonly<Record<string, string | undefined>>;

export function readConfiguration(file: string, environment: Environment): Configuration {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not readable for this user' : code;
    throw new ConfigurationError(`${file}: ${why}; -c takes the path of a vipwatch.yaml`);
  }
  return parseConfiguration(text, file, environment);
}

/** `file` is for the messages. */
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
  const unresolved = new Set<string>();
  visit(document, {
    Pair(_, pair, ancestors) {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string' || !LATER_KEYS.has(pair.key.value))
        return;
      unused.push(pathText([...pathTo(ancestors), pair.key.value]));
      return visit.SKIP;
    },
    Scalar(key, scalar, ancestors) {
      if (key === 'key' || typeof scalar.value !== 'string') return;
      scalar.value = scalar.value.replace(/\$\{([^}]*)\}/g, (variable, name: string) => {
        const value = environment[name];
        if (value !== undefined) return value;
        const path = pathTo([...ancestors, scalar]);
        report(
          path,
          `the variable ${variable} is not set`,
          `set ${name} in the environment, or write the value itself`,
        );
        unresolved.add(pathText(path));
        return variable;
      });
    },
  });

  const value: unknown = document.toJS() ?? {};
  const parsed = fileSchema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) {
    // Its true value is unknown, and it has been complained about.
    if (!unresolved.has(pathText(issue.path))) reportIssue(issue, value, report);
  }
  if (parsed.success) checkMeaning(parsed.data, report);
  if (problems.length > 0) throw failure(file, problems);
  if (!parsed.success) throw new ConfigurationError(`${file}: ${parsed.error.message}`);

  return {
    observer: { clusters: clustersOf(parsed.data), thresholds: thresholdsOf(parsed.data) },
    interfaces: parsed.data.capture?.interfaces ?? [],
    unused,
  };
}

interface Problem {
  readonly line: number;
  readonly text: string;
}
type Report = (path: Path, wrong: string, right: string) => void;

function failure(file: string, problems: readonly Problem[]): ConfigurationError {
  const ordered = [...problems].sort((a, b) => a.line - b.line);
  return new ConfigurationError(ordered.map(({ line, text }) => `${file}:${line}: ${text}`).join('\n'));
}

function reportIssue(issue: core.$ZodIssue, value: unknown, report: Report): void {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) report([...issue.path, key], 'unknown key', issue.message);
    return;
  }
  const found = issue.path.reduce<unknown>(memberOf, value);
  report(
    issue.path,
    found === undefined ? 'missing' : `${shown(found)} does not fit`,
    `expected ${issue.message}`,
  );
}

/** What no shape can say: names that must exist, or must not exist twice. */
function checkMeaning(file: ConfigurationFile, report: Report): void {
  const topLevel =
    file.cluster !== undefined || file.nodes !== undefined || file.virtualRouters !== undefined;
  if (topLevel && file.clusters !== undefined) {
    report(
      ['clusters'],
      'stands beside cluster, nodes or virtualRouters',
      'either one cluster at the top level, or all of them under clusters',
    );
  }

  if (topLevel && file.cluster === undefined) {
    report(
      ['cluster'],
      'missing',
      'expected the name of the cluster whose nodes and virtualRouters stand here',
    );
  }

  const clusterNames = new Set<string>();
  for (const { path, cluster } of clustersWithPaths(file)) {
    if (clusterNames.has(cluster.name)) {
      report([...path, 'name'], `a second cluster named ${cluster.name}`, 'each needs its own name');
    }
    clusterNames.add(cluster.name);

    const names = new Set<string>();
    const owners = new Map<string, string>();
    for (const [n, node] of cluster.nodes.entries()) {
      const at = [...path, 'nodes', n];
      if (names.has(node.name))
        report([...at, 'name'], `a second node named ${node.name}`, 'each needs its own name');
      names.add(node.name);
      for (const [a, address] of node.addresses.entries()) {
        const owner = owners.get(address);
        if (owner !== undefined) {
          report(
            [...at, 'addresses', a],
            `${address} is ${owner}'s already`,
            'an address belongs to one node',
          );
        }
        owners.set(address, node.name);
      }
    }

    for (const [v, router] of cluster.virtualRouters.entries()) {
      for (const [n, name] of router.nodes.entries()) {
        if (names.has(name)) continue;
        const known =
          names.size === 0 ? 'the cluster has no nodes' : `the cluster's nodes: ${[...names].join(', ')}`;
        report([...path, 'virtualRouters', v, 'nodes', n], `no node is named ${name}`, known);
      }
    }
  }
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
