/**
 * A failing run as a page to read: frames as they were captured, what the routers really did, what was done to
 * them, and what the observer said, around the moment in question.
 */
import type { TimelineEvent } from '../../src/events.ts';
import type { SentFrame } from './truth.ts';
import type { Violation } from './verdict.ts';
import { type Run, sinceStart } from './world.ts';

/** Lines before the moment, and after it. */
const LINES_BEFORE = 70;
const LINES_AFTER = 12;

interface Line {
  readonly at: number;
  readonly text: string;
}

export function howToReproduce(seed: number): string {
  return `VIPWATCH_SEED=${seed} npx vitest run test/simulation`;
}

export function failureText(
  run: Run,
  events: readonly TimelineEvent[],
  violations: readonly Violation[],
): string {
  const first = violations[0];
  const listed = violations.map((v) => `  ${seconds(v.at)} ${v.check}: ${v.message}`);
  return [
    `seed ${run.seed}: ${violations.length} violation(s); reproduce: ${howToReproduce(run.seed)}`,
    ...listed,
    ...describeProfile(run),
    ...traceAround(run, events, first?.at ?? run.end),
  ].join('\n');
}

export function describeProfile(run: Run): string[] {
  const { contents, enabled, conditions } = run.profile;
  return [
    `v${contents.version} ${contents.intervalUs / 1000} ms; faults: ${[...enabled].join(' ')}`,
    `link: ${JSON.stringify(conditions)}; faults ${seconds(run.profile.faultsFrom)} to ${seconds(run.calmFrom)}`,
    ...run.truth.routers.map(
      (r) =>
        `  ${r.name} ${r.address} priority ${r.priority}${r.preempts ? '' : ' nopreempt'} (${r.habits.flavour})`,
    ),
  ];
}

export function traceAround(run: Run, events: readonly TimelineEvent[], at: number): string[] {
  const lines = mergeRepeats(allLines(run, events));
  const middle = lines.findIndex((line) => line.at > at);
  const end = middle === -1 ? lines.length : middle;
  return lines
    .slice(Math.max(0, end - LINES_BEFORE), end + LINES_AFTER)
    .map((l) => `${seconds(l.at)} ${l.text}`);
}

function allLines(run: Run, events: readonly TimelineEvent[]): Line[] {
  const { truth } = run;
  const lines: Line[] = [
    ...truth.frames.flatMap(frameLines),
    ...truth.notes.map((note) => ({ at: note.at, text: `** ${note.text}` })),
    ...truth.masterships.flatMap((m) => [
      { at: m.from, text: `      ${m.router} is master` },
      { at: m.to, text: `      ${m.router} is no longer master (${m.ending})` },
    ]),
    ...events.map((event) => ({ at: sinceStart(event.detectedAt), text: `>>> ${eventText(event)}` })),
  ];
  return lines.sort((a, b) => a.at - b.at);
}

function frameLines(frame: SentFrame): Line[] {
  const { packet, sender, ipId } = frame;
  const text =
    packet.type === 'advert'
      ? `${sender} ADV prio ${packet.priority}${ipId === null ? '' : ` id ${ipId}`}`
      : `${sender} CLAIM ${packet.address}`;
  if (frame.capturedAt.length === 0) return [{ at: frame.sentAt, text: `${text} (not captured)` }];
  return frame.capturedAt.map((at, i) => ({ at, text: i === 0 ? text : `${text} (copy)` }));
}

/** A run of equal adverts, or five claims, is one line. */
function mergeRepeats(lines: readonly Line[]): Line[] {
  const merged: { at: number; text: string; times: number; until: number }[] = [];
  for (const line of lines) {
    const text = line.text.replace(/ id \d+$/, '').replace(/(CLAIM) .*$/, '$1');
    const last = merged.at(-1);
    if (last !== undefined && last.text === text && / (ADV|CLAIM) /.test(text)) {
      last.times += 1;
      last.until = line.at;
    } else {
      merged.push({ at: line.at, text, times: 1, until: line.at });
    }
  }
  return merged.map(({ at, text, times, until }) => ({
    at,
    text: times > 1 ? `${text} x${times} until ${seconds(until).trim()}` : text,
  }));
}

export function eventText(event: TimelineEvent): string {
  const { kind, phase, time, details, id, beginId } = event;
  const of = beginId === null ? '' : ` of ${beginId}`;
  return `${kind} ${phase}${of} [${id}] at ${seconds(sinceStart(time))} ${event.subject} ${JSON.stringify(details)}`;
}

export function seconds(us: number): string {
  return (us / 1_000_000).toFixed(6).padStart(11);
}
