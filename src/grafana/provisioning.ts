/**
 * The files of Grafana's file provisioning: dashboards, the provider that finds them, and the data source. They hold no
 * secret: what needs one names an environment variable of Grafana's.
 */
import { stringify } from 'yaml';
import { type DashboardJson, withDataSource } from './push.ts';
import type { DataSourceSettings } from './settings.ts';

export interface ProvisioningFile {
  /** below the folder that is exported to, which is laid out as Grafana's `provisioning` */
  readonly path: string;
  readonly text: string;
}

export function provisioningFiles(
  dashboards: readonly DashboardJson[],
  folder: string,
  dataSource: DataSourceSettings,
  /** where the folder will be when Grafana reads it */
  root: string,
): readonly ProvisioningFile[] {
  return [
    {
      path: 'datasources/vipwatch.yaml',
      text: `${DATA_SOURCE_HEAD}${stringify(dataSourceFile(dataSource))}`,
    },
    { path: 'dashboards/vipwatch.yaml', text: `${PROVIDER_HEAD}${stringify(providerFile(folder, root))}` },
    ...dashboards.map((dashboard) => ({
      path: `dashboards/vipwatch/${dashboard.uid}.json`,
      text: `${JSON.stringify(withDataSource(dashboard, dataSource), null, 2)}\n`,
    })),
  ];
}

const DATA_SOURCE_HEAD = '# Grafana reads the variables from its own environment.\n';
const PROVIDER_HEAD = `# The files win over changes in Grafana. \`path\` is where Grafana finds them.
`;

function providerFile(folder: string, root: string): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: 'vipwatch',
        orgId: 1,
        folder,
        folderUid: 'vipwatch',
        type: 'file',
        disableDeletion: false,
        updateIntervalSeconds: 30,
        allowUiUpdates: false,
        options: { path: `${root}/dashboards/vipwatch` },
      },
    ],
  };
}

function dataSourceFile({ uid, name, url, database, user, password, token }: DataSourceSettings): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        uid,
        name,
        type: 'influxdb',
        access: 'proxy',
        url: escaped(url ?? 'http://127.0.0.1:8086'),
        ...(user === null ? {} : { user: escaped(user) }),
        database: escaped(database),
        jsonData: {
          dbName: escaped(database),
          httpMode: 'POST',
          ...(token === null ? {} : { httpHeaderName1: 'Authorization' }),
        },
        ...(password === null && token === null
          ? {}
          : {
              secureJsonData: {
                ...(password === null ? {} : { password: '$INFLUX_PASSWORD' }),
                ...(token === null ? {} : { httpHeaderValue1: 'Token $INFLUX_TOKEN' }),
              },
            }),
        editable: false,
      },
    ],
  };
}

/** Grafana takes a `$` for a variable's beginning. */
function escaped(text: string): string {
  return text.replaceAll('$', '$$$$');
}
