/**
 * What the kernel says about an interface, from /sys/class/net: whether it is there, and whether its link is up.
 * A look costs some 30 µs. Where /sys belongs to another network namespace than the process (`nsenter --net` alone),
 * interfaces are not found; `ip netns exec` and containers mount it anew.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const IFF_UP = 1;

export interface Link {
  readonly state: 'absent' | 'down' | 'up';
  /** changes when the interface is removed and made anew */
  readonly index: number;
  /** how often the link came or went: a flap between two looks shows here */
  readonly changes: number;
}

const ABSENT: Link = { state: 'absent', index: 0, changes: 0 };

export class InterfaceWatch {
  readonly #folder: string;
  readonly #buffer = Buffer.alloc(64);

  constructor(interfaceName: string) {
    this.#folder = `/sys/class/net/${interfaceName}`;
  }

  look(): Link {
    const index = this.#number('ifindex');
    if (index === null) return ABSENT;
    const flags = this.#number('flags') ?? 0;
    // Reading `carrier` fails while the interface is administratively down.
    const up = (flags & IFF_UP) !== 0 && this.#number('carrier') === 1;
    return { state: up ? 'up' : 'down', index, changes: this.#number('carrier_changes') ?? 0 };
  }

  #number(name: string): number | null {
    let file: number;
    try {
      file = openSync(`${this.#folder}/${name}`, 'r');
    } catch {
      return null;
    }
    try {
      const length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
      const value = Number(this.#buffer.toString('latin1', 0, length));
      return Number.isNaN(value) ? null : value;
    } catch {
      return null;
    } finally {
      closeSync(file);
    }
  }
}
