/**
 * One mail through one SMTP connection, with the rules about trust that nodemailer leaves to its caller:
 *
 * - Nothing goes in clear, and nothing to a server whose certificate cannot be verified, unless the server is this
 *   machine itself or the settings allow it. Where `ca` is set, it is required of this machine too.
 * - Credentials that are set are used: a server that offers no AUTH gets no mail.
 *
 * Which is "this machine" is judged by the address of the open connection, not by a name. Never retries by itself.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls';
import SMTPConnection, { type SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection';
import type { EmailSettings } from './settings.ts';
import { connectionFailure, failed, followSocket, type OnStep, passed, type Step, tlsStep } from './steps.ts';

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
}

export interface RefusedRecipient {
  readonly recipient: string;
  /** the server's words */
  readonly reply: string;
  /** 5xx: asking again is useless */
  readonly final: boolean;
}

export interface SmtpOutcome {
  /** to whom the server took it; empty where all were refused */
  readonly accepted: readonly string[];
  readonly refused: readonly RefusedRecipient[];
  readonly reply: string;
}

/** Nobody got the mail. */
export class SmtpFailure extends Error {
  override readonly name = 'SmtpFailure';
  readonly step: Step;
  /** the server refused this very mail for good; a refused connection or login can be mended meanwhile */
  readonly final: boolean;

  constructor(step: Step, final = false, options?: ErrorOptions) {
    super(step.detail, options);
    this.step = step;
    this.final = final;
  }
}

/** `helo`: the name by which this machine introduces itself. */
export async function sendBySmtp(
  settings: EmailSettings,
  helo: string,
  envelope: Envelope,
  message: Buffer,
  signal: AbortSignal,
  onStep: OnStep,
): Promise<SmtpOutcome> {
  const server = serverOf(settings.smtp);
  const socket = await opened(server, settings, signal, onStep);
  const trusting = settings.allowInsecure || (isLoopback(socket.remoteAddress) && settings.ca === null);
  const session = new Session(server, settings, helo, socket, trusting);
  const stop = () => session.abort();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    await session.begin(onStep);
    if (settings.user !== null && settings.password !== null)
      await session.login(settings.user, settings.password, onStep);
    return await session.send(envelope, message);
  } finally {
    signal.removeEventListener('abort', stop);
    session.end();
  }
}

interface Server {
  readonly host: string;
  readonly port: number;
  /** TLS from the start, not by STARTTLS */
  readonly implicitTls: boolean;
  /** for messages */
  readonly shown: string;
}

export function serverOf(url: string): Server {
  const { protocol, hostname, port } = new URL(url);
  const implicitTls = protocol === 'smtps:';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const number = port === '' ? (implicitTls ? 465 : 587) : Number(port);
  return { host, port: number, implicitTls, shown: `${hostname} port ${number}` };
}

async function opened(
  server: Server,
  settings: EmailSettings,
  signal: AbortSignal,
  onStep: OnStep,
): Promise<Socket> {
  signal.throwIfAborted();
  const { host, port } = server;
  const socket = connectTcp({ host, port, noDelay: true });
  followSocket(socket, onStep);
  try {
    await arrival(socket, 'connect', settings.timeouts.connectMs, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw new SmtpFailure(connectionFailure(asError(error), server.shown), false, { cause: error });
  }
}

function arrival(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  mostMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timeout()), mostMs);
    const stop = () => settle(() => reject(asError(signal.reason)));
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      how();
    };
    signal.addEventListener('abort', stop, { once: true });
    socket.once(event, () => settle(resolve));
    // Stays: what comes after the decision must not bring the process down.
    socket.on('error', (error) => settle(() => reject(error)));
    socket.once('close', () => settle(() => reject(hungUp())));
  });
}

class Session {
  readonly #server: Server;
  readonly #settings: EmailSettings;
  readonly #helo: string;
  readonly #trusting: boolean;
  readonly #abort = new AbortController();
  #socket: Socket;
  #connection: SMTPConnection | null = null;
  /** rejects when the connection fails, whatever was waited for */
  #failure: Promise<never> | null = null;

  constructor(server: Server, settings: EmailSettings, helo: string, socket: Socket, trusting: boolean) {
    this.#server = server;
    this.#settings = settings;
    this.#helo = helo;
    this.#socket = socket;
    this.#trusting = trusting;
  }

  /** Up to the end of EHLO: encrypted, unless that may be left out. */
  async begin(onStep: OnStep): Promise<void> {
    const { host, port, implicitTls, shown } = this.#server;
    const { timeouts, ca } = this.#settings;
    const tls: ConnectionOptions = {
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === null ? {} : { ca }),
      rejectUnauthorized: !this.#trusting,
      minVersion: 'TLSv1.2',
    };
    if (implicitTls) await this.#encrypt(tls, onStep);

