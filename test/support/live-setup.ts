/**
 * Once before all live tests: whether they can run on this machine, and where anybody can run vipwatch from. Says it
 * in one line where they cannot.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { Lab } from '../../src/demo/lab.ts';
import { type Installation, readableInstallation } from '../../src/demo/staging.ts';

export interface Live {
  /** null: it can run */
  readonly impossible: string | null;
  readonly installation: Installation;
  /** the compiled service and client */
  readonly programs: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    live: Live;
  }
}

const root = new URL('../..', import.meta.url).pathname;

export default async function setup(project: TestProject): Promise<() => void> {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-live-'));
  chmodSync(folder, 0o755);
  const impossible = await whyImpossible();
  if (impossible !== null) console.warn(`\nThe live tests are SKIPPED: ${impossible}\n`);
  project.provide('live', {
    impossible,
    installation: readableInstallation(root, folder),
    programs: join(root, 'dist/demo'),
  });
  return () => rmSync(folder, { recursive: true, force: true });
}

async function whyImpossible(): Promise<string | null> {
  const possible = await Lab.possible();
  if (!possible.ok) return `${possible.why} (${possible.whatToDo})`;
  if (!existsSync(join(root, 'node_modules/pcap/build/Release/pcap_binding.node'))) {
    return 'npm has not compiled the capture library (apt-get install g++ make python3 libpcap-dev, then npm ci)';
  }
  return null;
}
