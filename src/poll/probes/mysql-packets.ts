/**
 * The first packets of MySQL's and MariaDB's protocol, as far as a probe without an account needs them: what the server
 * greets with, and a log-in that ends the handshake properly. Pure.
 */

/** What is longer is no greeting. */
const PACKET_MAX = 4_096;
const HEADER = 4;

export interface Packet {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Cuts a stream into packets. */
export class PacketReader {
  #rest = Buffer.alloc(0);

  /** The packets that are complete now; null: what comes cannot be the beginning of this protocol. */
  read(bytes: Buffer): readonly Packet[] | null {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const packets: Packet[] = [];
    while (this.#rest.length >= HEADER) {
      const length = this.#rest.readUIntLE(0, 3);
      if (length > PACKET_MAX) return null;
      if (this.#rest.length < HEADER + length) break;
      const payload = this.#rest.subarray(HEADER, HEADER + length);
      packets.push({ sequence: this.#rest.readUInt8(3), payload });
      this.#rest = this.#rest.subarray(HEADER + length);
    }
    return packets;
  }
}

export type Greeting =
  | { readonly kind: 'greeting'; readonly release: string; readonly loginPossible: boolean }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'none' };

const PROTOCOL_41 = 0x200;
const SECURE_CONNECTION = 0x8000;
const PLUGIN_AUTH = 0x8_0000;
const UTF8MB4 = 45;

/** The server's first packet. */
export function readGreeting({ sequence, payload }: Packet): Greeting {
  const first = payload[0];
  if (sequence !== 0 || first === undefined) return { kind: 'none' };
  if (first === ERR) return readError(payload);
  const end = payload.indexOf(0, 1);
  // protocol, release, 0, thread (4), scramble (8), 0, capabilities (2)
  if (first !== 10 || end < 2 || payload.length < end + 16) return { kind: 'none' };
  const release = payload.toString('latin1', 1, end);
  if (!/^[\x20-\x7e]+$/.test(release)) return { kind: 'none' };
  return { kind: 'greeting', release, loginPossible: (payload.readUInt16LE(end + 14) & PROTOCOL_41) !== 0 };
}

/** Before the handshake it has no SQL state, afterwards it has. */
function readError(payload: Buffer): Greeting {
  if (payload.length < 3) return { kind: 'none' };
  const hasState = payload[3] === 0x23;
  return {
    kind: 'error',
    code: payload.readUInt16LE(1),
    message: payload.toString('utf8', hasState ? 9 : 3),
  };
}

const OK = 0x00;
const MORE = 0x01;
const SWITCH = 0xfe;
const ERR = 0xff;

/** Nobody's account, no longer than the oldest servers take. */
export const NOBODY = 'vipwatch-probe';

/** A log-in as nobody, without a password: answers the greeting. */
export function nobodysLogin(): Buffer {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH, 0);
  fixed.writeUInt32LE(0x100_0000, 4);
  fixed.writeUInt8(UTF8MB4, 8);
  const rest = Buffer.from(`${NOBODY}\0\0mysql_native_password\0`);
  return packet(1, Buffer.concat([fixed, rest]));
}

/** What to say to the server's answer to `nobodysLogin`; null: it is over. */
export function replyToAnswer({ sequence, payload }: Packet): Buffer | null {
  switch (payload[0]) {
    case SWITCH:
    case MORE:
      // still no password
      return packet((sequence + 1) % 256, Buffer.alloc(0));
    case OK:
      return packet(0, Buffer.from([QUIT]));
    default:
      return null;
  }
}

const QUIT = 0x01;

function packet(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, payload]);
}

/** Errors that mean: not you, or not from there. Among them 1129, "host is blocked". */
const DENIED = new Set([1044, 1045, 1129, 1130, 1142, 1251, 1698, 1820, 1862, 3118, 3159, 4151]);

export function isDenied(code: number): boolean {
  return DENIED.has(code);
}
