/** Who runs as whom, with which capabilities, while the real command watches and its captures come and go. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Lab } from '../../src/demo/lab.ts';
import { describeLive, live } from '../support/live.ts';
import { expectPrivileges } from '../support/privileges.ts';

const ROUTER = { vrid: 51, vips: ['10.20.30.10'] };
const NODES = [
  {
    name: 'lb1',
    keepalived: { instances: [{ name: 'VI_1', vrid: 51, priority: 150, vips: ['10.20.30.10'] }] },
  },
];

describeLive('privileges', () => {
  live(
    'are none for main and CAP_NET_RAW alone for the others, while captures come and go',
    { nodes: NODES, routers: [ROUTER] },
    async ({ lab, observer }) => {
      await lab.node('lb1').start();
      await observer.event({ kind: 'master-seen' });
      await expectAsTold(lab);
      for (const disturb of [
        () => flap(lab),
        async () => process.kill((await processesOf(lab)).capture, 'SIGKILL'),
        () => flap(lab),
        async () => process.kill((await processesOf(lab)).capture, 'SIGSTOP'),
      ]) {
        await disturb();
        await observer.event({ kind: 'capture-degraded', phase: 'begin' });
        await observer.event({ kind: 'capture-degraded', phase: 'end' });
        await expectAsTold(lab);
      }
      await observer.nothingElse();
    },
  );
});

async function flap(lab: Lab): Promise<void> {
  await lab.observer.linkDown();
  await lab.observer.linkUp();
}

interface Processes {
  readonly all: readonly number[];
  readonly main: number;
  readonly capture: number;
}

async function processesOf(lab: Lab): Promise<Processes> {
  const all = await lab.observer.pids();
  const named = (pattern: RegExp) => all.find((pid) => pattern.test(commandLine(pid))) ?? 0;
  const capture = named(/capture/);
  const launcher = named(/launcher/);
  return { all, capture, main: all.find((pid) => pid !== capture && pid !== launcher) ?? 0 };
}

async function expectAsTold(lab: Lab): Promise<void> {
  const { all, main, capture } = await processesOf(lab);
  expect(all).toHaveLength(3);
  expect([main, capture]).not.toContain(0);
  expectPrivileges(all, main);
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
