/** A sample: a number or state over time, for graphs. Shapes are those of the InfluxDB schema (docs/influxdb.md). */
import type { Instant } from './time.ts';

/** A `bigint` is an integer field, a `number` a float: a field never changes its type. */
export type FieldValue = string | number | bigint | boolean;

export interface Sample {
  readonly measurement: 'vrrp' | 'vip' | 'haproxy' | 'probe' | 'replication' | 'galera' | 'ndb' | 'vipwatch';
  readonly time: Instant;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, FieldValue>>;
}
