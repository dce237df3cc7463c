/**
 * The simulator itself against what real daemons did: the numbers are those of the RFC's timers and of the
 * recordings named at each test. A simulation that drifts from keepalived proves nothing about keepalived.
 */
import { describe, expect, it } from 'vitest';
import { MS, SECOND } from '../../src/time.ts';
import { Random } from '../support/random.ts';
import { Link } from './link.ts';
import { type Contents, type Habits, Router, type RouterSettings } from './router.ts';
import { Schedule } from './schedule.ts';
import { TruthLog } from './truth.ts';

const V2: Contents = { version: 2, intervalUs: SECOND, password: 'geheim' };

const KEEPALIVED: Habits = {
  flavour: 'keepalived',
  restartsTimerOnAnyPacket: true,
  answersLower: true,
  claimsAgainAfterLower: true,
  claimRounds: 5,
  claimsLater: true,
  speaksLate: false,
  ipIds: 'counting',
  virtualMac: false,
  timerBeforePackets: true,
};

/** Two or more routers `a`, `b`, … on a perfect segment, driven by hand. */
class Lab {
  readonly schedule = new Schedule();
  readonly truth = new TruthLog();
  readonly link: Link;
  readonly #routers = new Map<string, Router>();

  constructor(priorities: Readonly<Record<string, number>>) {
    const conditions = {
      loss: 0,
      duplication: 0,
      delayMinUs: 100,
      delayMaxUs: 100,
      reordering: false,
      observerLoss: 0,
    };
    this.link = new Link(this.schedule, new Random(1), this.truth, conditions, true);
    const names = Object.keys(priorities);
    for (const [i, name] of names.entries()) {
      const settings: RouterSettings = {
        name,
        address: `10.0.1.${i + 1}`,
        addressOrder: i + 1,
        mac: `02:42:0a:00:00:0${i + 1}`,
        family: 'ipv4',
        vrid: 51,
        vips: ['10.0.1.250'],
        priority: priorities[name] ?? 100,
        preempts: true,
        contents: V2,
        habits: KEEPALIVED,
        lateUs: 0,
      };
      const router = new Router(settings, {
        schedule: this.schedule,
        random: new Random(i),
        truth: this.truth,
        transmit: (sender, packet, ipId) => this.link.transmit(sender.name, packet, ipId),
        addressOrder: (address) => names.findIndex((_, n) => address === `10.0.1.${n + 1}`) + 1,
      });
      this.link.attach(router);
      this.#routers.set(name, router);
    }
  }

  router(name: string): Router {
    const router = this.#routers.get(name);
    if (router === undefined) throw new Error(`no router ${name}`);
    return router;
  }

  at(seconds: number, action: (lab: this) => void): this {
    this.schedule.at(seconds * SECOND, () => action(this));
    return this;
  }

  until(seconds: number): this {
    this.schedule.runUntil(seconds * SECOND);
    return this;
  }

  /** `a 3.609 100`: who sent an advert when and with which priority. */
  adverts(from: number, to: number): string[] {
    return this.truth.frames.flatMap(({ sender, sentAt, packet }) =>
      packet.type === 'advert' && sentAt >= from * SECOND && sentAt < to * SECOND
        ? [`${sender} ${(sentAt / SECOND).toFixed(3)} ${packet.priority}`]
        : [],
    );
  }

  claims(sender: string, from: number, to: number): number {
    return this.truth.frames.filter(
      (f) =>
        f.sender === sender &&
        f.packet.type === 'claim' &&
        f.sentAt >= from * SECOND &&
        f.sentAt < to * SECOND,
    ).length;
  }
}

function started(priorities: Readonly<Record<string, number>>): Lab {
  const lab = new Lab(priorities);
  for (const name of Object.keys(priorities)) lab.at(0, () => lab.router(name).start());
  return lab;
}

