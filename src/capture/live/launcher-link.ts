/** The main process's end of the channel to the launcher. */
import type { CaptureLink } from './capture-link.ts';
import {
  type LauncherReport,
  type LauncherRequest,
  PERMITTED_VARIABLE,
  SOCKET_VARIABLE,
} from './launcher-messages.ts';

/** Null: the launcher did not start this process, so nobody could start captures for it. */
export function launcherLink(): CaptureLink | null {
  const socketPath = process.env[SOCKET_VARIABLE];
  if (socketPath === undefined || process.send === undefined) return null;
  return {
    socketPath,
    permitted: process.env[PERMITTED_VARIABLE] === 'yes',
    start: (interfaceName, join) => ask({ start: interfaceName, join }),
    stop: (interfaceName) => ask({ stop: interfaceName }),
    onExit(listener) {
      process.on('message', ({ exited, status }: LauncherReport) => listener(exited, status));
      // The channel is no reason to stay alive.
      process.channel?.unref();
    },
  };
}

function ask(request: LauncherRequest): void {
  // The launcher may be gone already; main learns that from the SIGTERM that comes with its end.
  if (process.connected) process.send?.(request, undefined, undefined, () => {});
}
