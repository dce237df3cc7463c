/** What the checks of one run found, and how often they had something to check. */
import type { TimelineEvent } from '../../src/events.ts';
import { silenceLimitUs } from './profile.ts';
import { type Run, sinceStart } from './world.ts';

export interface Violation {
  readonly check: string;
  /** microseconds since the run began: where the trace is worth reading */
  readonly at: number;
  readonly message: string;
}

/** One run, what the observer made of it, and the verdict that the checks fill. */
export class Case {
  readonly run: Run;
  readonly events: readonly TimelineEvent[];
  /** those of the simulated virtual router */
  readonly vrEvents: readonly TimelineEvent[];
  /** the longest silence limit that a router of this run may have */
  readonly limitUs: number;
  /** how long one frame may take, copies included */
  readonly flightUs: number;
  readonly violations: Violation[] = [];
  /** how often each rule was applied: a check that never applies proves nothing */
  readonly applied = new Map<string, number>();

  constructor(run: Run, events: readonly TimelineEvent[]) {
    this.run = run;
    this.events = events;
    const subject = vrSubject(run);
    this.vrEvents = events.filter((event) => event.subject === subject);
    const { contents, enabled, conditions } = run.profile;
    // A mismatch may be a doubled interval, with a longer limit of its own.
    const intervalUs = enabled.has('mismatch') ? 2 * contents.intervalUs : contents.intervalUs;
    this.limitUs = silenceLimitUs({ ...contents, intervalUs });
    this.flightUs = conditions.delayMaxUs + (conditions.duplication > 0 ? 2_000 : 0) + 1_000;
  }

  fail(check: string, at: number, message: string): void {
    this.violations.push({ check, at, message });
  }

  applies(rule: string): void {
    this.applied.set(rule, (this.applied.get(rule) ?? 0) + 1);
  }

  /** A claim about `event`: counted, and a violation unless it holds. */
  require(holds: boolean, check: string, event: TimelineEvent, message: string): void {
    this.applies(check);
    if (!holds) {
      this.fail(check, sinceStart(event.detectedAt), `${event.kind} ${event.phase} ${event.id}: ${message}`);
    }
  }

  isBlindIn(from: number, to: number): boolean {
    return this.run.blind.some((span) => span.from <= to && span.to >= from);
  }
}

export function vrSubject(run: Run): string {
  const { family, site } = run.profile;
  return `vr:sim/${family}/${site.vrid}`;
}
