/**
 * A segment of a test's own: a network namespace with one cable, `va0` (where vipwatch listens) to `vb0` (where frames
 * are sent from). `remove` ends what was started in it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

let made = 0;

export function canMakeSegments(): boolean {
  if (process.getuid?.() !== 0) return false;
  const name = `vw${process.pid}-probe`;
  const can = spawnSync('ip', ['netns', 'add', name]).status === 0;
  if (can) execFileSync('ip', ['netns', 'delete', name]);
  return can;
}

export class TestSegment {
  readonly namespace = `vw${process.pid}-${++made}`;
  #injector: ChildProcess | null = null;
  #answers: AsyncIterator<string> | null = null;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.namespace]);
    this.ip('link', 'set', 'lo', 'up');
  }

  addCable(): void {
    this.ip('link', 'add', 'va0', 'type', 'veth', 'peer', 'name', 'vb0');
    this.ip('address', 'add', '10.99.0.1/24', 'dev', 'va0');
    this.ip('link', 'set', 'va0', 'up');
    this.ip('link', 'set', 'vb0', 'up');
  }

  ip(...args: readonly string[]): void {
    execFileSync('ip', ['-n', this.namespace, ...args]);
  }

  /** The arguments of `ip` that run a program in the namespace, and under the process id of `ip`. */
  within(...command: readonly string[]): string[] {
    return ['netns', 'exec', this.namespace, ...command];
  }

  read(file: string): string {
    return execFileSync('ip', this.within('cat', file), { encoding: 'utf8' });
  }

  /** Resolves once all were handed to the kernel. */
  async inject(frame: Buffer, count = 1): Promise<void> {
    if (this.#injector === null) await this.#startInjector();
    this.injectWithoutWaiting(frame, count);
    await this.#answers?.next();
  }

  /** After an `inject`, and once. */
  injectWithoutWaiting(frame: Buffer, count = 1): void {
    this.#injector?.stdin?.write(`${count} ${frame.toString('hex')}\n`);
  }

  async #startInjector(): Promise<void> {
    const script = new URL('./injector.js', import.meta.url).pathname;
    const injector = spawn('ip', this.within(process.execPath, script, 'vb0'), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#injector = injector;
    this.#answers = createInterface({ input: injector.stdout })[Symbol.asyncIterator]();
    await this.#answers.next();
  }

  async forgetInjector(): Promise<void> {
    const injector = this.#injector;
    this.#injector = null;
    if (injector === null || injector.exitCode !== null || injector.signalCode !== null) return;
    injector.kill('SIGKILL');
    await once(injector, 'exit');
  }

  async remove(): Promise<void> {
    await this.forgetInjector();
    execFileSync('ip', ['netns', 'delete', this.namespace]);
  }
}

/** VRRPv2 of VRID 51 from 10.77.0.1, as keepalived sends it, with an IPv4 ID of one's choice. */
export function advert(ipId = 1): Buffer {
  const frame = Buffer.from(
    '01005e00001202000000000a080045c0002800010000ff70d0440a4d0001e00000122133960100013e190a4d00640000000000000000',
    'hex',
  );
  frame.writeUInt16BE(ipId, 18);
  return frame;
}

export function tagged(frame: Buffer, vlan: number, type = 0x8100): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(type, 0);
  tag.writeUInt16BE(vlan, 2);
  return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)]);
}
