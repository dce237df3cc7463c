/** Where a server writes its own binary log. Pure. */
import type { BinlogPosition } from '../../reading/database.ts';
import { Cells, type Oddities, type Row } from './rows.ts';

/** Null where it writes none: no row. */
export function binlogOf([row]: readonly Row[], oddities: Oddities): BinlogPosition | null {
  if (row === undefined) return null;
  const cells = new Cells(row, oddities);
  const file = cells.text('file');
  const position = cells.whole('position');
  return file === '' || position === null ? null : { file, position };
}
