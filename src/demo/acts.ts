/**
 * The demo's acts: a pair as in every how-to, and what a bad day does to it.
 *
 * Each act says what is done to the nodes, does it, and names what an observer is to tell of it. The end-to-end
 * tests play the same acts.
 */
import type { Clients } from './clients.ts';
import type { LabSpec } from './lab.ts';
import { type LabNode, now } from './node.ts';

export const VIP = '10.20.30.10';
export const VRID = 51;

export const SEGMENT: LabSpec = {
  nodes: [
    { name: 'lb1', keepalived: { instances: [instance(150)] } },
    { name: 'lb2', keepalived: { instances: [instance(100)] } },
  ],
};

export const PROLOGUE = [
  `Two nodes with real keepalived, lb1 (10.20.30.11, priority 150) and lb2 (10.20.30.12, priority 100), share`,
  `${VIP} as VRID ${VRID}. On both a web service answers, and a client asks ${VIP} for it every 50 ms.`,
  'All of it lives in network namespaces of its own and takes about a minute. Ctrl-C ends it.',
];

export interface Stage {
  readonly lb1: LabNode;
  readonly lb2: LabNode;
  readonly clients: Clients;
}

export interface Act {
  readonly deed: string;
  readonly remark: string;
  play(stage: Stage): Promise<void>;
  /** lines of the timeline that this act must bring about */
  readonly told: readonly RegExp[];
}

export const ACTS: readonly Act[] = [
  {
    deed: 'lb1, lb2: systemctl start keepalived',
    remark: 'a backup listens for three intervals before it takes over',
    async play({ lb1, lb2, clients }) {
      // One after the other: lb2 would wait only a fifth of a second longer.
      const at = await lb1.start();
      await lb2.start();
      await clients.answeredBy('lb1', at);
    },
    told: [/lb1 is master/],
  },
  {
    deed: 'lb1: systemctl stop keepalived',
    remark: 'maintenance: lb1 resigns, so lb2 need not wait',
    async play({ lb1, lb2 }) {
      const at = await lb1.stop();
      await lb2.becomes('MASTER', { after: at });
    },
    told: [/moved from lb1 to lb2/],
  },
  {
    deed: 'lb1: systemctl start keepalived',
    remark: 'of higher priority, it takes the address back',
    play: returns,
    told: [/moved from lb2 to lb1/],
  },
  {
    deed: 'lb1: kill -9 of keepalived and of the service',
    remark: 'a crash, without a word of farewell',
    async play({ lb1, lb2 }) {
      const [at] = await Promise.all([lb1.kill(), lb1.killService()]);
      await lb2.becomes('MASTER', { after: at });
    },
    told: [/moved from lb1 to lb2/],
  },
  {
    deed: 'lb1: the service and keepalived start again',
    remark: 'and it takes the address back',
    async play(stage) {
      await stage.lb1.startService();
      await returns(stage);
    },
    told: [/moved from lb2 to lb1/],
  },
  {
    deed: 'lb1, lb2: a firewall drops the VRRP that comes in',
    remark: 'each believes that the other is dead',
    async play({ lb1, lb2 }) {
      // Else lb1 would announce the address in the middle, and the hosts know the right node by luck.
      await lb1.announcesAgain();
      const at = now();
      await Promise.all([lb1.dropVrrp('in'), lb2.dropVrrp('in')]);
      await lb2.becomes('MASTER', { after: at });
    },
    told: [/split-brain/],
  },
  {
    deed: 'lb2, then lb1: the firewall lets VRRP in again',
    remark: 'lb2 hears lb1 and yields; nobody tells the hosts',
    async play({ lb1, lb2 }) {
      const at = now();
      await lb2.healVrrp();
      await lb2.becomes('BACKUP', { after: at });
      await lb1.healVrrp();
    },
    told: [/split-brain .*over/, /announced it last/],
  },
  {
    deed: `lb1: arping -U ${VIP}`,
    remark: 'as the warning advises: lb1 announces the address',
    async play({ lb1, clients }) {
      const at = await lb1.announce(VIP);
      await clients.answeredBy('lb1', at);
    },
    told: [/no longer in doubt/],
  },
];

async function returns({ lb1 }: Stage): Promise<void> {
  const at = await lb1.start();
  await lb1.becomes('MASTER', { after: at });
}

function instance(priority: number) {
  return {
    name: 'VI_1',
    vrid: VRID,
    priority,
    vips: [VIP],
    auth: { type: 'PASS', pass: 'secret51' },
  } as const;
}
