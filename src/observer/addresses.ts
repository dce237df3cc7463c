/** Order and subnets of textual IP addresses, as the decoder prints them (RFC 5952 for IPv6). */
import type { Family } from '../wire/packet.ts';

/** A string that sorts as the address does as an unsigned number. */
export function addressRank(address: string, family: Family): string {
  return groups(address, family)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join('');
}

/** Whether two addresses of one family share the customary subnet: /24 in IPv4, /64 in IPv6. */
export function sameSubnet(a: string, b: string): boolean {
  const family = familyOf(a);
  if (family !== familyOf(b)) return false;
  const x = groups(a, family);
  const y = groups(b, family);
  const whole = family === 'ipv4' ? 3 : 4;
  return x.slice(0, whole).every((group, i) => group === y[i]);
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

function groups(address: string, family: Family): number[] {
  if (family === 'ipv4') return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill('0'), ...after].map((group) => Number.parseInt(group, 16));
}
