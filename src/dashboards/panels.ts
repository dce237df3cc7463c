/**
 * Panels: one function for each type, with the options that all of our panels of that type share. A panel says what
 * it shows; where it stands is the layout's (`layout.ts`).
 *
 * Options that a newer Grafana knows are passed over by an older one. All are given, as no Grafana fills in defaults
 * for a dashboard that comes by its API.
 */
import type {
  DataSource,
  FieldConfig,
  Options,
  Override,
  Panel,
  PanelType,
  Target,
  Thresholds,
  ValueMapping,
} from './grafana-types.ts';

export const DATA_SOURCE_VARIABLE = 'ds';
/** The data source that the viewer has chosen at the top. */
export const CHOSEN: DataSource = { type: 'influxdb', uid: `\${${DATA_SOURCE_VARIABLE}}` };

export type Query = { readonly query: string; readonly alias?: string };

/** A panel without its place. */
export type Content = Omit<Panel, 'id' | 'gridPos'>;

interface Common<K extends PanelType> {
  readonly title: string;
  readonly description: string;
  readonly queries: readonly Query[];
  readonly config?: FieldConfig<K>;
  readonly overrides?: readonly Override<K>[];
  readonly options?: Partial<Options<K>>;
  /** "2m": now, whatever range is looked at; nothing where nothing was written since */
  readonly timeFrom?: string;
  /** the smallest `$__interval`: samples are 30 s apart */
  readonly interval?: string;
  readonly transformations?: Panel['transformations'];
}

export function stat(of: Common<'stat'>): Content {
  const options: Options<'stat'> = {
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    colorMode: 'background',
    graphMode: 'none',
    justifyMode: 'center',
    orientation: 'auto',
    textMode: 'auto',
    wideLayout: true,
    showPercentChange: false,
    percentChangeColorMode: 'standard',
    ...of.options,
  };
  return panel('stat', of, options, {}, 'time_series');
}

export function barGauge(of: Common<'bargauge'>): Content {
  const options: Options<'bargauge'> = {
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    displayMode: 'basic',
    orientation: 'horizontal',
    showUnfilled: true,
    valueMode: 'color',
    namePlacement: 'auto',
    sizing: 'auto',
    minVizWidth: 8,
    minVizHeight: 16,
    maxVizHeight: 48,
    legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
    ...of.options,
  };
  return panel('bargauge', of, options, {}, 'time_series');
}

export function stateTimeline(of: Common<'state-timeline'>): Content {
  const options: Options<'state-timeline'> = {
    mergeValues: true,
    showValue: 'auto',
    alignValue: 'left',
    rowHeight: 0.85,
    legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
    tooltip: { mode: 'single', sort: 'none' },
    ...of.options,
  };
  const custom: FieldConfig<'state-timeline'>['custom'] = { fillOpacity: 80, lineWidth: 0 };
  return panel('state-timeline', of, options, custom, 'time_series');
}

export function timeSeries(of: Common<'timeseries'>): Content {
  const options: Options<'timeseries'> = {
    legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
    ...of.options,
  };
  const custom: FieldConfig<'timeseries'>['custom'] = {
    drawStyle: 'line',
    lineInterpolation: 'stepAfter',
    lineWidth: 2,
    fillOpacity: 10,
    showPoints: 'auto',
    pointSize: 4,
    // a gap of more than a few samples is a gap: nothing was written
    spanNulls: 120_000,
  };
  return panel('timeseries', of, options, custom, 'time_series');
}

export function table(of: Common<'table'>): Content {
  const options: Options<'table'> = {
    frameIndex: 0,
    showHeader: true,
    cellHeight: 'sm',
    footer: { show: false, reducer: ['sum'], countRows: false },
    ...of.options,
  };
  const custom: FieldConfig<'table'>['custom'] = { align: 'auto', cellOptions: { type: 'auto' } };
  return panel('table', of, options, custom, 'table');
}

/** Not a column of the table, though the query cannot leave it out. */
export function hidden(field: string): Override<'table'> {
  return { field, config: { custom: { hidden: true } } };
}

export function column(field: string, config: FieldConfig<'table'>, width?: number): Override<'table'> {
  return { field, config: width === undefined ? config : { ...config, custom: { ...config.custom, width } } };
}

export function thresholds(base: string, ...steps: readonly (readonly [number, string])[]): Thresholds {
  return {
    mode: 'absolute',
    steps: [{ color: base, value: null }, ...steps.map(([value, color]) => ({ value, color }))],
  };
}

/** Numbers to words, each with its colour. */
export function words(of: Readonly<Record<number, readonly [text: string, color: string]>>): ValueMapping {
  const entries = Object.entries(of).map(
    ([value, [text, color]], index) => [value, { text, color, index }] as const,
  );
  return { type: 'value', options: Object.fromEntries(entries) };
}

function panel<K extends PanelType>(
  type: K,
  of: Common<K>,
  options: Options<K>,
  custom: FieldConfig<K>['custom'],
  resultFormat: Target['resultFormat'],
): Content {
  return {
    type,
    title: of.title,
    description: of.description,
    datasource: CHOSEN,
    ...(of.timeFrom === undefined ? {} : { timeFrom: of.timeFrom }),
    ...(of.interval === undefined ? {} : { interval: of.interval }),
    targets: of.queries.map(({ query, alias }, i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource: CHOSEN,
      rawQuery: true,
      query,
      resultFormat,
      ...(alias === undefined ? {} : { alias }),
    })),
    fieldConfig: {
      defaults: { ...of.config, custom: Object.assign({}, custom, of.config?.custom) },
      overrides: (of.overrides ?? []).map(({ field, config }) => ({
        matcher: { id: 'byName', options: field },
        properties: properties(config),
      })),
    },
    options,
    ...(of.transformations === undefined ? {} : { transformations: of.transformations }),
  };
}

function properties(config: object): readonly { readonly id: string; readonly value: unknown }[] {
  return Object.entries(config).flatMap(([id, value]) =>
    id === 'custom' && typeof value === 'object' && value !== null
      ? Object.entries(value).map(([name, inner]) => ({ id: `custom.${name}`, value: inner }))
      : [{ id, value }],
  );
}
