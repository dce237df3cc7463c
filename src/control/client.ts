/**
 * Asks the daemon through its control socket. Each failure is a `NoDaemonError` whose message says what a person
 * can do about it: start the daemon, name its socket, join its group.
 */
import { readFileSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import type { TimelineEvent } from '../events.ts';
import { instantFromIso } from '../time.ts';
import type { EventQuery, JournalledEvent } from '../timeline/journalled-event.ts';

import type { StatusDocument } from '../timeline/status.ts';
import { parametersOf } from './event-parameters.ts';

/** As it comes over the socket: incidents are the journal's. */
export type NumberedEvent = Pick<JournalledEvent, 'seq' | 'event'>;

/** There is no daemon to ask, or it may not be asked. */
export class NoDaemonError extends Error {
  override readonly name = 'NoDaemonError';
}

/** The daemon refuses the request, or cannot answer it. */
export class ControlRequestError extends Error {
  override readonly name = 'ControlRequestError';
}

const ANSWER_WITHIN_MS = 5_000;

export class ControlClient {
  readonly path: string;

  /** The first of the places where a daemon answers. */
  static async find(paths: readonly string[]): Promise<ControlClient> {
    const refusals: string[] = [];
    for (const path of paths) {
      const client = new ControlClient(path);
      try {
        (await client.#get('/')).destroy();
        return client;
      } catch (error) {
        if (error instanceof ControlRequestError) return client; // it answers
        if (!(error instanceof NoDaemonError)) throw error;
        if (!isAbsent(error)) refusals.push(error.message);
      }
    }
    if (refusals.length > 0) throw new NoDaemonError(refusals.join('\n'));
    throw new NoDaemonError(
      `no daemon: there is no socket at ${paths.join(' or ')}; start one (vipwatch observe), or name its socket with --socket`,
    );
  }

  constructor(path: string) {
    this.path = path;
  }

  async status(): Promise<StatusDocument> {
    return JSON.parse(await textOf(await this.#get('/status')));
  }

  async silences(): Promise<unknown> {
    return JSON.parse(await textOf(await this.#get('/silences')));
  }

  /** Answers the silence that it became. */
  async silence(asked: object): Promise<unknown> {
    return JSON.parse(
      await textOf(await this.#request('POST', '/silences', { body: JSON.stringify(asked) })),
    );
  }

  async expireSilence(id: string): Promise<void> {
    (await this.#request('DELETE', `/silences/${encodeURIComponent(id)}`)).resume();
  }

  events(query: EventQuery): AsyncGenerator<NumberedEvent> {
    return this.#events(query, false);
  }

  /** Never ends by itself but with the daemon, or with `signal`. */
  follow(query: EventQuery, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    return this.#events(query, true, signal);
  }

  async *#events(query: EventQuery, follow: boolean, signal?: AbortSignal): AsyncGenerator<NumberedEvent> {
    const parameters = parametersOf(query);
    if (follow) parameters.set('follow', '1');
    const response = await this.#get(`/events?${parameters}`, signal);
    try {
      for await (const line of createInterface({ input: response })) yield numberedEventOf(line);
    } catch (error) {
      // A follower's stream ends with the daemon, however that ended.
      if (!follow || error instanceof ControlRequestError) throw error;
    } finally {
      response.destroy();
    }
  }

  #get(path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    return this.#request('GET', path, signal === undefined ? {} : { signal });
  }

  async #request(
    method: string,
    path: string,
    { body, signal }: { readonly body?: string; readonly signal?: AbortSignal } = {},
  ): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asking = request({
        socketPath: this.path,
        method,
        path,
        timeout: ANSWER_WITHIN_MS,
        ...(signal === undefined ? {} : { signal }),
      });
      asking.on('response', (answer) => {
        asking.setTimeout(0);
        resolve(answer);
      });
      asking.on('timeout', () => asking.destroy(new NoDaemonError(`${this.path}: ${SILENT}`)));
      asking.on('error', (error) => reject(explained(this.path, error)));
      asking.end(body);
    });
    if (response.statusCode === 200) return response;
    const text = await textOf(response);
    throw new ControlRequestError(`the daemon at ${this.path} says: ${errorIn(text) ?? text.trim()}`);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return text;
}

const SILENT = `the daemon does not answer within ${ANSWER_WITHIN_MS / 1_000} s; is it stopped, or overloaded?`;

/** Throws what the daemon said where it is an error. */
export function numberedEventOf(line: string): NumberedEvent {
  const error = errorIn(line);
  if (error !== null) throw new ControlRequestError(`the daemon says: ${error}`);
  const { seq, time, detectedAt, ...rest } = JSON.parse(line);
  const [at, known] = [instantFromIso(String(time)), instantFromIso(String(detectedAt))];
  if (at === null || known === null || typeof seq !== 'number') {
    throw new ControlRequestError(`the daemon sent what is no event: ${line.slice(0, 200)}`);
  }
  const event: TimelineEvent = { ...rest, time: at, detectedAt: known };
  return { seq, event };
}

function errorIn(text: string): string | null {
  if (!text.startsWith('{"error":')) return null;
  const { error }: { error: unknown } = JSON.parse(text);
  return String(error);
}

function isAbsent(error: NoDaemonError): boolean {
  return error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ENOENT';
}

function explained(path: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ENOENT':
      return new NoDaemonError(
        `no daemon: there is no socket at ${path}; start one (vipwatch observe), or name its socket with --socket`,
        { cause: error },
      );
    case 'ECONNREFUSED':
      return new NoDaemonError(
        `no daemon: nobody listens at ${path} any more; start one (vipwatch observe)`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
      return new NoDaemonError(`${path}: not permitted; ${whoMay(path)}`, { cause: error });
    case 'ENOTSOCK':
      return new NoDaemonError(`${path}: is no socket`, { cause: error });
    default:
      return error;
  }
}

function whoMay(path: string): string {
  const user = userInfo().username;
  let gid: number;
  try {
    ({ gid } = statSync(path));
  } catch {
    return `its folder is closed to ${user}; ask as the daemon's user, or as root`;
  }
  const group = groupName(gid);
  return gid === 0
    ? 'it belongs to root: ask as root'
    : `members of the group ${group} may: sudo usermod -aG ${group} ${user}, then log in again`;
}

function groupName(gid: number): string {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((each) => each.split(':')[2] === String(gid));
    return line?.split(':')[0] ?? String(gid);
  } catch {
    return String(gid);
  }
}
