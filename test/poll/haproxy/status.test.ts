import { expect, it } from 'vitest';
import { parseStatus } from '../../../src/poll/haproxy/status.ts';

it.each([
  ['UP', 'UP', null, null],
  ['UP 1/3', 'UP', [1, 3], null],
  ['DOWN', 'DOWN', null, null],
  ['DOWN 1/2', 'DOWN', [1, 2], null],
  ['DOWN (agent)', 'DOWN', null, 'agent'],
  ['NOLB', 'NOLB', null, null],
  ['NOLB 1/3', 'NOLB', [1, 3], null],
  ['MAINT', 'MAINT', null, null],
  ['MAINT (via px/srv)', 'MAINT', null, 'via px/srv'],
  ['MAINT(via)', 'MAINT', null, 'via'],
  ['MAINT (resolution)', 'MAINT', null, 'resolution'],
  ['DRAIN', 'DRAIN', null, null],
  ['DRAIN 2/3', 'DRAIN', [2, 3], null],
  ['DRAIN (agent)', 'DRAIN', null, 'agent'],
  ['no check', 'no check', null, null],
  ['OPEN', 'OPEN', null, null],
  ['STOP', 'STOP', null, null],
  ['PAUSED', 'PAUSED', null, null],
  ['FULL', 'FULL', null, null],
  ['WAITING', 'WAITING', null, null],
  // of releases to come: the word is what counts
  ['DOWN (some new reason) 7', 'DOWN', null, null],
  ['UP 1/3 (agent)', 'UP', [1, 3], 'agent'],
  ['UP 1/3x', 'UP', null, null],
  // a word that only begins like one is none
  ['UPPER', 'unknown', null, null],
  ['UP/3', 'unknown', null, null],
  ['DOWNGRADED', 'unknown', null, null],
  ['no checks', 'unknown', null, null],
  ['up', 'unknown', null, null],
  ['', 'unknown', null, null],
  [' UP', 'unknown', null, null],
])('%j', (raw, word, health, why) => {
  expect(parseStatus(raw)).toEqual({ raw, word, health, why });
});
