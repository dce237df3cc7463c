/** Serves a page of HAProxy's statistics as it stands, and hangs at `/hang`, as a process for the bench. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const page = readFileSync(process.argv[2] ?? '');
const server = createServer((request, response) => {
  if (request.url?.startsWith('/hang')) return;
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': page.length }).end(page);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.send?.(address.port);
});
process.once('disconnect', () => process.exit(0));
