/**
 * Grafana's HTTP API: one request, one answer, or an error that says what to do about it.
 *
 * Only routes that Grafana 9 to 13 share are asked for: by uid, never by number. Nothing here retries. An error never
 * shows a header or a body that was sent, since those hold the credentials; what Grafana says is cut and shown as one
 * line.
 *
 * Limits: 15 s and 32 MB an answer. Redirects are not followed: an API does not redirect, a login page does, and the
 * token must not go there.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import axios, { AxiosError, type AxiosResponse } from 'axios';
import type { Credentials, GrafanaSettings } from './settings.ts';

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const SHOWN_MAX = 300;

export type Trouble =
  | 'unreachable'
  | 'tls'
  /** something else answers, or Grafana under another path */
  | 'not-grafana'
  /** 401, 403: a person has to give us the right */
  | 'unauthorized'
  | 'forbidden'
  /** 429, 5xx: later it may go */
  | 'busy'
  /** any other answer that the caller did not reckon with */
  | 'refused';

export class GrafanaError extends Error {
  override readonly name = 'GrafanaError';
  readonly trouble: Trouble;
  readonly retryAfterMs: number | null;

  constructor(trouble: Trouble, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.trouble = trouble;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Answer {
  readonly status: number;
  /** parsed JSON */
  readonly body: unknown;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** from `/api` on */
  readonly path: string;
  readonly body?: object;
  /** in words, for errors: "read the folder" */
  readonly purpose: string;
  /** what a token needs for it, for the error of one that lacks it */
  readonly role?: 'Viewer' | 'Editor' | 'Admin';
  /** statuses beside 2xx that the caller understands */
  readonly expected?: readonly number[];
  readonly signal?: AbortSignal;
}

export type Connection = Pick<GrafanaSettings, 'url' | 'ca' | 'insecure'> & {
  readonly credentials: Credentials;
};

export class GrafanaClient {
  readonly url: string;
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  readonly #httpAgent = new HttpAgent({ keepAlive: true });
  readonly #httpsAgent: HttpsAgent;

  constructor(connection: Connection, timeoutMs = TIMEOUT_MS) {
    this.url = connection.url;
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#httpsAgent = new HttpsAgent({
      keepAlive: true,
      rejectUnauthorized: !connection.insecure,
      ...(connection.ca === null ? {} : { ca: connection.ca }),
    });
  }

  async request(request: Request): Promise<Answer> {
    const response = await this.#send(request);
    const { status } = response;
    const body = this.#parsed(response);
    if ((status >= 200 && status < 300) || request.expected?.includes(status) === true) {
      return { status, body };
    }
    throw this.#refusal(request, response, body);
  }

  /** Its version, once it is certain that it is a Grafana. Needs no credentials. */
  async version(): Promise<string> {
    const { body } = await this.request({ method: 'GET', path: '/api/health', purpose: 'ask how it is' });
    const { database, version } = members(body);
    if (typeof database !== 'string') {
      throw new GrafanaError(
        'not-grafana',
        `${this.url} answers, but not as Grafana does: check grafana.url, and the path that Grafana is served under`,
      );
    }
    return typeof version === 'string' ? version : '';
  }

  close(): void {
    this.#httpAgent.destroy();
    this.#httpsAgent.destroy();
  }

  async #send({ method, path, body, purpose, signal }: Request): Promise<AxiosResponse<string>> {
    const { credentials } = this.#connection;
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await axios.request<string>({
        method,
        url: `${this.url}${path}`,
        ...(body === undefined ? {} : { data: body }),
        headers: {
          Accept: 'application/json',
          Authorization:
            'token' in credentials
              ? `Bearer ${credentials.token}`
              : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`,
        },
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        maxRedirects: 0,
        maxContentLength: ANSWER_BYTES_MAX,
        validateStatus: () => true,
        responseType: 'text',
        transformResponse: (text: string) => text,
        httpAgent: this.#httpAgent,
        httpsAgent: this.#httpsAgent,
      });
    } catch (error) {
      if (timeout.aborted) {
        throw new GrafanaError(
          'unreachable',
          `${this.url} did not answer within ${this.#timeoutMs / 1_000} s (to ${purpose})`,
        );
      }
      throw this.#failure(error);
    }
  }

