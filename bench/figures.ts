/** Figures beside their targets, as lines; remembers whether one was missed. */
import { loadavg } from 'node:os';

export class Figures {
  missed = false;
  /** a short run shows that the bench works; its figures are not held against their targets */
  readonly #judges: boolean;

  constructor(judges: boolean) {
    this.#judges = judges;
  }

  title(text: string): void {
    console.log(`\n${text} (load average ${loadavg()[0]?.toFixed(1)})`);
  }

  /** `target` in words; null: it has none. */
  figure(name: string, value: string, target: string | null = null, met = true): void {
    const verdict = target === null ? '' : `  ${target}: ${met ? 'met' : 'MISSED'}`;
    if (!met && this.#judges) this.missed = true;
    console.log(`  ${name.padEnd(44)}${value.padStart(22)}${verdict}`);
  }

  /** What no machine may be too slow for: missed in short runs too. */
  mustBe(name: string, value: string, target: string, met: boolean, why: readonly string[] = []): void {
    if (!met) this.missed = true;
    this.figure(name, value, target, met);
    for (const line of why.slice(0, 10)) console.log(`    ${line}`);
  }
}

/** `p` from 0 to 1 */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN;
}
