/** In place of dist/cli/main.js: captures as `observe` does, tells on stdout what it hears, one JSON object a line. */

import { launcherLink } from '../capture/live/launcher-link.js';
import { LiveCapture } from '../capture/live/live-capture.js';

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const link = launcherLink();
if (link === null) throw new Error('not started by the launcher');
const interfaces = process.argv.slice(2).filter((_, at, words) => words[at - 1] === '-i');
const capture = new LiveCapture({ interfaces, join: true, link, remark: (remark) => say({ remark }) });
process.on('SIGTERM', async () => {
  await capture.stop();
  process.exit(7);
});
process.on('SIGINT', () => say({ signal: 'SIGINT' }));
process.on('SIGHUP', () => say({ signal: 'SIGHUP' }));
say({ main: process.pid, argv: process.argv.slice(2), permitted: link.permitted });
await capture.start({
  frame: (name, wallUs, bytes, start, end) =>
    say({ frame: name, wallUs, bytes: Buffer.from(bytes.subarray(start, end)).toString('hex') }),
  tick() {},
  sight: (name, sight) => say({ sight: name, ...sight }),
});
