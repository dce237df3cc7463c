/**
 * One simulated world from one seed: routers on a segment, faults while they last, calm afterwards, and an observer's
 * port that records. `simulate` is a pure function of its arguments.
 */
import type { Observation, Segment } from '../../src/observation.ts';
import { type Instant, instantFromUs, MS, plusUs, SECOND } from '../../src/time.ts';
import type { Advert, Claim } from '../../src/wire/packet.ts';
import { Random } from '../support/random.ts';
import { Link } from './link.ts';
import {
  drawProfile,
  PASSWORDS,
  type Profile,
  type Site,
  silenceLimitUs,
  type TimedFault,
} from './profile.ts';
import { type Contents, Router } from './router.ts';
import { Schedule } from './schedule.ts';
import { Truth, TruthLog } from './truth.ts';

/** 2026-11-20T10:00:00Z: where simulated time begins. */
export const EPOCH: Instant = instantFromUs(Date.UTC(2026, 10, 20, 10) * MS);

export const SEGMENT: Segment = { name: 'sim', capture: 'sim' };

/** Of a host that is no router and claims a VIP. */
export const STRAY_MAC = '02:42:0a:00:00:77';

export interface Run {
  readonly seed: number;
  readonly profile: Profile;
  readonly truth: Truth;
  /** when the observer could not see, and said so */
  readonly blind: readonly { readonly from: number; readonly to: number }[];
  /** what the observer's port saw, in order of arrival, without clock observations */
  readonly observations: readonly Observation[];
  /** when the last fault was undone */
  readonly calmFrom: number;
  readonly end: number;
}

export function simulate(seed: number, site?: Site): Run {
  const random = new Random(seed);
  return new World(seed, drawProfile(random.fork('profile'), site), random).run();
}

/** An instant of the timeline as microseconds since the run began. */
export function sinceStart(at: Instant): number {
  return at - EPOCH;
}

class World {
  readonly #seed: number;
  readonly #profile: Profile;
  readonly #random: Random;
  readonly #schedule = new Schedule();
  readonly #log = new TruthLog();
  readonly #link: Link;
  readonly #routers: Router[];
  readonly #sight: Observation[] = [];
  readonly #blind: { from: number; to: number }[] = [];
  #blindSince: number | null = null;
  /** undone at the end of the faults at the latest */
  readonly #undo = new Set<() => void>();

