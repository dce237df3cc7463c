/**
 * A client of the service behind the virtual address, a program of its own: asks for it every 50 ms, each time in a
 * new connection, and says when the answer changes.
 *
 *     node client.js ADDRESS PORT
 *     {"atUs":1790000000123000,"by":"lb1"}
 *     {"atUs":1790000004456000,"error":"ECONNREFUSED"}
 *
 * A line is dated the start of the first request that ended so. Requests overlap, results are told in the order of
 * their starts: a dark service is known a second later, and measured to 50 ms nevertheless.
 */
import { get } from 'node:http';

const EVERY_MS = 50;
const LIMIT_MS = 1_000;

interface Request {
  readonly atUs: number;
  outcome: string | null;
}

const [host = '', port = ''] = process.argv.slice(2);
const waiting: Request[] = [];
let told = '';

setInterval(() => {
  const request: Request = { atUs: Date.now() * 1_000, outcome: null };
  waiting.push(request);
  ask((outcome) => {
    request.outcome ??= outcome;
    tell();
  });
}, EVERY_MS);

function ask(done: (outcome: string) => void): void {
  const failed = (error: string) => done(JSON.stringify({ error }));
  const request = get({ host, port: Number(port), agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      body += text;
    });
    response.on('end', () => done(JSON.stringify({ by: body })));
  });
  const timer = setTimeout(() => request.destroy(new Error('no answer')), LIMIT_MS);
  request.on('error', (error) => failed('code' in error ? String(error.code) : error.message));
  request.on('close', () => {
    clearTimeout(timer);
    failed('cut off');
  });
}

function tell(): void {
  for (let first = waiting[0]; first !== undefined && first.outcome !== null; first = waiting[0]) {
    waiting.shift();
    if (first.outcome === told) continue;
    told = first.outcome;
    process.stdout.write(`{"atUs":${first.atUs},${first.outcome.slice(1)}\n`);
  }
}