    const connection = new SMTPConnection({
      host,
      port,
      name: this.#helo,
      connection: this.#socket,
      secure: implicitTls,
      secured: implicitTls,
      requireTLS: !implicitTls && !this.#trusting,
      tls,
      connectionTimeout: timeouts.connectMs + timeouts.greetingMs,
      greetingTimeout: timeouts.greetingMs,
      socketTimeout: timeouts.idleMs,
      socketCloseTimeout: 1_000,
      maxResponseSize: 64 * 1024,
    });
    this.#connection = connection;
    this.#failure = new Promise((_resolve, reject) => {
      connection.on('error', (error: unknown) => reject(this.#explained(asError(error))));
      // After whatever else this turn has to say: nodemailer closes first and tells why afterwards.
      connection.once('end', () => setImmediate(() => reject(this.#explained(hungUp()))));
      this.#abort.signal.addEventListener('abort', () => reject(asError(this.#abort.signal.reason)));
    });
    // Whoever waits takes it; what happens when nobody waits any more is of no interest.
    this.#failure.catch(() => {});
    await this.#ask<void>((done) => connection.connect((error) => done(error ?? null, undefined)));
    const socket = connection._socket;
    const encrypted = socket instanceof TLSSocket;
    if (encrypted && !implicitTls) onStep(tlsStep(socket));
    onStep(passed('greeting', `${shown} greets${encrypted ? '' : ', in clear: nothing is encrypted'}`));
  }

  async login(user: string, password: string, onStep: OnStep): Promise<void> {
    const connection = this.#begun();
    if (!connection.allowsAuth) {
      throw new SmtpFailure(
        failed(
          'auth',
          `${this.#server.shown} offers no login, though a user and a password are configured`,
          'Many servers offer it on port 587 or 465 only, or after TLS only. If it needs none, remove user and password.',
        ),
      );
    }
    await this.#ask<void>((done) =>
      connection.login({ user, pass: password }, (error) => done(error, undefined)),
    );
    onStep(passed('auth', `logged in as ${user}`));
  }

  async send(envelope: Envelope, message: Buffer): Promise<SmtpOutcome> {
    const connection = this.#begun();
    try {
      const info = await this.#ask<SMTPConnectionSendInfo | undefined>((done) =>
        connection.send({ from: envelope.from, to: [...envelope.to], size: message.length }, message, done),
      );
      if (info === undefined) throw hungUp();
      return { accepted: info.accepted, refused: refusedOf(info.rejectedErrors), reply: info.response };
    } catch (error) {
      const refused = error instanceof SmtpFailure ? refusedOf(rejectionsOf(error.cause)) : [];
      if (refused.length === 0) throw error;
      return { accepted: [], refused, reply: '' };
    }
  }

  abort(): void {
    this.#abort.abort(new DOMException('stopped', 'AbortError'));
    this.#socket.destroy();
    this.#connection?.close();
  }

  /** Says goodbye where that is still possible, and waits for nothing. */
  end(): void {
    const connection = this.#connection;
    if (connection === null) this.#socket.destroy();
    else if (connection.stage === 'connected' && !connection.destroyed) connection.quit();
    else connection.close();
  }

  async #encrypt(options: ConnectionOptions, onStep: OnStep): Promise<void> {
    const plain = this.#socket;
    const secure = connectTls({ ...options, socket: plain });
    this.#socket = secure;
    try {
      await arrival(secure, 'secureConnect', this.#settings.timeouts.greetingMs, this.#abort.signal);
    } catch (error) {
      secure.destroy();
      plain.destroy();
      throw this.#explained(asError(error));
    }
    onStep(tlsStep(secure));
  }

  #begun(): SMTPConnection {
    if (this.#connection === null) throw new Error('the session has not begun');
    return this.#connection;
  }

  #ask<T>(how: (done: (error: Error | null, answer: T) => void) => void): Promise<T> {
    const answered = new Promise<T>((resolve, reject) => {
      how((error, answer) => {
        if (error === null || error === undefined) resolve(answer);
        else reject(this.#explained(error));
      });
    });
    return this.#failure === null ? answered : Promise.race([answered, this.#failure]);
  }

  #explained(error: Error): Error {
    if (error instanceof SmtpFailure) return error;
    const { step, final } = explain(error, this.#server.shown);
    return new SmtpFailure(step, final, { cause: error });
  }
}

interface SmtpError extends Error {
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
}

/** nodemailer tells by `command` which word of the conversation was refused. */
function explain(error: SmtpError, shown: string): { readonly step: Step; readonly final: boolean } {
  const { command = '', response = '', responseCode: code = 0 } = error;
  const said = `${shown} says: ${response}`;
  if (command === 'STARTTLS' && response !== '') {
    const advice =
      'The server does not do STARTTLS on this port: is it the submission port (587)? For TLS from the start (465) write smtps://. On a network you trust, `allowInsecure: true` does without.';
    return { step: failed('tls', `no encryption: ${said}`, advice), final: false };
  }
  if (code === 0) return { step: connectionFailure(error, shown), final: false };
  if (command.startsWith('AUTH')) {
    const advice =
      code >= 500
        ? 'The server refuses the user or the password: compare both with what the server expects (some want an app password).'
        : 'The server cannot check logins just now: it is tried again.';
    return { step: failed('auth', said, advice), final: false };
  }
  if (command === 'CONN' || command === 'EHLO' || command === 'HELO') {
    const advice =
      'The server turns this machine away: too many connections, a block list, or maintenance. Its log says which.';
    return { step: failed('greeting', said, advice), final: false };
  }
  const refused =
    command === 'MAIL FROM' ? 'the sender' : command === 'RCPT TO' ? 'the recipients' : 'the mail';
  const advice =
    code >= 500
      ? `The server refuses ${refused} for good: may this user send from the address under \`from\`, and does the server relay for it?`
      : `The server does not take ${refused} just now: it is tried again.`;
  return { step: failed('accepted', said, advice), final: code >= 500 };
}

/** All recipients were refused: nodemailer makes one error of it that holds the others. */
function rejectionsOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return [];
  const each = 'rejectedErrors' in error ? error.rejectedErrors : null;
  return Array.isArray(each) ? each.filter((one) => one instanceof Error) : [];
}

function refusedOf(errors: readonly Error[] | undefined): readonly RefusedRecipient[] {
  return (errors ?? []).map((error: SmtpError & { readonly recipient?: string }) => ({
    recipient: error.recipient ?? '?',
    reply: error.response ?? error.message,
    final: (error.responseCode ?? 0) >= 500,
  }));
}

export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(127\.|::1$|::ffff:127\.)/.test(address);
}

function timeout(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
}

function hungUp(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNECTION' });
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
