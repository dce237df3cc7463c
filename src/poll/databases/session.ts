/**
 * One connection to a database server, over mysql2, and one statement at a time on it. All values come as text. What ends
 * a connection ends it for good: a broken answer, an abort, an answer larger than its limit.
 */
import { connect, isIP, type Socket } from 'node:net';
import { type Connection, createConnection, type FieldPacket, type QueryError } from 'mysql2';
import { PollError } from '../failure.ts';
import type { DatabaseTarget } from '../settings.ts';
import { type Row, StatementError } from './rows.ts';
import { brokenBy } from './session-failure.ts';

const ROWS_MAX = 1_000;
/** of one answer; a GTID set may have a megabyte */
const BYTES_MAX = 4 * 1_048_576;
const KEEP_ALIVE_MS = 30_000;

export class Session {
  readonly #connection: Connection;
  readonly #socket: Socket;
  #broken: Error | null = null;
  /** rejects what is under way */
  #reject: ((error: Error) => void) | null = null;
  #bytesLeft = BYTES_MAX;
  #greeted = false;

  private constructor(target: DatabaseTarget) {
    const { place, credentials, tls } = target;
    this.#socket = place.kind === 'unix' ? connect(place.path) : connectTo(place.host, place.port);
    this.#connection = createConnection({
      stream: () => this.#socket,
      ...(place.kind === 'unix' ? { socketPath: place.path } : { host: place.host, port: place.port }),
      user: credentials.user,
      password: credentials.password,
      ...(tls === null
        ? {}
        : {
            ssl: {
              ...(tls.ca === null ? {} : { ca: tls.ca }),
              rejectUnauthorized: !tls.insecure,
              verifyIdentity: !tls.insecure && place.kind === 'tcp',
            },
          }),
      charset: 'UTF8MB4_GENERAL_CI',
      // Nothing is read for a server that asks for a local file, and one statement has one result.
      flags: ['-LOCAL_FILES', '-MULTI_RESULTS'],
      connectAttributes: { program_name: 'vipwatch' },
      rowsAsArray: true,
      typeCast: (field) => field.string('utf8'),
      // no code is made from what a server says
      disableEval: true,
      // whoever asks knows how long to wait
      connectTimeout: 0,
    });
    this.#connection.on('error', (error) => this.#break(error));
    this.#guard(this.#connection);
  }

  /** Settles soon after `signal` aborts. */
  static async open(target: DatabaseTarget, signal: AbortSignal): Promise<Session> {
    const session = new Session(target);
    await session.#run(signal, 'the attempt to connect', (done) => {
      session.#connection.once('connect', () => done(undefined));
    });
    return session;
  }

  get isOpen(): boolean {
    return this.#broken === null;
  }

  /** Throws `StatementError` where the server refuses it: the connection goes on. Settles soon after `signal` aborts. */
  async query(sql: string, signal: AbortSignal): Promise<readonly Row[]> {
    this.#bytesLeft = BYTES_MAX;
    return await this.#run(signal, sql, (done, refused) => {
      this.#connection.query(
        sql,
        (error: QueryError | null, rows: unknown, fields: FieldPacket[] | undefined) => {
          if (error !== null) {
            if (this.#broken === null && isRefusal(error)) refused(error);
            else this.#break(error);
          } else if (Array.isArray(rows) && rows.length > ROWS_MAX) {
            this.#break(new PollError('answer', `the answer has more than ${ROWS_MAX} rows`));
          } else done(rowsOf(rows, fields));
        },
      );
    });
  }

  close(): void {
    this.#break(new PollError('closed', 'vipwatch closed the connection'));
  }

  async #run<T>(
    signal: AbortSignal,
    what: string,
    begin: (done: (value: T) => void, refused: (error: QueryError) => void) => void,
  ): Promise<T> {
    const aborted = () => this.#break(new PollError('timeout', `no answer to ${shortened(what)}`));
    try {
      return await new Promise((resolve, reject) => {
        this.#reject = reject;
        if (signal.aborted) aborted();
        signal.addEventListener('abort', aborted);
        if (this.#broken !== null) reject(this.#broken);
        else begin(resolve, (error) => reject(new StatementError(error.errno ?? 0, error.message)));
      });
    } finally {
      this.#reject = null;
      signal.removeEventListener('abort', aborted);
    }
  }

  /** The first reason stands. mysql2 would only say goodbye, and keep a socket whose other end is gone. */
  #break(error: unknown): void {
    if (this.#broken !== null) return;
    this.#broken = brokenBy(error);
    this.#connection.destroy();
    this.#socket.destroy();
    this.#reject?.(this.#broken);
  }

  /**
   * Stands before mysql2's parser, which holds whatever length a packet claims, and throws out of a socket's event where
   * a packet makes no sense.
   */
  #guard(connection: unknown): void {
    if (!hasParser(connection)) throw new Error('mysql2 has changed inside: its packetParser is missing');
    const parser = connection.packetParser;
    const execute = (bytes: Buffer) => {
      this.#bytesLeft -= bytes.length;
      try {
        if (!this.#greeted) this.#checkGreeting(bytes);
        if (this.#bytesLeft < 0)
          throw new PollError('answer', `the answer is larger than ${BYTES_MAX} bytes`);
        if (this.#broken === null) parser.execute(bytes);
      } catch (error) {
        this.#break(error);
      }
    };
    connection.packetParser = { execute };
  }

  /** Its first packet: the number 0, and protocol 10 or an error. A few bytes at a time are let through unseen. */
  #checkGreeting(bytes: Buffer): void {
    this.#greeted = true;
    if (bytes.length < GREETING_SEEN) return;
    const isGreeting =
      bytes.readUIntLE(0, 3) <= GREETING_MAX && bytes[3] === 0 && (bytes[4] === 10 || bytes[4] === 255);
    if (!isGreeting) throw new PollError('answer', 'what answers there does not speak the protocol of MySQL');
  }
}

const GREETING_SEEN = 5;
const GREETING_MAX = 4_096;
const STATEMENT_SHOWN = 80;

interface WithParser {
  packetParser: { execute(bytes: Buffer): void };
}

function hasParser(connection: unknown): connection is WithParser {
  if (typeof connection !== 'object' || connection === null || !('packetParser' in connection)) return false;
  const { packetParser } = connection;
  return typeof packetParser === 'object' && packetParser !== null && 'execute' in packetParser;
}

/**
 * The name of a certificate is checked against the host of the socket, which Node.js does not keep for an address; under
 * the address with a final dot it keeps it, and takes the dot off again.
 */
function connectTo(host: string, port: number): Socket {
  const family = isIP(host);
  const socket =
    family === 0
      ? connect({ host, port })
      : connect({
          host: `${host}.`,
          port,
          autoSelectFamily: false,
          lookup: (_name, _options, found) => found(null, host, family),
        });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/** The server understood, and said no. */
function isRefusal(error: QueryError): boolean {
  return !error.fatal && error.errno !== undefined && error.errno > 0 && error.sqlState !== undefined;
}

/** A statement without a result has no rows. Control characters become blanks: what a server says is shown on terminals. */
function rowsOf(rows: unknown, fields: readonly FieldPacket[] | undefined): readonly Row[] {
  if (!Array.isArray(rows) || fields === undefined) return [];
  const names = fields.map(({ name }) => name.toLowerCase());
  return rows.map((row: unknown) => {
    const values = Array.isArray(row) ? row : [];
    return new Map(names.map((name, i) => [name, withoutControls(values[i])]));
  });
}

function withoutControls(value: unknown): string | null {
  return typeof value === 'string' ? value.replace(/\p{Cc}+/gu, ' ') : null;
}

function shortened(statement: string): string {
  return statement.length <= STATEMENT_SHOWN ? statement : `${statement.slice(0, STATEMENT_SHOWN)}…`;
}
