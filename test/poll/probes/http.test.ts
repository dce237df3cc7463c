import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { httpAsk } from '../../../src/poll/probes/ask-http.ts';
import type { Finding } from '../../../src/poll/probes/finding.ts';
import type { ProbeHow } from '../../../src/poll/settings.ts';
import { Authority, type Certificate } from '../../support/certificates.ts';
import { calledOff, deadPlace, found, Loopback } from './loopback.ts';

type HttpHow = Extract<ProbeHow, { kind: 'http' }>;

const PLAIN: HttpHow = {
  kind: 'http',
  tls: null,
  path: '/health?deep=1',
  hostName: 'shop.example',
  credentials: null,
  status: null,
  text: null,
};

let servers: Loopback[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

async function serve(...args: Parameters<typeof Loopback.open>): Promise<Loopback> {
  const server = await Loopback.open(...args);
  servers.push(server);
  return server;
}

/** A server that answers with these bytes, whatever is asked, and then does as told. */
async function answering(
  answer: string,
  how: Partial<HttpHow> = {},
  then: (socket: Socket) => void = (socket) => void socket.end(),
) {
  const server = await serve((socket) => {
    socket.once('data', () => {
      if (answer === '') then(socket);
      else socket.write(answer, () => then(socket));
    });
  });
  return { server, finding: await found(httpAsk(server.place, { ...PLAIN, ...how })) };
}

const leaveOpen = () => {};
const reset = (socket: Socket) => void socket.resetAndDestroy();

function reasonOf({ failure }: Finding): string | null {
  return failure === null ? null : failure.reason;
}

describe('an answer', () => {
  it('succeeds with any 2xx or 3xx, which is not followed, and says how long it took', async () => {
    for (const status of ['200 OK', '204 No Content', '302 Found\r\nLocation: http://127.0.0.1:1/']) {
      const { finding, server } = await answering(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
      expect(finding.failure).toBeNull();
      expect(finding.latencyMs).toBeGreaterThan(0);
      expect(server.heard).toHaveLength(1);
    }
  });

  it('fails with another status, which is named', async () => {
    const { finding } = await answering('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
    expect(finding).toEqual({
      failure: { reason: 'answer', error: '503 Service Unavailable: expected 2xx or 3xx' },
      latencyMs: null,
      answeredBy: null,
    });
  });

  it('is judged by the status that was asked for', async () => {
    const unauthorized = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n';
    expect((await answering(unauthorized, { status: 401 })).finding.failure).toBeNull();
    expect(reasonOf((await answering(unauthorized)).finding)).toBe('denied');
    expect(reasonOf((await answering(unauthorized, { status: 200 })).finding)).toBe('answer');
  });

  it('must contain the text, wherever its pieces end', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nnode is syn');
      socket.once('data', () => setImmediate(() => socket.end('ced, über alles')));
    });
    const ask = (text: string) => found(httpAsk(server.place, { ...PLAIN, text }));
    expect((await ask('synced, über')).failure).toBeNull();
    expect((await ask('donor')).failure).toEqual({
      reason: 'answer',
      error: 'the answer does not contain "donor"',
    });
  });

  it('without end is left after 64 KiB', async () => {
    const server = await serve((socket) => {
      const pour = () => {
        if (socket.writable) socket.write('x'.repeat(10_000), pour);
      };
      socket.write('HTTP/1.1 200 OK\r\n\r\n', pour);
    });
    expect((await found(httpAsk(server.place, PLAIN))).failure).toBeNull();
    expect((await found(httpAsk(server.place, { ...PLAIN, text: 'synced' }))).failure?.error).toContain(
      '64 KiB',
    );
  });

  it.each([
    ['X-Served-By: web1', 'web1'],
    ['X-Backend-Server:   db-2.example  ', 'db-2.example'],
    ['X-Server: a\r\nX-Served-By: b', 'b'],
    ['X-Served-By: \u00e9\u00fc', null],
    ['Server: nginx', null],
  ])('says who answered: %j', async (header, name) => {
    const { finding } = await answering(`HTTP/1.1 200 OK\r\n${header}\r\nContent-Length: 0\r\n\r\n`);
    expect(finding.answeredBy).toBe(name);
  });

  it('names at most 64 characters', async () => {
    const { finding } = await answering(`HTTP/1.1 200 OK\r\nX-Served-By: ${'w'.repeat(500)}\r\n\r\n`);
    expect(finding.answeredBy).toBe('w'.repeat(64));
  });
});

describe('what is asked', () => {
  it('goes over a connection of its own, with the host as the URL is written and the password', async () => {
    const server = await serve((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n'),
      );
    });
    const ask = httpAsk(server.place, { ...PLAIN, credentials: { user: 'probe', password: 'geh:eim' } });
    await found(ask);
    await found(ask);
    expect(server.heard).toHaveLength(2);
    const [head = ''] = server.heard;
    expect(head).toMatch(/^GET \/health\?deep=1 HTTP\/1.1\r\n/);
    expect(head.toLowerCase()).toContain(`\r\nhost: shop.example:${server.place.port}\r\n`);
    expect(head.toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(head).toContain(`Basic ${Buffer.from('probe:geh:eim').toString('base64')}`);
  });
});

