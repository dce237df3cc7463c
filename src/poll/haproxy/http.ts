/**
 * The statistics page over HTTP or HTTPS: `;csv;norefresh` is appended, one connection is kept and used again.
 *
 * When HAProxy is reloaded its old process closes connections that wait, which can cross with a request; so one that
 * found a used connection closed is sent once more, on a new one. Redirects are not followed, an answer that is
 * compressed is refused: nobody asked for it, and it could unfold to any size.
 */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestInClear,
} from 'node:http';
import { request as requestByTls, Agent as TlsAgent } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import type { ProxyReading } from '../../reading/proxy.ts';
import { cutOff, PollError } from '../failure.ts';
import type { ProxyPlace } from '../settings.ts';
import type { Source } from '../source.ts';
import { StatsDecoder } from './stats.ts';

type HttpPlace = Extract<ProxyPlace, { readonly kind: 'http' }>;

export class HttpSource implements Source<ProxyReading> {
  readonly #options: RequestOptions;
  readonly #agent: Agent;
  readonly #request: typeof requestInClear;

  constructor({ url, credentials, tls }: HttpPlace) {
    const parsed = new URL(url);
    const isTls = parsed.protocol === 'https:';
    const trust = { ...(tls.ca === null ? {} : { ca: tls.ca }), rejectUnauthorized: !tls.insecure };
    const keep = { keepAlive: true, maxSockets: 1 };
    this.#request = isTls ? requestByTls : requestInClear;
    this.#agent = isTls ? new TlsAgent({ ...keep, ...trust }) : new Agent(keep);
    const basic =
      credentials && Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
    const headers = {
      'accept-encoding': 'identity',
      'user-agent': 'vipwatch',
      ...(basic === null ? {} : { authorization: `Basic ${basic}` }),
    };
    this.#options = { ...urlToHttpOptions(parsed), path: csvPath(parsed), agent: this.#agent, headers };
  }

  ask(signal: AbortSignal): Promise<ProxyReading> {
    return this.#ask(signal, true);
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(signal: AbortSignal, mayRetry: boolean): Promise<ProxyReading> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#options);
      // Less work than Node's own option `signal`, which a poll that is answered in time pays for, too.
      signal.addEventListener('abort', () => request.destroy(), { once: true });
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
    response.once('close', () => {
      if (!response.readableEnded) reject(cutOff());
    });
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