  constructor(seed: number, profile: Profile, random: Random) {
    this.#seed = seed;
    this.#profile = profile;
    this.#random = random.fork('faults');
    this.#link = new Link(
      this.#schedule,
      random.fork('flights'),
      this.#log,
      { ...profile.conditions },
      profile.observerMayGetCopies,
    );
    const orders = new Map(profile.routers.map((router) => [router.address, router.addressOrder]));
    const daemons = random.fork('daemons');
    this.#routers = profile.routers.map((settings) => {
      const router = new Router(settings, {
        schedule: this.#schedule,
        random: daemons.fork(settings.name),
        truth: this.#log,
        transmit: (sender, packet, ipId) => this.#link.transmit(sender.name, packet, ipId),
        addressOrder: (address) => orders.get(address) ?? 0,
      });
      this.#link.attach(router);
      return router;
    });
  }

  run(): Run {
    const { faultsFrom, faultsUntil, end } = this.#profile;
    const spread = this.#random.chance(0.5) ? 10 * MS : 2 * SECOND;
    for (const router of this.#routers) {
      this.#schedule.at(this.#random.between(0, spread), () => router.start());
    }
    this.#planFaults(faultsFrom, faultsUntil);
    this.#schedule.at(faultsUntil, () => this.#calm());
    this.#schedule.runUntil(end);
    this.#log.close(end);
    for (const frame of this.#log.frames) keepWithin(frame.capturedAt, this.#profile.observerStartsAt, end);
    return {
      seed: this.#seed,
      profile: this.#profile,
      truth: new Truth(this.#profile.routers, this.#log),
      blind: this.#blind,
      observations: this.#observations(),
      calmFrom: faultsUntil,
      end,
    };
  }

  /** Faults follow each other after short, middle or long pauses: races, and stretches in which all is settled. */
  #planFaults(from: number, until: number): void {
    let at = from;
    while (at < until) {
      const kind = this.#random.pick(this.#profile.timed);
      const lasting = this.#stretch();
      this.#schedule.at(at, () => this.#begin(kind, lasting));
      at += this.#stretch();
    }
  }

  #stretch(): number {
    const { contents } = this.#profile;
    const kind = this.#random.fraction();
    if (kind < 0.25) return this.#random.between(0.1, 3) * contents.intervalUs;
    if (kind < 0.6) return this.#random.between(0.7, 4) * silenceLimitUs(contents);
    return this.#random.between(4, 9) * silenceLimitUs(contents);
  }

  #begin(kind: TimedFault, lasting: number): void {
    const router = this.#victim();
    const begin: Record<TimedFault, () => void> = {
      stop: () => this.#down(router, lasting, 'stop', () => router.stop()),
      crash: () => this.#down(router, lasting, 'crash', () => router.crash()),
      fail: () => this.#fail(router, lasting),
      pause: () => this.#pause(router, lasting),
      reload: () => this.#reload(router),
      priority: () => this.#priority(router, lasting),
      'everybody-down': () => this.#everybodyDown(lasting),
      partition: () => this.#partition(lasting),
      'one-way': () => this.#oneWay(lasting),
      'loss-burst': () => this.#lossBurst(lasting),
      mismatch: () => this.#mismatch(router, lasting),
      junk: () => this.#junk(lasting),
      stray: () => this.#stray(lasting),
      blind: () => this.#goBlind(lasting),
    };
    begin[kind]();
  }

  /** Mostly the master: that is where it hurts. */
  #victim(): Router {
    const masters = this.#routers.filter((router) => router.state === 'master');
    return masters.length > 0 && this.#random.chance(0.65)
      ? this.#random.pick(masters)
      : this.#random.pick(this.#routers);
  }

  #down(router: Router, lasting: number, what: string, down: () => void): void {
    if (router.state === 'stopped') return;
    this.#note(`${what} ${router.name} (${router.state})`);
    down();
    // A process needs a while to start; and its IP ID begins at 1 again, which within a second would look like a
    // copy of the frame that its former life began with (docs/vrrp-rules.md).
    this.#undoAfter(Math.max(lasting, 1.2 * SECOND), `start ${router.name}`, () => router.start());
  }

  #fail(router: Router, lasting: number): void {
    this.#note(`fault on ${router.name} (${router.state})`);
    router.fail();
    this.#undoAfter(lasting, `${router.name} recovers`, () => router.recover());
  }

  #pause(router: Router, lasting: number): void {
    this.#note(`pause ${router.name} (${router.state})`);
    router.pause();
    this.#undoAfter(lasting, `resume ${router.name}`, () => router.resume());
  }

  #reload(router: Router): void {
    this.#note(`reload ${router.name} (${router.state})`);
    router.reload();
  }

  #everybodyDown(lasting: number): void {
    for (const router of this.#routers) {
      const gracefully = this.#random.chance(0.5);
      this.#down(router, lasting + this.#random.between(0, SECOND), gracefully ? 'stop' : 'crash', () =>
        gracefully ? router.stop() : router.crash(),
      );
    }
  }

  #priority(router: Router, lasting: number): void {
    const priority = Math.max(
      1,
      Math.min(254, router.priority + this.#random.pick([-60, -20, -2, 2, 20, 60])),
    );
    this.#note(`priority of ${router.name} (${router.state}) ${router.priority} -> ${priority}`);
    router.setPriority(priority);
    this.#undoAfter(lasting, `priority of ${router.name} as configured`, () =>
      router.setPriority(router.settings.priority),
    );
  }

  /** The routers fall into two groups that do not hear each other. */
  #partition(lasting: number): void {
    const names = this.#routers.map((router) => router.name);
    const left = names.filter(() => this.#random.chance(0.5));
    if (left.length === 0 || left.length === names.length) left.splice(0, left.length, ...names.slice(0, 1));
    const right = names.filter((name) => !left.includes(name));
    const paths = left.flatMap((one) => right.map((other) => [one, other] as const));
    this.#note(`partition ${left.join(' ')} | ${right.join(' ')}`);
    for (const [one, other] of paths) {
      this.#link.block(one, other);
      this.#link.block(other, one);
    }
    this.#undoAfter(lasting, 'partition heals', () => {
      for (const [one, other] of paths) {
        this.#link.unblock(one, other);
        this.#link.unblock(other, one);
      }
    });
  }

  #oneWay(lasting: number): void {
    const deaf = this.#random.pick(this.#routers);
    const others = this.#routers.filter((router) => router !== deaf);
    const silenced = this.#random.chance(0.5) ? others : [this.#random.pick(others)];
    this.#note(`${deaf.name} does not hear ${silenced.map((router) => router.name).join(' ')}`);
    for (const router of silenced) this.#link.block(router.name, deaf.name);
    this.#undoAfter(lasting, `${deaf.name} hears again`, () => {
      for (const router of silenced) this.#link.unblock(router.name, deaf.name);
    });
  }

  #lossBurst(lasting: number): void {
    const { conditions } = this.#link;
    const before = conditions.loss;
    conditions.loss = this.#random.pick([0.5, 0.8, 1]);
    this.#note(`loss ${conditions.loss}`);
    this.#undoAfter(Math.min(lasting, 3 * silenceLimitUs(this.#profile.contents)), 'loss ends', () => {
      conditions.loss = before;
    });
  }

  /** Another password, or for a v2 router another interval: both sides reject each other from then on. */
  #mismatch(router: Router, lasting: number): void {
    const usual = this.#profile.contents;
    const other: Contents = this.#random.chance(0.7)
      ? { ...usual, password: PASSWORDS[1] }
      : { ...usual, intervalUs: 2 * usual.intervalUs };
    this.#note(
      `reload ${router.name} (${router.state}) with other ${other.password === usual.password ? 'interval' : 'password'}`,
    );
    router.reload(other);
    this.#undoAfter(lasting, `reload ${router.name} with the usual contents`, () => router.reload(usual));
  }

  /** Adverts of the VRID that every router rejects: they mute a keepalived master (recording x28). */
  #junk(lasting: number): void {
    const { contents, family, routers, site } = this.#profile;
    const advert: Advert = {
      type: 'advert',
      srcMac: '02:42:0a:00:00:42',
      family,
      src: family === 'ipv4' ? `10.0.${site.subnet}.66` : `fe80::${site.subnet}:66`,
      dst: family === 'ipv4' ? '224.0.0.18' : 'ff02::12',
      ttl: 64,
      ah: false,
      version: contents.version,
      vrid: site.vrid,
      priority: 1,
      intervalMs: contents.intervalUs / MS,
      authType: contents.version === 2 ? 0 : null,
      authData: null,
      hmac: false,
      vips: routers[0]?.vips ?? [],
      checksum: 'ok',
      problems: ['ttl-not-255'],
      valid: false,
    };
    this.#note('junk begins');
    let going = true;
    const send = () => {
      if (!going) return;
      this.#link.transmit('junk', advert, family === 'ipv4' ? this.#random.whole(1, 0xffff) : null);
      this.#schedule.after(0.4 * contents.intervalUs, send);
    };
    send();
    // The observer waits for a muted master for 30 s at most (docs/vrrp-rules.md).
    this.#undoAfter(Math.min(lasting, 20 * SECOND), 'junk ends', () => {
      going = false;
    });
  }

  /** A machine that is no router takes a VIP for its own: it claims it now and perhaps again. */
  #stray(lasting: number): void {
    const { family, routers } = this.#profile;
    const address = this.#random.pick(routers[0]?.vips ?? []);
    const form = family === 'ipv4' ? this.#random.pick(['arp-request', 'arp-reply'] as const) : 'na';
    const mac = STRAY_MAC;
    this.#note(`a stray host claims ${address}`);
    const claim: Claim = {
      type: 'claim',
      mac,
      srcMac: mac,
      family,
      address,
      form,
      gratuitous: true,
      problems: [],
    };
    let going = true;
    const send = () => {
      if (!going) return;
      this.#link.transmit('stray', claim, null);
      this.#schedule.after(this.#random.between(1, 4) * SECOND, send);
    };
    send();
    this.#undoAfter(lasting, 'the stray host is gone', () => {
      going = false;
    });
  }

  #goBlind(lasting: number): void {
    if (this.#blindSince !== null) return;
    this.#note('the observer is blind');
    const { conditions } = this.#link;
    const before = conditions.observerLoss;
    conditions.observerLoss = 1;
    const from = this.#schedule.now;
    this.#blindSince = from;
    this.#sees(false);
    this.#undoAfter(lasting, 'the observer sees', () => {
      conditions.observerLoss = before;
      this.#blindSince = null;
      this.#blind.push({ from, to: this.#schedule.now });
      this.#sees(true);
    });
  }

  #sees(seeing: boolean): void {
    const at = plusUs(EPOCH, this.#schedule.now);
    this.#sight.push({
      kind: 'sight',
      at,
      capture: SEGMENT.capture,
      seeing,
      reason: 'simulated',
      dropped: null,
    });
  }

  #calm(): void {
    for (const undo of [...this.#undo]) undo();
    this.#link.unblockAll();
    Object.assign(this.#link.conditions, { loss: 0, duplication: 0, observerLoss: 0 });
    for (const router of this.#routers) {
      router.resume();
      router.recover();
      router.start();
    }
    this.#note('calm');
  }

  #undoAfter(lasting: number, text: string, undo: () => void): void {
    const once = () => {
      if (!this.#undo.delete(once)) return;
      this.#note(text);
      undo();
    };
    this.#undo.add(once);
    this.#schedule.after(lasting, once);
  }

  #note(text: string): void {
    this.#log.note(this.#schedule.now, text);
  }

  #observations(): Observation[] {
    const heard = this.#log.frames.flatMap((frame) =>
      frame.capturedAt.map((at): Observation => {
        const { packet, ipId } = frame;
        const common = { at: plusUs(EPOCH, at), segment: SEGMENT } as const;
        return packet.type === 'advert'
          ? { kind: 'advert', ...common, advert: packet, ipId }
          : { kind: 'claim', ...common, claim: packet };
      }),
    );
    const seen = this.#profile.background ? this.#backgroundTraffic() : [];
    const start = plusUs(EPOCH, this.#profile.observerStartsAt);
    const end = plusUs(EPOCH, this.#profile.end);
    const inView = (o: Observation) => o.at >= start && o.at < end;
    // Stable: what arrived at the same microsecond stays in the order in which it was sent.
    return [...heard, ...seen, ...this.#sight].filter(inView).sort((a, b) => a.at - b.at);
  }

  #backgroundTraffic(): Observation[] {
    const traffic: Observation[] = [];
    const random = new Random(this.#seed).fork('background');
    for (let at = 0; at < this.#profile.end; at += random.between(20 * MS, 400 * MS)) {
      if (this.#blind.some((span) => span.from <= at && at <= span.to)) continue;
      const addressTalk = random.chance(0.3) ? this.#profile.family : null;
      traffic.push({ kind: 'traffic', at: plusUs(EPOCH, at), segment: SEGMENT, addressTalk });
    }
    return traffic;
  }
}

/** What arrived before the observer began to look, or after the end, was not captured. */
function keepWithin(times: number[], from: number, to: number): void {
  times.splice(0, times.length, ...times.filter((at) => at >= from && at < to));
}
