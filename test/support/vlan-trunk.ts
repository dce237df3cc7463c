/** A second port for the observer, `trunk0`, on which the whole segment arrives as VLAN 100. */
import { fileURLToPath } from 'node:url';
import type { Lab } from '../../src/demo/lab.ts';
import { linesOfProcess } from '../../src/demo/lines.ts';
import { run } from '../../src/demo/run.ts';

const RELAY = fileURLToPath(new URL('vlan-relay.mjs', import.meta.url));

export async function addVlanTrunk(lab: Lab): Promise<void> {
  const relay = await lab.addStranger();
  const input = [
    `link add trunk type veth peer name trunk0 netns ${lab.observer.namespace}`,
    'link set trunk up',
    '',
  ].join('\n');
  await run('ip', ['-n', relay.namespace, '-batch', '-'], { input });
  await run('ip', ['-n', lab.observer.namespace, 'link', 'set', 'trunk0', 'up']);
  const child = relay.spawn([process.execPath, RELAY, 'eth0', 'trunk', '100']);
  await linesOfProcess('the relay', child).first((line) => (line === 'relaying' ? true : undefined), {
    what: 'the relay runs',
    limitMs: 20_000,
  });
}
