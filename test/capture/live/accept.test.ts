/** Who may connect to main as a capture, and what happens to one that does not keep to the protocol. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LiveCapture } from '../../../src/capture/live/live-capture.ts';
import { MessageWriter } from '../../../src/capture/live/protocol.ts';
import { Recorder } from './captures.ts';

describe('main', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-accept-'));
  const socketPath = join(folder, 'socket');
  let remarks: string[];
  let stopped: string[];
  let recorder: Recorder;
  let capture: LiveCapture;
  let socket: Socket;

  beforeEach(async () => {
    remarks = [];
    stopped = [];
    recorder = new Recorder();
    capture = new LiveCapture({
      interfaces: ['eth0'],
      join: true,
      link: {
        socketPath,
        permitted: true,
        start: () => {},
        stop: (name) => stopped.push(name),
        onExit: () => {},
      },
      remark: (text) => remarks.push(text),
    });
    await capture.start(recorder);
    socket = connect(socketPath);
  });
  afterEach(async () => {
    socket.destroy();
    await capture.stop();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function say(name: string): void {
    const writer = new MessageWriter();
    writer.hello(name);
    writer.sight({ seeing: true, reason: 'started' });
    socket.write(writer.take());
  }

  it('cuts off a capture that sends nonsense, has it ended, and is blind', async () => {
    say('eth0');
    await recorder.until(() => recorder.sights.length === 1);
    socket.write(Buffer.from('ffffffff', 'hex'));
    await once(socket, 'close');
    expect(remarks).toEqual([expect.stringContaining('a message of')]);
    expect(stopped).toEqual(['eth0']);
  });

  it('takes no capture that nobody asked for', async () => {
    say('eth1');
    await once(socket, 'close');
    expect(remarks).toEqual([expect.stringContaining('nobody asked for a capture of "eth1"')]);
    expect(recorder.heard).toEqual([]);
  });
});

it('refuses names that no interface has', () => {
  const link = { socketPath: '', permitted: true, start() {}, stop() {}, onExit() {} };
  expect(() => new LiveCapture({ interfaces: ['../x'], join: true, link, remark: () => {} })).toThrow(
    '"../x" cannot be an interface',
  );
});
