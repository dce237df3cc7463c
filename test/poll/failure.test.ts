import { expect, it } from 'vitest';
import { failureOf, PollError } from '../../src/poll/failure.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

it.each([
  ['ECONNREFUSED', 'refused'],
  ['ENOENT', 'refused'],
  ['EACCES', 'denied'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENOTFOUND', 'unreachable'],
  ['ETIMEDOUT', 'timeout'],
  ['ECONNRESET', 'closed'],
  ['CERT_HAS_EXPIRED', 'tls'],
  ['CERT_REVOKED', 'tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
  ['HPE_INVALID_CONSTANT', 'answer'],
  ['EMFILE', 'blind'],
  ['ESOMETHINGNEW', 'blind'],
])('%s is %s, and is named', (code, reason) => {
  expect(failureOf(coded(code))).toEqual({ reason, error: expect.stringContaining(code) });
});

it('no way to a machine is our own fault where our own routes say so', () => {
  const said = 'connect EHOSTUNREACH 10.0.0.100:80';
  const of = (local: string) => failureOf(coded('EHOSTUNREACH', `${said}${local}`)).reason;
  expect(of('')).toBe('unreachable');
  expect(of(' - Local (0.0.0.0:0)')).toBe('blind');
});

it('where every address of a name failed, the first says why', () => {
  const all = new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]);
  expect(failureOf(all).reason).toBe('refused');
});

it('OpenSSL is quoted without the places in its code', () => {
  const text = '40BC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/x.c:355:\n';
  expect(failureOf(coded('ERR_SSL_WRONG_VERSION_NUMBER', text)).error).toBe(
    'TLS: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)',
  );
});

it('is one printable line of at most 200 characters', () => {
  const { error } = failureOf(new PollError('answer', `\u001b[31mred\u0007\n${'x'.repeat(5_000)}`));
  expect(error).toHaveLength(200);
  expect(error.startsWith('[31mred x')).toBe(true);
});
