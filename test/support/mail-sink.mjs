// A mail server for a network namespace of its own: takes every mail, and prints each as one line of JSON.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

createServer((socket) => {
  let data = null;
  let recipients = [];
  const say = (line) => socket.write(`${line}\r\n`);
  socket.on('error', () => {});
  say('220 sink ESMTP');
  createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    if (data !== null) {
      if (line !== '.') {
        data.push(line.startsWith('..') ? line.slice(1) : line);
        return;
      }
      console.log(JSON.stringify({ to: recipients, raw: data.join('\r\n') }));
      data = null;
      recipients = [];
      say('250 taken');
    } else if (/^(EHLO|HELO)/i.test(line)) say('250 sink');
    else if (/^RCPT TO:/i.test(line)) {
      recipients.push(line.slice(8).replace(/[<>\s]/g, ''));
      say('250 ok');
    } else if (/^DATA/i.test(line)) {
      data = [];
      say('354 go on');
    } else if (/^QUIT/i.test(line)) {
      say('221 bye');
      socket.end();
    } else say('250 ok');
  });
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
