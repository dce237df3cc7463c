/**
 * A machine on the lab's segment: a network namespace whose `eth0` is plugged into the lab's bridge. Programs run in
 * it as they would there; the machine's own interfaces, routes and settings are never touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { run } from './run.ts';

export interface HostSpec {
  readonly name: string;
  /** with the prefix length: `10.20.30.11/24` */
  readonly addresses: readonly string[];
  readonly mac: string;
  /** without it IPv6 is off, which keeps its chatter from the segment */
  readonly ipv6: boolean;
}

export interface Bridge {
  readonly namespace: string;
  readonly name: string;
}

/** With a session of its own: a Ctrl-C at the terminal is for the one who runs the lab. */
export type HostProcess = ChildProcess & { readonly pid: number };

export class Host {
  readonly name: string;
  readonly namespace: string;
  readonly mac: string;
  readonly #bridge: Bridge;
  readonly #spec: HostSpec;

  private constructor(namespace: string, bridge: Bridge, spec: HostSpec) {
    this.name = spec.name;
    this.namespace = namespace;
    this.mac = spec.mac;
    this.#bridge = bridge;
    this.#spec = spec;
  }

  static async create(namespace: string, bridge: Bridge, spec: HostSpec): Promise<Host> {
    const host = new Host(namespace, bridge, spec);
    await addNamespace(namespace);
    // Duplicate address detection would keep IPv6 silent for two seconds.
    await host.run('sh', [
      '-c',
      `cd /proc/sys/net/ipv6/conf && for f in */accept_dad; do echo 0 >$f; done && for f in */disable_ipv6; do echo ${spec.ipv6 ? 0 : 1} >$f; done`,
    ]);
    await host.plugIn();
    return host;
  }

  /** The first of its addresses, without the prefix length. */
  get address(): string {
    return (this.#spec.addresses[0] ?? '').split('/')[0] ?? '';
  }

  /** What IPv6 makes of the MAC (RFC 4291, appendix A): the source of VRRP over IPv6. */
  get linkLocal(): string {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = this.mac
      .split(':')
      .map((part) => Number.parseInt(part, 16));
    const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
    return `fe80::${groups.map((group) => group.toString(16)).join(':')}`;
  }

  /** What runs in here now. */
  async pids(): Promise<readonly number[]> {
    const pids = await run('ip', ['netns', 'pids', this.namespace]);
    return pids
      .split('\n')
      .filter((pid) => pid !== '')
      .map(Number);
  }

  /** What runs `command` in here: to be given to `spawn`, or shown. */
  command(command: readonly string[]): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.namespace, ...command];
  }

  run(command: string, args: readonly string[]): Promise<string> {
    const [program, ...rest] = this.command([command, ...args]);
    return run(program, rest);
  }

  spawn(
    command: readonly string[],
    environment: Readonly<Record<string, string | undefined>> = process.env,
  ): HostProcess {
    const [program, ...rest] = this.command(command);
    const child = spawn(program, rest, {
      detached: true,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (!hasPid(child)) throw new Error(`${this.name}: ${program} cannot be started`);
    return child;
  }

  /** The interface goes down, as when the cable is pulled. */
  async linkDown(): Promise<void> {
    await this.#ip('link set eth0 down');
  }

  async linkUp(): Promise<void> {
    await this.#ip('link set eth0 up');
  }

  /** The interface itself goes, as when its driver is unloaded. */
  async unplug(): Promise<void> {
    await this.#ip('link del eth0');
  }

  /** A new interface of the old name, MAC and addresses. */
  async plugIn(): Promise<void> {
    const { name, namespace } = this.#bridge;
    const port = this.name.slice(0, 15);
    await ip(
      namespace,
      `link add ${port} type veth peer name eth0 address ${this.mac} netns ${this.namespace}`,
      `link set ${port} master ${name} up`,
    );
    await this.#ip(
      'link set lo up',
      ...this.#spec.addresses.map((address) => `addr add ${address} dev eth0`),
      'link set eth0 up',
    );
  }

  async #ip(...lines: readonly string[]): Promise<void> {
    await ip(this.namespace, ...lines);
  }
}

export async function createBridge(namespace: string): Promise<Bridge> {
  await addNamespace(namespace);
  // A snooping bridge would prune multicast to those who joined; this one is a dumb switch with a mirror port.
  await ip(
    namespace,
    'link set lo up',
    'link add br0 type bridge mcast_snooping 0 forward_delay 0',
    'link set br0 up',
  );
  return { namespace, name: 'br0' };
}

async function addNamespace(namespace: string): Promise<void> {
  await run('ip', ['netns', 'add', namespace]);
}

async function ip(namespace: string, ...lines: readonly string[]): Promise<void> {
  await run('ip', ['-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

function hasPid(child: ChildProcess): child is HostProcess {
  return child.pid !== undefined;
}
