/** What was told, against what was done: all of it, once, with the right names and time, and nothing else. */
import type { Sent } from './sender.ts';
import type { Told } from './watched-segment.ts';

export interface Match {
  readonly sent: Sent;
  readonly told: Told;
}

export interface Verdict {
  readonly matches: readonly Match[];
  readonly wrong: readonly string[];
}

/** Of routine, when addresses begin to be used and move. */
const ROUTINE = new Set(['observer-started', 'observer-stopped', 'master-seen', 'vip-moved']);
/** Between the sender's clock reading and the kernel's stamp the sender may be interrupted. */
const DATED_WITHIN_MS = 100;

export function compareWith(sent: readonly Sent[], told: readonly Told[]): Verdict {
  const matches: Match[] = [];
  const left = new Set(told.filter(({ kind }) => !ROUTINE.has(kind)));
  const missing: Sent[] = [];
  for (const each of sent) {
    const found = [...left].find((event) => isAbout(event, each));
    if (found === undefined) {
      missing.push(each);
      continue;
    }
    left.delete(found);
    matches.push({ sent: each, told: found });
    if (each.truth.what !== 'split-brain') continue;
    const end = [...left].find(
      ({ kind, phase, subject, atMs }) =>
        kind === 'split-brain' && phase === 'end' && subject === found.subject && atMs > found.atMs,
    );
    if (end?.details.survivor === each.truth.from) left.delete(end);
  }
  return {
    matches,
    wrong: [
      ...missing.map(
        ({ truth, atMs }) => `missing: ${new Date(atMs).toISOString()} ${JSON.stringify(truth)}`,
      ),
      ...[...left].map(
        ({ atMs, kind, phase, subject, summary }) =>
          `invented: ${new Date(atMs).toISOString()} ${kind} ${phase} ${subject}: ${summary}`,
      ),
    ],
  };
}

function isAbout({ kind, phase, subject, atMs, details }: Told, { truth, atMs: sentMs }: Sent): boolean {
  return (
    kind === truth.what &&
    phase !== 'end' &&
    subject === `vr:eth0/ipv4/${truth.vrid}` &&
    Math.abs(atMs - sentMs) < DATED_WITHIN_MS &&
    (truth.what === 'failover'
      ? details.from === truth.from && details.to === truth.by && details.cause === truth.cause
      : details.winner === truth.from && details.loser === truth.by)
  );
}