/** As clustercheck and its kin answer from xinetd: at once, without reading, and with what they hold to be HTTP. */
describe('a health script behind xinetd', () => {
  const SYNCED = 'Percona XtraDB Cluster Node is synced.\r\n';
  const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n';
  const script = async (answer: string, how: Partial<HttpHow> = {}) => {
    const server = await serve((socket) => {
      socket.pause();
      socket.write(answer, () => socket.end());
    });
    return found(httpAsk(server.place, { ...PLAIN, ...how }));
  };

  it.each([
    ['the right length', `${OK}Content-Length: 40\r\n\r\n${SYNCED}`],
    ['no length', `${OK}\r\n${SYNCED}`],
    ['a length that is too great', `${OK}Content-Length: 44\r\n\r\n${SYNCED}`],
    ['a length that is too small', `${OK}Content-Length: 38\r\n\r\n${SYNCED}\r\n`],
    ['bare line feeds', `${OK}\r\n${SYNCED}`.replaceAll('\r', '')],
    ['HTTP/1.0', `${OK}\r\n${SYNCED}`.replace('1.1', '1.0')],
  ])('is understood with %s', async (_, answer) => {
    expect((await script(answer)).failure).toBeNull();
    expect((await script(answer, { text: 'is synced' })).failure).toBeNull();
    expect((await script(answer, { text: 'is a donor' })).failure).not.toBeNull();
  });

  it('is understood though it resets the connection that it never read', async () => {
    const answer = `${OK}Content-Length: 44\r\n\r\n${SYNCED}`;
    expect((await answering(answer, {}, reset)).finding.failure).toBeNull();
  });

  it('fails with its 503', async () => {
    const answer =
      'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\nPercona XtraDB Cluster Node is not synced.\r\n';
    expect(reasonOf(await script(answer))).toBe('answer');
    expect(reasonOf(await script(answer, { text: 'synced' }))).toBe('answer');
  });
});

describe('no answer', () => {
  it('is refused where nobody listens', async () => {
    expect(reasonOf(await found(httpAsk(await deadPlace(), PLAIN)))).toBe('refused');
  });

  it.each([
    ['closed at once', '', (socket: Socket) => void socket.end()],
    ['reset at once', '', reset],
    ['reset within the headers', 'HTTP/1.1 200 OK\r\nContent-', reset],
    ['closed within the headers', 'HTTP/1.1 200 OK\r\nContent-', (socket: Socket) => void socket.end()],
  ])('is closed where it is %s', async (_, answer, then) => {
    expect(reasonOf((await answering(answer, {}, then)).finding)).toBe('closed');
  });

  it('is no success where it breaks off before the text came', async () => {
    const { finding } = await answering(
      'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nnode',
      { text: 'synced' },
      reset,
    );
    expect(reasonOf(finding)).toBe('closed');
  });

  it.each([
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\0\x01\x02\x03garbage',
    'HTTP/9.9 what\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(40_000)}\r\n\r\n`,
  ])('is an answer that is none: %.20j', async (answer) => {
    expect(reasonOf((await answering(answer, {}, leaveOpen)).finding)).toBe('answer');
  });

  it('is known as soon as it is called off, and leaves no connection', async () => {
    let reached = () => {};
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let left = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const server = await serve((socket) => {
      socket.once('close', left);
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', reached));
    });
    expect(await calledOff(httpAsk(server.place, { ...PLAIN, text: 'whole' }), asked)).toBeNull();
    await gone;
  });
});

describe('TLS', () => {
  let folder: string;
  let authority: Authority;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vipwatch-probes-'));
    authority = new Authority(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const names: (string | false | null)[] = [];
  async function secured(certificate: Certificate, how: Partial<HttpHow> = {}): Promise<Finding> {
    const tls = createTlsServer({
      ...certificate,
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    const server = await serve((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    }, tls);
    const trusting = { ca: authority.cert, insecure: false };
    return found(httpAsk(server.place, { ...PLAIN, tls: trusting, ...how }));
  }

  it('is judged by the name as the URL is written, whichever address is asked', async () => {
    expect((await secured(authority.issue('DNS:shop.example'))).failure).toBeNull();
    expect(names.at(-1)).toBe('shop.example');
    expect(reasonOf(await secured(authority.issue('IP:127.0.0.1')))).toBe('tls');
    expect((await secured(authority.issue('IP:10.9.9.9'), { hostName: '10.9.9.9' })).failure).toBeNull();
  });

  it('fails with a certificate that is over, or that nobody vouches for', async () => {
    expect((await secured(authority.issue('DNS:shop.example', { expired: true }))).failure).toEqual({
      reason: 'tls',
      error: 'its certificate has expired (CERT_HAS_EXPIRED)',
    });
    expect(reasonOf(await secured(authority.selfSigned()))).toBe('tls');
    const systems = { tls: { ca: null, insecure: false } };
    expect(reasonOf(await secured(authority.issue('DNS:shop.example'), systems))).toBe('tls');
  });

  it('takes any certificate where told so', async () => {
    expect((await secured(authority.selfSigned(), { tls: { ca: null, insecure: true } })).failure).toBeNull();
  });

  it('fails where no TLS is spoken', async () => {
    const tls = { ca: authority.cert, insecure: false };
    const { finding } = await answering('HTTP/1.1 400 Bad Request\r\n\r\n', { tls });
    expect(reasonOf(finding)).toBe('tls');
  });
});
