/** The section `influx`: what goes with which version, and what the sink is told. */
import { resolve } from 'node:path';
import type { InfluxSettings } from '../sinks/influx-settings.ts';
import { authorities } from './authorities.ts';
import type { Path, Report } from './meaning.ts';
import type { ConfigurationFile } from './schema.ts';

type Section = NonNullable<ConfigurationFile['influx']>;

/** Keys that each version needs, and that it knows beside them. */
const KEYS = {
  1: { needed: ['database'], known: ['user', 'password', 'retentionPolicy', 'retention'] },
  2: { needed: ['org', 'bucket', 'token'], known: [] },
  3: { needed: ['database', 'token'], known: [] },
} as const;
const EVERYWHERE = ['url', 'version', 'caFile', 'insecure'];

/** What its shape cannot say. `section` is as it stands in the file, whatever else is wrong with it. */
export function checkInflux(section: unknown, report: Report): void {
  if (typeof section !== 'object' || section === null) return;
  const path = (key: string): Path => ['influx', key];
  const given = new Map<string, unknown>(Object.entries(section));
  const version = given.get('version') ?? 1;
  if (version !== 1 && version !== 2 && version !== 3) return;
  const { needed, known } = KEYS[version];
  const keys: readonly string[] = [...needed, ...known];
  for (const key of needed)
    if (!given.has(key)) report(path(key), 'missing', `InfluxDB ${version} needs ${needed.join(', ')}`);
  const all = new Set(Object.values(KEYS).flatMap((of): string[] => [...of.needed, ...of.known]));
  for (const key of given.keys()) {
    if (all.has(key) && !keys.includes(key))
      report(
        path(key),
        `is not for InfluxDB ${version}`,
        `known here: ${[...EVERYWHERE, ...keys].join(', ')}`,
      );
  }
  if (given.has('password') && !given.has('user')) report(path('user'), 'missing', 'a password is of a user');
  if (given.has('retention') && !given.has('retentionPolicy'))
    report(path('retentionPolicy'), 'missing', 'retention is that of the retention policy to be made');
}

/** `folder`: what a relative path is relative to. */
export function influxSettings(section: Section, folder: string, report: Report): InfluxSettings {
  const { version } = section;
  return {
    url: section.url.replace(/\/+$/, ''),
    version,
    database: (version === 2 ? section.bucket : section.database) ?? '',
    org: section.org ?? null,
    token: section.token ?? null,
    user: section.user ?? null,
    password: section.password ?? null,
    retentionPolicy: section.retentionPolicy ?? null,
    retention: section.retention ?? 'INF',
    ca:
      section.caFile === undefined
        ? null
        : authorities(resolve(folder, section.caFile), ['influx', 'caFile'], report),
    insecure: section.insecure,
  };
}
