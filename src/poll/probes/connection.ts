/** Connections of probes: each its own, never left behind, never able to harm the rest of the process. */
import { type LookupAddress, lookup as lookUp } from 'node:dns';
import { isIP, type LookupFunction, Socket } from 'node:net';

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
}

/** What a listener throws while it reads an answer breaks this connection and nothing else. */
export class ProbeSocket extends Socket {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  }
}

export function openSocket({ host, port, lookup }: Place): ProbeSocket {
  const socket = new ProbeSocket();
  socket.setNoDelay(true);
  socket.connect({ host, port, lookup });
  return socket;
}

type Callback = Parameters<LookupFunction>[2];

/** So many probes may wait for a name; further ones fail at once. */
const WAITING_MAX = 64;

/**
 * Looks names up without piling up: while a question is out, whoever asks the same waits for that answer. A question
 * to a resolver that hangs cannot be taken back, and there are few threads for them.
 */
export function sharedLookup(): LookupFunction {
  const waiting = new Map<string, Callback[]>();
  return (hostname, options, callback) => {
    const key = `${options.family ?? 0}/${hostname}`;
    const others = waiting.get(key);
    const answer: Callback = options.all === true ? callback : firstOf(callback);
    if (others !== undefined) {
      if (others.length < WAITING_MAX) others.push(answer);
      else answer(Object.assign(new Error(`the look-up of ${hostname} hangs`), { code: 'EAI_AGAIN' }), []);
      return;
    }
    waiting.set(key, [answer]);
    lookUp(hostname, { ...options, all: true }, (error, addresses) => {
      const askers = waiting.get(key) ?? [];
      waiting.delete(key);
      for (const asker of askers) asker(error, addresses);
    });
  };
}

function firstOf(callback: Callback): Callback {
  return (error, addresses) => {
    const [first] = addresses as LookupAddress[];
    callback(error, first?.address ?? '', first?.family ?? isIP(first?.address ?? ''));
  };
}
