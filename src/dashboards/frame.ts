/** What surrounds the panels of every dashboard: variables, annotations, links to the others. */
import type { Annotation, Dashboard, DataSource, Variable } from './grafana-types.ts';
import { type Band, laidOut } from './layout.ts';
import { BAD, ODD, PLAIN, WORSE } from './looks.ts';
import { CHOSEN, DATA_SOURCE_VARIABLE } from './panels.ts';
import { CHOSEN_CLUSTER_EVENTS, CHOSEN_EVENTS, ofKind } from './queries.ts';

/** On all of our dashboards; the links between them go by it. */
export const TAG = 'vipwatch';

/**
 * Grafana 10.3 to 11. Newer ones bring it up to date as they load it, Grafana 9 and 10.0 pass over what they do not
 * know.
 */
const SCHEMA_VERSION = 39;

export interface Contents {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** how far back it looks at first */
  readonly from: string;
  readonly variables: readonly Variable[];
  readonly annotations: readonly Annotation[];
  readonly bands: readonly Band[];
}

export function dashboard(of: Contents): Dashboard {
  return {
    id: null,
    uid: of.uid,
    title: of.title,
    description: of.description,
    tags: [TAG],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: of.from, to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'vipwatch',
        tags: [TAG],
        asDropdown: false,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        icon: 'dashboard',
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: [DATA_SOURCE, ...of.variables] },
    annotations: { list: [BUILT_IN, ...of.annotations] },
    panels: laidOut(of.bands),
  };
}

/** Its current value is chosen by Grafana, or by `push`, which knows which one it is. */
const DATA_SOURCE: Variable = {
  name: DATA_SOURCE_VARIABLE,
  label: 'InfluxDB',
  type: 'datasource',
  query: 'influxdb',
  refresh: 1,
  regex: '',
  hide: 0,
  includeAll: false,
  multi: false,
  options: [],
  skipUrlSync: false,
};

/** Cluster, segment and VRID, each out of what the ones before it leave. */
export const ROUTER_VARIABLES: readonly Variable[] = [
  choice('cluster', 'Cluster', 'SHOW TAG VALUES FROM "vrrp" WITH KEY = "cluster"', 1),
  choice(
    'segment',
    'Segment',
    'SHOW TAG VALUES FROM "vrrp" WITH KEY = "segment" WHERE "cluster" =~ /^($cluster)$/',
    1,
  ),
  choice(
    'vrid',
    'VRID',
    'SHOW TAG VALUES FROM "vrrp" WITH KEY = "vrid" WHERE "cluster" =~ /^($cluster)$/ AND "segment" =~ /^($segment)$/',
    3,
  ),
];

/** Any number of a tag's values. */
export function choice(
  name: string,
  label: string,
  query: string,
  sort: Variable['sort'] & number,
): Variable {
  return {
    name,
    label,
    type: 'query',
    datasource: CHOSEN,
    query,
    refresh: 1,
    regex: '',
    sort,
    hide: 0,
    multi: true,
    includeAll: true,
    // also where the tag is missing
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    skipUrlSync: false,
  };
}

const OWN_STORE: DataSource = { type: 'grafana', uid: '-- Grafana --' };

const BUILT_IN: Annotation = {
  builtIn: 1,
  datasource: OWN_STORE,
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard',
};

/** Marks in the panels that have time from left to right. Points come from the timeline, regions from Grafana's own
 * store, where `grafana.annotations` puts them: InfluxQL cannot say when a condition began and ended in one row. */
export const EVENT_MARKS: readonly Annotation[] = [
  marks('Failovers', `${CHOSEN_EVENTS} AND ${ofKind('failover')}`, ODD, true),
  marks('Critical', `${CHOSEN_EVENTS} AND "severity" = 'critical'`, WORSE, true),
  marks('Warnings', `${CHOSEN_EVENTS} AND "severity" = 'warning' AND "kind" != 'failover'`, 'yellow', false),
  regions('Conditions, from begin to end', 'condition', BAD),
  regions('vipwatch itself', 'observer', PLAIN),
];

/** The same where clusters are chosen, and no virtual routers. */
export const CLUSTER_MARKS: readonly Annotation[] = [
  marks('Failovers', `${CHOSEN_CLUSTER_EVENTS} AND ${ofKind('failover')}`, ODD, true),
  marks('Critical', `${CHOSEN_CLUSTER_EVENTS} AND "severity" = 'critical'`, WORSE, true),
  regions('Conditions, from begin to end', 'condition', BAD),
];

function marks(name: string, condition: string, iconColor: string, enable: boolean): Annotation {
  const query = `SELECT "summary", "kind", "phase" FROM "timeline" WHERE ${condition}`;
  const columns = { textColumn: 'summary', tagsColumn: 'kind,phase' };
  return {
    name,
    datasource: CHOSEN,
    enable,
    hide: false,
    iconColor,
    // Grafana 9
    query,
    ...columns,
    target: {
      refId: 'Anno',
      query,
      rawQuery: true,
      textEditor: true,
      queryType: 'tags',
      fromAnnotations: true,
      resultFormat: 'table',
      name,
      ...columns,
      titleColumn: '',
      timeEndColumn: '',
    },
  };
}

function regions(name: string, tag: string, iconColor: string): Annotation {
  return {
    name,
    datasource: OWN_STORE,
    enable: true,
    hide: false,
    iconColor,
    target: { refId: 'Anno', type: 'tags', tags: [TAG, tag], matchAny: false, limit: 100 },
  };
}
