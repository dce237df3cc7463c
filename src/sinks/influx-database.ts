/**
 * InfluxDB 1.x beyond writing: is it there, make the database and the retention policy, ask. By the package `influx`,
 * which is good at this. Points go by `InfluxWriter`: in the package a tag can inject lines, and it knows neither gzip
 * nor Retry-After.
 */
import { InfluxDB } from 'influx';
import type { Missing } from './influx-answer.ts';
import type { InfluxSettings } from './influx-settings.ts';

const TIMEOUT_MS = 5_000;

export class InfluxDatabase {
  readonly #settings: InfluxSettings;
  readonly #influx: InfluxDB;

  constructor(settings: InfluxSettings) {
    this.#settings = settings;
    this.#influx = new InfluxDB(hostOf(settings));
  }

  /** The server's version; throws where there is none. */
  async ping(): Promise<string> {
    const [host] = await this.#influx.ping(TIMEOUT_MS);
    if (host?.online !== true) throw new Error(`${this.#settings.url} does not answer a ping`);
    return host.version ?? 'of unknown version';
  }

  /** Whatever is there already stays as it is. */
  async create(what: Missing): Promise<void> {
    const { database, retentionPolicy, retention } = this.#settings;
    if (what === 'database') await this.#influx.createDatabase(database);
    if (retentionPolicy === null) return;
    await this.#influx.createRetentionPolicy(retentionPolicy, {
      database,
      duration: retention,
      replication: 1,
      isDefault: false,
    });
  }

  /** Rows of an InfluxQL query, as plain objects. Times keep their nanoseconds: `time.getNanoTime()`. */
  async query<Row>(influxQl: string): Promise<readonly Row[]> {
    return this.#influx.query<Row>(influxQl);
  }
}

function hostOf({ url, database, user, password, ca, insecure }: InfluxSettings) {
  const { protocol, hostname, port, pathname } = new URL(url);
  const isSecure = protocol === 'https:';
  return {
    protocol: isSecure ? ('https' as const) : ('http' as const),
    host: hostname,
    port: Number(port) || (isSecure ? 443 : 80),
    path: pathname.replace(/\/$/, ''),
    database,
    // Left out it would be root, with the password root; its types do not know the null that stands for nobody.
    username: user as string,
    password: password ?? '',
    options: isSecure ? { ...(ca === null ? {} : { ca }), rejectUnauthorized: !insecure } : {},
    pool: { requestTimeout: TIMEOUT_MS },
  };
}
