/** Servers on loopback that answer as a test says, and one probe of them. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Place, sharedLookup } from '../../../src/poll/probes/connection.ts';
import type { Ask, Finding } from '../../../src/poll/probes/finding.ts';

export class Loopback {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** what was received, a connection each */
  readonly heard: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(answer: (socket: Socket) => void, server: Server = createServer()): Promise<Loopback> {
    const loopback = new Loopback(server);
    const isTls = server.listenerCount('connection') > 0;
    server.on('connection', (socket: Socket) => loopback.#follow(socket));
    server.on(isTls ? 'secureConnection' : 'connection', (socket: Socket) => {
      const place = loopback.heard.push('') - 1;
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        loopback.heard[place] += bytes.toString('latin1');
      });
      answer(socket);
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return loopback;
  }

  #follow(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  get place(): Place {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return { host: '127.0.0.1', port, lookup: sharedLookup() };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The port of a server that is gone. */
export async function deadPlace(): Promise<Place> {
  const server = await Loopback.open(() => {});
  const { place } = server;
  await server.close();
  return place;
}

/** What it finds when nobody loses patience with it. */
export async function found(ask: Ask): Promise<Finding> {
  const finding = await ask(new AbortController().signal);
  if (finding === null) throw new Error('let go');
  return finding;
}

/** What it knows when it is called off as soon as the server was reached. */
export async function calledOff(ask: Ask, reached: Promise<unknown>): Promise<Finding | null> {
  const abort = new AbortController();
  const finding = ask(abort.signal);
  await reached;
  abort.abort();
  return finding;
}
