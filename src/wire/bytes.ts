/**
 * Numbers and texts out of network bytes (big-endian).
 *
 * Reads past the end of the array give 0 and never throw. That is the second line only: a capture's buffer
 * holds many frames, so every decoder checks its whole length once, at the top.
 */

export function u8(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function u16(bytes: Uint8Array, at: number): number {
  return (u8(bytes, at) << 8) | u8(bytes, at + 1);
}

export function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x10000 + u16(bytes, at + 2);
}

/** `02:42:ac:12:00:07` */
export function macText(bytes: Uint8Array, at: number): string {
  let text = hexOf(u8(bytes, at));
  for (let i = 1; i < 6; i++) text += `:${hexOf(u8(bytes, at + i))}`;
  return text;
}

/** `192.168.10.10` */
export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${u8(bytes, at)}.${u8(bytes, at + 1)}.${u8(bytes, at + 2)}.${u8(bytes, at + 3)}`;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  let runStart = -1;
  let runLength = 1; // a single zero group is never shortened: RFC 5952 section 4.2.2
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && u16(bytes, at + 2 * (i + n)) === 0) n++;
    if (n > runLength) {
      runStart = i;
      runLength = n;
    }
    if (n > 0) i += n;
  }
  // RFC 5952 section 5: an IPv4-mapped address keeps its dotted form.
  if (runStart === 0 && runLength === 5 && u16(bytes, at + 10) === 0xffff) {
    return `::ffff:${ipv4Text(bytes, at + 12)}`;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      text += '::';
      i += runLength - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += u16(bytes, at + 2 * i).toString(16);
  }
  return text;
}

export function hexText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += hexOf(u8(bytes, at));
  return text;
}

export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (u8(bytes, at) !== 0) return false;
  return true;
}

export function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (u8(bytes, a + i) !== u8(bytes, b + i)) return false;
  return true;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

function hexOf(byte: number): string {
  return HEX[byte] ?? '';
}
