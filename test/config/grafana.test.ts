/** The section `grafana`: what it means, what is wrong with one, and that nothing secret is shown. */
import { expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/located-yaml.ts';
import { parseConfiguration } from '../../src/config/read.ts';

const read = (yaml: string, environment = {}) =>
  parseConfiguration(yaml, 'vipwatch.yaml', environment).grafana;

function problems(yaml: string, environment = {}): readonly string[] {
  try {
    read(yaml, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
}

it('two lines are enough', () => {
  expect(read('grafana: {url: "http://g:3000/", token: glsa_x}')).toEqual({
    url: 'http://g:3000',
    credentials: { token: 'glsa_x' },
    ca: null,
    insecure: false,
    folder: 'vipwatch',
    annotations: false,
    dataSource: {
      uid: 'vipwatch',
      name: 'vipwatch',
      url: null,
      database: 'vipwatch',
      user: null,
      password: null,
      token: null,
    },
  });
});

it('takes the token out of the environment where the file has none', () => {
  const credentials = (yaml: string, environment = {}) => read(yaml, environment)?.credentials;
  expect(credentials('grafana: {url: "http://g"}', { GRAFANA_TOKEN: 'glsa_e' })).toEqual({ token: 'glsa_e' });
  expect(credentials('grafana: {url: "http://g", user: a, password: b}')).toEqual({
    user: 'a',
    password: 'b',
  });
  // The daemon shares the file and needs none.
  expect(credentials('grafana: {url: "http://g"}')).toBeNull();
});

it('no section: no Grafana', () => {
  expect(read('journal: {retention: 1d}')).toBeNull();
});

it('says what is wrong, where, and what would be right', () => {
  expect(
    problems(`grafana:
  url: grafana.example.com
  token: glsa_secret
  user: admin
  datasource:
    uid: "with space"
    url: http://user:hunter2@db:8086
  folders: x
`),
  ).toEqual([
    'vipwatch.yaml:1: grafana.password: missing; either token, or user and password',
    'vipwatch.yaml:2: grafana.url: the value does not fit; expected the address of Grafana, such as http://127.0.0.1:3000 or https://example.com/grafana, without user or password',
    'vipwatch.yaml:3: grafana.token: stands beside user or password; either token, or user and password',
    'vipwatch.yaml:6: grafana.datasource.uid: "with space" does not fit; expected at most 40 of letters, digits, - and _',
    'vipwatch.yaml:7: grafana.datasource.url: the value does not fit; expected the address of InfluxDB as Grafana reaches it, such as http://127.0.0.1:8086, without user or password',
    'vipwatch.yaml:8: grafana.folders: unknown key; known here: url, token, user, password, folder, annotations, datasource, caFile, insecure',
  ]);
  expect(problems('grafana: {url: "http://g", annotations: true}')).toEqual([
    'vipwatch.yaml:1: grafana.token: missing; a service account’s token, here or in the environment as GRAFANA_TOKEN, or user and password',
  ]);
  expect(problems('grafana: {url: "http://g", token: t, caFile: nowhere.pem}')).toEqual([
    expect.stringMatching(/grafana\.caFile: .*nowhere\.pem cannot be read: no such file/),
  ]);
});
