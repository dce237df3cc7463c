/**
 * One write request to InfluxDB 1, 2 or 3, or VictoriaMetrics, and what became of it. Retries nothing: who keeps the
 * points decides. Credentials go into headers only, never into an address or a message.
 *
 * Limits: 10 s for all of a request, also of a server that accepts and never answers; 64 KB of an answer are read.
 */
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type Answer, later, type Verdict, verdictOf } from './influx-answer.ts';
import type { InfluxSettings } from './influx-settings.ts';

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;
/** Below it the saving is a packet at most. */
const GZIP_FROM_BYTES = 1_400;

const compress = promisify(gzip);

export class InfluxWriter {
  readonly #settings: InfluxSettings;
  readonly #url: URL;
  /** There both ends of the compression are paid for here. */
  readonly #isLoopback: boolean;
  readonly #agent: http.Agent | https.Agent;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  #request: http.ClientRequest | null = null;

  constructor(settings: InfluxSettings, timeoutMs = TIMEOUT_MS) {
    this.#settings = settings;
    this.#timeoutMs = timeoutMs;
    this.#url = new URL(writePath(settings));
    this.#isLoopback = /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(this.#url.hostname);
    const { ca, insecure } = settings;
    const pool = { keepAlive: true, maxSockets: 1 };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new https.Agent({ ...pool, ...(ca === null ? {} : { ca }), rejectUnauthorized: !insecure })
        : new http.Agent(pool);
    this.#headers = {
      'Content-Type': 'text/plain; charset=utf-8',
      'User-Agent': 'vipwatch',
      ...credentials(settings),
    };
  }

  /** Lines that each end with a line break. Never throws. */
  async write(text: string, lines: number): Promise<Verdict> {
    try {
      const body = await this.#body(text);
      const answer = await this.#post(body.bytes, body.headers);
      return verdictOf(answer, this.#settings, lines);
    } catch (error) {
      return later(`${this.#url.host}: ${wordsFor(error)}`);
    }
  }

  /** What is under way fails at once. */
  stop(): void {
    this.#request?.destroy();
    this.#agent.destroy();
  }

  async #body(
    text: string,
  ): Promise<{ readonly bytes: Buffer; readonly headers: Readonly<Record<string, string>> }> {
    const bytes = Buffer.from(text);
    if (bytes.length < GZIP_FROM_BYTES || this.#isLoopback) return { bytes, headers: {} };
    return { bytes: await compress(bytes, { level: 1 }), headers: { 'Content-Encoding': 'gzip' } };
  }

  async #post(bytes: Buffer, headers: Readonly<Record<string, string>>): Promise<Answer> {
    try {
      return await this.#postOnce(bytes, headers);
    } catch (error) {
      if (error instanceof StaleConnection) return this.#postOnce(bytes, headers);
      throw error;
    }
  }

  #postOnce(bytes: Buffer, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { request: start } = this.#url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const request = start(this.#url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...this.#headers, ...headers, 'Content-Length': bytes.length },
      });
      this.#request = request;
      const timeout = setTimeout(
        () => request.destroy(new Error(`no answer within ${this.#timeoutMs / 1_000} s`)),
        this.#timeoutMs,
      );
      request.on('close', () => {
        clearTimeout(timeout);
        // A promise that is settled already does not mind.
        reject(new Error('closed the connection'));
      });
      request.on('error', (error) =>
        reject(request.reusedSocket && codeOf(error) === 'ECONNRESET' ? new StaleConnection() : error),
      );
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        const answered = () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'] ?? null,
            body: Buffer.concat(parts).toString(),
          });
        response.on('data', (part: Buffer) => {
          parts.push(part.subarray(0, ANSWER_BYTES_MAX - length));
          length += part.length;
          if (length < ANSWER_BYTES_MAX) return;
          answered();
          response.destroy();
        });
        response.on('end', answered);
        response.on('error', reject);
      });
      request.end(bytes);
    });
  }
}

/** The server closed a connection that had been idle, as it was about to be used again. */
class StaleConnection extends Error {}

function writePath({ url, version, database, org, retentionPolicy }: InfluxSettings): string {
  const query = new URLSearchParams(
    version === 1 ? { db: database, precision: 'ns' } : { bucket: database, precision: 'ns' },
  );
  if (version === 1 && retentionPolicy !== null) query.set('rp', retentionPolicy);
  if (version !== 1 && org !== null) query.set('org', org);
  return `${url}${version === 1 ? '/write' : '/api/v2/write'}?${query}`;
}

function credentials({ version, token, user, password }: InfluxSettings): Readonly<Record<string, string>> {
  if (token !== null) return { Authorization: `${version === 3 ? 'Bearer' : 'Token'} ${token}` };
  if (user === null) return {};
  return { Authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function wordsFor(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'refuses the connection: is the server running?';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name cannot be resolved';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'closed the connection';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'cannot be reached';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
