/**
 * HAProxy's own socket, unix or TCP: one line of commands, both answers, and it closes. More is learnt here than from
 * the page: release, pid and uptime of the process, and whether it is an old one that only finishes its connections.
 */
import { createConnection } from 'node:net';
import type { ProxyReading } from '../../reading/proxy.ts';
import { cutOff } from '../failure.ts';
import type { ProxyPlace } from '../settings.ts';
import type { Source } from '../source.ts';
import { StatsDecoder } from './stats.ts';

type SocketPlace = Exclude<ProxyPlace, { readonly kind: 'http' }>;

const COMMANDS = 'show info;show stat\n';

export class SocketSource implements Source<ProxyReading> {
  readonly #place: SocketPlace;

  constructor(place: SocketPlace) {
    this.#place = place;
  }

  ask(signal: AbortSignal): Promise<ProxyReading> {
    return new Promise((resolve, reject) => {
      const place = this.#place;
      const socket = createConnection(
        place.kind === 'unix' ? { path: place.path, signal } : { host: place.host, port: place.port, signal },
      );
      const decoder = new StatsDecoder({ fromSocket: true });
      const settle = (finish: () => void) => {
        try {
          finish();
        } catch (error) {
          reject(error);
          socket.destroy();
        }
      };
      socket.on('error', reject);
      socket.once('connect', () => socket.write(COMMANDS));
      socket.on('data', (bytes) => settle(() => decoder.write(bytes)));
      socket.once('end', () => settle(() => resolve(decoder.end())));
      socket.once('close', () => {
        if (!socket.readableEnded) reject(cutOff());
      });
    });
  }

  /** Nothing is kept between polls. */
  close(): void {}
}