  /** Undefined for an empty body. A page where JSON was asked for is somebody else's answer. */
  #parsed({ status, headers, data }: AxiosResponse<string>): unknown {
    const text = data.trim();
    if (text === '' && !isRedirect(status)) return undefined;
    if (isRedirect(status)) {
      throw new GrafanaError(
        'not-grafana',
        `${this.url} redirects to ${shown(String(headers.location ?? 'nowhere'))}: something before Grafana wants a login, or grafana.url lacks its path or has the wrong scheme`,
      );
    }
    try {
      return JSON.parse(text);
    } catch {
      if (status === 429 || status >= 500) return undefined;
      const title = /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim() ?? '';
      const what = text.startsWith('<')
        ? `a web page${title === '' ? '' : ` ("${shown(title)}")`}`
        : 'a text';
      throw new GrafanaError(
        'not-grafana',
        /HTTP request to an HTTPS server/i.test(text)
          ? `${this.url} wants https`
          : `${this.url} answers ${status} with ${what} where Grafana answers JSON: a proxy, or not Grafana's address`,
      );
    }
  }

  #refusal(request: Request, { status, headers }: AxiosResponse<string>, body: unknown): GrafanaError {
    const { purpose, role } = request;
    const { message } = members(body);
    const said = typeof message === 'string' && message !== '' ? `: ${shown(message)}` : '';
    const isToken = 'token' in this.#connection.credentials;
    const answer = `Grafana answers ${status}${said}`;
    switch (status) {
      case 401:
        return new GrafanaError(
          'unauthorized',
          `${answer}; check ${isToken ? 'grafana.token (a service account’s, not expired)' : 'grafana.user and grafana.password'}`,
        );
      case 403:
        return new GrafanaError(
          'forbidden',
          `${answer}; to ${purpose} the ${isToken ? "token's service account" : 'user'} needs ${role === undefined ? 'more rights' : `the role ${role}`}`,
        );
      case 404:
        return new GrafanaError(
          'not-grafana',
          `${answer}; it does not know how to ${purpose}: check the path in grafana.url`,
        );
      case 412:
        return new GrafanaError('refused', `${answer}; somebody changed it at this moment: run it again`);
      default: {
        const isBusy = status === 429 || status >= 500;
        return new GrafanaError(
          isBusy ? 'busy' : 'refused',
          `${answer} (to ${purpose})`,
          isBusy ? afterMs(headers['retry-after']) : null,
        );
      }
    }
  }

  #failure(error: unknown): GrafanaError {
    const code = error instanceof AxiosError ? (error.code ?? '') : '';
    const { host, hostname } = new URL(this.url);
    if (TLS_CODES.test(code)) {
      return new GrafanaError(
        'tls',
        `${host} shows a certificate that is not trusted (${code}); ${tlsAdvice(code)}`,
      );
    }
    const text = error instanceof Error ? error.message : String(error);
    if (/wrong version number|packet length too long/i.test(text)) {
      return new GrafanaError('tls', `${host} does not speak TLS: http:// in grafana.url?`);
    }
    switch (code) {
      case 'ECONNREFUSED':
        return new GrafanaError(
          'unreachable',
          `nobody listens at ${host}: does Grafana run, and is that its port?`,
        );
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return new GrafanaError('unreachable', `the name ${hostname} is not known (${code})`);
      case 'ERR_BAD_RESPONSE':
        return new GrafanaError('not-grafana', `${host}: ${shown(text)}`);
      default:
        return new GrafanaError(
          'unreachable',
          `${host} cannot be reached: ${shown(code === '' ? text : code)}`,
        );
    }
  }
}

const TLS_CODES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS/;

function tlsAdvice(code: string): string {
  if (code.includes('ALTNAME'))
    return 'it is for another name: grafana.url must have the one it was made for';
  if (code.includes('EXPIRED')) return 'it has expired';
  return "grafana.caFile takes the file of the authority's certificate";
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

const RETRY_AFTER_MS_MAX = 10 * 60_000;

/** `Retry-After` in seconds; its other form, a date, is passed over. */
function afterMs(header: unknown): number | null {
  const seconds = typeof header === 'string' ? Number.parseFloat(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) : null;
}

/** What others say, as a part of one line. */
export function shown(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)} …` : line;
}

/** An object's members; none of anything else. */
export function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
