/** Who was heard on the segments, as far as a first configuration needs it: from events, or from the present state. Pure. */
import type { TimelineEvent } from '../events.ts';
import type { RouterState } from '../state.ts';

export interface HeardRouter {
  readonly segment: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly vrid: number;
  readonly vips: readonly string[];
  readonly speakers: readonly HeardSpeaker[];
}

export interface HeardSpeaker {
  readonly address: string;
  /** null where only events tell of it */
  readonly mac: string | null;
}

type State = Pick<RouterState, 'segment' | 'family' | 'vrid' | 'vips'> & {
  readonly master: HeardSpeaker;
  readonly others: readonly HeardSpeaker[];
};

/** Also who is no master, where it was ever heard. */
export function heardInState(routers: readonly State[]): readonly HeardRouter[] {
  return routers.map(({ segment, family, vrid, vips, master, others }) => ({
    segment,
    family,
    vrid,
    vips,
    speakers: [master, ...others].map(({ address, mac }) => ({ address, mac })),
  }));
}

/** Backups are silent: who never was master while this was recorded, is not in it. */
export function heardInEvents(events: readonly TimelineEvent[]): readonly HeardRouter[] {
  const routers = new Map<string, { vips: Set<string>; speakers: Set<string> }>();
  for (const { subject, details } of events) {
    if (!subject.startsWith('vr:')) continue;
    const router = routers.get(subject) ?? { vips: new Set(), speakers: new Set() };
    routers.set(subject, router);
    for (const vip of details.vips ?? []) router.vips.add(vip);
    const { master, from, to, holder, claimant } = details;
    for (const address of [master, from, to, holder, claimant, ...(details.speakers ?? [])])
      if (address !== undefined && !/^(..:){5}..$/.test(address)) router.speakers.add(address);
  }
  return [...routers].flatMap(([subject, { vips, speakers }]) => {
    const match = /^vr:(.+)\/(ipv4|ipv6)\/(\d+)/.exec(subject);
    if (match === null || speakers.size === 0) return [];
    const [, segment = '', family, vrid] = match;
    return [
      {
        segment,
        family: family === 'ipv6' ? 'ipv6' : 'ipv4',
        vrid: Number(vrid),
        vips: [...vips],
        speakers: [...speakers].map((address) => ({ address, mac: null })),
      },
    ];
  });
}
