/**
 * What every capture can see: losing and regaining sight, told or concluded. Blindness is concluded where virtual
 * routers of different machines fall silent together and no frame is heard since; any frame then ends it.
 */
import type { Segment, SightObservation } from '../observation.ts';
import type { Instant } from '../time.ts';
import { familyOf } from './addresses.ts';
import type { OwnEvents } from './own-events.ts';
import { captureOf } from './restoration.ts';
import { Sight } from './sight.ts';
import type { Slots } from './slots.ts';
import { graceUs, type Speaker, silenceLimitUs } from './speaker.ts';
import type { VirtualRouter } from './virtual-router.ts';

/** Reasons to be blind for which our own questions fail as well; of a capture process that is gone they do not. */
const CUT_OFF: ReadonlySet<string> = new Set(['link-down', 'no-such-interface', 'machine-stalled']);

/** Whether a virtual router that fell silent did so alone, with the whole segment, or nobody can tell before `number`. */
export type Companions = 'alone' | 'blind' | number;

export class Sights {
  readonly #slots: Slots;
  readonly #own: OwnEvents;
  /** by capture */
  readonly #sights = new Map<string, Sight>();
  /** where anything was heard */
  readonly #segments = new Map<string, Segment>();

  constructor(slots: Slots, own: OwnEvents) {
    this.#slots = slots;
    this.#own = own;
  }

  of(capture: string): Sight {
    let sight = this.#sights.get(capture);
    if (sight === undefined) {
      sight = new Sight(capture);
      this.#sights.set(capture, sight);
    }
    return sight;
  }

  /** Any frame at all: the capture works. */
  frame(segment: Segment, at: Instant): Sight {
    const sight = this.of(segment.capture);
    if (sight.blind && sight.inferred) this.#regain(sight, at);
    sight.lastFrameAt = at;
    if (!this.#segments.has(segment.name)) this.#segments.set(segment.name, segment);
    return sight;
  }

  changed({ capture, seeing, reason, dropped, since, at }: SightObservation): void {
    const sight = this.of(capture);
    if (seeing) this.#regain(sight, at);
    else this.#lose(sight, Math.min(since ?? at, at) as Instant, reason, dropped, false);
  }

  /** How much of a span some capture did not see, the one that saw least of it; of blindness since `since`. */
  blindUs(from: number, until: number, since: number): number {
    let blind = 0;
    for (const sight of this.#sights.values()) blind = Math.max(blind, sight.blindUs(from, until, since));
    return blind;
  }

  /** A segment on which something was captured: the one of that name, or any. */
  segmentNamed(name: string | null): Segment | null {
    if (name !== null) return this.#segments.get(name) ?? null;
    const [any] = this.#segments.values();
    return any ?? null;
  }

  /** Of the capture that a segment belongs to; null where nothing is known of it. */
  ofSegment(name: string): Sight | null {
    const capture = this.#segments.get(name)?.capture ?? captureOf(name, [...this.#sights.keys()]);
    return capture === null ? null : this.of(capture);
  }

  /** Any segment's name; that of a capture where nothing was heard yet. */
  anySegment(): string | null {
    const [segment] = this.#segments.keys();
    const [capture] = this.#sights.keys();
    return segment ?? capture ?? null;
  }

  /** One that something was captured on before a restart. */
  recallSegment(name: string, capture: string): Segment {
    const segment = this.#segments.get(name) ?? { name, capture };
    this.#segments.set(name, segment);
    return segment;
  }

  /** A priority 0 explains a silence, which is then no sign of blindness: `unexplained` false. */
  silentTogether(router: VirtualRouter, unexplained: boolean, now: Instant): Companions {
    const { sight, master } = router;
    const silentSince = sight.lastFrameAt;
    if (master === null || silentSince - router.lastAdvertAt > master.intervalUs) return 'alone';
    let known = Number.POSITIVE_INFINITY;
    let lastAdvertAt = router.lastAdvertAt;
    for (const other of this.#slots.existing()) {
      const theirs = other.master;
      if (
        other === router ||
        other.sight !== sight ||
        theirs === null ||
        theirs.resignedAt !== null ||
        other.isLost
      )
        continue;
      if (sameMachine(theirs, master) || silentSince - other.lastAdvertAt > theirs.intervalUs) continue;
      known = Math.min(known, other.lastAdvertAt + 1.25 * theirs.intervalUs);
      if (other.lastAdvertAt > lastAdvertAt) lastAdvertAt = other.lastAdvertAt;
    }
    if (silentSince > lastAdvertAt + graceUs(master)) return 'alone'; // somebody else was heard since
    if (known > now + silenceLimitUs(master)) return 'alone';
    if (known > now) return known;
    if (!unexplained) return 'alone';
    this.#lose(sight, silentSince as Instant, 'nothing is heard any more', null, true);
    return 'blind';
  }

  #lose(sight: Sight, at: Instant, reason: string, dropped: number | null, inferred: boolean): void {
    const since = Math.max(at, sight.regainedAt) as Instant;
    const cutsOff = inferred || CUT_OFF.has(reason);
    if (sight.blind) {
      sight.inferred &&= inferred;
      if (cutsOff && !sight.cutOff) sight.loseAnew(since);
    } else {
      for (const router of this.#slots.routers()) if (router.sight === sight) router.sightLost(since);
      sight.lose(since);
      sight.inferred = inferred;
    }
    sight.cutOff ||= cutsOff;
    this.#own.cannotSee(sight.capture, since, reason, dropped);
  }

  #regain(sight: Sight, at: Instant): void {
    if (!sight.blind) return;
    sight.regain(at);
    this.#own.sees(sight.capture, at);
    for (const router of this.#slots.routers()) if (router.sight === sight) router.sightRegained();
  }
}

/** Of two masters; virtual MACs tell nothing, so only equal addresses then make them one. */
function sameMachine(a: Speaker, b: Speaker): boolean {
  if (a.mac === b.mac || a.address === b.address) return true;
  return (
    familyOf(a.address) !== familyOf(b.address) &&
    (a.mac.startsWith('00:00:5e:') || b.mac.startsWith('00:00:5e:'))
  );
}
