/**
 * One GET over a fresh connection. Redirects are not followed, a proxy of the environment is not asked, and no more than
 * the first 64 KiB of a body are looked at. What decides is looked at as it comes: health scripts behind xinetd announce
 * wrong lengths or none, and reset the connection that they never read.
 */
import { type IncomingMessage, request as requestInClear } from 'node:http';
import { type RequestOptions, request as requestByTls } from 'node:https';
import { isIP, isIPv6 } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { PollFailure } from '../../observation.ts';
import { failure } from '../failure.ts';
import type { ProbeHow } from '../settings.ts';
import type { Place } from './connection.ts';
import { failureOf } from './failures.ts';
import { type Ask, type Finding, failed, shownName, succeeded } from './finding.ts';

type HttpHow = Extract<ProbeHow, { kind: 'http' }>;

const BODY_MAX = 65_536;
/** Who answered, best known first. */
const WHO = ['x-served-by', 'x-backend-server', 'x-server'];

export function httpAsk(place: Place, how: HttpHow): Ask {
  const ask = how.tls === null ? requestInClear : requestByTls;
  const options = optionsOf(place, how);
  return (signal) =>
    new Promise((resolve) => {
      const beganMs = performance.now();
      let finding: Finding | null = null;
      const request = ask(options);
      const decide = (found: PollFailure | null, answeredBy: string | null = null) => {
        if (signal.aborted) return;
        finding ??= found === null ? succeeded(beganMs, answeredBy) : failed(found);
        request.destroy();
      };
      const letGo = () => request.destroy();
      signal.addEventListener('abort', letGo, { once: true });
      request.once('response', (response) => judge(response, how, decide));
      request.on('error', (error) => decide(failureOf(error)));
      request.once('close', () => {
        signal.removeEventListener('abort', letGo);
        if (finding === null) decide(failure('closed', 'closed before it had answered'));
        resolve(finding);
      });
      request.end();
    });
}

function optionsOf({ host, port, lookup }: Place, how: HttpHow): RequestOptions {
  const { tls, path, hostName, credentials } = how;
  const written = isIPv6(hostName) ? `[${hostName}]` : hostName;
  return {
    host,
    port,
    lookup,
    path,
    agent: false,
    // One answer a connection, from a place that was configured: what is only badly written is an answer.
    insecureHTTPParser: true,
    headers: {
      host: port === (tls === null ? 80 : 443) ? written : `${written}:${port}`,
      'user-agent': 'vipwatch',
      accept: '*/*',
      'accept-encoding': 'identity',
      connection: 'close',
      ...(credentials === null ? {} : { authorization: basic(credentials.user, credentials.password) }),
    },
    ...(tls === null
      ? {}
      : {
          servername: isIP(hostName) === 0 ? hostName : '',
          checkServerIdentity: (_, certificate) => checkServerIdentity(hostName, certificate),
          rejectUnauthorized: !tls.insecure,
          ...(tls.ca === null ? {} : { ca: tls.ca }),
        }),
  };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

type Decide = (failure: PollFailure | null, answeredBy?: string | null) => void;

function judge(response: IncomingMessage, { status, text }: HttpHow, decide: Decide): void {
  const code = response.statusCode ?? 0;
  const answeredBy =
    WHO.map((name) => shownName(response.headers[name])).find((name) => name !== null) ?? null;
  // Cut off: the request's close says so, where nothing was decided before.
  response.on('error', () => {});
  if (status === null ? code < 200 || code > 399 : code !== status) {
    const wants = status === null && [401, 403, 407].includes(code);
    const right = status === null ? '2xx or 3xx' : status;
    decide(
      failure(wants ? 'denied' : 'answer', `${code} ${response.statusMessage ?? ''}: expected ${right}`),
    );
    return;
  }
  if (text === null) {
    decide(null, answeredBy);
    return;
  }
  let body = Buffer.alloc(0);
  response.on('data', (chunk: Buffer) => {
    body = Buffer.concat([body, chunk]).subarray(0, BODY_MAX);
    if (body.includes(text)) decide(null, answeredBy);
    else if (body.length === BODY_MAX) decide(lacking('the first 64 KiB do not contain'));
  });
  response.once('end', () => decide(lacking('the answer does not contain')));

  function lacking(what: string): PollFailure {
    return failure('answer', `${what} "${text}"`);
  }
}
