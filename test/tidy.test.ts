/** What the code must not do, and no compiler says: import arrows, purity, completeness of scenarios and docs. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../src/events.ts';

const root = new URL('..', import.meta.url).pathname;
const sources = filesUnder('src').filter((file) => file.endsWith('.ts'));

/** Each part, and the parts that it may know beside itself. Parts of one line never know each other. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'src/time.ts': [],
  'src/wire': ['src/time.ts'],
  'src/events.ts': ['src/time.ts'],
  'src/samples.ts': ['src/time.ts'],
  'src/reading': [],
  'src/observation.ts': ['src/time.ts', 'src/wire', 'src/reading'],
  'src/state.ts': ['src/time.ts'],
  'src/observer': [
    'src/time.ts',
    'src/events.ts',
    'src/samples.ts',
    'src/observation.ts',
    'src/reading',
    'src/state.ts',
    'src/wire/packet.ts',
  ],
  'src/timeline': ['src/time.ts', 'src/events.ts', 'src/samples.ts', 'src/state.ts'],
  'src/config': [
    'src/time.ts',
    'src/observer/configuration.ts',
    'src/poll/settings.ts',
    'src/poll/probes/targets.ts',
    'src/grafana/settings.ts',
    'src/sinks/influx-settings.ts',
    'src/alerts/configuration.ts',
    'src/alerts/rules.ts',
    'src/alerts/quiet.ts',
    'src/alerts/deliver/signatures.ts',
    'src/alerts/deliver/template.ts',
  ],
  'src/capture': ['src/time.ts', 'src/observation.ts', 'src/wire'],
  'src/poll': ['src/time.ts', 'src/observation.ts', 'src/reading'],
  'src/sinks': ['src/time.ts', 'src/events.ts', 'src/samples.ts'],
  'src/journal': ['src/time.ts', 'src/events.ts', 'src/samples.ts', 'src/timeline'],
  'src/alerts': ['src/time.ts', 'src/events.ts', 'src/timeline'],
  'src/control': ['src/time.ts', 'src/events.ts', 'src/timeline'],
  'src/demo': ['src/time.ts'],
  'src/dashboards': [],
  'src/grafana': ['src/time.ts', 'src/events.ts', 'src/timeline'],
  'src/influx': ['src/journal', 'src/sinks'],
  'src/app.ts': ['src'],
  'src/cli': ['src'],
};

describe('imports', () => {
  it('follow the arrows of docs/architecture.md', () => {
    const wrong = sources.flatMap((file) => {
      const part = partOf(file);
      const allowed = [part, ...(ARROWS[part] ?? [])];
      return importsOf(file)
        .filter(
          (target) =>
            target.startsWith('src/') && !allowed.some((a) => target === a || target.startsWith(`${a}/`)),
        )
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('never pass through a file that only passes on', () => {
    const barrels = sources.filter((file) => /^export (\*|\{[^}]*\}) from/m.test(read(file)));
    expect(barrels).toEqual([]);
  });

  it('name each part of the code map', () => {
    expect([...new Set(sources.map(partOf))].filter((part) => ARROWS[part] === undefined)).toEqual([]);
  });
});

describe('purity', () => {
  const pure = (file: string) =>
    /^src\/(wire|observer|timeline|reading|sinks\/line-protocol|events|samples|observation)/.test(file) ||
    /^src\/alerts\/(configuration|compose|dispatch|quiet|rules|silence-request|simulation|story|thread)\.ts$/.test(
      file,
    );
  const IMPURE =
    /\b(process|console|performance|globalThis|fetch|setTimeout|setInterval|setImmediate)\b[.(]|Math\.random|\bDate\.now|new Date\(\)|await /;

  it('wire, observer, timeline and the dispatch of alerts do no I/O, read no clock and roll no dice', () => {
    const wrong = sources.filter(pure).flatMap((file) =>
      withoutComments(read(file))
        .split('\n')
        .filter((line) => IMPURE.test(line) || /from 'node:/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(wrong).toEqual([]);
  });

  it('the observer knows no calendar: time arrives with each observation', () => {
    const wrong = sources.filter(
      (file) => file.startsWith('src/observer/') && /\bDate\b/.test(withoutComments(read(file))),
    );
    expect(wrong).toEqual([]);
  });
});

describe('every kind of event', () => {
  it.each(Object.keys(KINDS))('%s is in docs/events.md', (kind) => {
    expect(read('docs/events.md')).toContain(`### ${kind}\n`);
  });

  const scenarios = existsSync(join(root, 'test/observer/scenarios'))
    ? filesUnder('test/observer/scenarios').filter((file) => file.endsWith('.txt'))
    : [];
  const told = scenarios.map(read).join('\n');
  it.skipIf(scenarios.length === 0).each(Object.keys(KINDS))('%s happens in some scenario', (kind) => {
    expect(told).toMatch(new RegExp(`\\b${kind}\\b`));
  });
});

it('no file speaks of the machine that it was written on', () => {
  const ours = readdirSync(root)
    .filter((name) => !['node_modules', 'dist', 'tmp', 'coverage', '.git'].includes(name))
    .flatMap((name) => (statSync(join(root, name)).isDirectory() ? filesUnder(name) : [name]))
    .filter((file) => !/^(test\/recordings|bench\/\.cache)\//.test(file))
    .filter((file) => /\.(ts|js|json|md|sh|ya?ml|txt)$|^\.ci\//.test(file));
  const paths = new RegExp(['/work', '/(main|shared|lab)|\\.\\./', 'shared'].join(''));
  expect(ours.filter((file) => paths.test(read(file)))).toEqual([]);
});

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** `src/wire`, or the file itself where it stands alone. */
function partOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

function importsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, target = '']) =>
    normalize(join(dirname(file), target)),
  );
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}
