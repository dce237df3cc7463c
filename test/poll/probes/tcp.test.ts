import { afterEach, expect, it } from 'vitest';
import { tcpAsk } from '../../../src/poll/probes/ask-tcp.ts';
import { failureOf } from '../../../src/poll/probes/failures.ts';
import { deadPlace, found, Loopback } from './loopback.ts';

let server: Loopback | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

it('succeeds where somebody takes connections, and leaves none', async () => {
  let left = () => {};
  const gone = new Promise<void>((resolve) => {
    left = resolve;
  });
  server = await Loopback.open((socket) => void socket.once('close', left));
  const finding = await found(tcpAsk(server.place));
  expect(finding).toEqual({ failure: null, latencyMs: expect.any(Number), answeredBy: null });
  await gone;
});

it('is refused where nobody listens', async () => {
  expect((await found(tcpAsk(await deadPlace()))).failure?.reason).toBe('refused');
});

it('knows nothing where it is called off before anybody answered', async () => {
  const abort = new AbortController();
  const finding = tcpAsk({ host: 'never.example', port: 1, lookup: () => {} })(abort.signal);
  abort.abort();
  expect(await finding).toBeNull();
});

it.each([
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'blind'],
  ['EADDRNOTAVAIL', 'blind'],
  ['ENETDOWN', 'blind'],
  ['EMFILE', 'blind'],
  ['EAI_AGAIN', 'blind'],
  ['ETIMEDOUT', 'timeout'],
  ['EPIPE', 'closed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
  ['SOMETHING_ELSE', 'answer'],
])('%s is %s', (code, reason) => {
  const error = Object.assign(new Error('x'), { code });
  expect(failureOf(error).reason).toBe(reason);
  expect(failureOf(new AggregateError([error])).reason).toBe(reason);
});

it('no way to a machine is our own fault where our own routes say so', () => {
  const said = 'connect EHOSTUNREACH 10.0.0.100:80';
  const of = (local: string) =>
    failureOf(Object.assign(new Error(`${said}${local}`), { code: 'EHOSTUNREACH' })).reason;
  expect(of('')).toBe('unreachable');
  expect(of(' - Local (0.0.0.0:0)')).toBe('blind');
});

it('says why in one line of 200 characters at most', () => {
  const { error } = failureOf(new Error(`a\r\n\u001b[31mb ${'c'.repeat(300)}`));
  expect(error).toMatch(/^a \[31mb c+…$/);
  expect(error).toHaveLength(200);
});
