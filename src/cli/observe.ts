/**
 * `vipwatch observe`: the daemon at a terminal, or under systemd. Reads the configuration, finds the interfaces and
 * the places for journal and socket, starts the App, prints what it tells, and ends as people expect.
 *
 * Runs without any capability below the launcher (`capture/live/launcher.ts`); started in any other way it starts
 * the launcher instead, which takes care that nothing stays root.
 */
import { hostname } from 'node:os';
import { App } from '../app.ts';
import { hasLauncher, launcherLink } from '../capture/live/launcher-link.ts';
import { startUnprivileged } from '../capture/live/start-unprivileged.ts';
import { upInterfaces } from '../capture/live/interfaces.ts';
import type { Configuration } from '../config/read.ts';
import { ControlSocketError } from '../control/server.ts';
import { socketPaths, socketPathToServe } from '../control/socket-path.ts';
import { eventJson } from '../events.ts';
import { JournalError } from '../journal/journal-error.ts';
import { journalPathToWrite } from '../journal/journal-path.ts';
import type { JournalledEvent } from '../timeline/journalled-event.ts';
import { LiveLines } from './live-lines.ts';
import { type Output, OutputClosed, UsageError } from './output.ts';

export interface ObserveOptions {
  readonly config?: string;
  readonly interface?: readonly string[];
  readonly journal?: string;
  readonly socket?: string;
  readonly join: boolean;
  readonly format: 'text' | 'jsonl';
  readonly utc?: boolean;
}
