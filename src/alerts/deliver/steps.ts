/** What happens on the way to a receiver, step by step: told by `alerts test`, ignored by the daemon. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface Step {
  readonly step: 'dns' | 'connect' | 'tls' | 'greeting' | 'auth' | 'recipient' | 'accepted' | 'answer';
  readonly ok: boolean;
  readonly detail: string;
  /** what to do; null where it is ok */
  readonly advice: string | null;
}

export type OnStep = (step: Step) => void;

export function passed(step: Step['step'], detail: string): Step {
  return { step, ok: true, detail, advice: null };
}

export function failed(step: Step['step'], detail: string, advice: string): Step {
  return { step, ok: false, detail, advice };
}

/** Follows a socket from the look-up of the name to the connection, and through TLS where it begins with that. */
export function followSocket(socket: Socket, onStep: OnStep): void {
  // One event for each address, all of them at once.
  const found: string[] = [];
  socket.on('lookup', (error: Error | null, address: string, _family: number | string, host: string) => {
    if (error !== null && error !== undefined) return;
    found.push(address);
    if (found.length === 1) queueMicrotask(() => onStep(passed('dns', `${host} is ${found.join(', ')}`)));
  });
  socket.once('connect', () => {
    onStep(passed('connect', `connected to ${socket.remoteAddress ?? '?'} port ${socket.remotePort ?? '?'}`));
  });
  if (socket instanceof TLSSocket) socket.once('secureConnect', () => onStep(tlsStep(socket)));
}

export function tlsStep(socket: TLSSocket): Step {
  const { subject, issuer, valid_to: until } = socket.getPeerCertificate();
  const trust = socket.authorized ? 'verified' : `NOT verified (${String(socket.authorizationError)})`;
  // Names may be given several times, and be missing altogether.
  const name = (of: { readonly CN?: unknown } | undefined) => String(of?.CN ?? 'no name');
  return passed(
    'tls',
    `${socket.getProtocol() ?? 'TLS'}, certificate of ${name(subject)} by ${name(issuer)}, valid until ${until}, ${trust}`,
  );
}

/** What a failed connection means, and at which step it failed. `where`: `mail.example.com port 587`. */
export function connectionFailure(error: Error, where: string): Step {
  const code = codeOf(error);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EDNS':
      return failed(
        'dns',
        `the name of ${where} cannot be looked up (${code})`,
        'Is the name right, and does this machine reach a name server (`getent hosts NAME`)?',
      );
    case 'ECONNREFUSED':
      return failed(
        'connect',
        `${where} refuses connections`,
        'Is the port right, and does the server run there?',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return failed(
        'connect',
        `there is no way to ${where} (${code})`,
        'Look at the routes and firewalls of this machine.',
      );
    case 'ETIMEDOUT':
      return failed(
        'connect',
        `${where} did not answer in time`,
        'A firewall that drops packets, or a server that hangs: try from this machine with another client.',
      );
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNECTION':
      return failed(
        'connect',
        `${where} closed the connection`,
        'The server or something before it hung up: look at its log.',
      );
    case null:
      break;
    default:
      if (isTlsCode(code))
        return failed('tls', `no trusted TLS with ${where}: ${error.message} (${code})`, tlsAdvice(code));
  }
  return failed(
    'connect',
    `${where}: ${error.message}`,
    'Look at the log of the server, and try from this machine with another client.',
  );
}

/** The system's own code where a library put its own in front of it. */
export function codeOf(error: Error): string | null {
  if ('originalCode' in error && typeof error.originalCode === 'string') return error.originalCode;
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Several addresses were tried, and none answered.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : null;
  return first instanceof Error ? codeOf(first) : null;
}

function isTlsCode(code: string): boolean {
  return /^(CERT_|ERR_TLS_|ERR_SSL_|ETLS|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/.test(
    code,
  );
}

function tlsAdvice(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'The certificate has expired: renew it on the server (and check this machine’s clock).';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'The certificate is for another name: configure the name that stands in it.';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'Nobody known has signed the certificate: name the file of its authority with `ca`.';
    default:
      return 'Is it TLS that is spoken on this port? `openssl s_client -connect HOST:PORT` shows what is.';
  }
}
