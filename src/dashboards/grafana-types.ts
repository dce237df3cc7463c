/**
 * The shapes of Grafana's own schema package, in the form in which we write them down. Types only: nothing of that
 * package is there at run time.
 *
 * Its types name choices by TypeScript enums, which would have to be imported as values. `Written` puts their literals
 * in place, so that `mode: 'threshold'` is still an error of the compiler. Options and custom field settings are those
 * of each panel's type, and no others.
 */
import type {
  AnnotationQuery,
  DashboardLink,
  Dashboard as DashboardSchema,
  FieldConfig as FieldConfigSchema,
  GridPos,
  Panel as PanelSchema,
  VariableModel,
} from '@grafana/schema';
import type * as barGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type * as stateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.d.ts';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts';
import type * as timeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

/** T with the literals of its enums in their place, at any depth, and read-only. */
export type Written<T> = T extends string
  ? `${T}`
  : T extends number
    ? number extends T
      ? number
      : `${T}` extends `${infer N extends number}`
        ? N
        : never
    : T extends boolean | null | undefined
      ? T
      : T extends readonly (infer Item)[]
        ? readonly Written<Item>[]
        : T extends object
          ? { readonly [K in keyof T]: Written<T[K]> }
          : T;

/** What each type of panel can be told. */
interface Kinds {
  readonly stat: { readonly options: stat.Options; readonly custom: Record<never, never> };
  readonly bargauge: { readonly options: barGauge.Options; readonly custom: Record<never, never> };
  readonly 'state-timeline': {
    readonly options: stateTimeline.Options;
    readonly custom: stateTimeline.FieldConfig;
  };
  readonly timeseries: { readonly options: timeSeries.Options; readonly custom: timeSeries.FieldConfig };
  readonly table: { readonly options: table.Options; readonly custom: Partial<table.FieldConfig> };
}

export type PanelType = keyof Kinds;

export type Options<K extends PanelType> = Written<Kinds[K]['options']>;

export type FieldConfig<K extends PanelType> = Written<Omit<FieldConfigSchema, 'custom'>> & {
  readonly custom?: Written<Kinds[K]['custom']>;
};

type Mapping = NonNullable<FieldConfigSchema['mappings']>[number];
export type ValueMapping = Written<Mapping>;
export type Thresholds = Written<NonNullable<FieldConfigSchema['thresholds']>>;

/** A raw InfluxQL query, as the data source's plugin stores it. */
export interface Target {
  readonly refId: string;
  readonly datasource: DataSource;
  readonly rawQuery: true;
  readonly query: string;
  readonly resultFormat: 'time_series' | 'table';
  /** the name of a series; `$tag_x` is the tag's value */
  readonly alias?: string;
}

export interface DataSource {
  readonly type: string;
  readonly uid: string;
}

/** For the fields of this name, instead of what the panel says of all. */
export interface Override<K extends PanelType> {
  readonly field: string;
  readonly config: FieldConfig<K>;
}

export interface Panel
  extends Written<
    Pick<PanelSchema, 'id' | 'title' | 'description' | 'gridPos' | 'timeFrom' | 'interval' | 'maxDataPoints'>
  > {
  readonly id: number;
  readonly type: PanelType;
  readonly title: string;
  readonly description: string;
  readonly gridPos: Pick<GridPos, 'x' | 'y' | 'w' | 'h'>;
  readonly datasource: DataSource;
  readonly targets: readonly Target[];
  readonly fieldConfig: {
    readonly defaults: object;
    readonly overrides: readonly {
      readonly matcher: { readonly id: 'byName'; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly options: object;
  readonly transformations?: readonly { readonly id: string; readonly options: object }[];
}

export type Variable = Written<Omit<VariableModel, 'query'>> & { readonly query: string };

export type Annotation = Written<Omit<AnnotationQuery, 'target'>> & {
  readonly target?: object;
  /** where Grafana 9 looks for what later ones have in `target` */
  readonly query?: string;
  readonly textColumn?: string;
  readonly tagsColumn?: string;
};

export interface Dashboard
  extends Written<
    Pick<
      DashboardSchema,
      | 'title'
      | 'description'
      | 'editable'
      | 'graphTooltip'
      | 'refresh'
      | 'schemaVersion'
      | 'tags'
      | 'time'
      | 'timezone'
      | 'uid'
    >
  > {
  readonly id: null;
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly time: { readonly from: string; readonly to: string };
  readonly links: readonly Written<DashboardLink>[];
  readonly annotations: { readonly list: readonly Annotation[] };
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}
