/**
 * Which MAC claims which address, for every address claimed on any segment. Bounded: at the limit those go that
 * were not claimed for longest, unless they are known VIPs.
 */
import type { Segment } from '../observation.ts';
import type { Claim } from '../wire/packet.ts';
import { Generations } from './generations.ts';

const ADDRESSES_MAX = 65_536;
/** Addresses remembered for one MAC: enough to recognise a node by any that the configuration lists. */
const ADDRESSES_OF_MAC_MAX = 16;

export class AddressBook {
  /** by address: the MAC that claimed it last, to everybody */
  readonly #macOf: Generations<string>;
  /** by MAC: the addresses it ever claimed */
  readonly #addressesOf = new Generations<Set<string>>(ADDRESSES_MAX);

  constructor(isVip: (key: string) => boolean) {
    this.#macOf = new Generations(ADDRESSES_MAX, isVip);
  }

  /** Enters a claim; answers the MAC that claimed the address to everybody until now, if it was another. */
  claimed(segment: Segment, claim: Claim): string | null {
    const key = addressKey(segment, claim.address);
    const before = this.#macOf.get(key);
    if (before === claim.mac) return null;
    this.#learn(segment, claim);
    if (!claim.gratuitous) return null;
    this.#macOf.set(key, claim.mac);
    return before ?? null;
  }

  /** Who claimed an address last before a restart. */
  recall(segment: Segment, address: string, mac: string): void {
    this.#macOf.set(addressKey(segment, address), mac);
  }

  addressesOf(segment: Segment, mac: string): ReadonlySet<string> {
    return this.#addressesOf.get(addressKey(segment, mac)) ?? NOTHING;
  }

  #learn(segment: Segment, claim: Claim): void {
    const key = addressKey(segment, claim.mac);
    let addresses = this.#addressesOf.get(key);
    if (addresses === undefined) {
      addresses = new Set();
      this.#addressesOf.set(key, addresses);
    }
    if (addresses.size < ADDRESSES_OF_MAC_MAX) addresses.add(claim.address);
  }
}

const NOTHING: ReadonlySet<string> = new Set();

export function addressKey({ name }: Pick<Segment, 'name'>, address: string): string {
  return `${name}|${address}`;
}
