/**
 * One open packet socket, by the npm package `pcap` (libpcap). The only file that loads it.
 *
 * It is the package's compiled part alone that is used, not its JavaScript: that one watches the socket by libuv,
 * which stops for good at the first error (the interface going down is one) and tells nobody, wakes up for each
 * frame, and loads decoders that we do not need. Here nobody waits for the socket: the owner calls `drain` at its
 * own pace, which empties the ring whatever the socket's state.
 *
 * Immediate mode (TPACKET_V2), decided by measurement: its ring has a fixed slot for each frame, of which 16 MiB
 * hold about 10,000, whenever they come. Block mode (V3) packs a flood tighter, but retires a block of 256 KiB at
 * every timeout, however empty: at 255 adverts a second a ring of 16 MiB is full after 64 timeouts, thus after 1.3
 * s of a stopped process at 20 ms each, and frames show up that much later than they came.
 *
 * A session is never closed (the package's `close` does not) and never mended: when anything is wrong with it, the
 * process ends, and the kernel cleans up.
 */
import { createRequire } from 'node:module';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_NULL, LINKTYPE_RAW } from '../../wire/link.ts';

/** VRRP may carry 255 IPv6 addresses within the MTU; tags and AH come on top. Two slots fit into a page. */
const SNAP_LENGTH = 1600;
const RING_BYTES = 16 * 1024 * 1024;

/**
 * Adverts (in AH as well), claims, neighbour solicitations as proof that neighbour discovery is heard at all, and
 * the "protocol unreachable" that unicast peers without a daemon send. By protocol, never by group. The kernel takes
 * the outer VLAN tag away before the filter sees a frame, so the first part matches single tags too, and the first
 * `vlan` asks for the tag that was taken away; the second is one more in the frame. They must stand last: `vlan` moves
 * the offsets of all that follows.
 */
const HEARD =
  'arp or ip proto 112 or ip proto 51 or ip6 proto 112 or ip6 proto 51' +
  ' or (icmp6 and (ip6[40] == 135 or ip6[40] == 136)) or (icmp and icmp[0] == 3 and icmp[1] == 2)';
export const CAPTURE_FILTER = `${HEARD} or (vlan and (${HEARD} or (vlan and (${HEARD}))))`;

const LINK_TYPES: Readonly<Record<string, number>> = {
  LINKTYPE_NULL,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
  LINKTYPE_LINUX_SLL,
};

/** The compiled part, as the package's own JavaScript calls it. */
interface NativeSession {
  open_live(
    device: string,
    filter: string,
    bufferSize: number,
    snapLength: number,
    outFile: string,
    onPacket: () => void,
    monitorMode: boolean,
    bufferTimeout: number,
    onWarning: (text: string) => void,
    promiscuous: boolean,
  ): string;
  /** Calls `onPacket` for each frame that waits, with its bytes in the two buffers; 0, or below 0 for an error. */
  dispatch(bytes: Buffer, header: Buffer): number;
  stats(): { readonly ps_recv: number; readonly ps_drop: number };
}

export interface PcapBinding {
  readonly PcapSession: new () => NativeSession;
}

/** Why there is no session, as a reason of `CaptureSight` and in words. */
export class PcapError extends Error {
  override readonly name = 'PcapError';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function loadPcap(): PcapBinding {
  try {
    return createRequire(import.meta.url)('pcap/build/Release/pcap_binding.node');
  } catch (error) {
    throw new PcapError('capture-not-installed', whyNotLoaded(error));
  }
}

function whyNotLoaded(error: unknown): string {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (code === 'MODULE_NOT_FOUND') {
    return (
      'the npm package pcap is not installed, or was not built: it needs libpcap-dev, python3, make and g++ ' +
      '(Debian: apt install libpcap-dev python3 make g++), then: npm install pcap@3.1.0'
    );
  }
  if (message?.includes('NODE_MODULE_VERSION') === true || message?.includes('self-register') === true) {
    return `the npm package pcap was built for another Node.js than this ${process.version}: npm rebuild pcap`;
  }
  if (message?.includes('libpcap.so') === true) {
    return 'libpcap is not installed (Debian: apt install libpcap0.8)';
  }
  return `the npm package pcap cannot be loaded: ${message}`;
}

/** One frame. The buffers are those of the session, overwritten by the next frame. */
export type OnFrame = (
  seconds: number,
  microseconds: number,
  bytes: Buffer,
  length: number,
  originalLength: number,
) => void;

export class PcapSession {
  /** https://www.tcpdump.org/linktypes.html */
  readonly linkType: number;
  readonly #native: NativeSession;
  readonly #bytes = Buffer.alloc(SNAP_LENGTH);
  readonly #header = Buffer.alloc(16);
  #taken = 0;
  #received = new Counter();
  #dropped = new Counter();

  /** Throws `PcapError`. */
  constructor(binding: PcapBinding, interfaceName: string, onFrame: OnFrame) {
    this.#native = new binding.PcapSession();
    const bytes = this.#bytes;
    const header = this.#header;
    const onPacket = () => {
      this.#taken++;
      onFrame(
        header.readUInt32LE(0),
        header.readUInt32LE(4),
        bytes,
        Math.min(header.readUInt32LE(8), SNAP_LENGTH),
        header.readUInt32LE(12),
      );
    };
    this.linkType = open(this.#native, interfaceName, onPacket);
  }

  /** Calls `onFrame` for all that waits in the ring. False: libpcap reports an error. */
  drain(): boolean {
    return this.#native.dispatch(this.#bytes, this.#header) >= 0;
  }

  /** Frames taken out of the ring so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Frames that passed the filter and did not fit into the ring; frames that should be in it now. */
  counters(): { readonly dropped: number; readonly waiting: number } {
    const stats = this.#native.stats();
    const dropped = this.#dropped.at(stats.ps_drop);
    return { dropped, waiting: this.#received.at(stats.ps_recv) - dropped - this.#taken };
  }
}

function open(native: NativeSession, interfaceName: string, onPacket: () => void): number {
  const openWith = (promiscuous: boolean) =>
    // No buffer timeout: immediate mode. The warning is that the interface has no IPv4 address, which is no matter.
    native.open_live(
      interfaceName,
      CAPTURE_FILTER,
      RING_BYTES,
      SNAP_LENGTH,
      '',
      onPacket,
      false,
      0,
      () => {},
      promiscuous,
    );
  let linkType: string;
  try {
    linkType = openWith(true);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new PcapError(reasonOf(text), `${interfaceName} cannot be opened: ${text}`);
  }
  const number = LINK_TYPES[linkType];
  if (number === undefined) {
    throw new PcapError('no-ethernet', `${interfaceName} is no Ethernet interface (${linkType})`);
  }
  return number;
}

function reasonOf(text: string): string {
  if (/permi(tted|ssion)|CAP_NET_RAW/i.test(text)) return 'not-permitted';
  if (/no such device/i.test(text)) return 'no-such-interface';
  if (/not up|went down/i.test(text)) return 'link-down';
  return 'capture-failed';
}

/** libpcap's counters are 32 bits wide and wrap. */
class Counter {
  #total = 0;
  #last = 0;

  at(value: number): number {
    this.#total += (value - this.#last) >>> 0;
    this.#last = value >>> 0;
    return this.#total;
  }
}
