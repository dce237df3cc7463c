/** Capture processes started by the test itself, in the namespace of its segment, and a listener that remembers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptureListener, CaptureSight, CaptureTick } from '../../../src/capture/capture-listener.ts';
import type { CaptureLink } from '../../../src/capture/live/capture-link.ts';
import type { TestSegment } from './segment.ts';

const CAPTURE = new URL('../../../dist/capture/live/capture-process.js', import.meta.url).pathname;

export class DirectLink implements CaptureLink {
  readonly permitted = true;
  readonly socketPath: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'vipwatch-capture-'));
  readonly #segment: TestSegment;
  readonly #processes = new Map<string, ChildProcess>();
  #onExit: (interfaceName: string, status: number | null) => void = () => {};

  constructor(segment: TestSegment) {
    this.#segment = segment;
    this.socketPath = join(this.#folder, 'socket');
  }

  start(name: string, joins: boolean): void {
    const argv = [process.execPath, CAPTURE, name, this.socketPath, ...(joins ? [] : ['--no-join'])];
    const capture = spawn('ip', this.#segment.within(...argv), { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#processes.set(name, capture);
    capture.on('exit', (status) => {
      this.#processes.delete(name);
      this.#onExit(name, status);
    });
  }

  stop(name: string): void {
    this.#processes.get(name)?.kill('SIGKILL');
  }

  onExit(listener: (interfaceName: string, status: number | null) => void): void {
    this.#onExit = listener;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#processes.get(name)?.kill(signal);
  }

  pid(name: string): number | undefined {
    return this.#processes.get(name)?.pid;
  }

  remove(): void {
    for (const capture of this.#processes.values()) capture.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export type Heard =
  | { readonly what: 'frame'; readonly wallUs: number; readonly bytes: Buffer; readonly linkType: number }
  | { readonly what: 'tick'; readonly tick: CaptureTick }
  | { readonly what: 'sight'; readonly sight: CaptureSight };

export class Recorder implements CaptureListener {
  readonly heard: Heard[] = [];
  #wanted: { readonly found: () => boolean; readonly resolve: () => void } | null = null;

  frame(
    _capture: string,
    wallUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    linkType: number,
  ): void {
    this.#add({ what: 'frame', wallUs, bytes: Buffer.from(bytes.subarray(start, end)), linkType });
  }

  tick(_capture: string, tick: CaptureTick): void {
    this.#add({ what: 'tick', tick });
  }

  sight(_capture: string, sight: CaptureSight): void {
    this.#add({ what: 'sight', sight });
  }

  get sights(): string[] {
    return this.heard.flatMap((one) =>
      one.what === 'sight' ? `${one.sight.seeing ? 'seeing' : 'blind'}: ${one.sight.reason}` : [],
    );
  }

  frames(like: Buffer): (Heard & { what: 'frame' })[] {
    return this.heard.flatMap((one) => (one.what === 'frame' && one.bytes.equals(like) ? one : []));
  }

  get lastTick(): CaptureTick | null {
    return this.heard.findLast((one) => one.what === 'tick')?.tick ?? null;
  }

  /** Resolves once it is so; looked at whenever something is heard. */
  async until(found: () => boolean): Promise<void> {
    if (found()) return;
    await new Promise<void>((resolve) => {
      this.#wanted = { found, resolve };
    });
  }

  #add(one: Heard): void {
    this.heard.push(one);
    if (this.#wanted?.found() !== true) return;
    this.#wanted.resolve();
    this.#wanted = null;
  }
}
