/**
 * A real SMTP server on loopback that behaves as badly as it is told to. Speaks what RFC 5321 asks of a receiver, with
 * STARTTLS and AUTH PLAIN and LOGIN, and keeps what it was given. Every reply may be replaced: the hook gets the
 * command and answers with a reply, `'hang'` or `'drop'`, or with null for the usual.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';

export interface SmtpBehaviour {
  /** without one it knows no TLS */
  readonly certificate?: Certificate;
  /** TLS from the start; else STARTTLS is offered */
  readonly implicitTls?: boolean;
  /** user and password; AUTH is offered where set */
  readonly login?: readonly [user: string, password: string];
  /** offer AUTH before TLS too */
  readonly authInClear?: boolean;
  readonly methods?: string;
  /** `GREETING`, a command line, `DATA END`, or `DATA MIDDLE` while the mail comes in */
  readonly reply?: (command: string) => string | 'hang' | 'drop' | null;
}

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly encrypted: boolean;
  readonly user: string | null;
}

export class SmtpServer {
  readonly port: number;
  readonly mails: ReceivedMail[] = [];
  /** every line that came in, passwords included */
  readonly commands: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(behaviour: SmtpBehaviour = {}, host = '127.0.0.1'): Promise<SmtpServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const smtp = new SmtpServer(server, address.port);
    server.on('connection', (socket) => {
      smtp.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => smtp.#sockets.delete(socket));
      new Conversation(socket, behaviour, smtp).begin();
    });
    return smtp;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

class Conversation {
  #socket: Socket;
  readonly #behaviour: SmtpBehaviour;
  readonly #server: SmtpServer;
  #pending = '';
  #encrypted = false;
  #user: string | null = null;
  #from: string | null = null;
  #to: string[] = [];
  /** the mail so far, while one comes in */
  #data: string[] | null = null;
  /** what the next line is an answer to */
  #expects: ((line: string) => void) | null = null;

  constructor(socket: Socket, behaviour: SmtpBehaviour, server: SmtpServer) {
    this.#socket = socket;
    this.#behaviour = behaviour;
    this.#server = server;
  }

  begin(): void {
    if (this.#behaviour.implicitTls === true) this.#encrypt(() => this.#say('GREETING', '220 test ESMTP'));
    else {
      this.#listen();
      this.#say('GREETING', '220 test ESMTP');
    }
  }

  #listen(): void {
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk: string) => {
      this.#pending += chunk;
      for (let at = this.#pending.indexOf('\r\n'); at !== -1; at = this.#pending.indexOf('\r\n')) {
        const line = this.#pending.slice(0, at);
        this.#pending = this.#pending.slice(at + 2);
        this.#line(line);
      }
    });
  }

  #encrypt(then: () => void): void {
    const { key, cert } = this.#behaviour.certificate ?? { key: '', cert: '' };
    this.#socket.removeAllListeners('data');
    const secure = new TLSSocket(this.#socket, { isServer: true, key, cert });
    secure.on('error', () => {});
    this.#socket = secure;
    this.#encrypted = true;
    this.#pending = '';
    this.#listen();
    secure.once('secure', then);
  }

  #line(line: string): void {
    if (this.#socket.destroyed) return;
    if (this.#data !== null) {
      this.#dataLine(line);
      return;
    }
    this.#server.commands.push(line);
    const expects = this.#expects;
    if (expects !== null) {
      this.#expects = null;
      expects(line);
      return;
    }
    const [word = ''] = line.toUpperCase().split(/[ :]/);
    switch (word) {
      case 'EHLO':
        this.#say(line, this.#greeting());
        break;
      case 'STARTTLS':
        if (this.#say(line, '220 go ahead') === '220 go ahead') this.#encrypt(() => {});
        break;
      case 'AUTH':
        this.#auth(line);
        break;
      case 'MAIL':
        this.#to = [];
        this.#from =
          this.#say(line, '250 ok')?.startsWith('2') === true ? (/<(.*)>/.exec(line)?.[1] ?? null) : null;
        break;
      case 'RCPT': {
        const said = this.#say(line, this.#from === null ? '503 no sender' : '250 ok');
        if (said?.startsWith('2') === true) this.#to.push(/<(.*)>/.exec(line)?.[1] ?? '');
        break;
      }
      case 'DATA':
        if (this.#to.length === 0) this.#say(line, '554 no recipients');
        else if (this.#say(line, '354 go on')?.startsWith('3') === true) this.#data = [];
        break;
      case 'QUIT':
        this.#say(line, '221 bye');
        this.#socket.end();
        break;
      default:
        this.#say(line, '502 not understood');
    }
  }

  #dataLine(line: string): void {
    const lines = this.#data ?? [];
    if (line !== '.') {
      lines.push(line.replace(/^\./, ''));
      if (lines.length === 3) this.#say('DATA MIDDLE', '');
      return;
    }
    this.#data = null;
    const mail = {
      from: this.#from ?? '',
      to: this.#to,
      raw: Buffer.from(lines.join('\r\n'), 'latin1').toString('utf8'),
      encrypted: this.#encrypted,
      user: this.#user,
    };
    const said = this.#say('DATA END', '250 taken as 4711');
    if (said?.startsWith('2') === true) this.#server.mails.push(mail);
  }

  #greeting(): string {
    const { certificate, login, authInClear, methods = 'PLAIN LOGIN' } = this.#behaviour;
    const offers = ['test greets you', '8BITMIME', 'PIPELINING'];
    if (certificate !== undefined && !this.#encrypted) offers.push('STARTTLS');
    if (login !== undefined && (this.#encrypted || authInClear === true)) offers.push(`AUTH ${methods}`);
    return offers.map((offer, i) => `250${i === offers.length - 1 ? ' ' : '-'}${offer}`).join('\r\n');
  }

  #auth(line: string): void {
    const [, method = '', initial] = line.split(' ');
    const text = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');
    if (method.toUpperCase() === 'PLAIN' && initial !== undefined) {
      const [, user = '', password = ''] = text(initial).split('\0');
      this.#judge(line, user, password);
      return;
    }
    this.#say(line, '334 VXNlcm5hbWU6');
    this.#expects = (user) => {
      this.#say('AUTH user', '334 UGFzc3dvcmQ6');
      this.#expects = (password) => this.#judge(line, text(user), text(password));
    };
  }

  #judge(line: string, user: string, password: string): void {
    const right = this.#behaviour.login?.[0] === user && this.#behaviour.login[1] === password;
    if (right) this.#user = user;
    this.#say(line, right ? '235 welcome' : '535 5.7.8 wrong user or password');
  }

  /** Answers what was said; null where nothing was. */
  #say(command: string, usual: string): string | null {
    const reply = this.#behaviour.reply?.(command) ?? usual;
    if (reply === 'hang') return null;
    if (reply === 'drop') {
      this.#socket.destroy();
      return null;
    }
    if (reply !== '' && !this.#socket.destroyed) this.#socket.write(`${reply}\r\n`);
    return reply;
  }
}
