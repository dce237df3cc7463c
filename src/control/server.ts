/**
 * The daemon's control socket: HTTP over a unix socket of mode 0660, for the commands and for `curl --unix-socket`.
 *
 *     GET /status                  the present, one JSON document
 *     GET /events?kind=…&follow=1  events by seq, one JSON object a line; with `follow` those to come, too
 *     GET, POST /silences          silences of alerts; POST takes one as JSON, and answers it
 *     DELETE /silences/ID          ends one
 *
 * Knows neither the journal nor the observer, only the functions that it is given. Errors are `{"error": "…"}`.
 *
 * Limits: 64 connections, 32 followers, 8 KiB of request head and as much of body, which must be there within 5 s; only
 * POST's body is read. Events are read in pages, and the next page only when the last one has gone out. A slow follower thus
 * costs one page and loses nothing: it goes on from the journal where it stopped. One that takes nothing for a
 * minute is cut off, and may come back with `afterSeq`.
 */
import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { eventJson, type TimelineEvent } from '../events.ts';
import { type EventQuery, eventFilter, type JournalledEvent } from '../timeline/journalled-event.ts';
import { requestOf } from './event-parameters.ts';
import { SOCKET_PATH_BYTES_MAX } from './socket-path.ts';

export interface ControlSources {
  /** a JSON document, or the promise of one */
  status(): unknown;
  /** by seq; asked for a page at a time, each page taken in at once */
  events(query: EventQuery): Iterable<JournalledEvent> | AsyncIterable<JournalledEvent>;
  /** the last event that `events` can give; 0 before the first */
  lastSeq(): number;
  /** from now on, each event once it is durable, in order of seq; answers how to stop it */
  follow(listener: (events: readonly JournalledEvent[]) => void): () => void;
  /** null: there are no alerts to be silenced */
  silences(): SilenceSources | null;
}

export interface SilenceSources {
  list(): Promise<unknown>;
  /** takes what came as JSON; a text is what is wrong with it */
  add(asked: unknown): Promise<object | string>;
  /** false: there is no such silence, or it is over */
  expire(id: string): Promise<boolean>;
}

/** The socket cannot be had; the message says why and what would help. */
export class ControlSocketError extends Error {
  override readonly name = 'ControlSocketError';
}

const CONNECTIONS_MAX = 64;
const FOLLOWERS_MAX = 32;
const HEAD_BYTES_MAX = 8 * 1024;
const BODY_BYTES_MAX = 8 * 1024;
const HEAD_WITHIN_MS = 5_000;
const PAGE_EVENTS = 500;
const STALLED_MS = 60_000;

export class ControlServer {
  readonly path: string;
  readonly #sources: ControlSources;
  readonly #server: Server;
  readonly #followers = new Set<ServerResponse>();

