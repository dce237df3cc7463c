/** `dashboards export`: files that Grafana's provisioning reads, without a secret in any of them. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS } from '../../src/dashboards/dashboards.ts';
import { provisioningFiles } from '../../src/grafana/provisioning.ts';

const SOURCE = {
  uid: 'vipwatch',
  name: 'InfluxDB of vipwatch',
  url: 'http://db:8086',
  database: 'price$',
  user: 'grafana',
  password: 'influx-secret',
  token: 'influx-token',
} as const;

const files = provisioningFiles(DASHBOARDS, 'Failovers', SOURCE, '/etc/grafana/provisioning');
const textOf = (path: string) => files.find((file) => file.path === path)?.text ?? '';

it('has a file for each dashboard, for the provider and for the data source', () => {
  expect(files.map(({ path }) => path)).toEqual([
    'datasources/vipwatch.yaml',
    'dashboards/vipwatch.yaml',
    ...DASHBOARDS.map(({ uid }) => `dashboards/vipwatch/${uid}.json`),
  ]);
});

it('the provider finds the dashboards', () => {
  expect(parse(textOf('dashboards/vipwatch.yaml'))).toMatchObject({
    apiVersion: 1,
    providers: [
      {
        folder: 'Failovers',
        type: 'file',
        options: { path: '/etc/grafana/provisioning/dashboards/vipwatch' },
      },
    ],
  });
});

it('dashboards begin with the data source beside them', () => {
  const { templating } = JSON.parse(textOf('dashboards/vipwatch/vipwatch-timeline.json')) as {
    templating: { list: { name: string; current: unknown }[] };
  };
  expect(templating.list[0]).toMatchObject({ name: 'ds', current: { text: SOURCE.name, value: 'vipwatch' } });
});

it('secrets are named, not told; a dollar is a dollar', () => {
  const all = files.map(({ text }) => text).join();
  expect(all).not.toMatch(/influx-secret|influx-token/);
  expect(parse(textOf('datasources/vipwatch.yaml'))).toMatchObject({
    datasources: [
      {
        uid: 'vipwatch',
        url: 'http://db:8086',
        database: 'price$$',
        secureJsonData: { password: '$INFLUX_PASSWORD', httpHeaderValue1: 'Token $INFLUX_TOKEN' },
      },
    ],
  });
});
