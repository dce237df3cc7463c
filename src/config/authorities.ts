/** Certificates of authorities that are trusted beside, or instead of, those of the system: the key `caFile`. */
import { readFileSync } from 'node:fs';
import type { Path, Report } from './meaning.ts';
import { whyUnreadable } from './values.ts';

/** The PEM of a file; null where it holds none, which is reported. `path`: of the key. */
export function authorities(file: string, path: Path, report: Report): string | null {
  const right = 'caFile takes the path of a readable file of certificates (PEM)';
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
    report(path, `${file} holds no certificate`, right);
  } catch (error) {
    report(path, `${file} cannot be read: ${whyUnreadable(error)}`, right);
  }
  return null;
}