  /** Takes the place of a dead daemon's socket, never of a living one's. */
  static async listen(path: string, sources: ControlSources): Promise<ControlServer> {
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
      throw new ControlSocketError(
        `${path}: longer than the ${SOCKET_PATH_BYTES_MAX} bytes that a unix socket's path can have`,
      );
    }
    await removeStale(path);
    const control = new ControlServer(path, sources);
    await control.#listen();
    return control;
  }

  private constructor(path: string, sources: ControlSources) {
    this.path = path;
    this.#sources = sources;
    this.#server = createServer(
      {
        maxHeaderSize: HEAD_BYTES_MAX,
        headersTimeout: HEAD_WITHIN_MS,
        requestTimeout: HEAD_WITHIN_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('clientError', refuse);
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** Ends all connections, followers' too, and removes the socket. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const follower of this.#followers) follower.end();
    // What has been written goes out where it is taken; nobody is waited for.
    await new Promise((resolve) => setImmediate(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(): Promise<void> {
    // The socket is made during the call of `listen`, with its mode from the first instant.
    const umask = process.umask(0o117);
    try {
      this.#server.listen({ path: this.path });
    } finally {
      process.umask(umask);
    }
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      const code = codeOf(error);
      const why =
        code === 'EACCES'
          ? 'this user may not make a socket there; name another place with control.path in the configuration'
          : code === 'ENOENT'
            ? 'there is no such folder'
            : code;
      throw new ControlSocketError(`${this.path}: ${why}`, { cause: error });
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // One request a connection: nothing queues up behind a follower.
    response.setHeader('connection', 'close');
    response.on('error', () => response.destroy());
    try {
      await this.#route(request, response);
    } catch (error) {
      const message = `this is a fault of the daemon: ${error instanceof Error ? error.message : String(error)}`;
      if (response.headersSent) response.end(`${JSON.stringify({ error: message })}\n`);
      else fail(response, 500, message);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let url: URL;
    try {
      url = new URL(request.url ?? '/', 'http://vipwatch');
    } catch {
      fail(response, 400, 'the request names no path');
      return;
    }
    if (/^\/silences(\/|$)/.test(url.pathname)) {
      await this.#silences(url.pathname.split('/')[2] ?? null, request, response);
      return;
    }
    if (url.pathname !== '/status' && url.pathname !== '/events') {
      fail(response, 404, 'no such path; there are /status, /events and /silences');
      return;
    }
    if (request.method !== 'GET') {
      response.setHeader('allow', 'GET');
      fail(response, 405, `${url.pathname} can only be read: use GET`);
      return;
    }
    if (url.pathname === '/status') {
      succeed(response, await this.#sources.status());
      return;
    }
    const asked = requestOf(url.searchParams);
    if (typeof asked === 'string') {
      fail(response, 400, asked);
    } else if (!asked.follow) {
      await this.#tell(asked.query, response);
    } else if (this.#followers.size >= FOLLOWERS_MAX) {
      fail(response, 503, `${FOLLOWERS_MAX} followers are connected, which is as many as there can be`);
    } else {
      await this.#tellOn(asked.query, response);
    }
  }

  async #silences(id: string | null, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const silences = this.#sources.silences();
    const method = `${request.method}${id === null ? '' : ' ID'}`;
    if (!['GET', 'POST', 'DELETE ID'].includes(method)) {
      response.setHeader('allow', id === null ? 'GET, POST' : 'DELETE');
      fail(response, 405, 'use GET or POST with /silences, DELETE with /silences/ID');
    } else if (silences === null) {
      fail(
        response,
        409,
        'nobody is told of alerts here, so there is nothing to silence (alerts: in vipwatch.yaml)',
      );
    } else if (method === 'GET') {
      succeed(response, await silences.list());
    } else if (id !== null) {
      if (await silences.expire(id)) succeed(response, { expired: id });
      else fail(response, 404, `there is no silence ${id.slice(0, 40)}, or it is over`);
    } else {
      const asked = await bodyOf(request);
      const answer = typeof asked === 'string' ? asked : await silences.add(asked.json);
      if (typeof answer === 'string') fail(response, 400, answer);
      else succeed(response, answer);
    }
  }

  async #tell(query: EventQuery, response: ServerResponse): Promise<void> {
    response.writeHead(200, JSONL);
    let cursor = query.afterSeq ?? 0;
    for (;;) {
      const page = await this.#page(query, cursor);
      if (page.length > 0 && !(await written(response, page))) return;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_EVENTS) break;
      cursor = last.seq;
    }
    response.end();
  }

  async #tellOn(query: EventQuery, response: ServerResponse): Promise<void> {
    const { since } = query;
    const filter = eventFilter(query);
    // As in the journal: an end is of the window in which its condition lasted.
    const wants = (event: TimelineEvent) =>
      filter(event) && (since === undefined || event.time >= since || event.phase === 'end');
    const fromNow = query.afterSeq === undefined && since === undefined;
    let cursor = fromNow ? this.#sources.lastSeq() : (query.afterSeq ?? 0);
    let behind = !fromNow;
    let missed = false;
    let wake = () => {};

    this.#followers.add(response);
    const unfollow = this.#sources.follow((events) => {
      if (behind || response.writableNeedDrain) {
        behind = missed = true; // the journal has them
      } else {
        const news = events.filter((each) => each.seq > cursor);
        cursor = news.at(-1)?.seq ?? cursor;
        const wanted = news.filter(({ event }) => wants(event));
        if (wanted.length > 0) response.write(linesOf(wanted));
      }
      wake();
    });
    response.on('close', () => {
      unfollow();
      this.#followers.delete(response);
      wake();
    });

    response.writeHead(200, JSONL);
    response.flushHeaders();
    while (!response.closed && !response.writableEnded) {
      if (!(await drained(response))) return;
      if (behind) {
        missed = false;
        const page = await this.#page(query, cursor);
        const last = page.at(-1);
        if (last !== undefined) {
          cursor = last.seq;
          response.write(linesOf(page));
        }
        behind = missed || page.length > 0;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  async #page(query: EventQuery, cursor: number): Promise<readonly JournalledEvent[]> {
    const page: JournalledEvent[] = [];
    for await (const each of this.#sources.events({ ...query, afterSeq: cursor, limit: PAGE_EVENTS }))
      page.push(each);
    return page;
  }
}

const JSONL = { 'content-type': 'application/jsonl' };

function linesOf(events: readonly JournalledEvent[]): string {
  return events.map(({ seq, event }) => `${eventJson(event, seq)}\n`).join('');
}

/** False: the reader has gone, or takes nothing. */
async function written(response: ServerResponse, events: readonly JournalledEvent[]): Promise<boolean> {
  response.write(linesOf(events));
  return drained(response);
}

async function drained(response: ServerResponse): Promise<boolean> {
  if (!response.writableNeedDrain) return !response.closed;
  const stop = new AbortController();
  const stalled = setTimeout(() => response.destroy(), STALLED_MS);
  try {
    const { signal } = stop;
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    clearTimeout(stalled);
    stop.abort();
  }
  return !response.closed;
}

/** A text is what is wrong with it. */
async function bodyOf(request: IncomingMessage): Promise<{ readonly json: unknown } | string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) return `a body has at most ${BODY_BYTES_MAX} bytes`;
  }
  try {
    return { json: JSON.parse(Buffer.concat(pieces).toString('utf8')) };
  } catch {
    return 'the body is no JSON';
  }
}

function succeed(response: ServerResponse, answer: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(answer)}\n`);
}

function fail(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ error })}\n`);
}

/** What is no HTTP, is too large, or does not come to its end. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', `a request's head has at most ${HEAD_BYTES_MAX} bytes`]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', `a request must be there within ${HEAD_WITHIN_MS} ms`]
        : ['400 Bad Request', 'this is no HTTP request'];
  const body = `${JSON.stringify({ error: text })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** A socket that nobody listens on is what a killed daemon leaves behind. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new ControlSocketError(`${path}: something that is no socket is in its place; remove it`);
  }
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    if (codeOf(error) === 'ECONNREFUSED') {
      unlinkSync(path);
      return;
    }
    if (codeOf(error) === 'ENOENT') return;
    if (codeOf(error) === 'EACCES') {
      throw new ControlSocketError(
        `${path}: belongs to another user, and whether its daemon lives cannot be told; name another place with control.path in the configuration`,
        { cause: error },
      );
    }
    // EAGAIN: its queue is full, so somebody holds it.
  } finally {
    socket.destroy();
  }
  throw new ControlSocketError(
    `${path}: another vipwatch listens there; stop it, or give this one its own control.path in the configuration`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
