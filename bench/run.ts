/**
 * `npm run bench [-- replay|live|alerts|influx|poll|databases] [--quick] [--runs N]`: what vipwatch is to reach, in figures
 * beside their targets. All parts unless one is named. Exit status 1: a target was missed.
 */
import { parseArgs } from 'node:util';
import { alerts } from './alerts.ts';
import { databases } from './databases.ts';
import { influx } from './influx.ts';
import { live } from './live/live.ts';
import { poll } from './poll.ts';
import { replay } from './replay.ts';

const PARTS = ['replay', 'live', 'alerts', 'influx', 'poll', 'databases'];
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, runs: { type: 'string', default: '5' } },
});
const unknown = positionals.find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  console.error(`bench: ${unknown}: no such part; there are ${PARTS.join(', ')}`);
  process.exit(2);
}
const wanted = (part: string) => positionals.length === 0 || positionals.includes(part);

let met = true;
if (wanted('replay')) met = (await replay({ isQuick: options.quick, runs: Number(options.runs) })) && met;
if (wanted('live')) met = (await live(options.quick)) && met;
if (wanted('alerts')) met = (await alerts(options.quick)) && met;
if (wanted('influx')) met = (await influx(options.quick)) && met;
if (wanted('poll')) met = (await poll(options.quick)) && met;
if (wanted('databases')) met = (await databases(options.quick)) && met;
process.exitCode = met ? 0 : 1;
