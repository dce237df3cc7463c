/** Asks a server once, as the poller would. */

import type { PollFailure } from '../../../src/observation.ts';
import { databaseAsker } from '../../../src/poll/databases/asker.ts';
import { failureOf } from '../../../src/poll/failure.ts';
import type { DatabaseTarget } from '../../../src/poll/settings.ts';
import type { Source } from '../../../src/poll/source.ts';
import type { DatabaseReading } from '../../../src/reading/database.ts';

/** Long enough for whatever answers on this machine. */
export const PATIENCE_MS = 10_000;

export function targetAt(port: number, more: Partial<DatabaseTarget> = {}): DatabaseTarget {
  return {
    cluster: 'orders',
    node: 'hosta',
    index: 0,
    label: `mysql://127.0.0.1:${port}`,
    everyMs: 2_000,
    timeoutMs: PATIENCE_MS,
    place: { kind: 'tcp', host: '127.0.0.1', port },
    credentials: { user: 'vipwatch', password: 'swordfish' },
    tls: null,
    heartbeat: null,
    ...more,
  };
}

export async function reading(
  asker: Source<DatabaseReading>,
  timeoutMs = PATIENCE_MS,
): Promise<DatabaseReading> {
  return await asker.ask(AbortSignal.timeout(timeoutMs));
}

/** Of a poll that must fail. */
export async function failure(asker: Source<DatabaseReading>, timeoutMs = PATIENCE_MS): Promise<PollFailure> {
  try {
    await reading(asker, timeoutMs);
  } catch (error) {
    return failureOf(error);
  }
  throw new Error('it answered');
}

/** With an asker of its own. */
export async function readOnce(target: DatabaseTarget): Promise<DatabaseReading> {
  const asker = databaseAsker(target);
  try {
    return await reading(asker);
  } finally {
    asker.close();
  }
}
