/**
 * What Grafana does to our queries before InfluxDB sees them: time filter, interval, chosen values of variables; and
 * what it calls the series that come back.
 */
import type { Panel, Target } from '../../src/dashboards/grafana-types.ts';
import type { Series } from './influxd.ts';

export interface Viewed {
  readonly fromMs: number;
  readonly toMs: number;
  /** by variable; "All" unless given */
  readonly chosen?: Readonly<Record<string, readonly string[]>>;
}

/** The range of a panel that has one of its own. */
export function viewedBy(panel: Pick<Panel, 'timeFrom'>, viewed: Viewed): Viewed {
  const [, count, unit] = /^(\d+)([smh])$/.exec(panel.timeFrom ?? '') ?? [];
  if (count === undefined) return viewed;
  const ms = Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000 }[unit ?? 's'] ?? 1_000);
  return { ...viewed, fromMs: viewed.toMs - ms };
}

const SCREEN_PIXELS = 1_000;

export function substituted(query: string, viewed: Viewed, least = '1s'): string {
  const { fromMs, toMs, chosen = {} } = viewed;
  const seconds = Math.max(Number.parseInt(least, 10), Math.ceil((toMs - fromMs) / SCREEN_PIXELS / 1_000));
  const text = query
    .replaceAll('$timeFilter', `time >= ${fromMs}ms and time <= ${toMs}ms`)
    .replaceAll('$__interval', `${seconds}s`)
    .replaceAll('$__from', String(fromMs))
    .replaceAll('$__to', String(toMs))
    .replace(/\$(cluster|segment|vrid|host|node|proxy)\b/g, (_, name: string) => {
      const values = chosen[name];
      return values === undefined ? '.*' : `(${values.map(escaped).join('|')})`;
    });
  const left = /\$[a-z_{]+/i.exec(text);
  if (left !== null) throw new Error(`nobody substitutes ${left[0]} in ${query}`);
  return text;
}

export function nameOf(target: Pick<Target, 'alias'>, series: Series): string {
  return (target.alias ?? series.name).replace(/\$tag_(\w+)/g, (_, tag: string) => series.tags?.[tag] ?? '');
}

function escaped(value: string): string {
  return value.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
