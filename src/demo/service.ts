/**
 * The web service of a node, a program of its own: answers every request with the node's name.
 *
 *     node service.js NAME PORT
 */
import { createServer } from 'node:http';

const [name = '', port = ''] = process.argv.slice(2);
createServer((_, response) => response.setHeader('connection', 'close').end(name)).listen(
  Number(port),
  '::',
  () => process.stdout.write('listening\n'),
);
