/**
 * A server that speaks the protocol of MySQL on a loopback port and answers each statement as a test says. It takes any
 * account and password. For releases that cannot be had, it answers with their columns; and it can misbehave.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** Text under columns, in order. A statement without a result: no columns. */
export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export type Answer =
  | Result
  | { readonly errno: number; readonly message: string }
  /** nothing, ever; the same after the columns and the first row; the connection ends there */
  | { readonly misbehaves: 'hangs' | 'hangs-in-rows' | 'ends-in-rows' }
  | { readonly bytes: Buffer };

export interface FakeMysqlOptions {
  readonly version: string;
  /** `sql` as it came */
  readonly answer: (sql: string) => Answer;
  /** instead of a greeting: an error, bytes, or nothing */
  readonly greeting?: Answer;
  /** instead of a welcome */
  readonly welcome?: Answer;
}

/** Of an object per row, as `{Name: 'value'}`. */
export function resultOf(...rows: readonly Readonly<Record<string, string | null>>[]): Result {
  const columns = Object.keys(rows[0] ?? {});
  return { columns, rows: rows.map((row) => columns.map((column) => row[column] ?? null)) };
}

/** As `SHOW VARIABLES` and `SHOW STATUS` answer. */
export function variablesOf(values: Readonly<Record<string, string>>): Result {
  return { columns: ['Variable_name', 'Value'], rows: Object.entries(values) };
}

export const EMPTY: Result = { columns: ['nothing'], rows: [] };

export class FakeMysql {
  options: FakeMysqlOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** since it began */
  connections = 0;
  readonly statements: string[] = [];
  port = 0;

  constructor(options: FakeMysqlOptions) {
    this.options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(options: FakeMysqlOptions): Promise<FakeMysql> {
    const fake = new FakeMysql(options);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    const address = fake.#server.address();
    if (typeof address === 'object' && address !== null) fake.port = address.port;
    return fake;
  }

  /** As at a restart, or when an idle connection has lasted too long. */
  endConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** So many that have not ended. */
  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.endConnections();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    const { greeting, welcome } = this.options;
    if (greeting !== undefined) {
      send(socket, greeting, 0);
      return;
    }
    socket.write(packets([greetingOf(this.options.version)], 0));
    let pending = Buffer.alloc(0);
    let loggedIn = false;
    socket.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      while (pending.length >= HEADER && pending.length >= HEADER + pending.readUIntLE(0, 3)) {
        const payload = pending.subarray(HEADER, HEADER + pending.readUIntLE(0, 3));
        pending = pending.subarray(HEADER + payload.length);
        if (!loggedIn) {
          loggedIn = true;
          if (welcome === undefined) socket.write(packets([OK], 2));
          else send(socket, welcome, 2);
        } else if (payload[0] === QUERY) {
          const sql = payload.toString('utf8', 1);
          this.statements.push(sql);
          send(socket, this.options.answer(sql), 1);
        }
      }
    });
  }
}

const HEADER = 4;
const QUERY = 0x03;
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const EOF = Buffer.from([0xfe, 0, 0, 2, 0]);
const CAPABILITIES = 0x0008_a201; // LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH

function send(socket: Socket, answer: Answer, sequence: number): void {
  if ('bytes' in answer) socket.write(answer.bytes);
  else if ('errno' in answer)
    socket.write(packets([errorOf(answer.errno, answer.message, sequence)], sequence));
  else if ('columns' in answer) socket.write(packets(resultPackets(answer), sequence));
  else if (answer.misbehaves !== 'hangs') {
    const whole = resultPackets({ columns: ['Variable_name', 'Value'], rows: [['version', '8.0.36']] });
    socket.write(packets(whole.slice(0, -1), sequence));
    if (answer.misbehaves === 'ends-in-rows') socket.end();
  }
}

function resultPackets({ columns, rows }: Result): Buffer[] {
  if (columns.length === 0) return [OK];
  return [
    Buffer.from([columns.length]),
    ...columns.map(columnOf),
    EOF,
    ...rows.map((row) => Buffer.concat(row.map((value) => (value === null ? NULL : lengthCoded(value))))),
    EOF,
  ];
}

const NULL = Buffer.from([0xfb]);

function greetingOf(version: string): Buffer {
  const rest = Buffer.alloc(4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10);
  rest.writeUInt32LE(7, 0);
  rest.fill('scramble', 4, 12);
  rest.writeUInt16LE(CAPABILITIES & 0xffff, 13);
  rest.writeUInt8(45, 15);
  rest.writeUInt16LE(2, 16);
  rest.writeUInt16LE(CAPABILITIES >>> 16, 18);
  rest.writeUInt8(21, 20);
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${version}\0`),
    rest,
    Buffer.from('scramble4you\0mysql_native_password\0'),
  ]);
}

/** Without the SQL state before the greeting. */
function errorOf(errno: number, message: string, sequence: number): Buffer {
  const head = Buffer.from([0xff, errno & 0xff, errno >> 8]);
  return Buffer.concat([head, Buffer.from(sequence === 0 ? message : `#42000${message}`)]);
}

/** A column of text in UTF-8. */
function columnOf(name: string): Buffer {
  const fixed = Buffer.alloc(13);
  fixed.writeUInt8(12, 0);
  fixed.writeUInt16LE(45, 1);
  fixed.writeUInt32LE(1_024, 3);
  fixed.writeUInt8(253, 7);
  return Buffer.concat([...['def', '', '', '', name, ''].map(lengthCoded), fixed]);
}

function lengthCoded(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 251) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length, 0);
  if (bytes.length < 0x1_0000) return Buffer.concat([Buffer.from([0xfc]), length.subarray(0, 2), bytes]);
  return Buffer.concat([Buffer.from([0xfd]), length.subarray(0, 3), bytes]);
}

function packets(payloads: readonly Buffer[], sequence: number): Buffer {
  return Buffer.concat(
    payloads.flatMap((payload, i) => {
      const header = Buffer.alloc(HEADER);
      header.writeUIntLE(payload.length, 0, 3);
      header.writeUInt8((sequence + i) % 256, 3);
      return [header, payload];
    }),
  );
}
