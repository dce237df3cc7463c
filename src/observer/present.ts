/** What is known of the present, as plain values for `status`. Looks, and changes nothing. */
import type { RouterState, SpeakerState } from '../state.ts';
import { type Instant, msFromUs } from '../time.ts';
import { rhythm, type Speaker } from './speaker.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** More are strangers that somebody on the segment made up. */
const OTHERS_MAX = 8;

export interface Known {
  readonly foreign: boolean;
  readonly nodeOf: (address: string) => string | null;
}

/** Null of a configured virtual router that has not been heard yet. */
export function routerState(
  router: VirtualRouter,
  { foreign, nodeOf }: Known,
  now: Instant,
): RouterState | null {
  const { identity, master } = router;
  if (master === null) return null;
  const stateOf = (speaker: Speaker): SpeakerState => {
    const { jitterUs, missed } = rhythm(speaker, now);
    return {
      address: speaker.address,
      node: nodeOf(speaker.address),
      mac: speaker.mac,
      priority: speaker.priority,
      version: speaker.advert.version,
      intervalMs: msFromUs(speaker.intervalUs),
      speaking: !router.isLost && router.isSpeaking(speaker, now),
      lastAdvertAt: speaker.lastAt,
      jitterMs: msFromUs(jitterUs),
      missed,
    };
  };
  return {
    subject: identity.subject,
    cluster: identity.configured?.cluster.name ?? null,
    ours: !foreign,
    segment: identity.segment.name,
    family: identity.family,
    vrid: identity.vrid,
    vips: master.advert.vips,
    state: router.isSplit ? 'split' : router.isLost ? 'lost' : 'held',
    master: stateOf(master),
    blind: router.sight.blind,
    others: [...router.speakers.values()]
      .filter((speaker) => speaker !== master)
      .sort((a, b) => b.lastAt - a.lastAt)
      .slice(0, OTHERS_MAX)
      .map(stateOf),
    since: router.since,
  };
}
