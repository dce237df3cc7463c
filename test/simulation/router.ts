/**
 * One simulated VRRP router: the state machine of RFC 5798 section 6.4 (RFC 3768 section 6.4 for version 2), with
 * the habits of real daemons as switches. Every habit here was measured on a real one; `simulator.test.ts` names the
 * recordings under test/recordings that show it.
 *
 * It knows nothing of the observer. What it believes, it tells the truth's log; what it says goes to the link.
 */
import { MS, SECOND } from '../../src/time.ts';
import type { Advert, Claim, Family } from '../../src/wire/packet.ts';
import type { Random } from '../support/random.ts';
import type { Schedule, Timer } from './schedule.ts';
import type { Ending, TruthLog } from './truth.ts';

/** What routers of one VR must agree on, or they reject each other's adverts. */
export interface Contents {
  readonly version: 2 | 3;
  readonly intervalUs: number;
  /** v2's simple authentication; null for none */
  readonly password: string | null;
}

export interface Habits {
  readonly flavour: string;
  /** a master restarts its advert timer at every packet of its VRID, rejected ones included (keepalived) */
  readonly restartsTimerOnAnyPacket: boolean;
  /** a master answers a lower advert with its own at once, and claims again (keepalived; RFC 9568 without claims) */
  readonly answersLower: boolean;
  readonly claimsAgainAfterLower: boolean;
  /** claims per VIP right after the first advert, and as many 5 s later where `claimsLater` */
  readonly claimRounds: number;
  readonly claimsLater: boolean;
  /** FRR over IPv6 claims when it becomes master and speaks one interval later */
  readonly speaksLate: boolean;
  readonly ipIds: 'counting' | 'zero';
  readonly virtualMac: boolean;
  /** resumed after a stop signal, it serves the overdue timer before the packets that wait */
  readonly timerBeforePackets: boolean;
}

export interface RouterSettings {
  readonly name: string;
  readonly address: string;
  /** the numerical order of the addresses: the tie at equal priority */
  readonly addressOrder: number;
  readonly mac: string;
  readonly family: Family;
  readonly vrid: number;
  readonly vips: readonly string[];
  readonly priority: number;
  readonly preempts: boolean;
  readonly contents: Contents;
  readonly habits: Habits;
  /** how late a timer of this process may fire */
  readonly lateUs: number;
}

export interface Surroundings {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly truth: TruthLog;
  readonly transmit: (sender: Router, packet: Advert | Claim, ipId: number | null) => void;
  readonly addressOrder: (address: string) => number;
}

export type State = 'stopped' | 'fault' | 'backup' | 'master';

/** keepalived's `garp_master_delay` and `garp_lower_prio_delay`. */
const LATER_CLAIMS_US = 5 * SECOND;
/** A receive buffer holds about this many adverts while the process is stopped. */
const QUEUE_MAX = 200;
/** What one queued packet costs a resumed process. */
const PACKET_COST_US = 30;

export class Router {
  readonly settings: RouterSettings;
  readonly #world: Surroundings;
  #state: State = 'stopped';
  #paused = false;
  #draining = false;
  #queue: Advert[] = [];
  #contents: Contents;
  #priority: number;
  /** the advert timer of a master, the master-down timer of a backup */
  #timer: Timer | null = null;
  #overdue: (() => void)[] = [];
  /** v3: a backup takes over the interval of the master it hears */
  #masterIntervalUs: number;
  #ipId = 0;
  readonly #adverts = new Map<string, Advert>();
  /** counts starts, so that what an earlier life had planned does not happen in a later one */
  #life = 0;

  constructor(settings: RouterSettings, world: Surroundings) {
    this.settings = settings;
    this.#world = world;
    this.#contents = settings.contents;
    this.#priority = settings.priority;
    this.#masterIntervalUs = settings.contents.intervalUs;
  }

  get name(): string {
    return this.settings.name;
  }

  get state(): State {
    return this.#state;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get contents(): Contents {
    return this.#contents;
  }

  get priority(): number {
    return this.#priority;
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#life += 1;
    this.#ipId = 0;
    this.#paused = false;
    this.#masterIntervalUs = this.#contents.intervalUs;
    this.#world.truth.started(this.name, this.#world.schedule.now);
    this.#becomeBackup();
  }

