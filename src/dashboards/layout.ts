/**
 * Where panels stand: bands from top to bottom, as wide as the screen, and within a band side by side. A phone shows
 * all of them one below the other in this order, so what tells the state comes first.
 */
import type { Panel } from './grafana-types.ts';
import type { Content } from './panels.ts';

/** Columns of Grafana's grid; a row of it is 30 pixels high, 38 with its gap. */
const COLUMNS = 24;

export interface Band {
  readonly height: number;
  /** of equal width */
  readonly panels: readonly Content[];
}

export function band(height: number, ...panels: readonly Content[]): Band {
  return { height, panels };
}

/** Numbers follow the order: a panel's number is its address in links, so new panels come at the end. */
export function laidOut(bands: readonly Band[]): readonly Panel[] {
  let y = 0;
  let id = 0;
  return bands.flatMap(({ height, panels }) => {
    const w = COLUMNS / panels.length;
    const placed = panels.map((content, i) => {
      id++;
      return { id, gridPos: { x: i * w, y, w, h: height }, ...content };
    });
    y += height;
    return placed;
  });
}
