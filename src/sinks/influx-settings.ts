/** Where points are written, as the configuration says it. Holds secrets: never printed. */
export interface InfluxSettings {
  /** without a slash at its end, user or password */
  readonly url: string;
  /** 1 also for what else speaks InfluxDB's first protocol, such as VictoriaMetrics */
  readonly version: 1 | 2 | 3;
  /** versions 1 and 3; of version 2 the bucket */
  readonly database: string;
  /** version 2 only */
  readonly org: string | null;
  readonly token: string | null;
  readonly user: string | null;
  readonly password: string | null;
  /** version 1; null: the database's default */
  readonly retentionPolicy: string | null;
  /** of the retention policy that is made where there is none yet: InfluxQL's `90d`, `INF` */
  readonly retention: string;
  /** PEM; null: the authorities that the system knows */
  readonly ca: string | null;
  /** any certificate will do */
  readonly insecure: boolean;
}
