/** `vipwatch dashboards export DIR`: the files of Grafana's own provisioning. They hold no secret. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DASHBOARDS } from '../dashboards/dashboards.ts';
import { provisioningFiles } from '../grafana/provisioning.ts';
import type { DataSourceSettings } from '../grafana/settings.ts';
import { configurationOf } from './configuration.ts';
import { type Output, UsageError } from './output.ts';

export interface DashboardsExportOptions {
  readonly config?: string;
}

const UNCONFIGURED: DataSourceSettings = {
  uid: 'vipwatch',
  name: 'vipwatch',
  url: null,
  database: 'vipwatch',
  user: null,
  password: null,
  token: null,
};

export async function dashboardsExport(
  folder: string,
  options: DashboardsExportOptions,
  output: Output,
): Promise<void> {
  const grafana = (await configurationOf(options.config, output))?.grafana ?? null;
  const dataSource = grafana?.dataSource ?? UNCONFIGURED;
  const root = resolve(folder);
  const files = provisioningFiles(DASHBOARDS, grafana?.folder ?? 'vipwatch', dataSource, root);
  for (const { path, text } of files) {
    const file = join(folder, path);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    } catch (error) {
      throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : error}`);
    }
    output.line(file);
  }
  if (dataSource.url === null) {
    output.remark(
      `note: ${join(folder, 'datasources/vipwatch.yaml')} supposes InfluxDB at http://127.0.0.1:8086; grafana.datasource.url says where it is`,
    );
  }
  output.flush();
}
