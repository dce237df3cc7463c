/**
 * One POST of JSON, told step by step: what came back, or at which step it failed. Redirects are not followed, a proxy
 * is not asked, of the answer no more is read than a person would. One deadline covers all of it, from the look-up of
 * the name to the end of the answer.
 */
import { type IncomingMessage, request as requestInClear } from 'node:http';
import { request as requestByTls } from 'node:https';
import { connectionFailure, followSocket, type OnStep, type Step } from './steps.ts';

export interface Post {
  readonly url: URL;
  /** the very bytes that are sent, as signed */
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly ca: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** the first so many bytes of it */
  readonly body: string;
}

export class PostFailure extends Error {
  override readonly name = 'PostFailure';
  readonly step: Step;

  constructor(step: Step, options?: ErrorOptions) {
    super(step.detail, options);
    this.step = step;
  }
}

const BODY_MAX = 4_096;

/** `where`: the URL as it may be shown. */
export async function post(
  { url, body, headers, timeoutMs, ca }: Post,
  where: string,
  signal: AbortSignal,
  onStep: OnStep,
): Promise<Answer> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const ask = url.protocol === 'https:' ? requestByTls : requestInClear;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const request = ask(
        url,
        {
          method: 'POST',
          agent: false,
          signal: AbortSignal.any([signal, deadline]),
          headers: { ...headers, 'content-length': String(body.length) },
          ...(ca === null ? {} : { ca }),
        },
        (response) => answerOf(response).then(resolve, reject),
      );
      request.once('socket', (socket) => followSocket(socket, onStep));
      // Stays: an error after the answer began is the answer's.
      request.on('error', reject);
      request.end(body);
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = deadline.aborted
      ? Object.assign(new Error(`no answer within ${timeoutMs / 1_000} s`), { code: 'ETIMEDOUT' })
      : error instanceof Error
        ? error
        : new Error(String(error));
    throw new PostFailure(connectionFailure(cause, where), { cause: error });
  }
}

function answerOf(response: IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const answer = () => {
      const headers = Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name, value?.toString()]),
      );
      const body = Buffer.concat(chunks).subarray(0, BODY_MAX).toString('utf8');
      resolve({ status: response.statusCode ?? 0, headers, body });
    };
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length < BODY_MAX) return;
      answer();
      response.destroy();
    });
    response.once('end', answer);
    response.once('error', reject);
    response.once('close', () => reject(Object.assign(new Error('cut off'), { code: 'ECONNRESET' })));
  });
}

/** What `Retry-After` asks for, in seconds or as a date; null where it says nothing. Never more than a day. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS);
}

const RETRY_AFTER_MAX_MS = 24 * 3_600_000;
