import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { mysqlAsk } from '../../../src/poll/probes/ask-mysql.ts';
import type { Finding } from '../../../src/poll/probes/finding.ts';
import { NOBODY } from '../../../src/poll/probes/mysql-packets.ts';
import { Random } from '../../support/random.ts';
import { calledOff, deadPlace, found, Loopback } from './loopback.ts';

const GREETING_ONLY = { kind: 'mysql', credentials: null, query: null } as const;
const LOGIN = { kind: 'mysql', credentials: { user: 'probe', password: 'geheim' }, query: null } as const;

let servers: Loopback[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function serve(answer: (socket: Socket) => void): Promise<Loopback> {
  const server = await Loopback.open(answer);
  servers.push(server);
  return server;
}

function packet(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(sequence, 3);
  return Buffer.concat([header, payload]);
}

/** As a MariaDB 10.11 sends it. */
const GREETING = packet(
  0,
  Buffer.concat([
    Buffer.from('\x0a5.5.5-10.11.18-MariaDB\0\x2a\0\0\0'),
    Buffer.from('abcdefgh\0'),
    Buffer.from('fef72d0200ff8115', 'hex'),
    Buffer.alloc(10),
    Buffer.from('abcdefghijkl\0mysql_native_password\0'),
  ]),
);
const DENIED = packet(2, Buffer.from("\xff\x15\x04#28000Access denied for user 'x'@'y'", 'latin1'));
const SWITCH = packet(2, Buffer.from('\xfecaching_sha2_password\x00abcdefghijklmnopqrst\x00', 'latin1'));

function error(code: number, message: string): Buffer {
  return packet(0, Buffer.concat([Buffer.from([0xff, code & 0xff, code >> 8]), Buffer.from(message)]));
}

function reasonOf({ failure }: Finding): string | null {
  return failure === null ? null : failure.reason;
}

describe('without an account', () => {
  it('the greeting is enough, and the handshake is brought to its end', async () => {
    const server = await serve((socket) => {
      socket.write(GREETING);
      socket.once('data', () => socket.end(DENIED));
    });
    const finding = await found(mysqlAsk(server.place, GREETING_ONLY));
    expect(finding).toEqual({ failure: null, latencyMs: expect.any(Number), answeredBy: null });
    const [login = ''] = server.heard;
    expect(login.charCodeAt(3)).toBe(1);
    expect(login.slice(36)).toBe(`${NOBODY}\0\0mysql_native_password\0`);
  });

  it('another method of log-in is answered without a password, too', async () => {
    let replies = 0;
    const server = await serve((socket) => {
      socket.write(GREETING);
      socket.on('data', () => (++replies === 1 ? socket.write(SWITCH) : socket.end(DENIED)));
    });
    expect((await found(mysqlAsk(server.place, GREETING_ONLY))).failure).toBeNull();
    expect(server.heard[0]?.slice(-4)).toBe('\0\0\0\x03');
  });

  it('a server that never has enough is left', async () => {
    const server = await serve((socket) => {
      socket.write(GREETING);
      socket.on('data', () => socket.write(SWITCH));
    });
    expect((await found(mysqlAsk(server.place, GREETING_ONLY))).failure).toBeNull();
  });

  it('the greeting counts though the server hangs after it', async () => {
    let reached = () => {};
    const greeted = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const server = await serve((socket) => {
      socket.write(GREETING);
      socket.once('data', reached);
    });
    expect((await calledOff(mysqlAsk(server.place, GREETING_ONLY), greeted))?.failure).toBeNull();
  });

  it('it may come in any pieces', async () => {
    const server = await serve(async (socket) => {
      socket.setNoDelay(true);
      socket.once('data', () => socket.end(DENIED));
      for (const byte of GREETING) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect((await found(mysqlAsk(server.place, GREETING_ONLY))).failure).toBeNull();
  });
});

describe.each([
  ['without an account', GREETING_ONLY],
  ['with an account', LOGIN],
])('a failure %s', (_, how) => {
  it.each([
    [1040, 'Too many connections', 'answer'],
    [1129, "Host '10.0.0.9' is blocked because of many connection errors", 'denied'],
    [1130, "Host '10.0.0.9' is not allowed to connect to this MariaDB server", 'denied'],
  ])('is error %d in place of the greeting', async (code, message, reason) => {
    const server = await serve((socket) => void socket.end(error(code, message)));
    const { failure } = await found(mysqlAsk(server.place, how));
    expect(failure).toEqual({ reason, error: `error ${code}: ${message}` });
  });

  it('is a server that is not there, or breaks off', async () => {
    expect(reasonOf(await found(mysqlAsk(await deadPlace(), how)))).toBe('refused');
    // as HAProxy does without a server behind it
    const closing = await serve((socket) => void socket.end());
    expect(reasonOf(await found(mysqlAsk(closing.place, how)))).toBe('closed');
    const resetting = await serve((socket) => {
      socket.write(GREETING.subarray(0, 20), () => socket.resetAndDestroy());
    });
    expect(reasonOf(await found(mysqlAsk(resetting.place, how)))).toBe('closed');
  });

  it('is what hangs: nothing is known when it is called off', async () => {
    let reached = () => {};
    const connected = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const server = await serve(() => reached());
    expect(await calledOff(mysqlAsk(server.place, how), connected)).toBeNull();
  });

  it('is any garbage in place of the greeting, which harms nothing else', async () => {
    const random = new Random(7);
    const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random.whole(0, 255)));
    const garbage = [
      Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      packet(0, Buffer.from([])),
      packet(0, Buffer.from([0xff])),
      packet(0, Buffer.from('\x0a')),
      packet(0, Buffer.from('\x0aendless')),
      packet(0, Buffer.from('\x09old\0\0\0\0\0')),
      packet(1, GREETING.subarray(4)),
      ...Array.from({ length: 60 }, () => bytes(60)),
      ...Array.from({ length: 60 }, () => packet(0, bytes(60))),
      ...Array.from({ length: 60 }, () => packet(0, Buffer.concat([Buffer.from([10]), bytes(30)]))),
    ];
    for (const piece of garbage) {
      const server = await serve((socket) => void socket.end(piece));
      const finding = await found(mysqlAsk(server.place, how));
      expect([piece.toString('hex'), reasonOf(finding)]).not.toContain(null);
    }
  });
});

it('garbage after the greeting fails a log-in, harms nothing else, and matters to no one else', async () => {
  const random = new Random(11);
  for (let i = 0; i < 200; i++) {
    const piece = Buffer.from(Array.from({ length: 40 }, () => random.whole(0, 255)));
    const answer = random.chance(0.5) ? piece : packet(2, piece);
    const server = await serve((socket) => {
      socket.write(GREETING);
      socket.once('data', () => socket.end(answer));
    });
    expect([answer.toString('hex'), reasonOf(await found(mysqlAsk(server.place, LOGIN)))]).not.toContain(
      null,
    );
    expect(reasonOf(await found(mysqlAsk(server.place, GREETING_ONLY)))).toBeNull();
  }
});
