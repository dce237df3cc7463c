/** Where Grafana is and who we are there, as the configuration says it. Holds secrets: never printed. */
export interface GrafanaSettings {
  /** with the path that it is served under, without a slash at its end, user or password */
  readonly url: string;
  /** null: none were given */
  readonly credentials: Credentials | null;
  /** PEM; null: the authorities that the system knows */
  readonly ca: string | null;
  /** any certificate will do */
  readonly insecure: boolean;
  /** the title of the folder that is made for the dashboards */
  readonly folder: string;
  /** failovers and conditions are told to Grafana as annotations */
  readonly annotations: boolean;
  readonly dataSource: DataSourceSettings;
}

/** A service account's token, or a user. */
export type Credentials = { readonly token: string } | { readonly user: string; readonly password: string };

/** The data source in Grafana that reads what the sink `influx` writes. */
export interface DataSourceSettings {
  readonly uid: string;
  readonly name: string;
  /** InfluxDB as Grafana reaches it; null: the data source is there already, and is left as it is */
  readonly url: string | null;
  readonly database: string;
  readonly user: string | null;
  readonly password: string | null;
  /** InfluxDB 2 and 3 */
  readonly token: string | null;
}
