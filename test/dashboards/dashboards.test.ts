/** What Grafana 9 to 13 and a person on call need of the dashboards, as far as no Grafana is needed to tell. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DASHBOARDS, dashboardJson } from '../../src/dashboards/dashboards.ts';
import type { Panel } from '../../src/dashboards/grafana-types.ts';
import { PROXY_STATES } from '../../src/dashboards/looks.ts';

const folder = new URL('../../dashboards/', import.meta.url);

/** Pixels of a phone's screen below Grafana's own header; a row of the grid is 38 with its gap. */
const PHONE_ROWS = Math.floor((844 - 150) / 38);

describe('dashboards/*.json', () => {
  it.each(DASHBOARDS)('$uid is what src/dashboards says (else: npm run docs)', (dashboard) => {
    const path = new URL(`${dashboard.uid}.json`, folder);
    if (process.env.UPDATE === '1') writeFileSync(path, dashboardJson(dashboard));
    expect(readFileSync(path, 'utf8')).toBe(dashboardJson(dashboard));
  });

  it('are these and no others', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(files.sort()).toEqual(DASHBOARDS.map(({ uid }) => `${uid}.json`).sort());
  });
});

describe.each(DASHBOARDS)('$title', (dashboard) => {
  const { panels } = dashboard;

  it('imports without questions, under an address that Grafana accepts', () => {
    expect(dashboard.uid).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
    expect(dashboard).not.toHaveProperty('__inputs');
    expect(dashboard).toMatchObject({ id: null, schemaVersion: 39 });
    // Of one data source or of Grafana itself, never of one by a name that only we have.
    const sources = new Set(
      [...JSON.stringify(dashboard).matchAll(/"datasource":(\{[^}]*\}?"?\})/g)].map(([, ref]) => ref),
    );
    expect(sources.size).toBeGreaterThan(0);
    for (const source of sources) expect(source).toMatch(/\$\{ds\}|-- Grafana --/);
  });

  it('has the variables that its queries name', () => {
    const known = new Set([
      'timeFilter',
      '__interval',
      '__from',
      '__to',
      'tag_',
      ...dashboard.templating.list.map(({ name }) => name),
    ]);
    const named = [...JSON.stringify(dashboard.panels.map(({ targets }) => targets)).matchAll(/\$\{?(\w+)/g)]
      .map(([, name = '']) => name.replace(/^tag_.*/, 'tag_'))
      .filter((name) => !known.has(name));
    expect(named).toEqual([]);
  });

  it('asks for the time that is looked at, and no more', () => {
    for (const { query } of panels.flatMap(({ targets }) => targets)) {
      expect(query).toContain('$timeFilter');
      // rows without bound only where a screen's pixels or a few series are the bound
      if (!/GROUP BY|count\(|max\(/.test(query)) expect(query).toMatch(/LIMIT \d+$/);
    }
  });

  it('has each panel at a place of its own on the grid', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(cellsOf);
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of panels) {
      expect(Number.isInteger(gridPos.w)).toBe(true);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
  });

  it('says of each panel which question it answers', () => {
    for (const { title, description } of panels) {
      expect(description, title).toMatch(/^(Question [1-6]: .+\?|Behind all six questions: .+\?)\n\n.{20,}/);
    }
  });

  it('tells the state without scrolling, on a phone too', () => {
    const [first, second] = panels;
    expect(first?.type).toBe('stat');
    // On a phone panels stand one below the other.
    expect((first?.gridPos.h ?? 0) + (second?.gridPos.h ?? 0)).toBeLessThanOrEqual(PHONE_ROWS);
    for (const panel of [first, second]) expect(panel?.gridPos.w).toBe(24);
  });

  it('says so where there is nothing to show now', () => {
    for (const panel of panels.filter(({ timeFrom }) => timeFrom !== undefined)) {
      expect(panel.fieldConfig.defaults, panel.title).toHaveProperty('noValue');
    }
  });
});

it('all six questions are answered', () => {
  const answered = DASHBOARDS.flatMap(({ panels }) =>
    panels.map(({ description }) => /^Question (\d)/.exec(description)?.[1]),
  );
  expect([...new Set(answered)].filter((number) => number !== undefined).sort()).toEqual([
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
  ]);
});

it.each([
  ['UP', 'green'],
  ['UP 1/3', 'orange'],
  ['DOWN', 'red'],
  ['DOWN 1/2', 'red'],
  ['MAINT (via app/s1)', 'blue'],
  ['DRAIN', 'blue'],
  ['no check', 'yellow'],
])('a server that is %s is %s', (status, color) => {
  // as Grafana reads a pattern: the first that fits decides
  const colors = PROXY_STATES.flatMap((mapping) =>
    mapping.type === 'regex' && new RegExp(mapping.options.pattern.slice(1, -1)).test(status)
      ? [mapping.options.result.color]
      : [],
  );
  expect(colors[0]).toBe(color);
});

function cellsOf({ gridPos: { x, y, w, h } }: Panel): readonly string[] {
  const cells: string[] = [];
  for (let column = x; column < x + w; column++) {
    for (let row = y; row < y + h; row++) cells.push(`${column}/${row}`);
  }
  return cells;
}
