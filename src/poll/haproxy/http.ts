/**
 * The statistics page over HTTP or HTTPS: `;csv;norefresh` is appended, one connection is kept and used again.
 *
 * When HAProxy is reloaded its old process closes connections that wait, which can cross with a request; so one that
 * found a used connection closed is sent once more, on a new one. Redirects are not followed, an answer that is
 * compressed is refused: nobody asked for it, and it could unfold to any size.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as requestInClear } from 'node:http';
import { request as requestByTls, Agent as TlsAgent } from 'node:https';
import type { ProxyReading } from '../../reading/proxy.ts';
import { PollError } from '../failure.ts';
import type { ProxyPlace } from '../settings.ts';
import type { ProxySource } from './source.ts';
import { StatsDecoder } from './stats.ts';

type HttpPlace = Extract<ProxyPlace, { readonly kind: 'http' }>;

export class HttpSource implements ProxySource {
  readonly #url: URL;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;
  readonly #request: typeof requestInClear;

  constructor({ url, credentials, tls }: HttpPlace) {
    this.#url = new URL(url);
    this.#path = csvPath(this.#url);
    this.#headers = {
      'accept-encoding': 'identity',
      'user-agent': 'vipwatch',
      ...(credentials === null
        ? {}
        : {
            authorization: `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`,
          }),
    };
    const keep = { keepAlive: true, maxSockets: 1 };
    if (this.#url.protocol === 'https:') {
      const trust = tls.ca === null ? {} : { ca: tls.ca };
      this.#agent = new TlsAgent({ ...keep, ...trust, rejectUnauthorized: !tls.insecure });
      this.#request = requestByTls;
    } else {
      this.#agent = new Agent(keep);
      this.#request = requestInClear;
    }
  }

  ask(signal: AbortSignal): Promise<ProxyReading> {
    return this.#ask(signal, true);
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(signal: AbortSignal, mayRetry: boolean): Promise<ProxyReading> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#url, {
        path: this.#path,
        agent: this.#agent,
        headers: this.#headers,
        signal,
      });
      let answered = false;
      // Stays for good: an error after the answer has begun comes here too.
      request.on('error', (error) => {
        if (mayRetry && !answered && request.reusedSocket && isClosed(error) && !signal.aborted) {
          this.#agent.destroy();
          resolve(this.#ask(signal, false));
        } else reject(error);
      });
      request.once('response', (response) => {
        answered = true;
        readAnswer(request, response).then(resolve, reject);
      });
      request.end();
    });
  }
}

/**
 * HAProxy looks for its options in the whole of what follows the stats URI, which may itself have a query
 * (`/haproxy?stats` is the default): they come last of all, whatever the URL has already.
 */
export function csvPath(url: URL): string {
  const path = url.pathname + url.search;
  const options = [';csv', ';norefresh'].filter((option) => !`${path};`.includes(`${option};`));
  return path + options.join('');
}

function readAnswer(request: ClientRequest, response: IncomingMessage): Promise<ProxyReading> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => {
      reject(error);
      request.destroy();
    };
    response.on('error', reject);
    response.once('close', () =>
      reject(new PollError('closed', 'the connection was closed before the answer was complete')),
    );
    const unusable = refusalOf(response);
    if (unusable !== null) {
      refuse(unusable);
      return;
    }
    const decoder = new StatsDecoder({ fromSocket: false });
    response.on('data', (bytes: Buffer) => {
      try {
        decoder.write(bytes);
      } catch (error) {
        refuse(error);
      }
    });
    response.once('end', () => {
      try {
        resolve(decoder.end());
      } catch (error) {
        reject(error);
      }
    });
  });
}

function refusalOf({ statusCode = 0, headers }: IncomingMessage): PollError | null {
  if (statusCode === 401) return new PollError('denied', 'it wants another user or password (status 401)');
  if (statusCode === 403) return new PollError('denied', 'it is forbidden to us (status 403)');
  if (statusCode >= 300 && statusCode < 400)
    return new PollError('answer', `it redirects elsewhere (status ${statusCode}), which is not followed`);
  if (statusCode !== 200)
    return new PollError('answer', `status ${statusCode}: is that the URI of the statistics page?`);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') return new PollError('answer', 'the answer is compressed, unasked');
  return null;
}

function isClosed(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
