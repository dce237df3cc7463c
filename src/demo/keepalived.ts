/** keepalived.conf from a description of its virtual routers. Pure. Written for keepalived 2.2 and newer. */

export interface KeepalivedSpec {
  readonly instances: readonly InstanceSpec[];
  /** of VRRP; 2, as everywhere where nobody chose, unless an address is IPv6 */
  readonly version?: 2 | 3;
}

export interface InstanceSpec {
  /** `VI_<vrid>`, unless named */
  readonly name?: string;
  readonly vrid: number;
  readonly priority: number;
  readonly vips: readonly string[];
  /** whole seconds in version 2, hundredths in version 3 */
  readonly advertS?: number;
  readonly auth?: { readonly type: 'PASS' | 'AH'; readonly pass: string };
  /** addresses of the other nodes: adverts go to them alone */
  readonly unicastPeers?: readonly string[];
  /** a command, run every second: while it fails, twice at least, the instance is in FAULT (weight 0) */
  readonly check?: string;
}

export function instanceName(instance: InstanceSpec): string {
  return instance.name ?? `VI_${instance.vrid}`;
}

export function keepalivedConf(spec: KeepalivedSpec, node: string, notifyScript: string): string {
  return [
    'global_defs {',
    `    router_id ${node}`,
    '    script_user root',
    `    vrrp_version ${spec.version ?? 2}`,
    // A daemon that waits for a processor is late in truth. (Real-time priority comes with a limit that kills it.)
    '    vrrp_priority -20',
    '}',
    ...spec.instances.flatMap((instance) => [...checkConf(instance), instanceConf(instance, notifyScript)]),
    '',
  ].join('\n');
}

function checkConf(instance: InstanceSpec): readonly string[] {
  if (instance.check === undefined) return [];
  return [
    [
      `vrrp_script ${checkName(instance)} {`,
      `    script "${instance.check}"`,
      '    interval 1',
      '    timeout 2',
      '    fall 2',
      '    rise 2',
      '}',
    ].join('\n'),
  ];
}

function checkName(instance: InstanceSpec): string {
  return `check_${instanceName(instance)}`;
}

function instanceConf(instance: InstanceSpec, notifyScript: string): string {
  const { vrid, priority, vips, advertS, auth, unicastPeers } = instance;
  return [
    `vrrp_instance ${instanceName(instance)} {`,
    '    state BACKUP',
    '    interface eth0',
    `    virtual_router_id ${vrid}`,
    `    priority ${priority}`,
    `    advert_int ${advertS ?? 1}`,
    ...(auth === undefined
      ? []
      : [`    authentication {\n        auth_type ${auth.type}\n        auth_pass ${auth.pass}\n    }`]),
    ...(unicastPeers === undefined ? [] : [block('unicast_peer', unicastPeers)]),
    block(
      'virtual_ipaddress',
      vips.map((vip) => `${vip}/${vip.includes(':') ? 64 : 24} dev eth0`),
    ),
    ...(instance.check === undefined ? [] : [block('track_script', [checkName(instance)])]),
    `    notify "${notifyScript}"`,
    '}',
  ].join('\n');
}

function block(keyword: string, lines: readonly string[]): string {
  return [`    ${keyword} {`, ...lines.map((line) => `        ${line}`), '    }'].join('\n');
}
