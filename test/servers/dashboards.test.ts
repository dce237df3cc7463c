/**
 * Every query of every panel, annotation and variable against a real InfluxDB that holds what the recordings tell. A
 * panel without rows is a panel with a mistake.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DASHBOARDS } from '../../src/dashboards/dashboards.ts';
import type { Dashboard, Panel } from '../../src/dashboards/grafana-types.ts';
import {
  configuredLines,
  databaseLines,
  lostLines,
  ownLines,
  polledLines,
  recordedLines,
  SPAN_MS,
} from '../support/dashboard-data.ts';
import { nameOf, substituted, type Viewed, viewedBy } from '../support/grafana-macros.ts';
import { INFLUXD_MISSING, Influxd, type Series } from '../support/influxd.ts';

if (INFLUXD_MISSING) console.warn('\nDashboards are NOT tried on InfluxDB: apt-get install influxdb\n');

describe.skipIf(INFLUXD_MISSING)('dashboards on a real InfluxDB', () => {
  let influxd: Influxd;
  const toMs = Math.floor(Date.now() / 1_000) * 1_000;
  const all: Viewed = { fromMs: toMs - SPAN_MS, toMs };

  /** Nothing is configured in `recorded`, but for what is polled: no other point has a cluster. */
  beforeAll(async () => {
    influxd = await Influxd.start();
    await influxd.write('recorded', [
      ...(await recordedLines(toMs)),
      ...lostLines(toMs),
      ...ownLines(toMs),
      ...polledLines(toMs),
      ...databaseLines(toMs),
    ]);
    await influxd.write('configured', [
      ...(await configuredLines(toMs)),
      ...ownLines(toMs),
      ...polledLines(toMs),
      ...databaseLines(toMs),
    ]);
  }, 60_000);
  afterAll(() => influxd?.stop());

  const rowsOf = async (panel: Panel, viewed: Viewed, database: string): Promise<readonly Row[]> => {
    const rows: Row[] = [];
    for (const target of panel.targets) {
      const query = substituted(target.query, viewedBy(panel, viewed), panel.interval);
      for (const series of await influxd.query(database, query)) {
        for (const values of series.values) rows.push({ name: nameOf(target, series), series, values });
      }
    }
    return rows;
  };
  const panelOf = (title: string): Panel => {
    const panel = DASHBOARDS.flatMap(({ panels }) => panels).find((each) => each.title === title);
    if (panel === undefined) throw new Error(`no panel is called ${title}`);
    return panel;
  };

  for (const dashboard of DASHBOARDS) {
    describe(dashboard.title, () => {
      it.each(dashboard.panels.map((panel) => [panel.title, panel] as const))('%s', async (_, panel) => {
        expect(await rowsOf(panel, all, 'recorded')).not.toEqual([]);
      });

      it.each(annotationQueries(dashboard))('marks: %s', async (_, query) => {
        const marks = await influxd.query('recorded', substituted(query, all));
        expect(marks).not.toEqual([]);
        for (const mark of marks) expect(mark.columns).toContain('summary');
      });

      it('variables offer what there is', async () => {
        for (const { name, type, query } of dashboard.templating.list) {
          if (type !== 'query') continue;
          const offered = await influxd.query('configured', substituted(query, all));
          expect(
            offered.flatMap(({ values }) => values),
            name,
          ).not.toEqual([]);
        }
      });
    });
  }

  it('a segment is chosen by its whole name, dots and all', async () => {
    const viewed = { ...all, chosen: { segment: ['x18_vlan.100'] } };
    const rows = await rowsOf(panelOf('State of each virtual router'), viewed, 'recorded');
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(['vr:x18_vlan.100/ipv4/51']));
    const events = await rowsOf(panelOf('Events'), viewed, 'recorded');
    expect(new Set(events.map((row) => segmentOf(cellOf(row, 'subject'))))).toEqual(
      new Set(['x18_vlan.100']),
    );
  });

  it('a cluster and a VRID that are chosen leave theirs, others nothing', async () => {
    const ours = { ...all, chosen: { cluster: ['web'], vrid: ['172'] } };
    const others = { ...all, chosen: { cluster: ['web'], vrid: ['17'] } };
    for (const title of ['State of each virtual router', 'Events', 'Failovers', 'Availability']) {
      expect(await rowsOf(panelOf(title), ours, 'configured'), title).not.toEqual([]);
    }
    expect(await rowsOf(panelOf('State of each virtual router'), others, 'configured')).toEqual([]);
    expect(await rowsOf(panelOf('Failovers'), others, 'configured')).toEqual([]);
  });

  it('availability: what was dark is taken from the virtual router of the same name', async () => {
    const rows = await rowsOf(panelOf('Availability'), all, 'recorded');
    const sums = new Map<string, number>();
    for (const row of rows) sums.set(row.name, (sums.get(row.name) ?? 0) + Number(row.values[1]));
    // no name stands for dark time alone
    expect([...sums.values()].filter((sum) => sum <= 0 || sum > 1)).toEqual([]);
    expect(sums.get('vr:m12_reload/ipv4/51')).toBe(1);
    // 3.6 s and a little of 10 minutes
    expect(sums.get('vr:s4_nginx/ipv4/172')).toBeCloseTo(0.994, 2);
    expect(sums.get('vr:cable/ipv4/7')).toBeCloseTo(1 - 40_000 / SPAN_MS, 9);
  });

  it('what clients get stands apart from what each node would serve', async () => {
    const now = await rowsOf(panelOf('Services and backends now'), all, 'recorded');
    expect(now.map(({ name, values }) => [name, values[1]])).toEqual([
      ['10.8.0.100', 1],
      ['app on lb1', 1],
      ['app on lb2', 1],
    ]);
    const rows = await rowsOf(panelOf('Services, through the VIP and at each node'), all, 'recorded');
    const states = new Map(rows.map(({ name, values }) => [name.trim(), values[1]]));
    expect([...states]).toEqual([
      ['10.8.0.100', 1],
      ['10.8.0.100 lb1', 1],
      ['10.8.0.100 lb2', 0],
    ]);
    const [longest] = await rowsOf(panelOf('Longest blackout'), all, 'recorded');
    expect(longest?.values[1]).toBe(4_200);
  });

  it('a node and a proxy that are chosen leave theirs', async () => {
    const titles = ['Backends', 'Servers', 'Sessions', 'Queued', 'Errors', 'Servers now'];
    for (const title of titles) {
      const ours = { ...all, chosen: { cluster: ['shop'], node: ['lb1'], proxy: ['app'] } };
      const rows = await rowsOf(panelOf(title), ours, 'configured');
      expect(new Set(rows.map(({ series }) => series.tags?.node)), title).toEqual(new Set(['lb1']));
      const others = { ...all, chosen: { proxy: ['ap'] } };
      expect(await rowsOf(panelOf(title), others, 'configured'), title).toEqual([]);
    }
  });

  it('a replica shows its lag where somebody can tell, who tells it, and what is at risk', async () => {
    const viewed = { ...all, chosen: { cluster: ['orders'], node: ['db2'] } };
    const lags = (await rowsOf(panelOf('Lag'), viewed, 'recorded')).map(({ values }) => values[1]);
    expect(new Set(lags)).toEqual(new Set([0.25, 40]));
    const risks = (await rowsOf(panelOf('Transactions at risk'), viewed, 'recorded')).map(
      ({ values }) => values[1],
    );
    expect(new Set(risks)).toEqual(new Set([0, 120]));
    // while it is broken there is no lag, and there are transactions at risk
    expect(lags.length).toBeLessThan(risks.length);
    const [now] = await rowsOf(panelOf('Replicas now'), viewed, 'recorded');
    expect(now?.series.tags).toEqual({ node: 'db2', channel: 'default', engine: 'mariadb' });
    expect(now?.series.columns.slice(1)).toEqual([
      'lag',
      'lag by',
      'missing',
      'receiver',
      'applier',
      'writes',
    ]);
    expect(now?.values.slice(1)).toEqual([0.25, 'heartbeat', 0, 'yes', 'yes', true]);
    const states = (await rowsOf(panelOf('Replication'), viewed, 'recorded')).map(({ values }) => values[1]);
    expect(states.filter((state, i) => state !== states[i - 1])).toEqual([2, 0, 1, 2]);
  });

  it('the holder of the VIP stands above who is read-only', async () => {
    const viewed = { ...all, chosen: { cluster: ['orders'] } };
    const rows = await rowsOf(panelOf('Read-only, and who holds the VIP'), viewed, 'recorded');
    const last = new Map(rows.map(({ name, values }) => [name, values[1]]));
    expect([...last]).toEqual([
      ['10.9.0.100', 'db1'],
      ['db2', true],
    ]);
  });

  it('a Galera node that is cut off loses its quorum, and the others a member', async () => {
    const viewed = { ...all, chosen: { cluster: ['orders'], node: ['pxc3', 'pxc1'] } };
    const valuesOf = async (title: string, name: string) => {
      const rows = await rowsOf(panelOf(title), viewed, 'recorded');
      const values = rows.flatMap((row) => (row.name === name ? [row.values[1]] : []));
      return values.filter((value, i) => value !== values[i - 1]);
    };
    expect(await valuesOf('Galera', 'pxc3: quorum')).toEqual([true, false, true]);
    expect(await valuesOf('Galera', 'pxc1: quorum')).toEqual([true]);
    expect(await valuesOf('Members of the Galera component', 'pxc1')).toEqual([3, 2, 3]);
  });

  it('a split-brain shows as one, from begin to end', async () => {
    const viewed = { ...all, chosen: { segment: ['x1_split_brain'] } };
    const rows = await rowsOf(panelOf('State of each virtual router'), viewed, 'recorded');
    expect(rows.map(({ values }) => values[1])).toContain(3);
    const [count] = await rowsOf(panelOf('Split-brains'), viewed, 'recorded');
    expect(count?.values[1]).toBe(1);
  });

  it('holders change in the row of their VIP', async () => {
    const viewed = { ...all, chosen: { segment: ['s0_pxc_docker'] } };
    const rows = await rowsOf(panelOf('Who held each VIP'), viewed, 'recorded');
    const holders = rows.map(({ values }) => String(values[1]));
    expect(holders.filter((holder, i) => holder !== holders[i - 1])).toEqual([
      '172.18.0.7',
      '172.18.0.8',
      '172.18.0.7',
    ]);
  });
});

interface Row {
  readonly name: string;
  readonly series: Series;
  readonly values: Series['values'][number];
}

function cellOf({ series, values }: Row, column: string): string {
  return String(values[series.columns.indexOf(column)]);
}

function segmentOf(subject: string): string {
  return subject.split(':')[1]?.split('/')[0] ?? '';
}

function annotationQueries(dashboard: Dashboard): readonly (readonly [name: string, query: string])[] {
  return dashboard.annotations.list.flatMap(({ name, query }) =>
    query === undefined ? [] : [[name, query] as const],
  );
}
