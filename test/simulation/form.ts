/**
 * What holds for every timeline, whatever happened: ids, order, begins and ends, the closed list of kinds, no
 * secrets.
 */
import { type EventKind, KINDS, type TimelineEvent } from '../../src/events.ts';
import { MS } from '../../src/time.ts';
import { detail } from '../support/segment-player.ts';
import { type FaultKind, PASSWORDS } from './profile.ts';
import type { Case } from './verdict.ts';
import { sinceStart } from './world.ts';

export function checkForm(verdict: Case): void {
  checkOrder(verdict);
  checkPairs(verdict);
  checkKinds(verdict);
  checkSecrets(verdict);
}

function checkOrder(verdict: Case): void {
  const ids = new Set<string>();
  let known = 0;
  for (const event of verdict.events) {
    verdict.require(!ids.has(event.id), 'form: ids are unique', event, `id ${event.id} again`);
    verdict.require(
      event.about === null || ids.has(event.about),
      'form: about names an older event',
      event,
      `about ${event.about}`,
    );
    verdict.require(event.detectedAt >= known, 'form: detectedAt never decreases', event, `after ${known}`);
    verdict.require(event.time <= event.detectedAt, 'form: known after it happened', event, `${event.time}`);
    ids.add(event.id);
    known = event.detectedAt;
  }
}

function checkPairs(verdict: Case): void {
  const begins = new Map<string, TimelineEvent>();
  const ended = new Set<string>();
  for (const event of verdict.events) {
    if (event.phase === 'begin') begins.set(event.id, event);
    if (event.phase !== 'end') {
      verdict.require(event.beginId === null, 'form: only ends name a begin', event, `${event.beginId}`);
      continue;
    }
    const begin = event.beginId === null ? undefined : begins.get(event.beginId);
    const fits = begin !== undefined && begin.kind === event.kind && begin.subject === event.subject;
    verdict.require(fits, 'form: an end has its begin', event, `beginId ${event.beginId}`);
    if (begin === undefined) continue;
    verdict.require(!ended.has(begin.id), 'form: a condition ends once', event, `${begin.id} ended before`);
    ended.add(begin.id);
    const lasted = event.time - begin.time;
    verdict.require(lasted >= 0, 'form: no end before its begin', event, `by ${-lasted} µs`);
    const durationMs = detail(event, 'durationMs');
    verdict.require(
      typeof durationMs === 'number' && Math.abs(durationMs * MS - lasted) < 1,
      'form: an end says how long it lasted',
      event,
      `durationMs ${String(durationMs)}, but ${lasted} µs`,
    );
  }
}

/** Kinds that a run can only contain if a certain fault was enabled; those not listed may come in any run. */
const NEEDS: Partial<Record<EventKind, readonly FaultKind[]>> = {
  'vrid-collision': [],
  'source-spoofed': [],
  'rogue-speaker': [],
  'advert-invalid': ['junk'],
  'config-mismatch': ['mismatch'],
  'config-changed': ['mismatch'],
  'priority-change': ['priority'],
  'capture-degraded': ['blind'],
  // An advert late by 0.75 intervals: lost by our port, muted, stopped, repelled, or down and up again in no time.
  'advert-gap': [
    'observer-loss',
    'junk',
    'pause',
    'mismatch',
    'blind',
    'one-way',
    'partition',
    'loss',
    'loss-burst',
    'crash',
    'everybody-down',
  ],
};

function checkKinds(verdict: Case): void {
  const { enabled } = verdict.run.profile;
  for (const event of verdict.events) {
    const needs = NEEDS[event.kind];
    const possible = needs === undefined || needs.some((fault) => enabled.has(fault));
    verdict.require(possible, 'form: nothing out of nowhere', event, `no such fault in this run`);
    const { details, optional } = KINDS[event.kind];
    const allowed = new Set<string>([...details, ...optional, 'durationMs']);
    const missing = details.filter((name) => detail(event, name) === undefined);
    const unknown = Object.keys(event.details).filter((name) => !allowed.has(name));
    verdict.require(missing.length === 0, 'form: all details', event, `without ${missing.join(' ')}`);
    verdict.require(unknown.length === 0, 'form: no other details', event, `has ${unknown.join(' ')}`);
  }
}

/** The passwords of the simulated routers, as text and as the decoder shows them. */
const SECRETS = PASSWORDS.flatMap((password) => [password, Buffer.from(password).toString('hex')]);

function checkSecrets(verdict: Case): void {
  for (const event of verdict.events) {
    const text = JSON.stringify(event);
    const leaked = SECRETS.filter((secret) => text.includes(secret));
    verdict.require(leaked.length === 0, 'form: no secrets', event, 'contains a password');
  }
}

export function openAt(events: readonly TimelineEvent[], kind: EventKind, at: number): TimelineEvent[] {
  const known = events.filter((event) => event.kind === kind && sinceStart(event.detectedAt) <= at);
  const ended = new Set(known.map((event) => event.beginId));
  return known.filter((event) => event.phase === 'begin' && !ended.has(event.id));
}
