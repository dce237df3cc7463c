/**
 * A sign of life to somebody who misses it (healthchecks.io, Uptime Kuma, Alertmanager's watchdog): a GET every so often,
 * as long as all is well. That none comes is the alarm, also where this machine is dead; so nothing is tried again.
 */
import type { HeartbeatConfiguration } from './configuration.ts';

const ANSWER_WITHIN_MS = 10_000;

export class Heartbeat {
  readonly #configuration: HeartbeatConfiguration;
  readonly #isHealthy: () => boolean;
  readonly #onRemark: (text: string) => void;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #wasTaken = true;
  #isUnderWay = false;

  constructor(
    configuration: HeartbeatConfiguration,
    isHealthy: () => boolean,
    onRemark: (text: string) => void,
  ) {
    this.#configuration = configuration;
    this.#isHealthy = isHealthy;
    this.#onRemark = onRemark;
    this.#timer = setInterval(() => void this.#beat(), configuration.everyMs);
    void this.#beat();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#abort.abort();
  }

  async #beat(): Promise<void> {
    if (this.#isUnderWay || !this.#isHealthy()) return;
    this.#isUnderWay = true;
    const why = await this.#get();
    this.#isUnderWay = false;
    if (this.#abort.signal.aborted) return;
    // The URL is a secret as often as not.
    if (why !== null && this.#wasTaken) this.#onRemark(`the heartbeat is not taken: ${why}`);
    if (why === null && !this.#wasTaken) this.#onRemark('the heartbeat is taken again');
    this.#wasTaken = why === null;
  }

  /** Null where it was taken. */
  async #get(): Promise<string | null> {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    try {
      const response = await fetch(this.#configuration.url, { signal, redirect: 'manual' });
      await response.body?.cancel();
      return response.ok ? null : `status ${response.status}`;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer';
    }
  }
}
