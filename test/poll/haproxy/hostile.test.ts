/** Whatever a server does: a clear failure, in bounded memory and time, and no other target waits for it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { csvPath } from '../../../src/poll/haproxy/http.ts';
import { Authority } from '../../support/certificates.ts';
import { httpPlace, pollOnce, target, Watched } from '../watched.ts';

const HEADER = '# pxname,svname,status,type,\n';
const PAGE = `${HEADER}mysql,FRONTEND,OPEN,0,\nmysql,a,UP,2,\n`;
const MIB = 1_024 * 1_024;

const folder = mkdtempSync(join(tmpdir(), 'vipwatch-poll-'));
const authority = new Authority(folder);
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function listen(server: NetServer | Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

async function http(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createHttpServer(listener))}/status`;
}

/** Answers each connection as told, once something was asked. */
async function raw(answer: (socket: Socket, count: number) => void): Promise<number> {
  let count = 0;
  return await listen(
    createServer((socket) => {
      const mine = ++count;
      socket.once('data', () => answer(socket, mine));
    }),
  );
}

/** Writes the same again and again until nobody takes it any more; says how many bytes were taken. */
function pour(
  to: { write(bytes: Buffer): boolean; once(event: string, call: () => void): unknown; destroyed: boolean },
  bytes: Buffer,
  limit: number,
): { sent: number } {
  const count = { sent: 0 };
  const more = () => {
    while (!to.destroyed && count.sent < limit) {
      count.sent += bytes.length;
      if (!to.write(bytes)) {
        to.once('drain', more);
        return;
      }
    }
  };
  more();
  return count;
}

describe('answers over HTTP', () => {
  it('the page is read, and asked for as CSV with the credentials', async () => {
    const seen: unknown[] = [];
    const url = await http((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization]);
      response.end(PAGE);
    });
    const place = httpPlace(url, { credentials: { user: 'admin', password: 'pässword:1' } });
    const { reading, failure, cluster, node, index, at, askedAt } = await pollOnce(place);
    expect(failure).toBeNull();
    expect(reading?.rows.map(({ name, status }) => [name, status.word])).toEqual([
      ['FRONTEND', 'OPEN'],
      ['a', 'UP'],
    ]);
    expect({ cluster, node, index }).toEqual({ cluster: 'orders-db', node: 'hosta', index: 0 });
    expect(at).toBeGreaterThanOrEqual(askedAt);
    const basic = `Basic ${Buffer.from('admin:pässword:1').toString('base64')}`;
    expect(seen[0]).toEqual(['GET', '/status;csv;norefresh', basic]);
  });

  it.each([
    ['401', 401, 'denied'],
    ['403', 403, 'denied'],
    ['a redirect', 302, 'answer'],
    ['404', 404, 'answer'],
    ['503', 503, 'answer'],
    ['204', 204, 'answer'],
  ] as const)('%s is %s', async (_, status, reason) => {
    let count = 0;
    const url = await http((_, response) => {
      count++;
      response
        .writeHead(status, { location: 'http://127.0.0.1:1/secret' })
        .end(status === 204 ? undefined : PAGE);
    });
    const { failure, reading } = await pollOnce(httpPlace(url));
    expect(reading).toBeNull();
    expect(failure).toMatchObject({ reason, error: expect.stringContaining(String(status)) });
    expect(failure?.error).not.toContain('secret');
    expect(count).toBe(1);
  });

  it.each([
    ['an HTML page', Buffer.from('<html><body>Statistics Report</body></html>'), 'an HTML page'],
    ['binary', Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7) % 256)), 'no statistics'],
    ['nothing', Buffer.alloc(0), 'no statistics'],
  ])('%s is no answer', async (_, body, words) => {
    const url = await http((_, response) => response.end(body));
    expect((await pollOnce(httpPlace(url))).failure).toMatchObject({
      reason: 'answer',
      error: expect.stringContaining(words),
    });
  });

  it('100 MB of CSV: given up after 32 MiB, whatever the rows', async () => {
    let count = { sent: 0 };
    const url = await http((_, response) => {
      response.write(HEADER);
      // Long lines, so that it is not the number of rows that ends it.
      count = pour(response, Buffer.from(`a,b,UP,2,\n${'x'.repeat(60_000)}\n`), 100 * MIB);
    });
    const { failure } = await pollOnce(httpPlace(url));
    expect(failure).toEqual({
      reason: 'answer',
      error: 'the answer is longer than 32 MiB: is that a statistics page?',
    });
    expect(count.sent).toBeGreaterThan(31 * MIB);
    expect(count.sent).toBeLessThan(60 * MIB);
  });

  it('too many rows: given up long before that', async () => {
    let count = { sent: 0 };
    const url = await http((_, response) => {
      response.write(HEADER);
      count = pour(response, Buffer.from('a,b,UP,2,\n'.repeat(1_000)), 100 * MIB);
    });
    expect((await pollOnce(httpPlace(url))).failure).toMatchObject({
      reason: 'answer',
      error: expect.stringContaining('20,000 rows'),
    });
    expect(count.sent).toBeLessThan(30 * MIB);
  });

  it('one endless line', async () => {
    const url = await http((_, response) => void pour(response, Buffer.alloc(64 * 1_024, 'x'), 100 * MIB));
    expect((await pollOnce(httpPlace(url))).failure).toMatchObject({ reason: 'answer' });
  });

  it('a gzip bomb is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB, 'a'));
    let accepted: unknown;
    const url = await http((request, response) => {
      accepted = request.headers['accept-encoding'];
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    expect((await pollOnce(httpPlace(url))).failure).toEqual({
      reason: 'answer',
      error: 'the answer is compressed, unasked',
    });
    expect(accepted).toBe('identity');
  });

  it('what is no HTTP', async () => {
    const port = await raw((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    expect((await pollOnce(httpPlace(`http://127.0.0.1:${port}/`))).failure).toMatchObject({
      reason: 'answer',
      error: expect.stringContaining('no HTTP'),
    });
  });

  it('endless headers', async () => {
    const port = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      pour(socket, Buffer.from('x-a: b\r\n'.repeat(1_000)), 100 * MIB);
    });
    expect((await pollOnce(httpPlace(`http://127.0.0.1:${port}/`))).failure?.reason).toBe('answer');
  });

  it.each([
    ['by its length', 'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n', PAGE],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `270f\r\n${PAGE}`],
    ['in a line, with no length told', 'HTTP/1.0 200 OK\r\n\r\n', PAGE.slice(0, -3)],
  ])('an answer cut %s is closed', async (_, head, body) => {
    const port = await raw((socket) => socket.end(head + body));
    const { failure, reading } = await pollOnce(httpPlace(`http://127.0.0.1:${port}/`));
    expect(reading).toBeNull();
    expect(failure?.reason).toBe('closed');
  });

  it('one byte a while, or a server that says nothing: a timeout', async () => {
    const dripping = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${HEADER}`);
      const drip = setInterval(() => socket.destroyed || socket.write('a'), 10);
      socket.on('close', () => clearInterval(drip));
    });
    const mute = await raw(() => {});
    for (const port of [dripping, mute]) {
      const { failure } = await pollOnce(httpPlace(`http://127.0.0.1:${port}/`), { timeoutMs: 150 });
      expect(['timeout', 'blind']).toContain(failure?.reason);
    }
  });

  it('nobody listens', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    for (const place of [
      httpPlace(`http://127.0.0.1:${port}/`),
      { kind: 'tcp', host: '127.0.0.1', port } as const,
      { kind: 'unix', path: join(folder, 'nothing.sock') } as const,
    ])
      expect((await pollOnce(place)).failure?.reason).toBe('refused');
  });

  it('a name that does not exist', async () => {
    expect((await pollOnce(httpPlace('http://no-such-host.invalid/'))).failure?.reason).toBe('unreachable');
  });
});

