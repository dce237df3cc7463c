/** vipwatch's own figures as samples, every 30 s: what captures took and lost, how far behind, what waits where. */
import type { Sample } from '../samples.ts';
import type { Instant } from '../time.ts';

export interface OwnFigures {
  readonly host: string;
  readonly time: Instant;
  readonly captures: readonly {
    readonly capture: string;
    readonly received: number;
    readonly dropped: number;
    /** how far what it has told is behind the present; null while it cannot see */
    readonly delayMs: number | null;
  }[];
  /** Events that wait; events written in all (`journal`), points since the start (sinks). */
  readonly outlets: readonly { readonly part: string; readonly waiting: number; readonly written: number }[];
}

export function ownSamples({ host, time, captures, outlets }: OwnFigures): readonly Sample[] {
  const sample = (part: string, fields: Sample['fields']): Sample => ({
    measurement: 'vipwatch',
    time,
    tags: { host, part },
    fields,
  });
  return [
    ...captures.map(({ capture, received, dropped, delayMs }) =>
      sample(`capture ${capture}`, {
        captured: BigInt(received),
        dropped: BigInt(dropped),
        ...(delayMs === null ? {} : { delay_ms: delayMs }),
      }),
    ),
    ...outlets.map(({ part, waiting, written }) =>
      sample(part, { waiting: BigInt(waiting), written: BigInt(written) }),
    ),
  ];
}
