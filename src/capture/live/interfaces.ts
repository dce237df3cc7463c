/** Which interfaces to listen to where nobody has said so. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const NET = '/sys/class/net';
const ARPHRD_ETHER = '1';

/**
 * Every Ethernet interface that is up, by name. Not the ports of a bridge or a bond: what they receive is heard on
 * that, too, and one segment would be two.
 */
export function upInterfaces(net = NET): readonly string[] {
  let names: string[];
  try {
    names = readdirSync(net);
  } catch {
    return []; // no Linux, or no /sys
  }
  return names
    .filter((name) => {
      const read = (file: string) => readOrNothing(`${net}/${name}/${file}`);
      return (
        name !== 'lo' &&
        read('type') === ARPHRD_ETHER &&
        read('operstate') === 'up' &&
        !existsSync(`${net}/${name}/master`)
      );
    })
    .sort();
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
