/** An HTTP or HTTPS server on loopback that keeps the requests it got, to the byte, and answers as it is told. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Certificate } from './certificates.ts';

export interface ReceivedPost {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Answering = (request: ReceivedPost, response: ServerResponse) => HttpAnswer | 'handled';

export class HttpReceiver {
  readonly posts: ReceivedPost[] = [];
  readonly url: string;
  answer: Answering = () => ({});
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(certificate: Certificate | null = null): Promise<HttpReceiver> {
    const server = certificate === null ? createServer() : createTlsServer({ ...certificate });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const scheme = certificate === null ? 'http' : 'https';
    const receiver = new HttpReceiver(
      `${scheme}://localhost:${address.port}`,
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        const post = { method, path: url, headers, body: Buffer.concat(chunks) };
        receiver.posts.push(post);
        const answer = receiver.answer(post, response);
        if (answer === 'handled') return;
        response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? '');
      });
    });
    return receiver;
  }

  get json(): readonly Record<string, unknown>[] {
    return this.posts.map(({ body }) => JSON.parse(body.toString('utf8')));
  }

  stop(): Promise<void> {
    return this.#close();
  }
}
