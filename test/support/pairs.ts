/** Pairs of keepalived nodes for live tests, as how-tos write them; what differs is said. */
import type { InstanceSpec, KeepalivedSpec } from '../../src/demo/keepalived.ts';
import type { Lab, LabSpec } from '../../src/demo/lab.ts';
import { type LabNode, now, type Transition } from '../../src/demo/node.ts';

export const VIP = '10.20.30.10';
export const VRID = 51;

/** `lb1` is preferred. What is given here is the same on both. */
export function pair(
  shared: Partial<InstanceSpec> = {},
  options: Pick<KeepalivedSpec, 'version'> & Pick<LabSpec, 'ipv6'> = {},
): LabSpec {
  const keepalived = (priority: number): KeepalivedSpec => ({
    ...(options.version === undefined ? {} : { version: options.version }),
    instances: [{ vrid: VRID, vips: [VIP], ...shared, priority }],
  });
  return {
    ...(options.ipv6 === undefined ? {} : { ipv6: options.ipv6 }),
    nodes: [
      { name: 'lb1', keepalived: keepalived(150) },
      { name: 'lb2', keepalived: keepalived(100) },
    ],
  };
}

export interface RunningPair {
  readonly lb1: LabNode;
  readonly lb2: LabNode;
  /** lb1's, of each virtual router */
  readonly masters: readonly Transition[];
}

/** One after the other: their waits differ by a fifth of a second, and the machine may be busy for longer. */
export async function startPair(
  lab: Lab,
  instances: readonly string[] = [`VI_${VRID}`],
): Promise<RunningPair> {
  const [lb1, lb2] = [lab.node('lb1'), lab.node('lb2')];
  const after = now();
  await lb1.start();
  const masters: Transition[] = [];
  for (const instance of instances) masters.push(await lb1.becomes('MASTER', { after, instance }));
  await lb2.start();
  return { lb1, lb2, masters };
}
