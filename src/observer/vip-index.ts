/** Which virtual routers advertise an address, or did. */
import type { Segment } from '../observation.ts';
import { addressKey } from './address-book.ts';
import type { VirtualRouter } from './virtual-router.ts';

export class VipIndex {
  readonly #routersOf = new Map<string, VirtualRouter[]>();

  /** by `addressKey` */
  has(key: string): boolean {
    return this.#routersOf.has(key);
  }

  of(segment: Pick<Segment, 'name'>, address: string): readonly VirtualRouter[] {
    return this.#routersOf.get(addressKey(segment, address)) ?? NONE;
  }

  add(router: VirtualRouter, vip: string): void {
    const key = addressKey(router.identity.segment, vip);
    const routers = this.#routersOf.get(key);
    if (routers === undefined) this.#routersOf.set(key, [router]);
    else routers.push(router);
  }

  remove(router: VirtualRouter): void {
    for (const vip of router.vips) {
      const key = addressKey(router.identity.segment, vip);
      const rest = (this.#routersOf.get(key) ?? []).filter((other) => other !== router);
      if (rest.length === 0) this.#routersOf.delete(key);
      else this.#routersOf.set(key, rest);
    }
  }
}

const NONE: readonly VirtualRouter[] = [];
