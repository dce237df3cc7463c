/** Whether somebody takes connections there: connects, and closes at once. */
import { openSocket, type Place } from './connection.ts';
import { failureOf } from './failures.ts';
import { type Ask, type Finding, failed, succeeded } from './finding.ts';

export function tcpAsk(place: Place): Ask {
  return (signal) =>
    new Promise((resolve) => {
      const beganMs = performance.now();
      let finding: Finding | null = null;
      const socket = openSocket(place);
      const letGo = () => socket.destroy();
      signal.addEventListener('abort', letGo, { once: true });
      socket.once('connect', () => {
        finding = succeeded(beganMs);
        socket.destroy();
      });
      socket.on('error', (error) => {
        finding ??= failed(failureOf(error));
      });
      socket.once('close', () => {
        signal.removeEventListener('abort', letGo);
        resolve(finding);
      });
    });
}
