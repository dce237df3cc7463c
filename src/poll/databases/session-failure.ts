/** What ended a connection, as a reason that can be judged. */
import { PollError } from '../failure.ts';
import type { StatementError } from './rows.ts';

/** Not you, or not from there; 1129: "host is blocked"; 3118: the account is locked. */
const DENIED = new Set([1044, 1045, 1129, 1130, 1142, 1227, 1251, 1698, 1820, 1862, 3118, 3159, 4151]);
/** It shuts down, or has ended the connection by itself. */
const CLOSING = new Set([1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031]);

/** Codes of mysql2. */
const BY_CODE: Readonly<Record<string, readonly [PollError['reason'], string]>> = {
  PROTOCOL_CONNECTION_LOST: ['closed', 'the server closed the connection'],
  HANDSHAKE_NO_SSL_SUPPORT: ['tls', 'the server offers no TLS'],
  AUTH_SWITCH_PLUGIN_ERROR: ['denied', 'the server asks for a way to log in that is not supported'],
};

/** An error of the network or the system is returned as it is. */
export function brokenBy(error: unknown): Error {
  if (!(error instanceof Error)) return new PollError('answer', String(error));
  if (error instanceof PollError || error instanceof AggregateError || 'syscall' in error) return error;
  const code = 'code' in error ? String(error.code) : '';
  const known = BY_CODE[code];
  if (known !== undefined) return new PollError(...known);
  if (code === 'HANDSHAKE_SSL_ERROR') return new PollError('tls', `TLS: ${error.message}`);
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  if (errno > 0) return new PollError(reasonOf(errno), `${error.message} (${errno})`);
  if (CODE_OF_SYSTEM.test(code)) return error;
  return new PollError('answer', `the answer makes no sense: ${error.message}`);
}

/** Where even the first questions are refused, there is no reading. */
export function refusedBy({ errno, message }: StatementError): PollError {
  return new PollError(reasonOf(errno), `${message} (${errno})`);
}

const CODE_OF_SYSTEM = /^(E[A-Z]+|CERT_.*|ERR_(TLS|SSL|OSSL)_.*)$/;

function reasonOf(errno: number): PollError['reason'] {
  if (DENIED.has(errno)) return 'denied';
  return CLOSING.has(errno) ? 'closed' : 'answer';
}
