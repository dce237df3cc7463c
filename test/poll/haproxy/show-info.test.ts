import { expect, it } from 'vitest';
import { parseShowInfo } from '../../../src/poll/haproxy/show-info.ts';

it('an old process says that it stops', () => {
  const lines = [
    'Name: HAProxy',
    'Version: 3.2.1-abc',
    'Pid: 7',
    'Uptime_sec: 90',
    'Stopping: 1',
    'CurrConns: 3',
  ];
  expect(parseShowInfo([...lines, 'Maxconn: 500'])).toEqual({
    release: '3.2.1-abc',
    pid: 7,
    uptimeS: 90,
    stopping: true,
    connections: 3,
    connectionLimit: 500,
  });
});

it('of 1.4, without a word on stopping; a line that makes no sense costs that line', () => {
  expect(
    parseShowInfo(['Name: HAProxy', 'Version: 1.4.24', 'Pid: many', 'nonsense', ': x', 'node: a: b']),
  ).toEqual({
    release: '1.4.24',
    pid: null,
    uptimeS: null,
    stopping: false,
    connections: null,
    connectionLimit: null,
  });
});

it('something else is none', () => {
  expect(parseShowInfo([])).toBeNull();
  expect(parseShowInfo(['Unknown command: x'])).toBeNull();
});
