/**
 * What each speaker of a virtual router is configured to, as its adverts show: tells changes of one speaker, and
 * mismatches between speakers.
 *
 * The last known value of each speaker counts, with one exception: when one speaker changes a setting, what was
 * heard of the *silent* others before is stale until they are heard again. They may have been changed with it
 * (that is how an administrator does it), and a mismatch nobody can see is no reason to wake anybody.
 */
import type { EventOf } from '../events.ts';
import { type Instant, MS } from '../time.ts';
import type { Advert } from '../wire/packet.ts';
import { RateLimit } from './rate-limit.ts';
import type { RouterView } from './router-view.ts';
import { authOf, checksumStyle, isCut, type Speaker } from './speaker.ts';
import { type Condition, resumed } from './timeline.ts';

const FIELDS = ['version', 'auth', 'advert-interval', 'vips', 'checksum-style'] as const;
type Field = (typeof FIELDS)[number];

/** So many different passwords get a number of their own; an outsider could send any number of them. */
const PASSWORDS_MAX = 16;
const VALUES_MAX = 16;
const BEGINS_A_MINUTE = 5;

export class SettingsWatch {
  readonly #router: RouterView;
  /** what each is called: numbered by first hearing */
  readonly #passwords = new Map<string, string>();
  /** somebody who changes with every advert is told so often, no more */
  readonly #begins = new RateLimit(BEGINS_A_MINUTE, FIELDS.length);
  readonly #mismatches = new Map<Field, Condition<'config-mismatch'>>();

  constructor(router: RouterView) {
    this.#router = router;
  }

  /** A speaker's first advert. */
  met(speaker: Speaker, at: Instant): void {
    this.#auth(speaker.advert);
    if (this.#router.speakers.size > 1) this.#compare(at);
  }

  /** A mismatch that is open since before a restart. */
  resume(event: EventOf<'config-mismatch'>, at: Instant): void {
    const field = FIELDS.find((known) => known === event.details.field);
    if (field !== undefined) this.#mismatches.set(field, resumed(event, at));
  }

  /** An advert that differs from the speaker's last; enters it into the speaker. */
  heard(speaker: Speaker, advert: Advert, at: Instant): void {
    const before = new Map(FIELDS.map((field) => [field, this.#valueOf(speaker, field)]));
    if (speaker.recalled !== null) this.#recognise(advert, speaker.recalled.get('auth'));
    speaker.advert = advert;
    speaker.recalled = null;
    speaker.intervalUs = advert.intervalMs * MS;
    let changed = speaker.staleFields.size > 0;
    for (const field of FIELDS) {
      const was = before.get(field) ?? null;
      const is = this.#value(advert, field);
      if (was === is || was === null || is === null) continue;
      changed = true;
      this.#router.tell('config-changed', at, { speaker: speaker.address, field, before: was, after: is });
      for (const other of this.#router.speakers.values()) {
        if (other !== speaker && !this.#router.isSpeaking(other, at))
          other.staleFields = new Set([...other.staleFields, field]);
      }
    }
    speaker.staleFields = new Set();
    if (changed) this.#compare(at);
  }

  /** A speaker was heard again with what it said before: its values are evidence again. */
  confirmed(speaker: Speaker, at: Instant): void {
    speaker.staleFields = new Set();
    this.#compare(at);
  }

  /** The virtual router is forgotten. */
  abandon(at: Instant): void {
    for (const condition of this.#mismatches.values()) this.#router.end(condition, at);
    this.#mismatches.clear();
  }

  forgotten(at: Instant): void {
    this.#compare(at);
  }

  #compare(at: Instant): void {
    for (const field of FIELDS) this.#compareField(field, at);
  }

  #compareField(field: Field, at: Instant): void {
    const values: Record<string, string> = {};
    const distinct = new Set<string>();
    let legacy = false;
    let count = 0;
    for (const speaker of this.#router.speakers.values()) {
      const value = speaker.staleFields.has(field) ? null : this.#valueOf(speaker, field);
      if (value === null) continue;
      distinct.add(value);
      legacy ||= speaker.advert.version === 2;
      if (count++ < VALUES_MAX) values[speaker.address] = value;
    }
    const open = this.#mismatches.get(field);
    if (distinct.size > 1 && open === undefined) {
      if (this.#begins.take(field, at) === 0) return;
      // RFC 9568 section 7.1: a v3 backup adopts the master's interval, so a difference there only surprises
      const harmless = field === 'advert-interval' && !legacy;
      const condition = this.#router.begin(
        'config-mismatch',
        at,
        { field, values },
        harmless ? { severity: 'info' } : {},
      );
      this.#mismatches.set(field, condition);
    } else if (distinct.size <= 1 && open !== undefined) {
      this.#mismatches.delete(field);
      this.#router.end(open, at);
    }
  }

  #valueOf(speaker: Speaker, field: Field): string | null {
    return speaker.recalled === null
      ? this.#value(speaker.advert, field)
      : (speaker.recalled.get(field) ?? null);
  }

  /** As shown to people; null where the setting does not exist or is not known. */
  #value(advert: Advert, field: Field): string | null {
    switch (field) {
      case 'version':
        return String(advert.version);
      case 'auth':
        return isCut(advert) ? null : this.#auth(advert);
      case 'advert-interval':
        return `${advert.intervalMs} ms`;
      case 'vips':
        return isCut(advert) ? null : [...advert.vips].sort().join(' ');
      case 'checksum-style':
        return advert.version === 3 && advert.family === 'ipv4' && advert.checksum.startsWith('ok')
          ? checksumStyle(advert)
          : null;
    }
  }

  /** Passwords are numbered by first hearing: they are never shown. */
  #auth(advert: Advert): string {
    const auth = authOf(advert);
    if (auth === 'none' || auth === 'ah' || auth === 'hmac') return auth;
    let name = this.#passwords.get(auth);
    if (name === undefined) {
      if (this.#passwords.size >= PASSWORDS_MAX) return 'simple#more';
      const taken = new Set(this.#passwords.values());
      let number = 1;
      while (taken.has(`simple#${number}`)) number++;
      name = `simple#${number}`;
      this.#passwords.set(auth, name);
    }
    return name;
  }

  /** The first password heard of a speaker after a restart is taken for the one it had: nobody wrote that down. */
  #recognise(advert: Advert, recalled: string | undefined): void {
    if (recalled === undefined || !recalled.startsWith('simple#') || isCut(advert)) return;
    const auth = authOf(advert);
    const isPassword = auth !== 'none' && auth !== 'ah' && auth !== 'hmac';
    const taken = [...this.#passwords.values()].includes(recalled);
    if (isPassword && !taken && !this.#passwords.has(auth)) this.#passwords.set(auth, recalled);
  }
}
