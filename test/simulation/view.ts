/** The master as the events tell it: what somebody knows who reads nothing but the timeline. */
import type { TimelineEvent } from '../../src/events.ts';
import { detail } from '../support/segment-player.ts';
import { openAt } from './form.ts';
import { sinceStart } from './world.ts';

export interface View {
  readonly master: string | null;
  readonly lost: boolean;
  readonly splits: number;
}

/** What was known at `at`, microseconds since the run began. */
export function viewAt(vrEvents: readonly TimelineEvent[], at: number): View {
  let master: string | null = null;
  for (const event of vrEvents) {
    if (sinceStart(event.detectedAt) > at) break;
    master = masterAfter(event) ?? master;
  }
  return {
    master,
    lost: openAt(vrEvents, 'master-lost', at).length > 0,
    splits: openAt(vrEvents, 'split-brain', at).length,
  };
}

/** The master that this event names, null for events that leave it as it was. */
export function masterAfter(event: TimelineEvent): string | null {
  if (event.kind === 'master-seen') return text(detail(event, 'master'));
  if (event.kind === 'failover') return text(detail(event, 'to'));
  if (event.kind === 'split-brain' && event.phase === 'end') return text(detail(event, 'survivor'));
  return null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
