/** The section `grafana`: who we are there, and which data source the dashboards read. */
import { resolve } from 'node:path';
import type { GrafanaSettings } from '../grafana/settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import type { ConfigurationFile } from './schema.ts';
import type { Environment } from './values.ts';

type Section = NonNullable<ConfigurationFile['grafana']>;

/** What Grafana is to be told of the InfluxDB that the sink writes to, where the file does not say otherwise. */
export type WrittenTo = Pick<
  GrafanaSettings['dataSource'],
  'url' | 'database' | 'user' | 'password' | 'token'
>;

/** What its shape cannot say. `section` is as it stands in the file, whatever else is wrong with it. */
export function checkGrafana(section: unknown, report: Report): void {
  if (typeof section !== 'object' || section === null) return;
  const given = new Set(Object.keys(section));
  const path = (key: string): Path => ['grafana', key];
  const right = 'either token, or user and password';
  if (given.has('token') && (given.has('user') || given.has('password')))
    report(path('token'), 'stands beside user or password', right);
  if (given.has('user') !== given.has('password'))
    report(path(given.has('user') ? 'password' : 'user'), 'missing', right);
}

/** `folder`: what a relative path is relative to. Credentials that the file does not hold may be in the environment. */
export function grafanaSettings(
  section: Section,
  writtenTo: WrittenTo | null,
  environment: Environment,
  folder: string,
  report: Report,
): GrafanaSettings {
  const { datasource } = section;
  const isOwn = datasource?.url !== undefined;
  return {
    url: section.url.replace(/\/+$/, ''),
    credentials: credentialsOf(section, environment, report),
    ca:
      section.caFile === undefined
        ? null
        : authorities(resolve(folder, section.caFile), ['grafana', 'caFile'], report),
    insecure: section.insecure,
    folder: section.folder,
    annotations: section.annotations,
    dataSource: {
      uid: datasource?.uid ?? 'vipwatch',
      name: datasource?.name ?? 'vipwatch',
      url: datasource?.url?.replace(/\/+$/, '') ?? writtenTo?.url ?? null,
      database: datasource?.database ?? writtenTo?.database ?? 'vipwatch',
      // one server's credentials are never another's
      user: datasource?.user ?? (isOwn ? null : (writtenTo?.user ?? null)),
      password: datasource?.password ?? (isOwn ? null : (writtenTo?.password ?? null)),
      token: datasource?.token ?? (isOwn ? null : (writtenTo?.token ?? null)),
    },
  };
}

function credentialsOf(
  { token, user, password, annotations }: Section,
  environment: Environment,
  report: Report,
): GrafanaSettings['credentials'] {
  if (token !== undefined) return { token };
  if (user !== undefined) return { user, password: password ?? '' };
  const outside = environment.GRAFANA_TOKEN;
  if (outside !== undefined && outside !== '') return { token: outside };
  // The daemon does without, unless it is to tell Grafana something.
  if (annotations) {
    report(
      ['grafana', 'token'],
      'missing',
      'a service account’s token, here or in the environment as GRAFANA_TOKEN, or user and password',
    );
  }
  return null;
}
