/**
 * Going on after a restart: each part of the observer gets its piece of what the journal says. Every capture is
 * blind until somebody tells that it sees; what was open is open, and ends by the usual rules.
 */
import type { TimelineEvent } from '../events.ts';
import type { Instant } from '../time.ts';
import type { AddressBook } from './address-book.ts';
import type { Collisions } from './collisions.ts';
import type { Databases } from './databases/databases.ts';
import type { Expectations } from './expectations.ts';
import type { OwnEvents } from './own-events.ts';
import type { Probing } from './probing/probing.ts';
import type { Proxies } from './proxies/proxies.ts';
import {
  captureOf,
  type RecalledRouter,
  type RestoredFacts,
  recollect,
  routerOf,
  vipOf,
} from './restoration.ts';
import type { Routers } from './routers.ts';
import type { Services } from './services.ts';
import type { VipIndex } from './vip-index.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** The parts that take something up. */
export interface Resumable {
  readonly services: Services;
  readonly routers: Routers;
  readonly vips: VipIndex;
  readonly book: AddressBook;
  readonly own: OwnEvents;
  readonly collisions: Collisions;
  readonly expectations: Expectations;
  readonly proxies: Proxies;
  readonly probing: Probing;
  readonly databases: Databases;
}

export function resume(facts: RestoredFacts, at: Instant, parts: Resumable): void {
  const { services, routers, book } = parts;
  const { until, routers: recollected, open, claims } = recollect(facts);
  const since = Math.min(until, at) as Instant;
  for (const capture of facts.captures) services.sights.of(capture).wasAway(since);
  const bySubject = new Map<string, VirtualRouter>();
  for (const recalled of recollected) {
    const router = recall(recalled, facts.captures, parts);
    if (router === null) continue;
    bySubject.set(recalled.subject, router);
    router.resume(
      recalled,
      open.filter((event) => event.subject === recalled.subject),
      at,
    );
    routers.settleSubject(router, recalled.subject);
  }
  for (const { segment, address, mac } of claims) {
    const capture = captureOf(segment, facts.captures);
    if (capture !== null) book.recall(services.sights.recallSegment(segment, capture), address, mac);
  }
  for (const event of open) {
    resumeCondition(event, bySubject.get(event.subject), at, parts);
    parts.proxies.resume(event, since, at);
    parts.databases.resume(event, at);
  }
  parts.probing.resume(facts, open, at);
}

function recall(
  { segment, speakers, since }: RecalledRouter,
  captures: readonly string[],
  { services, routers }: Resumable,
): VirtualRouter | null {
  const capture = captureOf(segment, captures);
  const [first] = speakers;
  if (capture === null || first === undefined) return null;
  return routers.recall(services.sights.recallSegment(segment, capture), first.advert, since);
}

/** What is not the virtual router's own business: that has been taken up with it. */
function resumeCondition(
  event: TimelineEvent,
  router: VirtualRouter | undefined,
  at: Instant,
  { services, own, vips, expectations, collisions }: Resumable,
): void {
  switch (event.kind) {
    case 'capture-degraded':
      own.resumeDegraded(event, at);
      if (!services.sights.of(event.details.segment).blind) own.sees(event.details.segment, at); // not captured any more
      break;
    case 'sink-failing':
      own.resumeFailing(event, at);
      break;
    case 'garp-missing':
    case 'ip-conflict': {
      const vip = vipOf(event.subject);
      if (vip === null) break;
      const holders = vips.of({ name: vip.segment }, vip.address);
      const holder = holders.find((other) => other.master?.address === event.details.holder) ?? holders[0];
      holder?.resumeClaim(vip.address, event, at);
      break;
    }
    case 'rogue-speaker': {
      const speaker = router?.speakers.get(event.details.speaker);
      if (router !== undefined && speaker !== undefined)
        expectations.rogues.resume(event, router, speaker, at);
      break;
    }
    case 'vrid-collision': {
      const slot = router === undefined ? undefined : services.slots.find(router.identity);
      if (router !== undefined && slot !== undefined) collisions.resume(slot, event, router, at);
      break;
    }
    case 'master-lost': {
      if (router !== undefined) break;
      const place = routerOf(event.subject);
      if (place !== null) expectations.resumeAbsence(event, place.segment, place.vrid, at);
      break;
    }
    default:
      break;
  }
}
