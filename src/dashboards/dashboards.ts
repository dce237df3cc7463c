/**
 * The dashboards, in the order in which one looks at them. Pure data: `dashboards/*.json` is written from it, and
 * `vipwatch dashboards push` sends it.
 */
import type { Dashboard } from './grafana-types.ts';
import { PROXIES } from './proxies.ts';
import { REPLICAS } from './replicas.ts';
import { SEGMENT } from './segment.ts';
import { SELF } from './self.ts';
import { TIMELINE } from './timeline.ts';

export const DASHBOARDS: readonly Dashboard[] = [TIMELINE, PROXIES, REPLICAS, SEGMENT, SELF];

/** As files have it. */
export function dashboardJson(dashboard: object): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
