/**
 * Live capture as the main process sees it: one capture process an interface, started, listened to, watched and
 * replaced. Opens no interface itself and has no privilege; what it hears goes to a `CaptureListener`, in order.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { CaptureListener } from '../capture-listener.ts';
import type { CaptureLink } from './capture-link.ts';
import { isInterfaceName } from './interface-name.ts';
import { MessageReader, ProtocolError } from './protocol.ts';
import { SUPERVISION_ROUND_MS, SupervisedCapture } from './supervised-capture.ts';

export interface LiveCaptureOptions {
  readonly interfaces: readonly string[];
  /** join the groups of VRRP, so that snooping switches deliver */
  readonly join: boolean;
  readonly link: CaptureLink;
  /** sentences for people: why a capture cannot work, and what to do. Never the same twice in a row. */
  readonly remark: (text: string) => void;
}

const NOT_PERMITTED =
  'nothing can be captured without the privilege CAP_NET_RAW. Start it as root (sudo vipwatch observe …), it becomes ' +
  'another user by itself; or as a service with AmbientCapabilities=CAP_NET_RAW (packaging/vipwatch.service)';

export class LiveCapture {
  readonly #options: LiveCaptureOptions;
  readonly #captures = new Map<string, SupervisedCapture>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #rounds: NodeJS.Timeout | null = null;

  constructor(options: LiveCaptureOptions) {
    for (const name of options.interfaces) {
      if (!isInterfaceName(name)) throw new RangeError(`${JSON.stringify(name)} cannot be an interface`);
    }
    this.#options = options;
  }

  /** Resolves once captures were asked for, not once they see: that comes as `sight`. */
  async start(listener: CaptureListener): Promise<void> {
    const { interfaces, join, link, remark } = this.#options;
    if (!link.permitted) {
      remark(NOT_PERMITTED);
      for (const name of interfaces) listener.sight(name, { seeing: false, reason: 'not-permitted' });
      return;
    }
    for (const name of new Set(interfaces)) {
      this.#captures.set(name, new SupervisedCapture({ name, join, link, listener, remark }));
    }
    link.onExit((name, status) => this.#captures.get(name)?.exited(status));
    this.#server = await listen(link.socketPath, (socket) => this.#accept(socket));
    for (const capture of this.#captures.values()) capture.start();
    this.#rounds = setInterval(() => {
      for (const capture of this.#captures.values()) capture.round();
    }, SUPERVISION_ROUND_MS);
  }

  /** Nothing is told to the listener any more. */
  async stop(): Promise<void> {
    if (this.#rounds !== null) clearInterval(this.#rounds);
    for (const capture of this.#captures.values()) capture.stop();
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let capture: SupervisedCapture | null = null;
    const reader = new MessageReader({
      hello: (name) => {
        capture = this.#captures.get(name) ?? null;
        if (capture?.connected() !== true) {
          capture = null;
          throw new ProtocolError(`nobody asked for a capture of ${JSON.stringify(name)}`);
        }
      },
      frame: (wallUs, bytes, start, end, linkType, originalLength) =>
        capture?.frame(wallUs, bytes, start, end, linkType, originalLength),
      tick: (tick) => capture?.tick(tick),
      sight: (sight) => capture?.sight(sight),
      problem: (text) => capture?.problem(text),
    });
    socket.on('data', (piece) => {
      try {
        reader.push(piece);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.#options.remark(`a capture process was cut off: it sent ${error.message}`);
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      capture?.disconnected();
    });
  }
}

async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer(onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}
