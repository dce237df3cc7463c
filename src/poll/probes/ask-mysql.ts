/**
 * Whether a MySQL or MariaDB server serves. With an account: log in, ask, quit. Without one: its greeting; then the
 * handshake is brought to its end by a log-in as nobody, which the server denies. Connections that break off before
 * that count against `max_connect_errors`, and whoever reaches it is locked out; denied log-ins do not count.
 */
import { createConnection } from 'mysql2';
import type { PollFailure } from '../../observation.ts';
import { failure } from '../failure.ts';
import type { Credentials, ProbeHow } from '../settings.ts';
import { openSocket, type Place, type ProbeSocket } from './connection.ts';
import { failureOf } from './failures.ts';
import { type Ask, type Finding, failed, shownName, succeeded } from './finding.ts';
import {
  isDenied,
  nobodysLogin,
  type Packet,
  PacketReader,
  readGreeting,
  replyToAnswer,
} from './mysql-packets.ts';

type MysqlHow = Extract<ProbeHow, { kind: 'mysql' }>;

interface Talk {
  readonly socket: ProbeSocket;
  readonly beganMs: number;
  finding: Finding | null;
  /** takes the first failure, unless we let go ourselves */
  fail(failure: PollFailure): void;
}

export function mysqlAsk(place: Place, { credentials, query }: MysqlHow): Ask {
  return (signal) =>
    new Promise((resolve) => {
      const socket = openSocket(place);
      const talk: Talk = {
        socket,
        beganMs: performance.now(),
        finding: null,
        fail: (failure) => {
          if (!signal.aborted) talk.finding ??= failed(failure);
        },
      };
      const letGo = () => socket.destroy();
      signal.addEventListener('abort', letGo, { once: true });
      if (credentials === null) greet(talk);
      else askAs(credentials, query, talk);
      socket.on('error', (error) => talk.fail(failureOf(error)));
      socket.once('close', () => {
        signal.removeEventListener('abort', letGo);
        talk.fail(failure('closed', 'closed before it had answered'));
        resolve(talk.finding);
      });
    });
}

/** The server may have nobody's log-in switch its method so often. */
const REPLIES_MAX = 4;

function greet(talk: Talk): void {
  const { socket } = talk;
  const reader = new PacketReader();
  let replies = 0;
  socket.on('data', (bytes: Buffer) => {
    const packets = reader.read(bytes);
    if (packets === null) talk.fail(NO_GREETING);
    for (const packet of packets ?? []) {
      const reply = talk.finding === null ? hear(packet, talk) : replyToAnswer(packet);
      if (reply !== null && ++replies <= REPLIES_MAX) socket.write(reply);
      else socket.end();
    }
    if (packets === null) socket.destroy();
  });
}

const NO_GREETING = failure('answer', 'what answers does not greet like MySQL or MariaDB');

/** The greeting decides. Answers what to say to it. */
function hear(packet: Packet, talk: Talk): Buffer | null {
  const greeting = readGreeting(packet);
  switch (greeting.kind) {
    case 'greeting':
      talk.finding = succeeded(talk.beganMs);
      return greeting.loginPossible ? nobodysLogin() : null;
    case 'error':
      talk.fail(refusal(greeting.code, greeting.message));
      return null;
    case 'none':
      talk.fail(NO_GREETING);
      return null;
  }
}

function refusal(code: number, message: string): PollFailure {
  return failure(isDenied(code) ? 'denied' : 'answer', `error ${code}: ${message}`);
}

const WHO = 'SELECT @@hostname';
/** A check needs a row, not a table. */
const ANSWER_MAX = 1_048_576;

function askAs({ user, password }: Credentials, query: string | null, talk: Talk): void {
  const { socket } = talk;
  const connection = createConnection({
    stream: socket,
    user,
    password,
    connectTimeout: 0,
    flags: ['-LOCAL_FILES'],
    rowsAsArray: true,
    connectAttributes: { program_name: 'vipwatch' },
  });
  const fail = (error: unknown) => {
    talk.fail(refusalOf(error));
    // Politely where that is still possible.
    connection.end(() => socket.destroy());
  };
  connection.on('error', fail);
  socket.on('data', () => {
    if (socket.bytesRead > ANSWER_MAX) socket.destroy(new Error('the query answers with more than 1 MiB'));
  });
  connection.query(query ?? WHO, (error, rows) => {
    if (error !== null) {
      fail(error);
      return;
    }
    if (!Array.isArray(rows) || rows.length === 0) {
      fail(new Error('the query returned no row'));
      return;
    }
    const found = succeeded(talk.beganMs);
    talk.finding = query === null ? { ...found, answeredBy: nameIn(rows) } : found;
    if (query === null) {
      connection.end();
      return;
    }
    connection.query(WHO, (_, names) => {
      talk.finding = { ...found, answeredBy: nameIn(names) };
      connection.end();
    });
  });
}

function nameIn(rows: unknown): string | null {
  const first: unknown = Array.isArray(rows) ? rows[0] : null;
  return shownName(Array.isArray(first) ? first[0] : null);
}

function refusalOf(error: unknown): PollFailure {
  if (!(error instanceof Error)) return failureOf(error);
  // The system's own numbers are below 0.
  if ('errno' in error && typeof error.errno === 'number' && error.errno > 0)
    return refusal(error.errno, error.message);
  if ('code' in error && error.code === 'PROTOCOL_CONNECTION_LOST') return failure('closed', error.message);
  return failureOf(error);
}
