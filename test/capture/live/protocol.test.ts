import { describe, expect, it } from 'vitest';
import {
  MAX_MESSAGE,
  MessageReader,
  MessageWriter,
  ProtocolError,
} from '../../../src/capture/live/protocol.ts';

/** What a reader made of pieces of a stream. */
function read(pieces: readonly Buffer[]): unknown[] {
  const heard: unknown[] = [];
  const reader = new MessageReader({
    hello: (name) => heard.push({ hello: name }),
    frame: (wallUs, bytes, start, end, linkType, originalLength) =>
      heard.push({
        wallUs,
        bytes: Buffer.from(bytes.subarray(start, end)).toString('hex'),
        linkType,
        originalLength,
      }),
    tick: (tick) => heard.push(tick),
    sight: (sight) => heard.push(sight),
    problem: (problem) => heard.push({ problem }),
  });
  for (const piece of pieces) reader.push(piece);
  return heard;
}

const TICK = { monotonicUs: 123_456_789, wallUs: 1_795_000_000_123_000, received: 7, dropped: 2 };

function stream(): Buffer {
  const writer = new MessageWriter();
  writer.hello('eth0');
  writer.sight({ seeing: true, reason: 'started' });
  writer.frame(1_795_000_000, 999_999, Buffer.from('0102030405', 'hex'), 3, 1, 60);
  writer.frame(4_294_967_295, 0, Buffer.alloc(0), 0, 113, 0);
  writer.tick(TICK);
  writer.problem('libpcap is missing – install it');
  return writer.take();
}

const SAID = [
  { hello: 'eth0' },
  { seeing: true, reason: 'started' },
  { wallUs: 1_795_000_000_999_999, bytes: '010203', linkType: 1, originalLength: 60 },
  { wallUs: 4_294_967_295_000_000, bytes: '', linkType: 113, originalLength: 0 },
  TICK,
  { problem: 'libpcap is missing – install it' },
];

const HELLO = (() => {
  const writer = new MessageWriter();
  writer.hello('eth0');
  return writer.take();
})();

describe('the capture protocol', () => {
  it('reads what was written, cut in two at every byte', () => {
    const bytes = stream();
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(read([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(SAID);
    }
  });

  it('reads what was written, byte by byte', () => {
    expect(read([...stream()].map((byte) => Buffer.from([byte])))).toEqual(SAID);
  });

  it('writes batches larger than its buffer', () => {
    const writer = new MessageWriter();
    writer.hello('eth0');
    for (let i = 0; i < 1000; i++) writer.frame(i, 0, Buffer.alloc(1500), 1500, 1, 1500);
    expect(read([writer.take()])).toHaveLength(1001);
    expect(writer.length).toBe(0);
  });

  it.each([
    ['a message before the hello', Buffer.concat([message(4, '01'), HELLO])],
    ['a second hello', Buffer.concat([HELLO, HELLO])],
    ['another version', message(1, '02aabb')],
    ['a hello without a version', message(1, '')],
    ['an unknown type', Buffer.concat([HELLO, message(9, '')])],
    ['a message longer than the limit', Buffer.concat([HELLO, head(2, MAX_MESSAGE)])],
    ['a frame without its head', Buffer.concat([HELLO, message(2, '00')])],
    ['a frame longer than it was', Buffer.concat([HELLO, message(2, `${'00'.repeat(14)}aa`)])],
    [
      'a second of a million microseconds',
      Buffer.concat([HELLO, message(2, `0000000040420f00${'00'.repeat(6)}`)]),
    ],
    ['a tick too short', Buffer.concat([HELLO, message(3, '00')])],
    ['a tick of no number', Buffer.concat([HELLO, message(3, `000000000000f87f${'00'.repeat(24)}`)])],
    ['a tick before the beginning', Buffer.concat([HELLO, message(3, `000000000000f0bf${'00'.repeat(24)}`)])],
    ['a sight that is neither', Buffer.concat([HELLO, message(4, '02')])],
  ])('refuses %s', (_what, bytes) => {
    expect(() => read([bytes])).toThrow(ProtocolError);
  });

  it('takes nothing more after an error', () => {
    const heard: string[] = [];
    const nothing = () => {};
    const reader = new MessageReader({
      hello: (name) => heard.push(name),
      frame: nothing,
      tick: nothing,
      sight: nothing,
      problem: nothing,
    });
    expect(() => reader.push(message(9, ''))).toThrow(ProtocolError);
    reader.push(HELLO);
    expect(heard).toEqual([]);
  });

  it('refuses to write what no reader would take', () => {
    expect(() => new MessageWriter().frame(0, 0, Buffer.alloc(MAX_MESSAGE), MAX_MESSAGE, 1, 0)).toThrow(
      RangeError,
    );
  });
});

function head(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length * 256 + type);
  return bytes;
}

function message(type: number, payload: string): Buffer {
  const bytes = Buffer.from(payload, 'hex');
  return Buffer.concat([head(type, bytes.length), bytes]);
}
