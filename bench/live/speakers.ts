/**
 * What the speakers of many virtual routers send, as a timetable: two nodes, VRRPv3, an advert a second, IPv4
 * identifications counted as keepalived counts them, claims at every takeover; and what is done to them in between.
 *
 * Seeded: the same plan gives the same timetable. Sends nothing itself (`sender.ts`).
 */
import { advertFrame, arpFrame, type Bytes } from '../../test/support/frames.ts';
import { Random } from '../../test/support/random.ts';

/** Of one virtual router; those of one must not overlap. */
export interface Act {
  readonly vrid: number;
  /** `graceful` and `silence`: the usual master goes so, and comes back `awayMs` after the takeover (preemption) */
  readonly kind: 'graceful' | 'silence' | 'split-brain';
  readonly atMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly vrids: readonly number[];
  readonly acts: readonly Act[];
  readonly awayMs: number;
  readonly untilMs: number;
}

/** What a right observer must tell, known by the first advert of `by`, the newcomer. */
export type Truth =
  | {
      readonly what: 'failover';
      readonly vrid: number;
      readonly from: string;
      readonly by: string;
      readonly cause: 'graceful' | 'silence' | 'preemption';
    }
  | { readonly what: 'split-brain'; readonly vrid: number; readonly from: string; readonly by: string };

export interface Sending {
  readonly atMs: number;
  readonly frame: Bytes;
  /** whose advert it is; null for a claim */
  readonly speaker: string | null;
  readonly vrid: number;
  readonly truth: Truth | null;
}

export const INTERVAL_MS = 1_000;
const USUAL = 150;
const BACKUP = 100;
/** RFC 9568 section 6.1, of the backup */
const SKEW_MS = ((256 - BACKUP) / 256) * INTERVAL_MS;
const SPLIT_ADVERTS = 6;
const CLAIMS = 5;
const JITTER_MS = 0.4;

export const NODES = [
  { address: '10.20.30.11', mac: '02:76:77:00:01:0b' },
  { address: '10.20.30.12', mac: '02:76:77:00:01:0c' },
] as const;

export function vipOf(vrid: number): string {
  return `10.1.${vrid}.100`;
}

/** In order of time, up to `untilMs`. */
export function* timetable(plan: Plan): Generator<Sending> {
  const random = new Random(plan.seed);
  const routers = plan.vrids.map((vrid) => new Ahead(story(vrid, plan, random.fork(`vrid ${vrid}`))));
  for (let untilMs = INTERVAL_MS; untilMs <= plan.untilMs; untilMs += INTERVAL_MS) {
    yield* routers.flatMap((router) => router.until(untilMs)).sort((a, b) => a.atMs - b.atMs);
  }
}

/** A sequence without end that is taken piece by piece. */
class Ahead {
  readonly #sendings: Iterator<Sending>;
  #next: Sending | null = null;

  constructor(sendings: Iterator<Sending>) {
    this.#sendings = sendings;
  }

  until(untilMs: number): readonly Sending[] {
    const taken: Sending[] = [];
    for (;;) {
      this.#next ??= this.#sendings.next().value;
      if (this.#next === null || this.#next.atMs >= untilMs) return taken;
      taken.push(this.#next);
      this.#next = null;
    }
  }
}

class Speaker {
  readonly address: string;
  readonly #mac: string;
  readonly #vrid: number;
  readonly #priority: number;
  #ipId = 0;

  constructor(node: (typeof NODES)[number], vrid: number, priority: number) {
    this.address = node.address;
    this.#mac = node.mac;
    this.#vrid = vrid;
    this.#priority = priority;
  }

  advert(atMs: number, truth: Truth | null = null, priority = this.#priority): Sending {
    this.#ipId = (this.#ipId % 0xffff) + 1;
    const frame = advertFrame({
      src: this.address,
      srcMac: this.#mac,
      vrid: this.#vrid,
      priority,
      vips: [vipOf(this.#vrid)],
      ipId: this.#ipId,
      padTo: 60,
    });
    return { atMs, frame, speaker: this.address, vrid: this.#vrid, truth };
  }

  *claims(atMs: number): Generator<Sending> {
    const frame = arpFrame({ senderMac: this.#mac, senderIp: vipOf(this.#vrid), padTo: 60 });
    for (let i = 1; i <= CLAIMS; i++)
      yield { atMs: atMs + i / 10, frame, speaker: null, vrid: this.#vrid, truth: null };
  }

  /** A daemon that is started again counts from 1. */
  ends(): void {
    this.#ipId = 0;
  }
}

function* story(vrid: number, plan: Plan, random: Random): Generator<Sending, never> {
  const [first, second] = vrid % 2 === 0 ? [NODES[0], NODES[1]] : [NODES[1], NODES[0]];
  const usual = new Speaker(first, vrid, USUAL);
  const backup = new Speaker(second, vrid, BACKUP);
  const interval = () => INTERVAL_MS + random.between(0, JITTER_MS);
  const acts = plan.acts.filter((act) => act.vrid === vrid).sort((a, b) => a.atMs - b.atMs);

  let atMs = (vrid * INTERVAL_MS) / 256;
  yield usual.advert(atMs);
  yield* usual.claims(atMs);
  for (const act of acts) {
    while (atMs + INTERVAL_MS < act.atMs) {
      atMs += interval();
      yield usual.advert(atMs);
    }

    if (act.kind === 'split-brain') {
      // It hears nothing from now on: its timer runs out after the last advert that it heard.
      const from = usual.address;
      const by = backup.address;
      let newcomerMs = atMs + 3 * INTERVAL_MS + SKEW_MS;
      const sendings: Sending[] = [];
      for (let i = 0; i < SPLIT_ADVERTS; i++) {
        sendings.push(
          backup.advert(newcomerMs, i === 0 ? { what: 'split-brain', vrid, from, by } : null),
          ...(i === 0 ? backup.claims(newcomerMs) : []),
        );
        newcomerMs += interval();
      }
      while (atMs + INTERVAL_MS < newcomerMs) {
        atMs += interval();
        sendings.push(usual.advert(atMs));
      }
      yield* sendings.sort((a, b) => a.atMs - b.atMs);
      // As keepalived does when it hears a lower priority; the other hears it and is a backup again.
      yield* usual.claims(atMs);
      continue;
    }

    if (act.kind === 'graceful') {
      atMs += 300;
      yield usual.advert(atMs, null, 0);
      atMs += SKEW_MS;
    } else {
      atMs += 3 * INTERVAL_MS + SKEW_MS;
    }
    usual.ends();
    const takeover: Truth = {
      what: 'failover',
      vrid,
      from: usual.address,
      by: backup.address,
      cause: act.kind,
    };
    yield backup.advert(atMs, takeover);
    yield* backup.claims(atMs);
    const backMs = atMs + plan.awayMs;
    while (atMs + INTERVAL_MS < backMs) {
      atMs += interval();
      yield backup.advert(atMs);
    }
    atMs += random.between(150, 850);
    yield usual.advert(atMs, { ...takeover, from: backup.address, by: usual.address, cause: 'preemption' });
    yield* usual.claims(atMs);
  }
  for (;;) {
    atMs += interval();
    yield usual.advert(atMs);
  }
}
