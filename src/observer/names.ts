/**
 * Which configured node an address or a MAC belongs to. An address is a node's where it is listed, or where the
 * MAC that speaks from it has claimed one of the node's listed addresses; a MAC is a node's where it speaks from such
 * an address, or has claimed one. A virtual router MAC is nobody's.
 */
import type { DetailsOf, EventKind } from '../events.ts';
import type { Segment } from '../observation.ts';
import { isVirtualRouterMac } from '../wire/packet.ts';
import type { AddressBook } from './address-book.ts';
import type { ConfiguredRouter, ObservedNode } from './configuration.ts';
import type { RouterIdentity } from './services.ts';
import type { Slots } from './slots.ts';
import type { Speaker } from './speaker.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** An address by which it is known, and its node where the configuration names one. */
export interface Owner {
  readonly address: string;
  readonly node: string | null;
}

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
    for (const router of this.#routersAt(identity)) {
      const mac = router.speakers.get(address)?.mac;
      const node = mac === undefined ? null : this.#claimant(identity.segment, nodes, mac);
      if (node !== null) return node.name;
    }
    return null;
  }

  /**
   * What people call an address or a MAC: the node's name where the configuration knows it; else a speaker's address
   * for its MAC; else as it is.
   */
  of(identity: RouterIdentity, known: string): string {
    if (!isMac(known)) return this.nodeOf(identity, known) ?? known;
    const owner = this.ownerOf(known, identity.segment, this.#routersAt(identity), identity.configured);
    return owner?.node ?? owner?.address ?? known;
  }

  /** Whose MAC it is: a speaker's of these virtual routers, else a configured node's. */
  ownerOf(
    mac: string,
    segment: Segment,
    routers: Iterable<VirtualRouter>,
    configured: ConfiguredRouter | null,
  ): Owner | null {
    if (isVirtualRouterMac(mac)) return null;
    for (const router of routers) {
      for (const { mac: theirs, address } of router.speakers.values())
        if (theirs === mac) return { address, node: this.nodeOf(router.identity, address) };
    }
    const node = configured === null ? null : this.#claimant(segment, configured.cluster.nodes, mac);
    const claimed = this.#book.addressesOf(segment, mac);
    const address = node?.addresses.find((other) => claimed.has(other));
    return node === null || address === undefined ? null : { address, node: node.name };
  }

  /** Details with `…Node` beside each address and MAC that the configuration names. */
  beside<K extends EventKind>(identity: RouterIdentity, details: DetailsOf<K>): DetailsOf<K> {
    if (identity.configured === null) return details;
    const named: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(details)) {
      if (key.endsWith('Node')) continue; // of a condition's begin: its addresses may have been replaced
      named[key] = value;
      if (typeof value !== 'string') continue;
      const node = isMac(value) ? this.#nodeOfMac(identity, value) : this.nodeOf(identity, value);
      if (node !== null) named[`${key}Node`] = node;
    }
    return named as DetailsOf<K>;
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

  #nodeOfMac(identity: RouterIdentity, mac: string): string | null {
    return this.ownerOf(mac, identity.segment, this.#routersAt(identity), identity.configured)?.node ?? null;
  }

  #routersAt(identity: RouterIdentity): readonly VirtualRouter[] {
    return this.#slots.find(identity)?.routers ?? [];
  }

  #claimant(segment: Segment, nodes: readonly ObservedNode[], mac: string): ObservedNode | null {
    const claimed = this.#book.addressesOf(segment, mac);
    return nodes.find((node) => node.addresses.some((address) => claimed.has(address))) ?? null;
  }
}

/** No IPv6 address has six groups of two digits. */
function isMac(text: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text);
}
