/** Pairs of keepalived nodes for live tests, as how-tos write them; what differs is said. */
import type { InstanceSpec, KeepalivedSpec } from '../../src/demo/keepalived.ts';
import type { LabSpec } from '../../src/demo/lab.ts';

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
