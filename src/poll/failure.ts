/** Why a poll failed, from whatever was thrown: a reason that can be judged, and words for people without secrets. */
import type { PollFailure } from '../observation.ts';

type Reason = PollFailure['reason'];

/** A failure that whoever asked understands better than any code of the system could say. */
export class PollError extends Error {
  override readonly name = 'PollError';
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function cutOff(): PollError {
  return new PollError('closed', CUT_OFF);
}

const CUT_OFF = 'the connection was closed before the answer was complete';

/** What differs by who asks. */
export interface Judgement {
  /** codes for which it is we who are at fault, whatever they may mean to others */
  readonly ours: ReadonlySet<string>;
  /** what is thrown and known by no code */
  readonly otherwise: Reason;
}

/** Nothing of the network is known by no code: what is wrong is wrong here. */
const OF_POLLS: Judgement = { ours: new Set(), otherwise: 'blind' };

export function failureOf(thrown: unknown, judgement = OF_POLLS): PollFailure {
  const { reason, message } = thrown instanceof PollError ? thrown : understood(thrown, judgement);
  return failure(reason, message);
}

export function failure(reason: Reason, error: string): PollFailure {
  return { reason, error: printable(error, ERROR_MAX) };
}

const ERROR_MAX = 200;

/** Codes of Node.js and of the system. Addresses are left out of the words: the target's label has them. */
const BY_CODE: Readonly<Record<string, readonly [Reason, string]>> = {
  ECONNREFUSED: ['refused', 'connection refused: nobody listens there'],
  ENOENT: ['refused', 'there is no such socket'],
  ENOTSOCK: ['refused', 'that file is no socket'],
  EACCES: ['denied', 'no permission to open the socket'],
  ETIMEDOUT: ['timeout', 'no answer to the attempt to connect'],
  EHOSTUNREACH: ['unreachable', 'the machine cannot be reached'],
  EHOSTDOWN: ['unreachable', 'the machine cannot be reached'],
  ENOTFOUND: ['unreachable', 'the name is not known'],
  ECONNRESET: ['closed', CUT_OFF],
  ECONNABORTED: ['closed', CUT_OFF],
  EPIPE: ['closed', CUT_OFF],
  CERT_HAS_EXPIRED: ['tls', 'its certificate has expired'],
  CERT_NOT_YET_VALID: ['tls', 'its certificate is not valid yet'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls', 'its certificate is signed by itself, and not by a trusted authority'],
  SELF_SIGNED_CERT_IN_CHAIN: ['tls', 'the authority of its certificate is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['tls', 'the authority of its certificate is not trusted'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['tls', 'the authority of its certificate is not trusted'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls', 'its certificate is for other names'],
  ENETUNREACH: ['blind', 'this machine has no route to that network'],
  ENETDOWN: ['blind', 'the network of this machine is down'],
  EPERM: ['blind', 'a firewall of this machine does not let it out'],
  EADDRNOTAVAIL: ['blind', 'this machine has no address to ask from'],
  EAI_AGAIN: ['blind', 'no name server of this machine answers'],
  EMFILE: ['blind', 'vipwatch has too many open files'],
  ENFILE: ['blind', 'this machine has too many open files'],
  ENOBUFS: ['blind', 'this machine is out of memory for connections'],
  ENOMEM: ['blind', 'this machine is out of memory'],
};

const TLS_CODE =
  /^(EPROTO$|ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH)/;

function understood(thrown: unknown, { ours, otherwise }: Judgement): { reason: Reason; message: string } {
  const error = innermost(thrown);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (isOwnRoute(error)) return { reason: 'blind', message: `a route of this machine forbids it (${code})` };
  const text = error instanceof Error ? error.message : String(error);
  const known = BY_CODE[code];
  if (ours.has(code)) return { reason: 'blind', message: `${known?.[1] ?? text} (${code})` };
  if (known !== undefined) return { reason: known[0], message: `${known[1]} (${code})` };
  if (TLS_CODE.test(code)) return { reason: 'tls', message: `TLS: ${withoutPlaces(text)} (${code})` };
  if (code.startsWith('HPE_')) return { reason: 'answer', message: `the answer is no HTTP (${code})` };
  return { reason: otherwise, message: code === '' ? text : `${text} (${code})` };
}

/**
 * No way to a machine is mostly learnt from the network, some time after a packet was sent. Where the system says it at
 * once, a route of this machine does; Node.js then says from where the attempt was made.
 */
function isOwnRoute(error: unknown): boolean {
  return error instanceof Error && /^connect EHOSTUNREACH .* - Local \(/.test(error.message);
}

/** Where all addresses of a name failed, the first says why. */
function innermost(thrown: unknown): unknown {
  return thrown instanceof AggregateError && thrown.errors.length > 0 ? thrown.errors[0] : thrown;
}

/** OpenSSL's messages: `40BC…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…:355:` */
function withoutPlaces(text: string): string {
  const [, what] = /:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(text) ?? [];
  return what ?? text;
}

/** One line, no control characters, at most `limit` characters. Also for words of a stranger. */
export function printable(text: string, limit: number): string {
  const clean = text
    .slice(0, limit * 2)
    .replace(/[^\x20-\x7e\u00a0-\uffff]+/g, ' ')
    .trim();
  return clean.length <= limit ? clean : `${clean.slice(0, limit - 1)}…`;
}
