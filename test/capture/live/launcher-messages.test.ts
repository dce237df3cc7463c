import { describe, expect, it } from 'vitest';
import { launcherRequest } from '../../../src/capture/live/launcher-messages.ts';

describe('a request to the launcher', () => {
  it.each([{ start: 'eth0', join: true }, { start: 'br-lan.100', join: false }, { stop: 'wlp3s0' }])(
    '%j is granted as it stands',
    (request) => {
      expect(launcherRequest(request)).toEqual(request);
    },
  );

  it.each([
    null,
    'eth0',
    {},
    { start: 'eth0' },
    { start: 'eth0', join: 'yes' },
    { start: 'eth0', join: true, socket: '/tmp/other' },
    { start: '--require=/tmp/x.js', join: true },
    { start: '../../etc', join: true },
    { start: '', join: true },
    { start: 'a-name-too-long-', join: true },
    { start: 'eth0\n', join: true },
    { stop: '' },
    { stop: 'eth0', start: 'eth0' },
  ])('%j is refused', (request) => {
    expect(launcherRequest(request)).toBeNull();
  });
});
