/**
 * Does an advert come from the machine it names? A known speaker's address under another MAC is a spoof if the
 * known MAC is heard again within the silence limit, and a new network card if not. A virtual router MAC names
 * no machine and proves nothing.
 */
import { type Instant, SECOND } from '../time.ts';
import { type Advert, isVirtualRouterMac } from '../wire/packet.ts';
import type { RouterView } from './router-view.ts';
import { type Speaker, silenceLimitUs } from './speaker.ts';

const ONE_A_US = 60 * SECOND;

export class SourceWatch {
  readonly #router: RouterView;
  readonly #changed: (speaker: Speaker, mac: string, since: Instant) => void;
  readonly #told = new WeakMap<Speaker, { at: Instant; suppressed: number }>();

  constructor(router: RouterView, changed: (speaker: Speaker, mac: string, since: Instant) => void) {
    this.#router = router;
    this.#changed = changed;
  }

  /** Whether the advert may speak for the settings of its source. */
  isExpected(speaker: Speaker, advert: Advert, at: Instant): boolean {
    const mac = advert.srcMac;
    if (mac === speaker.mac) {
      this.#spoofProved(speaker);
      return true;
    }
    if (mac === '' || speaker.mac === '' || isVirtualRouterMac(mac) || isVirtualRouterMac(speaker.mac)) {
      this.#changed(speaker, mac, at);
      return true;
    }
    if (speaker.macChange === null) speaker.macChange = { at, mac, count: 1 };
    else speaker.macChange.count++;
    return false;
  }

  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const speaker of this.#router.speakers.values()) next = Math.min(next, this.#changeDue(speaker));
    return next;
  }

  due(now: Instant): void {
    for (const speaker of this.#router.speakers.values()) {
      const change = speaker.macChange;
      if (change === null || this.#changeDue(speaker) > now) continue;
      speaker.macChange = null;
      this.#changed(speaker, change.mac, change.at);
    }
  }

  #changeDue(speaker: Speaker): number {
    if (speaker.macChange === null) return Number.POSITIVE_INFINITY;
    return this.#router.sight.after(speaker.macChange.at, silenceLimitUs(speaker));
  }

  #spoofProved(speaker: Speaker): void {
    const change = speaker.macChange;
    if (change === null) return;
    speaker.macChange = null;
    const told = this.#told.get(speaker);
    if (told !== undefined && change.at - told.at < ONE_A_US) {
      told.suppressed += change.count;
      return;
    }
    const count = change.count + (told?.suppressed ?? 0);
    this.#told.set(speaker, { at: change.at, suppressed: 0 });
    this.#router.tell('source-spoofed', change.at, {
      speaker: speaker.address,
      expectedMac: speaker.mac,
      actualMac: change.mac,
      count,
    });
  }
}
