/** A folder for a test that opens many small files: in memory where there is such a place, as none needs the disk. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function fastTempFolder(name: string): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), `vipwatch-${name}-`));
}