  /** SIGTERM: a master says priority 0 once. */
  stop(): void {
    this.resume();
    if (this.#state === 'master') this.#say(0);
    this.#leave('stopped', 'resigned');
  }

  /** kill -9, a power cut: not a word. */
  crash(): void {
    this.#leave('stopped', 'crashed');
  }

  /** A tracked interface or script failed: a master says priority 0 twice within the millisecond. */
  fail(): void {
    if (this.#state === 'stopped' || this.#paused) return;
    if (this.#state === 'master') {
      this.#say(0);
      this.#say(0);
    }
    this.#leave('fault', 'resigned');
  }

  recover(): void {
    if (this.#state !== 'fault') return;
    this.#world.truth.started(this.name, this.#world.schedule.now);
    this.#becomeBackup();
  }

  /** SIGSTOP: timers and packets wait. */
  pause(): void {
    if (this.#state === 'stopped' || this.#paused) return;
    this.#paused = true;
    this.#world.truth.paused(this.name, this.#world.schedule.now);
  }

  /** SIGCONT: the storm. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#world.truth.resumed(this.name, this.#world.schedule.now);
    if (this.settings.habits.timerBeforePackets) this.#serveOverdue();
    this.#draining = true;
    this.#drain();
  }

  /** SIGHUP: the old contents once more, then the new ones with the IP ID counted from 1 again. */
  reload(contents: Contents = this.#contents): void {
    if (this.#state === 'stopped' || this.#paused) {
      this.#contents = contents;
      return;
    }
    if (this.#state !== 'master') {
      this.#contents = contents;
      this.#masterIntervalUs = contents.intervalUs;
      if (this.#state === 'backup') this.#armMasterDown();
      return;
    }
    this.#say(this.#priority);
    this.#ipId = 0;
    this.#contents = contents;
    this.#later(this.#world.random.between(0.6, 1.6) * MS, () => {
      this.#say(this.#priority);
      this.#armAdvert();
    });
  }

  /** A tracked script with a weight: told with the next advert. */
  setPriority(priority: number): void {
    this.#priority = priority;
  }

  receive(advert: Advert): void {
    if (this.#state === 'stopped' || this.#state === 'fault') return;
    if (this.#paused || this.#draining) {
      if (this.#queue.length < QUEUE_MAX) this.#queue.push(advert);
      return;
    }
    this.#hear(advert);
  }

  accepts(advert: Advert): boolean {
    if (!advert.valid || advert.version !== this.#contents.version) return false;
    if (advert.version === 3) return true;
    return advert.intervalMs * MS === this.#contents.intervalUs && advert.authData === this.#authData();
  }

  #hear(advert: Advert): void {
    const accepted = this.accepts(advert);
    if (this.#state === 'master') this.#hearAsMaster(advert, accepted);
    else if (this.#state === 'backup' && accepted) this.#hearAsBackup(advert);
  }

  /** RFC 5798 section 6.4.2. */
  #hearAsBackup(advert: Advert): void {
    if (advert.priority === 0) {
      this.#arm(this.#skewUs(), () => this.#becomeMaster());
    } else if (!this.settings.preempts || advert.priority >= this.#priority) {
      this.#masterIntervalUs = advert.intervalMs * MS;
      this.#armMasterDown();
    }
  }

  /** RFC 5798 section 6.4.3; RFC 9568 section 6.4.3 adds the answer to a lower advert. */
  #hearAsMaster(advert: Advert, accepted: boolean): void {
    const { habits } = this.settings;
    if (!accepted) {
      if (habits.restartsTimerOnAnyPacket) this.#armAdvert();
      return;
    }
    if (advert.priority === 0) {
      this.#say(this.#priority);
      this.#armAdvert();
    } else if (this.#isOutrankedBy(advert)) {
      this.#masterIntervalUs = advert.intervalMs * MS;
      this.#world.truth.ended(this.name, this.#world.schedule.now, 'yielded');
      this.#becomeBackup();
    } else if (habits.answersLower) {
      this.#say(this.#priority);
      this.#armAdvert();
      if (habits.claimsAgainAfterLower) this.#claim();
    }
  }

  #isOutrankedBy(advert: Advert): boolean {
    if (advert.priority !== this.#priority) return advert.priority > this.#priority;
    return this.#world.addressOrder(advert.src) > this.settings.addressOrder;
  }

  #becomeBackup(): void {
    this.#state = 'backup';
    this.#armMasterDown();
  }

  #becomeMaster(): void {
    this.#state = 'master';
    this.#masterIntervalUs = this.#contents.intervalUs;
    this.#world.truth.began(this.name, this.#world.schedule.now);
    if (!this.settings.habits.speaksLate) this.#say(this.#priority);
    this.#claim();
    this.#armAdvert();
  }

  #leave(state: 'stopped' | 'fault', ending: Ending): void {
    if (this.#state === 'master') this.#world.truth.ended(this.name, this.#world.schedule.now, ending);
    if (this.#paused) this.#world.truth.resumed(this.name, this.#world.schedule.now);
    this.#state = state;
    this.#paused = false;
    this.#life += 1;
    this.#queue = [];
    this.#overdue = [];
    this.#disarm();
  }

  #skewUs(): number {
    const unitUs = this.#contents.version === 2 ? SECOND : this.#masterIntervalUs;
    return ((256 - this.#priority) / 256) * unitUs;
  }

  #armMasterDown(): void {
    this.#arm(3 * this.#masterIntervalUs + this.#skewUs(), () => this.#becomeMaster());
  }

  #armAdvert(): void {
    this.#arm(this.#contents.intervalUs, () => {
      this.#say(this.#priority);
      this.#armAdvert();
    });
  }

  #disarm(): void {
    if (this.#timer !== null) this.#timer.cancelled = true;
    this.#timer = null;
  }

  #arm(delay: number, action: () => void): void {
    this.#disarm();
    const timer = this.#world.schedule.after(delay + this.#lateness(), () => {
      if (this.#paused) this.#overdue.push(() => this.#serve(timer, action));
      else this.#serve(timer, action);
    });
    this.#timer = timer;
  }

  /** A timer that was set anew while it waited is not served. */
  #serve(timer: Timer, action: () => void): void {
    if (timer === this.#timer) action();
  }

  /** Something planned besides the one timer; dropped when the process or its mastership has ended. */
  #later(delay: number, action: () => void): void {
    const life = this.#life;
    this.#world.schedule.after(delay, () => {
      const serve = () => {
        if (life === this.#life && this.#state === 'master') action();
      };
      if (this.#paused) this.#overdue.push(serve);
      else serve();
    });
  }

  #serveOverdue(): void {
    const overdue = this.#overdue;
    this.#overdue = [];
    for (const action of overdue) action();
  }

  #drain(): void {
    const advert = this.#queue.shift();
    if (advert === undefined) {
      this.#draining = false;
      this.#serveOverdue();
      return;
    }
    this.#hear(advert);
    const life = this.#life;
    this.#world.schedule.after(PACKET_COST_US, () => {
      if (life === this.#life && !this.#paused) this.#drain();
      else this.#draining = false;
    });
  }

  #lateness(): number {
    return this.#world.random.between(0, this.settings.lateUs);
  }

  #say(priority: number): void {
    this.#ipId = this.#ipId === 0xffff ? 1 : this.#ipId + 1;
    this.#world.transmit(this, this.#advert(priority), this.#ipIdOnWire());
  }

  #ipIdOnWire(): number | null {
    if (this.settings.family === 'ipv6') return null;
    return this.settings.habits.ipIds === 'counting' ? this.#ipId : 0;
  }

  /** `claimRounds` claims of every VIP within a millisecond, and again 5 s later. */
  #claim(): void {
    this.#claimRounds();
    if (this.settings.habits.claimsLater) this.#later(LATER_CLAIMS_US, () => this.#claimRounds());
  }

  #claimRounds(): void {
    const { random, transmit } = this.#world;
    let delay = random.between(80, 400);
    for (let round = 0; round < this.settings.habits.claimRounds; round += 1) {
      for (const vip of this.settings.vips) {
        this.#later(delay, () => transmit(this, this.#claimOf(vip), null));
        delay += random.between(8, 50);
      }
    }
  }

  #sourceMac(): string {
    if (!this.settings.habits.virtualMac) return this.settings.mac;
    const vrid = this.settings.vrid.toString(16).padStart(2, '0');
    return `00:00:5e:00:0${this.settings.family === 'ipv4' ? 1 : 2}:${vrid}`;
  }

  #authData(): string | null {
    const { version, password } = this.#contents;
    if (version === 3 || password === null) return null;
    return Buffer.from(password.padEnd(8, '\0').slice(0, 8), 'latin1').toString('hex');
  }

  /** Equal adverts are one object, as the fast path of the decoder makes them. */
  #advert(priority: number): Advert {
    const { version, intervalUs, password } = this.#contents;
    const key = `${priority} ${version} ${intervalUs} ${password}`;
    const known = this.#adverts.get(key);
    if (known !== undefined) return known;
    const { family, address, vrid, vips } = this.settings;
    const advert: Advert = {
      type: 'advert',
      srcMac: this.#sourceMac(),
      family,
      src: address,
      dst: family === 'ipv4' ? '224.0.0.18' : 'ff02::12',
      ttl: 255,
      ah: false,
      version,
      vrid,
      priority,
      intervalMs: intervalUs / MS,
      authType: version === 3 ? null : password === null ? 0 : 1,
      authData: this.#authData(),
      hmac: false,
      vips,
      checksum: 'ok',
      problems: [],
      valid: true,
    };
    this.#adverts.set(key, advert);
    return advert;
  }

  #claimOf(address: string): Claim {
    const mac = this.#sourceMac();
    const { family } = this.settings;
    const form = family === 'ipv4' ? 'arp-request' : 'na';
    return { type: 'claim', mac, srcMac: mac, family, address, form, gratuitous: true, problems: [] };
  }
}
