/**
 * Which configured node an address or a MAC belongs to. An address is a node's where it is listed, or where the
 * MAC that speaks from it has claimed one of the node's listed addresses.
 */
import type { DetailsOf, EventKind } from '../events.ts';
import type { Segment } from '../observation.ts';
import type { AddressBook } from './address-book.ts';
import type { ConfiguredRouter, ObservedNode } from './configuration.ts';
import type { RouterIdentity } from './services.ts';
import type { Slots } from './slots.ts';
import type { Speaker } from './speaker.ts';

export class Names {
  readonly #book: AddressBook;
  readonly #slots: Slots;

  constructor(book: AddressBook, slots: Slots) {
    this.#book = book;
    this.#slots = slots;
  }

  /** The name of an address's node; null where the configuration does not say. */
  nodeOf(identity: RouterIdentity, address: string): string | null {
    const nodes = identity.configured?.cluster.nodes;
    if (nodes === undefined) return null;
    const listed = nodes.find((node) => node.addresses.includes(address));
    if (listed !== undefined) return listed.name;
    for (const router of this.#slots.find(identity)?.routers ?? []) {
      const mac = router.speakers.get(address)?.mac;
      const node = mac === undefined ? null : this.#claimant(identity.segment, nodes, mac);
      if (node !== null) return node.name;
    }
    return null;
  }

  /** The node's name where the configuration knows the address, else the address. */
  of(identity: RouterIdentity, address: string): string {
    return this.nodeOf(identity, address) ?? address;
  }

  /** Details with `…Node` beside each address that the configuration names. */
  beside<K extends EventKind>(identity: RouterIdentity, details: DetailsOf<K>): DetailsOf<K> {
    if (identity.configured === null) return details;
    const named: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(details)) {
      if (key.endsWith('Node')) continue; // of a condition's begin: its addresses may have been replaced
      named[key] = value;
      if (typeof value !== 'string') continue;
      const node = this.nodeOf(identity, value);
      if (node !== null) named[`${key}Node`] = node;
    }
    return named as DetailsOf<K>;
  }

  /** The name of the node whose listed address `mac` has claimed, with that address. */
  nodeOfMac(
    segment: Segment,
    { cluster }: ConfiguredRouter,
    mac: string,
  ): { readonly name: string; readonly address: string } | null {
    const node = this.#claimant(segment, cluster.nodes, mac);
    const claimed = this.#book.addressesOf(segment, mac);
    const address = node?.addresses.find((other) => claimed.has(other));
    return node === null || address === undefined ? null : { name: node.name, address };
  }

  /** Whether `mac` is another card of the machine that `speaker` runs on. */
  sameNode(identity: RouterIdentity, speaker: Speaker, mac: string): boolean {
    const addresses = this.#book.addressesOf(identity.segment, mac);
    if (addresses.has(speaker.address)) return true;
    const node = this.nodeOf(identity, speaker.address);
    if (node === null || identity.configured === null) return false;
    const listed = identity.configured.cluster.nodes.find((other) => other.name === node)?.addresses ?? [];
    return listed.some((address) => addresses.has(address));
  }

  #claimant(segment: Segment, nodes: readonly ObservedNode[], mac: string): ObservedNode | null {
    const claimed = this.#book.addressesOf(segment, mac);
    return nodes.find((node) => node.addresses.some((address) => claimed.has(address))) ?? null;
  }
}
