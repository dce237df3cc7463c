/**
 * Joins the groups that VRRP adverts are sent to, so that switches which snoop IGMP and MLD deliver them. The
 * kernel's membership reports are the only thing that vipwatch sends to a segment; `--no-join` leaves them out.
 *
 * The sockets are bound to the loopback address: they exist for the membership, and nothing from outside reaches them.
 * Over IPv4 an interface is named by its address; where it has none yet, `join` is called again later.
 */
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';

const IPV4_GROUP = '224.0.0.18';
const IPV6_GROUP = 'ff02::12';

export class GroupJoin {
  readonly #interfaceName: string;
  #ipv4: Socket | null = null;
  #ipv6: Socket | null = null;

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName;
  }

  /** Joins what is not joined yet and can be. Harmless when there is nothing to do. */
  join(): void {
    if (this.#ipv4 !== null && this.#ipv6 !== null) return;
    const addresses = networkInterfaces()[this.#interfaceName] ?? [];
    const ipv4 = addresses.find(({ family }) => family === 'IPv4')?.address;
    if (this.#ipv4 === null && ipv4 !== undefined) {
      this.#ipv4 = member('udp4', '127.0.0.1', IPV4_GROUP, ipv4, () => {
        this.#ipv4 = null;
      });
    }
    if (this.#ipv6 === null && addresses.some(({ family }) => family === 'IPv6')) {
      this.#ipv6 = member('udp6', '::1', IPV6_GROUP, `::%${this.#interfaceName}`, () => {
        this.#ipv6 = null;
      });
    }
  }
}

function member(
  type: 'udp4' | 'udp6',
  loopback: string,
  group: string,
  interfaceAddress: string,
  onFailure: () => void,
): Socket {
  const socket = createSocket(type);
  const failed = () => {
    socket.close();
    onFailure();
  };
  socket.on('error', failed);
  socket.bind(0, loopback, () => {
    try {
      socket.addMembership(group, interfaceAddress);
    } catch {
      failed();
    }
  });
  return socket;
}
