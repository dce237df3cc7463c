/** What a failed connection says of the service, and what only of ourselves. */
import type { PollFailure } from '../../observation.ts';
import { isOwnRoute } from '../failure.ts';

type Reason = PollFailure['reason'];

const ERROR_MAX = 200;

const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  // Nobody answered ARP or neighbour discovery: as it is when the VIP is nowhere.
  EHOSTUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ECONNRESET: 'closed',
  ECONNABORTED: 'closed',
  EPIPE: 'closed',
  // This machine's own: no route, no address, no descriptors, no memory, its own firewall, its own resolver.
  ENETUNREACH: 'blind',
  ENETDOWN: 'blind',
  EADDRNOTAVAIL: 'blind',
  EAFNOSUPPORT: 'blind',
  EMFILE: 'blind',
  ENFILE: 'blind',
  ENOBUFS: 'blind',
  ENOMEM: 'blind',
  EACCES: 'blind',
  EPERM: 'blind',
  EINVAL: 'blind',
  ENOTFOUND: 'blind',
  EAI_AGAIN: 'blind',
  EAI_FAIL: 'blind',
};

const TLS_CODES =
  /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_)/;

/** Of an error of a socket, of TLS or of an HTTP parser. Anything unknown is an answer that makes no sense. */
export function failureOf(error: unknown): PollFailure {
  const code = codeOf(error) ?? '';
  const reason = isOwnRoute(error) ? 'blind' : (REASONS[code] ?? (TLS_CODES.test(code) ? 'tls' : 'answer'));
  return failure(reason, error instanceof Error && error.message !== '' ? error.message : code);
}

export function failure(reason: Reason, error: string): PollFailure {
  const line = error.replace(/[\p{C}\s]+/gu, ' ').trim();
  return { reason, error: line.length > ERROR_MAX ? `${line.slice(0, ERROR_MAX - 1)}…` : line };
}

function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Several addresses of a name were tried, and none answered.
  return error instanceof AggregateError ? codeOf(error.errors[0]) : null;
}
