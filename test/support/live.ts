/**
 * A live test: a lab of its own, `vipwatch observe` on it, and at the end everything gone, passed or not.
 *
 * Tests of one file may run at the same time: labs do not know each other.
 */
import { describe, inject, it } from 'vitest';
import { Lab, type LabSpec } from '../../src/demo/lab.ts';
import { LiveObserver, type Watching } from './live-observer.ts';
import { isInstalled } from './servers.ts';

/** For a whole test: start, takeovers of some seconds, a stop, all on a machine that is busy with the others. */
const LIMIT_MS = 150_000;

/** Skipped, with one line by the set-up, where live tests cannot run. */
export const describeLive = describeLiveWith();

/** Skipped also where one of these servers is not installed. */
export function describeLiveWith(...programs: readonly string[]): ReturnType<typeof describe.skipIf> {
  return describe.skipIf(inject('live').impossible !== null || !programs.every(isInstalled));
}

export interface Stage {
  readonly lab: Lab;
  readonly observer: LiveObserver;
}

export interface LiveSpec extends LabSpec, Watching {
  /** before the observer starts */
  readonly prepare?: (lab: Lab) => Promise<void>;
}

export function live(
  title: string,
  spec: LiveSpec,
  body: (stage: Stage) => Promise<unknown>,
  limitMs = LIMIT_MS,
): void {
  it(
    title,
    async () => {
      const lab = await Lab.create({ programs: inject('live').programs, ...spec });
      try {
        await spec.prepare?.(lab);
        const observer = new LiveObserver(lab, spec, inject('live').installation);
        await observer.start();
        await body({ lab, observer });
      } finally {
        await lab.destroy();
      }
    },
    limitMs,
  );
}

/** A live test on a lab where all is well already when the observer starts. */
export function behind<T>(
  title: string,
  spec: LiveSpec,
  prepare: (lab: Lab) => Promise<T>,
  body: (stage: Stage & T) => Promise<unknown>,
): void {
  let ready: Promise<T> | null = null;
  const started = (lab: Lab) => {
    ready = prepare(lab);
    return ready;
  };
  live(title, { ...spec, prepare: async (lab) => void (await started(lab)) }, async (stage) =>
    body({ ...stage, ...(await (ready ?? raise('not prepared'))) }),
  );
}

function raise(message: string): never {
  throw new Error(message);
}
