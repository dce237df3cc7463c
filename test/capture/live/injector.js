/**
 * Sends frames out of an interface: `node injector.js vb0`, then lines `COUNT HEX` on stdin; `sent` comes back for each.
 * Of its own, so that a test can have frames sent while it stands still itself.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { PcapSession } = createRequire(import.meta.url)('pcap/build/Release/pcap_binding.node');
const session = new PcapSession();
const nothing = () => {};
session.open_live(process.argv[2], 'less 1', 65536, 64, '', nothing, false, 0, nothing, false);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [count, hex] = line.split(' ');
  const frame = Buffer.from(hex, 'hex');
  for (let i = 0; i < Number(count); i++) session.inject(frame);
  process.stdout.write('sent\n');
}
process.exit();