describe('a simulated keepalived', () => {
  it('becomes master after 3 intervals and its skew, claims at once and 5 s later (x1)', () => {
    const lab = started({ a: 100, b: 90 }).until(9);
    expect(lab.adverts(0, 5)).toEqual(['a 3.609 100', 'a 4.609 100']);
    expect([lab.claims('a', 3.609, 3.611), lab.claims('a', 3.611, 8.6), lab.claims('a', 8.6, 9)]).toEqual([
      5, 0, 5,
    ]);
  });

  it('stops with one priority 0, and the backup waits its skew only (x3)', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.router('a').stop())
      .until(12);
    expect(lab.adverts(10, 12)).toEqual(['a 10.000 0', 'b 10.649 90', 'b 11.649 90']);
  });

  it('says priority 0 twice when it goes to FAULT', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.router('a').fail())
      .until(10.5);
    expect(lab.adverts(10, 10.5)).toEqual(['a 10.000 0', 'a 10.000 0']);
  });

  it('is preempted without a word (x3)', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.router('a').crash())
      .at(20, (lab) => lab.router('a').start())
      .until(26);
    expect(lab.adverts(22.9, 26)).toEqual(['b 23.258 90', 'a 23.609 100', 'a 24.609 100', 'a 25.609 100']);
    expect(lab.truth.masterships.map((m) => `${m.router} ${m.ending}`)).toEqual(['a crashed', 'b yielded']);
  });

  it('reloads with two adverts a millisecond apart, the second one counted from 1 (m12)', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.router('a').reload())
      .until(12);
    const ids = lab.truth.frames.filter((f) => f.packet.type === 'advert').map((f) => f.ipId);
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
  });

  it('answers each lower advert at once and claims again: phase lock (l2b)', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.link.block('a', 'b'))
      .until(18);
    for (const second of [13.257, 14.257, 15.257]) {
      const speakers = lab.adverts(second, second + 0.002).map((line) => line.slice(0, 1));
      expect([...new Set(speakers)].sort()).toEqual(['a', 'b']);
      expect(lab.adverts(second + 0.002, second + 1)).toEqual([]);
    }
    expect(lab.claims('a', 13.2, 14.2)).toBe(5);
  });

  it('is muted by what it rejects and keeps the VIP; audible again without a claim (x9)', () => {
    const lab = started({ a: 100, b: 90 })
      .at(5, (lab) => lab.router('b').reload({ ...V2, intervalUs: 3 * SECOND }))
      .at(30.3, (lab) => lab.router('a').stop())
      .until(40);
    const ofB = lab.adverts(5, 40).filter((line) => line.startsWith('b'));
    expect(ofB).toEqual(['b 14.648 90', 'b 33.300 90', 'b 36.300 90', 'b 39.300 90']);
    expect(lab.claims('b', 20, 40)).toBe(0);
  });

  it('resumed, it speaks and then answers each waiting lower advert; the lower one stands down', () => {
    const lab = started({ a: 100, b: 90 })
      .at(10, (lab) => lab.router('a').pause())
      .at(20, (lab) => lab.router('a').resume())
      .until(26);
    const storm = lab.adverts(20, 20.5);
    expect(storm).toHaveLength(8);
    expect(storm.every((line) => line.startsWith('a 20.00'))).toBe(true);
    expect(lab.router('b').state).toBe('backup');
    expect(lab.claims('a', 20, 20.5)).toBe(7 * 5);
    expect(lab.claims('a', 24.9, 26)).toBe(7 * 5);
  });

  it('is muted by junk; its backup claims every 3.65 s and is repelled at once (x28)', () => {
    const lab = started({ a: 100, b: 90 });
    const junk = lab.router('a');
    const send = () => {
      const advert = lab.truth.frames.find((f) => f.packet.type === 'advert')?.packet;
      if (advert?.type === 'advert') lab.link.transmit('junk', { ...advert, ttl: 64, valid: false }, 0);
      lab.schedule.after(400 * MS, send);
    };
    lab.at(8, send).until(19);
    expect(junk.state).toBe('master');
    const spoken = lab.adverts(8, 19).filter((line) => !line.startsWith('junk'));
    expect(spoken).toEqual([
      'b 11.258 90',
      'a 11.258 100',
      'b 14.907 90',
      'a 14.907 100',
      'b 18.555 90',
      'a 18.555 100',
    ]);
  });
});
