/**
 * Floods from a machine that belongs to nobody: 50,000 frames a second for a bounded time, sent by tcpreplay.
 *
 * The nodes' firewalls drop the spoofed adverts by their sources, so that the daemons decide what they decide
 * without a flood, and only the observer has to stand it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../src/demo/lab.ts';
import { pcapHeader, pcapRecord } from './capture-files.ts';
import { advertFrame, arpFrame, type Bytes, trafficFrame } from './frames.ts';
import { Random } from './random.ts';

export interface Flood {
  readonly frames: () => readonly Bytes[];
  readonly perSecond: number;
}

/** So many different frames, over and over. */
const DIFFERENT = 20_000;

export const FLOODS = {
  'unrelated frames': {
    perSecond: 50_000,
    frames: () => [64, 576, 64, 64].map((length) => trafficFrame({ length })),
  },
  ARP: {
    perSecond: 5_000,
    frames: () => strangers(7).map(({ mac, address }) => arpFrame({ senderMac: mac, senderIp: address })),
  },
  'spoofed adverts': {
    perSecond: 50_000,
    frames: () =>
      strangers(11).map(({ mac, address, random }) =>
        advertFrame({
          version: random.chance(0.5) ? 2 : 3,
          src: address,
          srcMac: mac,
          vrid: otherVrid(random),
          priority: random.whole(1, 255),
          vips: [`198.19.${random.whole(0, 255)}.${random.whole(1, 254)}`],
          ipId: random.whole(1, 65_535),
        }),
      ),
  },
} as const satisfies Readonly<Record<string, Flood>>;

/** Where strangers come from (RFC 2544: for benchmarks). */
const STRANGERS = '198.18.0.0/15';

/** The configured one is left alone: what junk on it does to real daemons is another matter. */
const OURS = 51;

export interface RunningFlood {
  /** frames that were sent, once all of them are */
  readonly sent: Promise<number>;
}

export async function startFlood(lab: Lab, flood: Flood, seconds: number): Promise<RunningFlood> {
  for (const node of lab.nodes) {
    const chain = `chain in { type filter hook ingress device eth0 priority 0; ip saddr ${STRANGERS} drop; }`;
    await node.host.run('nft', [`table netdev strangers {\n${chain}\n}`]);
  }
  const frames = flood.frames();
  const file = join(lab.folder, 'flood.pcap');
  writeFileSync(
    file,
    Buffer.concat([pcapHeader(), ...frames.map((bytes, i) => pcapRecord({ at: i * 20, bytes }))]),
  );
  const stranger = await lab.addStranger();
  const child = stranger.spawn([
    'tcpreplay',
    '--intf1=eth0',
    '--preload-pcap',
    `--pps=${flood.perSecond}`,
    `--limit=${flood.perSecond * seconds}`,
    `--loop=${Math.ceil((flood.perSecond * seconds) / frames.length)}`,
    file,
  ]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const sent = new Promise<number>((resolve, reject) => {
    child.once('close', (status) => {
      const packets = /Successful packets:\s*(\d+)/.exec(said)?.[1];
      if (status === 0 && packets !== undefined) resolve(Number(packets));
      else reject(new Error(`tcpreplay: exit status ${status}: ${said}`));
    });
  });
  return { sent };
}

function strangers(seed: number) {
  const random = new Random(seed);
  return Array.from({ length: DIFFERENT }, () => {
    const octets = [random.whole(0, 255), random.whole(1, 254), random.whole(0, 255)];
    const mac = ['02', '99', ...octets, random.whole(0, 255)].map((octet) =>
      typeof octet === 'string' ? octet : octet.toString(16).padStart(2, '0'),
    );
    return { random, mac: mac.join(':'), address: `198.18.${octets[0]}.${octets[1]}` };
  });
}

function otherVrid(random: Random): number {
  const vrid = random.whole(1, 254);
  return vrid >= OURS ? vrid + 1 : vrid;
}
