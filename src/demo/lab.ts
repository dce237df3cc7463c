/**
 * The lab: a segment of network namespaces on which real keepalived runs, for the demo and the end-to-end tests.
 *
 * Each machine is a namespace, their switch is a bridge in one more. One machine observes: its port sees what a
 * mirror port or any host on the segment sees. All of it is named after this process and goes with it, whatever
 * happens (`teardown.ts`). Nothing outside is touched: no interface, route or setting of the machine itself.
 */
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Clients } from './clients.ts';
import { type Bridge, createBridge, Host } from './host.ts';
import type { KeepalivedSpec } from './keepalived.ts';
import { linesOfProcess } from './lines.ts';
import { LabNode } from './node.ts';
import { folderPrefix, namespacePrefix, removeLeftovers, startWarden, type Warden } from './teardown.ts';

export interface LabSpec {
  readonly nodes: readonly { readonly name: string; readonly keepalived: KeepalivedSpec }[];
  /** IPv6 beside IPv4 on every host */
  readonly ipv6?: boolean;
  /** where the compiled service and client are; beside this file, unless that is a source */
  readonly programs?: string;
}

export type Possible =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: string; readonly whatToDo: string };

/** 10.20.30.0/24 and fd20:30::/64, of which nothing outside the lab ever hears. */
const NETWORK = { ipv4: (host: number) => `10.20.30.${host}`, ipv6: (host: number) => `fd20:30::${host}` };
const FIRST_NODE = 11;
const OBSERVER = 99;
const CLIENT = 50;
const FIRST_STRANGER = 200;

let labs = 0;

export class Lab {
  readonly nodes: readonly LabNode[];
  /** where vipwatch runs */
  readonly observer: Host;
  /** removed with the lab */
  readonly folder: string;
  readonly #ground: Ground;
  readonly #programs: string;
  #strangers = 0;

  private constructor(ground: Ground, programs: string, observer: Host, nodes: readonly LabNode[]) {
    this.#ground = ground;
    this.#programs = programs;
    this.folder = ground.folder;
    this.observer = observer;
    this.nodes = nodes;
  }

  /** Whether this machine lets us, and if not, what would help. */
  static async possible(): Promise<Possible> {
    if (process.platform !== 'linux') {
      return { ok: false, why: 'network namespaces are a thing of Linux', whatToDo: 'run it on Linux' };
    }
    if (process.getuid?.() !== 0) {
      return { ok: false, why: 'making network namespaces needs root', whatToDo: 'run it as root' };
    }
    for (const [program, of] of PROGRAMS) {
      if (!isThere(program)) {
        return { ok: false, why: `${program} is not installed`, whatToDo: `apt-get install ${of}` };
      }
    }
    try {
      await removeLeftovers();
      await tryIt();
    } catch (error) {
      return {
        ok: false,
        why: `network namespaces are not permitted here: ${error instanceof Error ? error.message : error}`,
        whatToDo: 'run it on a machine or in a virtual machine; a container would need --privileged',
      };
    }
    return { ok: true };
  }

  static async create(spec: LabSpec): Promise<Lab> {
    await removeLeftovers();
    const programs = spec.programs ?? fileURLToPath(new URL('.', import.meta.url));
    const ground = await prepare();
    try {
      const { prefix, folder, bridge } = ground;
      const ipv6 = spec.ipv6 ?? false;
      const place = (name: string, number: number) =>
        Host.create(prefix + name, bridge, hostSpec(name, number, ipv6));
      const observer = await place('observer', OBSERVER);
      const nodes: LabNode[] = [];
      for (const [i, { name, keepalived }] of spec.nodes.entries()) {
        const host = await place(name, FIRST_NODE + i);
        nodes.push(new LabNode(host, keepalived, join(folder, name), programs));
      }
      return new Lab(ground, programs, observer, nodes);
    } catch (error) {
      await ground.warden.release();
      throw error;
    }
  }

  node(name: string): LabNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`the lab has no node ${name}`);
    return found;
  }

  /** What runs `command` where the observer is: to be given to `spawn`. */
  observerCommand(command: readonly string[]): readonly [string, ...string[]] {
    return this.observer.command(command);
  }

  /** A client on the segment that uses the service behind `vip` from now on. */
  async startClient(vip: string): Promise<Clients> {
    const { prefix, bridge } = this.#ground;
    const host = await Host.create(`${prefix}client`, bridge, hostSpec('client', CLIENT, vip.includes(':')));
    const child = host.spawn([process.execPath, join(this.#programs, 'client.js'), vip, '80']);
    return new Clients(linesOfProcess('the client', child));
  }

  /** One more machine on the segment, which belongs to nobody. */
  async addStranger(): Promise<Host> {
    const { prefix, bridge } = this.#ground;
    const number = FIRST_STRANGER + this.#strangers++;
    const name = `stranger${number}`;
    return Host.create(prefix + name, bridge, hostSpec(name, number, false));
  }

  /** A folder of the lab that whoever an observer becomes can write to. */
  writableFolder(name: string): string {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    // Sticky, as /tmp is: one user's files there are no other's.
    chmodSync(folder, 0o1777);
    return folder;
  }

  /** Ends everything that runs in the lab and removes it. A second time does nothing. */
  async destroy(): Promise<void> {
    await this.#ground.warden.release();
    for (const node of this.nodes) node.close();
  }
}

/** What everything else in a lab stands on. */
interface Ground {
  readonly prefix: string;
  readonly folder: string;
  readonly bridge: Bridge;
  readonly warden: Warden;
}

async function prepare(): Promise<Ground> {
  const prefix = namespacePrefix(++labs);
  const folder = mkdtempSync(folderPrefix());
  // The observer gives up root and must still get at its own folder in here.
  chmodSync(folder, 0o755);
  const warden = startWarden(prefix, folder);
  try {
    return { prefix, folder, warden, bridge: await createBridge(`${prefix}switch`) };
  } catch (error) {
    await warden.release();
    throw error;
  }
}

/** A segment with one host, and away with it. */
async function tryIt(): Promise<void> {
  const { prefix, bridge, warden } = await prepare();
  try {
    const host = await Host.create(`${prefix}host`, bridge, hostSpec('host', FIRST_NODE, false));
    await host.run('nft', ['list', 'tables']);
  } finally {
    await warden.release();
  }
}

/** Each program, and the Debian package that it comes in. */
const PROGRAMS = [
  ['ip', 'iproute2'],
  ['keepalived', 'keepalived'],
  ['nft', 'nftables'],
  ['arping', 'iputils-arping'],
] as const;

function isThere(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hostSpec(name: string, number: number, ipv6: boolean) {
  return {
    name,
    addresses: [`${NETWORK.ipv4(number)}/24`, ...(ipv6 ? [`${NETWORK.ipv6(number)}/64`] : [])],
    mac: `02:76:77:00:00:${number.toString(16).padStart(2, '0')}`,
    ipv6,
  };
}
