/**
 * What a trunk port does, for kernels without 802.1Q: every frame of one interface goes out of another with a tag.
 *
 *     node vlan-relay.mjs FROM TO VLAN
 */
import pcap from 'pcap';

const [from, to, vlan] = process.argv.slice(2);
const out = pcap.createSession(to, { filter: 'less 1' });
const tag = Buffer.from([0x81, 0x00, Number(vlan) >> 8, Number(vlan) & 0xff]);

pcap.createSession(from, { buffer_timeout: 0 }).on('packet', ({ buf, header }) => {
  const frame = buf.subarray(0, header.readUInt32LE(8));
  // After both addresses (IEEE 802.1Q-2022, section 9.4).
  out.inject(Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]));
});
process.stdout.write('relaying\n');
