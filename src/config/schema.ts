/**
 * The shape of `vipwatch.yaml`. Each message says what would be right; what is wrong is said by the reader, which
 * knows the value and its line.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { alertsSchema } from './alerts.ts';
import { databaseSchema } from './database.ts';
import { haproxySchema } from './haproxy.ts';
import { serviceSchema } from './service.ts';
import {
  canonicalAddress,
  durationMs,
  durationWithin,
  list,
  SOCKET_PATH_MAX,
  section,
  text,
} from './shapes.ts';

const ADDRESS = 'an IPv4 or IPv6 address without prefix or zone, such as 192.168.10.11';
const address = z
  .string({ error: ADDRESS })
  .refine((value) => isIP(value) !== 0 && !value.includes('%'), { error: ADDRESS })
  .transform(canonicalAddress);

const VRID = 'a whole number from 1 to 255';
const COUNT = 'a whole number from 2 up';
const WRITES = 'a whole number from 1 up';
const POLLS = 'a whole number from 1 to 100';
const SHARE = 'a share above 0 and up to 1, such as 0.9';
const NAME = 'a name, such as hosta';

const SOCKET = 'the path of a unix socket, such as /run/vipwatch/control.sock, of at most 107 bytes';

const node = section({
  name: text(NAME),
  addresses: list(address, 'IP addresses').min(1, { error: 'at least one address' }),
  haproxy: list(haproxySchema, 'HAProxy processes, each with url').optional(),
  database: list(databaseSchema, 'database servers, each with url and user').optional(),
});

const virtualRouter = section({
  vrid: z.int({ error: VRID }).min(1, { error: VRID }).max(255, { error: VRID }),
  segment: text('a segment, such as eth0 or eth0.100').optional(),
  vips: list(address, 'virtual IP addresses').default([]),
  nodes: list(text(NAME), 'node names').default([]),
  unicast: z.boolean({ error: 'true or false' }).default(false),
  service: serviceSchema.optional(),
});

const INFLUX_URL =
  'the address of the server, such as http://127.0.0.1:8086, without user or password, which have keys of their own';
const INFLUX_VERSION = '1, 2 or 3 (1 for VictoriaMetrics, too)';
const RETENTION = 'a duration of InfluxDB, such as 90d or 52w, or INF';
const influx = section({
  url: z
    .string({ error: INFLUX_URL })
    .refine(
      (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && !/[@?#]/.test(value),
      { error: INFLUX_URL },
    ),
  version: z.literal([1, 2, 3], { error: INFLUX_VERSION }).default(1),
  database: text('the name of a database, such as vipwatch').optional(),
  org: text('the name of an organization').optional(),
  bucket: text('the name of a bucket, such as vipwatch').optional(),
  token: text('a token, best by file:PATH').optional(),
  user: text('the name of a user').optional(),
  password: text('a password, best by file:PATH').optional(),
  retentionPolicy: text('the name of a retention policy').optional(),
  retention: z
    .string({ error: RETENTION })
    .regex(/^(\d+[hdw]|INF)$/, { error: RETENTION })
    .optional(),
  caFile: text('the path of a file of certificates').optional(),
  insecure: z.boolean({ error: 'true or false' }).default(false),
});

const GRAFANA_URL =
  'the address of Grafana, such as http://127.0.0.1:3000 or https://example.com/grafana, without user or password';
const DATA_SOURCE_URL =
  'the address of InfluxDB as Grafana reaches it, such as http://127.0.0.1:8086, without user or password';
const UID = 'at most 40 of letters, digits, - and _';
const httpUrl = (what: string) =>
  z
    .string({ error: what })
    .refine(
      (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && !/[@?#]/.test(value),
      { error: what },
    );
const grafana = section({
  url: httpUrl(GRAFANA_URL),
  token: text('a token of a service account, best by file:PATH').optional(),
  user: text('the name of a user').optional(),
  password: text('a password, best by file:PATH').optional(),
  folder: text('the title of a folder').default('vipwatch'),
  annotations: z.boolean({ error: 'true or false' }).default(false),
  datasource: section({
    uid: z
      .string({ error: UID })
      .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: UID })
      .optional(),
    name: text('the name of a data source').optional(),
    url: httpUrl(DATA_SOURCE_URL).optional(),
    database: text('the name of a database or bucket, such as vipwatch').optional(),
    user: text('the name of a user').optional(),
    password: text('a password, best by file:PATH').optional(),
    token: text('a token, best by file:PATH').optional(),
  }).optional(),
  caFile: text('the path of a file of certificates').optional(),
  insecure: z.boolean({ error: 'true or false' }).default(false),
});

const nodes = list(node, 'nodes, each with name and addresses');
const virtualRouters = list(virtualRouter, 'virtual routers, each with vrid');

export const fileSchema = section({
  capture: section({
    interfaces: list(text('an interface name, such as eth0'), 'interface names').optional(),
    join: z.boolean({ error: 'true or false' }).optional(),
  }).optional(),
  clusters: list(
    section({
      name: text('a name, such as orders-db'),
      nodes: nodes.default([]),
      virtualRouters: virtualRouters.default([]),
    }),
    'clusters',
  ).optional(),
  cluster: text('the name of the one cluster').optional(),
  nodes: nodes.optional(),
  virtualRouters: virtualRouters.optional(),
  thresholds: section({
    flappingFailovers: z.int({ error: COUNT }).min(2, { error: COUNT }).optional(),
    flappingWindow: durationMs.optional(),
    garpMissingAfter: durationMs.optional(),
    rejectedSilence: durationMs.optional(),
    forgetAfter: durationMs.optional(),
    badPolls: z.int({ error: POLLS }).min(1, { error: POLLS }).max(100, { error: POLLS }).optional(),
    beyondFor: durationWithin('0s', '1d').optional(),
    saturatedAt: z.number({ error: SHARE }).gt(0, { error: SHARE }).max(1, { error: SHARE }).optional(),
    driftFor: durationWithin('0s', '1d').optional(),
    lagWarning: durationWithin('1s', '30d').optional(),
    lagCritical: durationWithin('1s', '30d').optional(),
    takeoverLag: durationWithin('0s', '30d').optional(),
    dualWrites: z.int({ error: WRITES }).min(1, { error: WRITES }).optional(),
    dualWritesWindow: durationWithin('1s', '1h').optional(),
    flowPausedAt: z.number({ error: SHARE }).gt(0, { error: SHARE }).max(1, { error: SHARE }).optional(),
  }).optional(),
  journal: section({
    path: text('the path of a file, such as /var/lib/vipwatch/journal.db').optional(),
    retention: durationMs.optional(),
    samples: durationMs.optional(),
  }).optional(),
  control: section({
    path: text(SOCKET)
      .refine((path) => Buffer.byteLength(path) <= SOCKET_PATH_MAX, { error: SOCKET })
      .optional(),
  }).optional(),
  influx: influx.optional(),
  grafana: grafana.optional(),
  alerts: alertsSchema.optional(),
});

export type ConfigurationFile = z.infer<typeof fileSchema>;
