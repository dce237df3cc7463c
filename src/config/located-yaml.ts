/**
 * A YAML file whose mistakes are told by their place: text, values from outside, shape. Every problem is found in one
 * go, each with file, line, key, what is wrong and what would be right; only what is no YAML at all hides the rest.
 * Never shows what came from the environment or from a file: it may be a secret.
 */
import {
  type Document,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { core, z } from 'zod';
import type { Path, Report } from './meaning.ts';
import { type Environment, resolveValue } from './values.ts';

/** Its message is all the problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export class LocatedYaml {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #problems: Problem[] = [];
  readonly #elsewhere: string[] = [];
  /** by path: what is written where a value came from outside, or could not be had */
  readonly #written = new Map<string, string>();
  readonly #unresolved = new Set<string>();

  /** `file` is for the messages. Throws a ConfigurationError where it is no YAML. */
  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines });
    for (const { pos, message } of this.#document.errors) {
      const { line } = this.#lines.linePos(pos[0]);
      this.#problems.push({ line, text: `${firstLine(message)}; valid YAML is needed` });
    }
    this.throwIfWrong();
  }

  readonly report: Report = (path, wrong, right) => {
    this.#problems.push({ line: this.lineOf(path), text: `${pathText(path)}: ${wrong}; ${right}` });
  };

  /** `folder`: what paths are relative to. */
  resolveValues(environment: Environment, folder: string): void {
    visit(this.#document, {
      Scalar: (key, scalar, ancestors) => {
        if (key === 'key' || typeof scalar.value !== 'string') return;
        const resolved = resolveValue(scalar.value, environment, folder);
        if ('value' in resolved && !resolved.fromOutside) return;
        const path = pathTo([...ancestors, scalar]);
        this.#written.set(pathText(path), scalar.value);
        if ('value' in resolved) {
          scalar.value = resolved.value;
          return;
        }
        this.report(path, resolved.wrong, resolved.right);
        this.#unresolved.add(pathText(path));
      },
    });
  }

  value(): unknown {
    return this.#document.toJS() ?? {};
  }

  /** A value as a message may show it: as it is written, where it came from outside. */
  asWritten(path: Path, value: string): string {
    return this.#written.get(pathText(path)) ?? value;
  }

  /** Null where it is not of that shape, which is then reported. */
  check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | null {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      // Its true value is unknown, and it has been complained about.
      if (!this.#unresolved.has(pathText(issue.path))) this.#reportIssue(issue, value);
    }
    return null;
  }

  /** The line of the key, or of the item; where that is missing, of what it is missing from. */
  lineOf(path: Path): number {
    return lineIn(this.#document.contents, path, this.#lines);
  }

  /** What is wrong with a file that this one names. */
  include(error: ConfigurationError): void {
    this.#elsewhere.push(error.message);
  }

  throwIfWrong(): void {
    const ordered = [...this.#problems].sort((a, b) => a.line - b.line);
    const lines = ordered.map(({ line, text }) => `${this.#file}:${line}: ${text}`);
    if (lines.length + this.#elsewhere.length > 0)
      throw new ConfigurationError([...lines, ...this.#elsewhere].join('\n'));
  }

  #reportIssue(issue: core.$ZodIssue, value: unknown): void {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) this.report([...issue.path, key], 'unknown key', issue.message);
      return;
    }
    const found = issue.path.reduce<unknown>(memberOf, value);
    const outside = this.#written.get(pathText(issue.path));
    const isSecret = SECRET_KEYS.has(String(issue.path.at(-1)));
    const what = isSecret
      ? `the value${typeof found === 'number' ? ' (a number: put it in quotes)' : ''}`
      : outside === undefined
        ? shown(found)
        : `the value of ${outside}`;
    this.report(
      issue.path,
      found === undefined ? 'missing' : `${what} does not fit`,
      `expected ${issue.message}`,
    );
  }
}

/** What stands here is a secret, or may hold one: no message shows it. */
const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'secret', 'token', 'url', 'smtp', 'probe']);

interface Problem {
  readonly line: number;
  readonly text: string;
}

function lineIn(root: Node | null, path: Path, lines: LineCounter): number {
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
