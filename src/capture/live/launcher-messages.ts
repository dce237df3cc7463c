/**
 * What main and the launcher say to each other over Node's IPC channel, and by which environment variables main
 * knows of the launcher. The launcher holds the privilege, so it takes requests of exactly these shapes and no others.
 */
import { isInterfaceName } from './interface-name.ts';

/** main asks */
export type LauncherRequest = { readonly start: string; readonly join: boolean } | { readonly stop: string };

/** the launcher reports: a capture ended */
export interface LauncherReport {
  readonly exited: string;
  readonly status: number | null;
}

/** where captures will connect to */
export const SOCKET_VARIABLE = 'VIPWATCH_CAPTURE_SOCKET';
/** `yes`, or `no`: nobody here has CAP_NET_RAW */
export const PERMITTED_VARIABLE = 'VIPWATCH_CAPTURE_PERMITTED';

/** Null for anything else. */
export function launcherRequest(message: unknown): LauncherRequest | null {
  if (typeof message !== 'object' || message === null) return null;
  const { start, stop, join } = message as Record<string, unknown>;
  const keys = Object.keys(message).length;
  if (typeof start === 'string' && typeof join === 'boolean' && keys === 2) {
    return isInterfaceName(start) ? { start, join } : null;
  }
  return typeof stop === 'string' && keys === 1 && isInterfaceName(stop) ? { stop } : null;
}
