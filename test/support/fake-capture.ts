/** A capture without a kernel: speaks the protocol of capture processes, and hears one master for as long as it is to. */
import { connect } from 'node:net';
import type { CaptureLink } from '../../src/capture/live/capture-link.ts';
import { MessageWriter } from '../../src/capture/live/protocol.ts';
import { type Instant, instantFromUs, MS } from '../../src/time.ts';
import { advertFrame } from './frames.ts';

const ROUND_MS = 50;
const ETHERNET = 1;
/** of VRRPv3; short, so that a silence is soon a loss */
export const INTERVAL_MS = 100;

export class FakeCapture implements CaptureLink {
  readonly socketPath: string;
  readonly permitted = true;
  readonly #rounds = new Map<string, NodeJS.Timeout>();
  readonly #master: string;
  #speaks = true;
  #spokeMs = 0;
  #received = 0;

  constructor(socketPath: string, master: string) {
    this.socketPath = socketPath;
    this.#master = master;
  }

  /** The master falls silent; the capture goes on to see. Answers when it last spoke. */
  silence(): Instant {
    this.#speaks = false;
    return instantFromUs(this.#spokeMs * MS);
  }

  start(interfaceName: string): void {
    const socket = connect(this.socketPath);
    socket.on('error', () => {}); // the daemon hangs up when it stops
    const writer = new MessageWriter();
    writer.hello(interfaceName);
    writer.sight({ seeing: true, reason: 'started' });
    socket.write(writer.take());
    this.#rounds.set(
      interfaceName,
      setInterval(() => {
        const nowMs = Date.now();
        if (this.#speaks && nowMs - this.#spokeMs >= INTERVAL_MS) {
          this.#spokeMs = nowMs;
          const frame = advertFrame({ src: this.#master, intervalMs: INTERVAL_MS, ipId: ++this.#received });
          const [seconds, us] = [Math.floor(nowMs / 1_000), (nowMs % 1_000) * 1_000];
          writer.frame(seconds, us, frame, frame.length, ETHERNET, frame.length);
        }
        const monotonicUs = Number(process.hrtime.bigint() / 1_000n);
        writer.tick({ monotonicUs, wallUs: nowMs * 1_000, received: this.#received, dropped: 0 });
        socket.write(writer.take());
      }, ROUND_MS),
    );
  }

  stop(interfaceName: string): void {
    clearInterval(this.#rounds.get(interfaceName));
  }

  onExit(): void {}
}