describe('a connection that is kept', () => {
  it('is used again; closed under a request, that is sent once more on a new one', async () => {
    let connections = 0;
    const perConnection: number[] = [];
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`;
    const port = await listen(
      createServer((socket) => {
        const mine = connections++;
        perConnection[mine] = 0;
        socket.on('data', () => {
          perConnection[mine] = (perConnection[mine] ?? 0) + 1;
          // The third request on the first connection finds it closed, or reset.
          if (mine === 0 && perConnection[mine] === 3) socket.resetAndDestroy();
          else socket.write(answer);
        });
      }),
    );
    const watched = new Watched([target(httpPlace(`http://127.0.0.1:${port}/`))]);
    await watched.next(() => watched.told.length >= 5);
    await watched.stop();
    expect(watched.told.map(({ failure }) => failure)).toEqual(watched.told.map(() => null));
    expect(connections).toBe(2);
    expect(perConnection[0]).toBe(3);
  });

  it('closed again at once, it is a failure: one more try, not more', async () => {
    const connections: Socket[] = [];
    const port = await listen(
      createServer((socket) => {
        connections.push(socket);
        let count = 0;
        socket.on('data', () => {
          if (connections.length === 1 && ++count === 1)
            socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`);
          else socket.end();
        });
      }),
    );
    const watched = new Watched([target(httpPlace(`http://127.0.0.1:${port}/`))]);
    const failed = await watched.next(({ failure }) => failure !== null);
    const soFar = connections.length;
    await watched.stop();
    expect(failed.failure?.reason).toBe('closed');
    expect(soFar).toBe(2);
  });

  it('is let go at a stop', async () => {
    let open = 0;
    const server = createHttpServer((_, response) => response.end(PAGE));
    const closed = new Promise<void>((resolve) => {
      server.on('connection', (socket: Socket) => {
        open++;
        socket.on('close', () => --open === 0 && resolve());
      });
    });
    const watched = new Watched([target(httpPlace(`http://127.0.0.1:${await listen(server)}/`))]);
    await watched.next();
    await watched.stop();
    await closed;
    expect(open).toBe(0);
  });
});

describe('TLS', () => {
  async function https(certificate: { key: string; cert: string }): Promise<string> {
    const server = createTlsServer({ ...certificate }, (_, response) => response.end(PAGE));
    return `https://localhost:${await listen(server)}/`;
  }
  const trusting = (ca: string | null, insecure = false) => ({ tls: { ca, insecure } });

  it('with an own authority, or with none wanted', async () => {
    const url = await https(authority.issue());
    expect((await pollOnce(httpPlace(url, trusting(authority.cert)))).failure).toBeNull();
    expect((await pollOnce(httpPlace(url, trusting(null, true)))).failure).toBeNull();
    expect((await pollOnce(httpPlace(url, trusting(null)))).failure?.reason).toBe('tls');
  });

  it.each([
    ['expired', () => authority.issue('DNS:localhost', { expired: true }), 'expired'],
    ['for other names', () => authority.issue('DNS:elsewhere.test'), 'other names'],
    ['signed by itself', () => authority.selfSigned(), 'signed by itself'],
  ])('a certificate that is %s', async (_, certificate, words) => {
    const url = await https(certificate());
    expect((await pollOnce(httpPlace(url, trusting(authority.cert)))).failure).toEqual({
      reason: 'tls',
      error: expect.stringContaining(words),
    });
  });

  it('where the server speaks none', async () => {
    const url = await http((_, response) => response.end(PAGE));
    expect((await pollOnce(httpPlace(url.replace('http:', 'https:')))).failure?.reason).toBe('tls');
  });

  it('an authority that is no certificate', async () => {
    const url = await https(authority.issue());
    const bad = '-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n';
    expect((await pollOnce(httpPlace(url, trusting(bad)))).failure?.reason).toBe('tls');
  });
});

describe('sockets', () => {
  it('a file that is no socket, one nobody listens on, and text that is none of HAProxy', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect((await pollOnce({ kind: 'unix', path: file })).failure?.reason).toBe('refused');
    const port = await raw((socket) => socket.end('+OK\r\n'));
    expect((await pollOnce({ kind: 'tcp', host: '127.0.0.1', port })).failure?.reason).toBe('answer');
  });

  it.each([
    ['nothing', ''],
    ['half of the info', 'Name: HAProxy\nVersion: 2.6'],
    ['the info alone', 'Name: HAProxy\nVersion: 2.6\n\n'],
    ['whole lines, but not the last blank one', `Name: HAProxy\nVersion: 2.6\n\n${PAGE}`],
  ])('%s is closed', async (_, bytes) => {
    const port = await raw((socket) => socket.end(bytes));
    expect((await pollOnce({ kind: 'tcp', host: '127.0.0.1', port })).failure?.reason).toBe('closed');
  });

  it('an endless answer', async () => {
    let count = { sent: 0 };
    const port = await raw((socket) => {
      count = pour(socket, Buffer.from(`${'x'.repeat(50)}: y\n`.repeat(1_000)), 100 * MIB);
    });
    expect((await pollOnce({ kind: 'tcp', host: '127.0.0.1', port })).failure?.reason).toBe('answer');
    expect(count.sent).toBeLessThan(60 * MIB);
  });
});

describe('many targets', () => {
  it('none waits for those that hang, drip or pour', async () => {
    const good = await http((_, response) => response.end(PAGE));
    const mute = await raw(() => {});
    const endless = await raw((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n\r\n${HEADER}`);
      const drip = setInterval(() => socket.destroyed || socket.write('a'), 5);
      socket.on('close', () => clearInterval(drip));
    });
    const hanging = [mute, endless].flatMap((port) => [
      target(httpPlace(`http://127.0.0.1:${port}/`), { node: 'hanging' }),
      target({ kind: 'tcp', host: '127.0.0.1', port }, { node: 'hanging' }),
    ]);
    const watched = new Watched([...hanging, target(httpPlace(good), { node: 'good' })]);
    await watched.next(() => watched.of('good').length >= 10);
    expect(watched.of('hanging').filter(({ failure }) => failure?.reason === 'timeout')).toEqual([]);
    expect(watched.of('good').every(({ failure }) => failure === null)).toBe(true);
    await watched.stop();
    const told = watched.told.length;
    await new Promise(setImmediate);
    expect(watched.told).toHaveLength(told);
  });
});

it.each([
  ['http://h:8888', '/;csv;norefresh'],
  ['http://h/status', '/status;csv;norefresh'],
  ['http://h/haproxy?stats', '/haproxy?stats;csv;norefresh'],
  ['http://h/status;csv', '/status;csv;norefresh'],
  ['http://h/status;norefresh', '/status;norefresh;csv'],
  ['http://h/status;csv;norefresh', '/status;csv;norefresh'],
  ['http://h/status?;csv;scope=mysql', '/status?;csv;scope=mysql;norefresh'],
  ['http://h/status;up', '/status;up;csv;norefresh'],
  ['http://h/status;csvx', '/status;csvx;csv;norefresh'],
  ['http://h/status#top', '/status;csv;norefresh'],
])('%s is asked as %s', (url, path) => {
  expect(csvPath(new URL(url))).toBe(path);
});
